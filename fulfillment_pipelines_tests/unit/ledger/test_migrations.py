from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.ledger import audit, readings
from fulfillment_pipelines.ledger.migrations.upgrade import upgrade_to
from fulfillment_pipelines.ledger.outbox import deliveries_of
from fulfillment_pipelines.ledger.tables import METADATA
from fulfillment_pipelines.ledger.unit_of_work import Ledger

_AT = "2026-03-02 12:00:00.000000+00:00"
# The hash as the first ledgers made it: SHA-256 of the JSON list of predecessor, instant and what is said.
_FIRST_HASH = "4b15d66f70147506ff5ba17c5d06f9dba403b60bfb2498dde23c5e1cc282c624"
_ROWS_OF_THE_FIRST_LEDGER = (
    f"""
    insert into exception_case (
        case_id, code, business_key, node, order_id, state, severity, owner, value_at_risk_amount, currency,
        expected_value, actual_value, condition_since, detected_at, opened_at, first_breaks_at, ack_due_at, fix_due_at,
        last_seen_watermark_at, times_opened, rule_version, evidence
    ) values (
        'EXC-1', 'FIN-01', 'SO-1/1', 'EAST', 'SO-1', 'OPEN', 'S2', 'Billing', 100, 'USD', '1', '0', '{_AT}', '{_AT}',
        '{_AT}', '{_AT}', '{_AT}', '{_AT}', '{_AT}', 1, 'rule-1', '{{}}'
    )
    """,
    f"""
    insert into correction (
        correction_id, case_id, code, node, target, message, correction_class, payload, precondition, idempotency_key,
        state, rule_version, judgement_reason, value_amount, currency, watermark_at, proposed_at, decided_by, clause_id,
        decision_reason, reference, unproved_watermarks
    ) values (
        'COR-1', 'EXC-1', 'FIN-01', 'EAST', 'erp', 'ship.confirm', 'P', '{{}}', '{{}}', 'key-1', 'ACKED', 'rule-1', '',
        100, 'USD', '{_AT}', '{_AT}', 'policy', 'AUTO-DEFAULT', '', '', 0
    )
    """,
    f"""
    insert into outbox (
        correction_id, target, status, next_step, due_at, attempts, read_backs, leased_by, last_error, created_at
    ) values ('COR-1', 'erp', 'DONE', 'SEND', '{_AT}', 1, 0, '', '', '{_AT}')
    """,
    f"""
    insert into receipt (correction_id, attempt, step, outcome, reference, detail, worker, received_at)
    values ('COR-1', 1, 'SEND', 'APPLIED', '', '', 'worker', '{_AT}')
    """,
    f"""
    insert into audit_log (sequence, recorded_at, actor, action, subject, detail, previous_hash, row_hash)
    values (1, '{_AT}', 'ada', 'case.seen', 'EXC-1', '{{}}', '{"0" * 64}', '{_FIRST_HASH}')
    """,
    f"""
    insert into audit_head (head_id, sequence, row_hash) values (1, 1, '{_FIRST_HASH}')
    """,
)


@pytest.mark.usefixtures("ledger")
def test_a_migrated_database_has_exactly_the_declared_tables(ledger_url: str) -> None:
    engine = create_engine(ledger_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_migrating_twice_changes_nothing(ledger: Ledger, ledger_url: str) -> None:
    ledger.migrate()
    engine = create_engine(ledger_url)
    assert set(inspect(engine).get_table_names()) == {*METADATA.tables, "alembic_version"}
    engine.dispose()


def test_a_database_that_was_never_migrated_is_reported_with_its_remedy(ledger_url: str) -> None:
    empty = Ledger(ledger_url)
    with pytest.raises(ConfigurationError, match=r"lacks a table.*Ledger\.migrate\(\)"), empty.reading() as work:
        readings.list_cases(work)
    empty.close()


def test_what_an_older_ledger_holds_is_kept_and_its_audit_chain_goes_on(ledger_url: str, noon: datetime) -> None:
    engine = create_engine(ledger_url)
    with engine.begin() as connection:
        upgrade_to(connection, "0001")
        for statement in _ROWS_OF_THE_FIRST_LEDGER:
            connection.execute(text(statement))
    engine.dispose()
    ledger = Ledger(ledger_url)
    ledger.migrate()
    with ledger.unit_of_work() as work:
        (record,) = readings.list_corrections(work)
        assert (record.correction_id, record.version, record.proposed_by) == ("COR-1", 1, "policy")
        assert deliveries_of(work, ["EXC-1"])["COR-1"].via == "erp"
        audit.append(work, [audit.AuditEntry(noon, "ada", "case.seen", "EXC-1", {}, reason="after the upgrade")])
        assert audit.verify(work).breaks == ()
        work.commit()
    ledger.close()


def test_the_folder_of_a_new_ledger_is_made(tmp_path: Path) -> None:
    nested = Ledger(f"sqlite:///{tmp_path}/runtime/deep/ledger.sqlite")
    nested.migrate()
    with nested.reading() as work:
        assert readings.list_cases(work) == []
    nested.close()

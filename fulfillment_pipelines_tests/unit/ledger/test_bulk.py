from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, Table, bindparam, event, insert, text, update

from fulfillment_pipelines.domain.case import Case, CaseState, RuleRun
from fulfillment_pipelines.domain.finding import Finding, Severity, Verdict
from fulfillment_pipelines.errors import InvariantError, RetryableError
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger import unit_of_work
from fulfillment_pipelines.ledger.bulk import Values
from fulfillment_pipelines.ledger.cases import cases_by_id, insert_cases, update_cases
from fulfillment_pipelines.ledger.tables import case_event, exception_case
from fulfillment_pipelines.ledger.unit_of_work import Ledger

HOUR = timedelta(hours=1)
MANY = 700  # more than what PostgreSQL updates row by row
FindingMaker = Callable[..., Finding]
RowByRow = Callable[[], None]
AWKWARD_TEXTS = ("", "a\tb", "line\nbreak", "back\\slash", "\\N", "quote'\"", "Größe 日本", "{}", "%s :key ?", "\x7f")


@pytest.fixture
def row_by_row(monkeypatch: pytest.MonkeyPatch) -> RowByRow:
    """Write as SQLAlchemy does by itself: the witness of what the fast way must leave in the database."""

    def insert_each(connection: Connection, table: Table, names: Sequence[str], rows: Iterable[Values]) -> None:
        if listed := [dict(zip(names, row, strict=True)) for row in rows]:
            connection.execute(insert(table), listed)

    def update_each(
        connection: Connection, table: Table, key: str, names: Sequence[str], rows: Sequence[Values]
    ) -> None:
        parameters = [f"new_{name}" for name in names]
        values = dict(zip(names, map(bindparam, parameters), strict=True))
        statement = update(table).where(table.c[key] == bindparam("the_key")).values(values)
        connection.execute(statement, [dict(zip([*parameters, "the_key"], row, strict=True)) for row in rows])

    def switch() -> None:
        monkeypatch.setattr(unit_of_work, "insert_rows", insert_each)
        monkeypatch.setattr(unit_of_work, "update_rows", update_each)

    return switch


def _world(seed: int, at: datetime, make_finding: FindingMaker) -> list[Finding]:
    """Return findings of all sorts; the same seed speaks of the same keys, and what stands of them varies with time."""
    chance = Random(f"{seed} {at}")
    return [_finding(number, at, make_finding, chance) for number in range(MANY) if chance.random() < 0.95]


def _finding(number: int, at: datetime, make_finding: FindingMaker, chance: Random) -> Finding:
    since = at - timedelta(seconds=chance.randrange(10**6), microseconds=chance.randrange(10**6))
    caused = {"parent_code": "FIN-01", "parent_business_key": f"SO-{number // 2}", "parent_node": "east"}
    return make_finding(
        business_key=f"SO-{number}",
        verdict=chance.choices(list(Verdict)[1:], weights=(8, 1, 1))[0],
        severity=chance.choice(list(Severity)),
        expected_value=chance.choice(AWKWARD_TEXTS),
        actual_value=chance.choice(AWKWARD_TEXTS),
        delta_qty=chance.choice([None, Decimal(chance.randrange(-(10**6), 10**6)) / 1000]),
        value_at_risk_amount=Decimal(chance.randrange(10**9)) / 1000,
        condition_since=since,
        breaks_at=since + HOUR,
        watermark_at=at,
        evidence=chance.choice(AWKWARD_TEXTS),
        **(caused if number % 7 == 3 else {}),
    )


def _live_through(ledger: Ledger, policy: CasePolicy, make_finding: FindingMaker, noon: datetime) -> list[Any]:
    """Take in what is new, what has changed, what has gone and what has come back; return what the tables then hold.

    Nothing is committed, so that the same ledger can live through it again.
    """
    with ledger.unit_of_work() as work:
        for step, seed in enumerate((1, 1, 2, 1)):
            at = noon + step * HOUR
            runs = [RuleRun("FIN-01", None, at, trustworthy=True)]
            intake(work, _world(seed, at, make_finding), runs, policy=policy, now=at)
        stored = [text("select * from exception_case order by case_id")]
        # The number of an event is the database's own; their order is ours.
        names = [column.name for column in case_event.columns if column.name != "event_id"]
        stored.append(text(f"select {', '.join(names)} from case_event order by event_id"))
        stored.append(text("select row_hash from audit_log order by sequence"))
        return [tuple(row) for statement in stored for row in work.rows(statement)]


def test_what_is_written_fast_is_what_is_written_row_by_row(
    ledger: Ledger, case_policy: CasePolicy, make_finding: FindingMaker, noon: datetime, row_by_row: RowByRow
) -> None:
    fast = _live_through(ledger, case_policy, make_finding, noon)
    row_by_row()
    assert fast == _live_through(ledger, case_policy, make_finding, noon)
    assert len(fast) > 3 * MANY


def _cases(ledger: Ledger, policy: CasePolicy, findings: Sequence[Finding], noon: datetime) -> dict[str, Case]:
    with ledger.unit_of_work() as work:
        opened = intake(work, findings, (), policy=policy, now=noon).opened
        work.commit()
        return cases_by_id(work, opened)


@pytest.mark.parametrize("count", [3, MANY])
def test_only_what_differs_of_a_case_is_written(
    ledger: Ledger, case_policy: CasePolicy, make_finding: FindingMaker, noon: datetime, count: int
) -> None:
    findings = [make_finding(business_key=f"SO-{number}") for number in range(count)]
    known = _cases(ledger, case_policy, findings, noon)
    seen = [replace(case, last_seen_watermark_at=noon + HOUR) for case in known.values()]
    with ledger.unit_of_work() as work:
        update_cases(work, [replace(case, state=CaseState.IN_PROGRESS) for case in known.values()])
        update_cases(work, seen, known)
        after = cases_by_id(work, known)
    assert {case.last_seen_watermark_at for case in after.values()} == {noon + HOUR}
    assert {case.state for case in after.values()} == {CaseState.IN_PROGRESS}


def test_values_go_into_the_columns_that_are_named_in_whatever_order(
    ledger: Ledger, case_policy: CasePolicy, make_finding: FindingMaker, noon: datetime
) -> None:
    (case,) = _cases(ledger, case_policy, [make_finding()], noon).values()
    names = [field.name for field in fields(Case)][::-1]
    copied = replace(case, case_id="EXC-2")
    with ledger.unit_of_work() as work:
        work.insert(exception_case, names, [tuple(getattr(copied, name) for name in names)])
        work.update(exception_case, "case_id", ["evidence", "code"], [("proof", "INV-01", "EXC-2")])
        assert cases_by_id(work, ["EXC-2"])["EXC-2"] == replace(copied, evidence="proof", code="INV-01")


def test_a_case_that_is_there_already_is_told_as_written_by_another(
    ledger: Ledger, case_policy: CasePolicy, make_finding: FindingMaker, noon: datetime
) -> None:
    (case,) = _cases(ledger, case_policy, [make_finding()], noon).values()
    with ledger.unit_of_work() as work, pytest.raises(RetryableError, match="in use by another process"):
        insert_cases(work, [case])


def test_a_value_that_cannot_be_stored_exactly_is_refused(
    ledger: Ledger, case_policy: CasePolicy, make_finding: FindingMaker, noon: datetime
) -> None:
    (case,) = _cases(ledger, case_policy, [make_finding()], noon).values()
    inexact = replace(case, case_id="EXC-2", value_at_risk_amount=Decimal("0.001"))
    with ledger.unit_of_work() as work, pytest.raises(InvariantError, match="cannot be stored"):
        insert_cases(work, [inexact])


def test_a_case_whose_cause_is_not_there_is_refused(
    ledger: Ledger, case_policy: CasePolicy, make_finding: FindingMaker, noon: datetime
) -> None:
    (case,) = _cases(ledger, case_policy, [make_finding()], noon).values()
    with ledger.unit_of_work() as work, pytest.raises(InvariantError, match="refused a row"):
        insert_cases(work, [replace(case, case_id="EXC-2", parent_case_id="EXC-3")])


def test_a_few_findings_do_not_read_every_open_case(
    sqlite_ledger: Ledger, case_policy: CasePolicy, make_finding: FindingMaker, noon: datetime
) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(
        sqlite_ledger._engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, parameters, *_: asked.append((statement, parameters)),
    )
    findings = [make_finding(business_key="SO-1"), make_finding(business_key="SO-2")]
    runs = [RuleRun("FIN-01", None, noon, trustworthy=True)]
    with sqlite_ledger.unit_of_work() as work:
        intake(work, findings, runs, policy=case_policy, now=noon, revisited=frozenset({"SO-1", "SO-3"}))
        selects = [one for one in asked if one[0].startswith("SELECT") and "FROM exception_case" in one[0]]
        plans = [
            row.detail
            for statement, parameters in selects
            for row in work._connection.exec_driver_sql(f"explain query plan {statement}", parameters).all()
        ]
    assert len(selects) == 3  # what was put off until now, what is found, what is missed
    assert [plan for plan in plans if "SCAN exception_case" in plan or "closed_at" in plan] == []

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from fulfillment_pipelines.domain.case import CaseEvent, CaseEventKind, CaseState
from fulfillment_pipelines.errors import ConfigurationError, InvariantError, RetryableError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.cases import append_events
from fulfillment_pipelines.ledger.switches import (
    KillSwitch,
    SwitchScope,
    engage,
    engaged_switches,
    release,
)
from fulfillment_pipelines.ledger.tables import kill_switch
from fulfillment_pipelines.ledger.unit_of_work import Ledger

ERP = KillSwitch(SwitchScope.TARGET, "erp")


def _engage(ledger: Ledger, now: datetime, *, commit: bool) -> None:
    with ledger.unit_of_work() as work:
        engage(work, ERP, actor="ada", reason="drill", now=now)
        if commit:
            work.commit()


def test_what_is_committed_is_there_for_everyone(ledger: Ledger, noon: datetime) -> None:
    _engage(ledger, noon, commit=True)
    with ledger.reading() as work:
        assert engaged_switches(work) == {ERP}


def test_what_is_not_committed_never_happened(ledger: Ledger, noon: datetime) -> None:
    _engage(ledger, noon, commit=False)
    with ledger.reading() as work:
        assert engaged_switches(work) == frozenset()


def test_an_error_inside_a_transaction_undoes_it(ledger: Ledger, noon: datetime) -> None:
    def fail_half_way() -> None:
        with ledger.unit_of_work() as work:
            engage(work, ERP, actor="ada", reason="drill", now=noon)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with ledger.reading() as work:
        assert engaged_switches(work) == frozenset()


def test_a_reader_does_not_wait_for_a_writer(ledger: Ledger, noon: datetime) -> None:
    with ledger.unit_of_work() as writer:
        engage(writer, ERP, actor="ada", reason="drill", now=noon)
        with ledger.reading() as reader:
            assert engaged_switches(reader) == frozenset()


def test_a_reader_sees_one_state_throughout(ledger: Ledger, noon: datetime) -> None:
    with ledger.reading() as reader:
        before = engaged_switches(reader)
        _engage(ledger, noon, commit=True)
        assert engaged_switches(reader) == before


def test_a_released_switch_stops_nothing_and_both_moves_are_in_the_audit_log(ledger: Ledger, noon: datetime) -> None:
    _engage(ledger, noon, commit=True)
    with ledger.unit_of_work() as work:
        release(work, ERP, actor="ada", reason="over", now=noon)
        release(work, ERP, actor="ada", reason="over", now=noon)
        work.commit()
    with ledger.reading() as work:
        assert engaged_switches(work) == frozenset()
        assert audit.verify(work).rows == 2


def test_concurrent_appends_lose_no_row_and_keep_the_chain(ledger: Ledger, noon: datetime) -> None:
    def append_ten(worker: int) -> None:
        for number in range(10):
            with ledger.unit_of_work() as work:
                audit.append(work, [audit.AuditEntry(noon, f"worker-{worker}", "tried", str(number), {})])
                work.commit()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append_ten, range(4)))
    with ledger.reading() as work:
        report = audit.verify(work)
    assert (report.rows, report.intact) == (40, True)


def test_a_row_that_refers_to_nothing_is_a_broken_promise(ledger: Ledger, noon: datetime) -> None:
    stray = CaseEvent(
        "EXC-none", noon, "test", CaseEventKind.MOVED, CaseState.OPEN, CaseState.ASSIGNED, watermark_at=None, note=""
    )
    with pytest.raises(InvariantError, match="refused a row"), ledger.unit_of_work() as work:
        append_events(work, [stray])


def test_the_same_row_from_two_processes_asks_for_a_repetition(ledger: Ledger, noon: datetime) -> None:
    _engage(ledger, noon, commit=True)
    row = {"scope": ERP.scope, "name": ERP.name, "engaged_at": noon, "engaged_by": "bob", "reason": "too"}
    with pytest.raises(RetryableError, match="repeat the whole transaction"), ledger.unit_of_work() as work:
        work.change(insert(kill_switch), [row])


def test_a_moment_without_a_zone_is_never_stored(ledger: Ledger, noon: datetime) -> None:
    with pytest.raises(InvariantError, match="needs a zone"), ledger.unit_of_work() as work:
        engage(work, ERP, actor="ada", reason="drill", now=noon.replace(tzinfo=None))


@pytest.mark.parametrize("url", ["mysql://root@localhost/ledger", "not an address", "postgresql+nodriver://a/b", ""])
def test_an_address_that_cannot_be_used_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"sqlite:///<path> or postgresql\+psycopg://"):
        Ledger(url)


def test_a_folder_in_place_of_a_database_is_a_matter_of_configuration(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        ledger.migrate()
    ledger.close()


def test_a_server_that_does_not_answer_may_answer_later() -> None:
    ledger = Ledger("postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=1")
    with pytest.raises(RetryableError, match="does not answer"), ledger.reading() as work:
        engaged_switches(work)
    ledger.close()

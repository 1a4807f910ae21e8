from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, update

from fulfillment_pipelines.errors import AuditChainError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.audit import AuditEntry, AuditReport, BreakKind
from fulfillment_pipelines.ledger.tables import audit_head, audit_log
from fulfillment_pipelines.ledger.unit_of_work import Ledger, UnitOfWork


@pytest.fixture
def chain(ledger: Ledger, noon: datetime) -> Ledger:
    """A ledger with ten audit rows, written in two transactions."""
    for batch in (range(4), range(4, 10)):
        with ledger.unit_of_work() as work:
            audit.append(
                work,
                [
                    AuditEntry(noon + timedelta(seconds=number), "ada", "case.seen", f"EXC-{number}", {"n": number})
                    for number in batch
                ],
            )
            work.commit()
    return ledger


def _verify(ledger: Ledger) -> AuditReport:
    with ledger.reading() as work:
        return audit.verify(work)


def _tamper(ledger: Ledger, change: Callable[[UnitOfWork], object]) -> AuditReport:
    with ledger.unit_of_work() as work:
        change(work)
        work.commit()
    return _verify(ledger)


def _where(report: AuditReport) -> list[tuple[BreakKind, int]]:
    return [(found.kind, found.sequence) for found in report.breaks]


def test_an_untouched_log_is_whole(chain: Ledger) -> None:
    report = _verify(chain)
    assert (report.rows, report.breaks) == (10, ())
    report.require_intact()


def test_an_empty_log_is_whole(ledger: Ledger) -> None:
    assert _verify(ledger) == AuditReport(rows=0, head_hash=audit.GENESIS_HASH, breaks=())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "eve"),
        ("action", "case.unseen"),
        ("subject", "EXC-99"),
        ("detail", '{"n":99}'),
        ("row_hash", "f" * 64),
        ("recorded_at", datetime.fromisoformat("2026-03-02T12:00:00.000001+00:00")),
    ],
)
def test_an_edit_shows_at_the_row_that_was_edited(chain: Ledger, column: str, value: object) -> None:
    report = _tamper(
        chain, lambda work: work.change(update(audit_log).where(audit_log.c.sequence == 5).values({column: value}))
    )
    assert (BreakKind.EDITED, 5) in _where(report)


def test_a_removed_row_shows_at_the_row_after_it(chain: Ledger) -> None:
    report = _tamper(chain, lambda work: work.change(delete(audit_log).where(audit_log.c.sequence == 5)))
    assert _where(report) == [(BreakKind.REMOVED, 6)]


def test_a_removed_row_shows_even_if_the_rest_is_numbered_anew(chain: Ledger) -> None:
    def close_the_gap(work: UnitOfWork) -> None:
        work.change(delete(audit_log).where(audit_log.c.sequence == 5))
        for sequence in range(6, 11):
            work.change(update(audit_log).where(audit_log.c.sequence == sequence).values(sequence=sequence - 1))

    report = _tamper(chain, close_the_gap)
    assert (BreakKind.MISPLACED, 5) in _where(report)


def test_two_rows_that_changed_places_show(chain: Ledger) -> None:
    def swap(work: UnitOfWork) -> None:
        for before, after in ((5, 500), (6, 5), (500, 6)):
            work.change(update(audit_log).where(audit_log.c.sequence == before).values(sequence=after))

    report = _tamper(chain, swap)
    assert _where(report) == [(BreakKind.MISPLACED, 5), (BreakKind.MISPLACED, 6), (BreakKind.MISPLACED, 7)]


def test_an_inserted_row_shows_even_if_its_own_hash_is_right(chain: Ledger, noon: datetime) -> None:
    def insert_between(work: UnitOfWork) -> None:
        fifth = work.rows(select(audit_log).where(audit_log.c.sequence == 5))[0]
        for sequence in range(10, 5, -1):
            work.change(update(audit_log).where(audit_log.c.sequence == sequence).values(sequence=sequence + 1))
        forged = {
            "sequence": 6,
            "recorded_at": noon,
            "actor": "eve",
            "action": "case.seen",
            "subject": "EXC-5",
            "detail": "{}",
            "reason": "",
            "policy_version": "",
            "evidence_hash": "",
            "previous_hash": fifth.row_hash,
            "row_hash": audit._hash(fifth.row_hash, noon, ("eve", "case.seen", "EXC-5", "{}"), ()),
        }
        work.change(insert(audit_log), [forged])

    report = _tamper(chain, insert_between)
    assert (BreakKind.MISPLACED, 7) in _where(report)
    assert not any(found.sequence == 6 for found in report.breaks)


def test_a_cut_tail_shows_against_the_stored_head(chain: Ledger) -> None:
    report = _tamper(chain, lambda work: work.change(delete(audit_log).where(audit_log.c.sequence > 7)))
    assert _where(report) == [(BreakKind.TRUNCATED, 7)]


def test_an_emptied_log_shows_against_the_stored_head(chain: Ledger) -> None:
    report = _tamper(chain, lambda work: work.change(delete(audit_log)))
    assert _where(report) == [(BreakKind.TRUNCATED, 0)]


def test_a_log_without_its_head_is_not_whole(chain: Ledger) -> None:
    report = _tamper(chain, lambda work: work.change(delete(audit_head)))
    assert _where(report) == [(BreakKind.TRUNCATED, 10)]


def test_a_broken_log_stops_those_who_require_a_whole_one(chain: Ledger) -> None:
    report = _tamper(chain, lambda work: work.change(delete(audit_log).where(audit_log.c.sequence == 5)))
    with pytest.raises(AuditChainError, match="broken at row 6"):
        report.require_intact()

"""The audit log in both databases. What is told of which tampering is in `test_audit_verification`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, text, update

from fulfillment_pipelines.errors import AuditChainError, BadDataError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.audit import AuditEntry, AuditReport, BreakKind
from fulfillment_pipelines.ledger.audit_chain import ChainEnd
from fulfillment_pipelines.ledger.tables import audit_head, audit_log
from fulfillment_pipelines.ledger.unit_of_work import Ledger, UnitOfWork

Tamper = Callable[[Callable[[UnitOfWork], object]], None]


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


def _verify(ledger: Ledger, since: int | None = None) -> AuditReport:
    with ledger.reading() as work:
        return audit.verify(work, since=since)


def _told(report: AuditReport) -> list[tuple[BreakKind, int, int]]:
    return [(found.kind, found.sequence, found.through) for found in report.breaks]


def test_an_untouched_log_is_whole(chain: Ledger) -> None:
    report = _verify(chain)
    assert (report.rows, report.head_sequence, report.breaks) == (10, 10, ())
    report.require_intact()


def test_an_empty_log_is_whole(ledger: Ledger) -> None:
    assert _verify(ledger) == AuditReport(rows=0, head_sequence=0, head_hash=audit.GENESIS_HASH)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "eve"),
        ("action", "case.unseen"),
        ("subject", "EXC-99"),
        ("detail", '{"n":99}'),
        ("reason", "because"),
        ("policy_version", "p"),
        ("evidence_hash", "e"),
        ("previous_hash", "f" * 64),
        ("row_hash", "f" * 64),
        ("recorded_at", datetime.fromisoformat("2026-03-02T12:00:00.000001+00:00")),
    ],
)
def test_an_edit_of_any_column_is_told_with_who_did_what(
    chain: Ledger, tamper: Tamper, column: str, value: object
) -> None:
    tamper(lambda work: work.change(update(audit_log).where(audit_log.c.sequence == 5).values({column: value})))
    (found,) = _verify(chain).breaks
    assert (found.kind, found.sequence) == (BreakKind.EDITED, 5)
    told = {"actor": "ada", "action": "case.seen", "subject": "EXC-4"} | (
        {column: value} if column != "row_hash" else {}
    )
    assert (found.actor, found.action, found.subject) == (told["actor"], told["action"], told["subject"])


def test_a_moment_that_is_none_is_told_and_not_stumbled_over(sqlite_ledger: Ledger, noon: datetime) -> None:
    with sqlite_ledger.unit_of_work() as work:
        audit.append(work, [AuditEntry(noon, "ada", "case.seen", "EXC-1", {})])
        work.change(text("drop trigger audit_log_is_not_updated"))
        work.change(text("update audit_log set recorded_at = 'never'"))
        work.commit()
    assert _told(_verify(sqlite_ledger)) == [(BreakKind.EDITED, 1, 1)]


def test_a_removed_row_is_told_by_the_number_it_had(chain: Ledger, tamper: Tamper) -> None:
    tamper(lambda work: work.change(delete(audit_log).where(audit_log.c.sequence == 5)))
    report = _verify(chain)
    assert _told(report) == [(BreakKind.REMOVED, 5, 5)]
    with pytest.raises(AuditChainError, match="broken at row 5"):
        report.require_intact()


def test_two_rows_that_changed_places_are_told(chain: Ledger, tamper: Tamper) -> None:
    def swap(work: UnitOfWork) -> None:
        for before, after in ((5, 500), (6, 5), (500, 6)):
            work.change(update(audit_log).where(audit_log.c.sequence == before).values(sequence=after))

    tamper(swap)
    assert _told(_verify(chain)) == [(BreakKind.MISPLACED, 5, 5), (BreakKind.MISPLACED, 6, 6)]


def test_a_row_that_was_added_without_the_head_is_told(chain: Ledger, tamper: Tamper) -> None:
    def copy_the_last(work: UnitOfWork) -> None:
        (last,) = work.rows(select(audit_log).where(audit_log.c.sequence == 10))
        work.change(insert(audit_log), [dict(last._mapping) | {"sequence": 11}])

    tamper(copy_the_last)
    assert {kind for kind, *_ in _told(_verify(chain))} == {BreakKind.INSERTED}


def test_a_cut_tail_shows_against_the_stored_head(chain: Ledger, tamper: Tamper) -> None:
    tamper(lambda work: work.change(delete(audit_log).where(audit_log.c.sequence > 7)))
    assert _told(_verify(chain)) == [(BreakKind.TRUNCATED, 8, 10)]


def test_an_emptied_log_shows_against_the_stored_head(chain: Ledger, tamper: Tamper) -> None:
    tamper(lambda work: work.change(delete(audit_log)))
    assert _told(_verify(chain)) == [(BreakKind.TRUNCATED, 1, 10)]


def test_a_log_without_its_head_is_not_whole(chain: Ledger, tamper: Tamper) -> None:
    tamper(lambda work: work.change(delete(audit_head)))
    assert _told(_verify(chain)) == [(BreakKind.TRUNCATED, 10, 10)]


def test_only_what_came_after_a_row_is_read_on_request(chain: Ledger, tamper: Tamper) -> None:
    tamper(lambda work: work.change(update(audit_log).where(audit_log.c.sequence == 3).values(actor="eve")))
    assert _verify(chain, since=3).rows == 7
    assert _verify(chain, since=3).intact
    assert not _verify(chain, since=2).intact


def test_a_row_that_is_not_there_is_nothing_to_begin_behind(chain: Ledger) -> None:
    with pytest.raises(BadDataError, match="no row 11"):
        _verify(chain, since=11)


def test_a_log_that_was_written_anew_is_told_by_the_head_that_was_published(
    chain: Ledger, tamper: Tamper, noon: datetime
) -> None:
    published = ChainEnd(10, _verify(chain).head_hash)

    def write_anew(work: UnitOfWork) -> None:
        work.change(delete(audit_log))
        work.change(delete(audit_head))
        audit.append(work, [AuditEntry(noon, "eve", "case.seen", f"EXC-{number}", {}) for number in range(10)])

    tamper(write_anew)
    assert _verify(chain).intact
    with chain.reading() as work:
        assert _told(audit.verify(work, anchors=[published])) == [(BreakKind.REWRITTEN, 10, 10)]

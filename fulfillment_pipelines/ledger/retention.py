"""Let go of what the ledger has kept long enough: ended cases with all that belongs to them, and old receipts.

What may go belongs in `corrections.retaining`; rows of the audit log are moved, never erased, by `audit_archive`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Column, ColumnElement, Table, delete, select

from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.ledger.cases import cases_by_id
from fulfillment_pipelines.ledger.tables import (
    accepted_event,
    approval,
    case_event,
    case_link,
    correction,
    exception_case,
    inbox_message,
    outbox,
    receipt,
    target_notice,
)
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

_PAGE_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows were let go of.

    Attributes:
        cases: Ended cases.
        events: Events in their histories.
        corrections: Their corrections.
        approvals: Decisions on them.
        deliveries: Their rows of the outbox.
        receipts: Attempts to deliver them, and old receipts of ended cases that stay.
    """

    cases: int
    events: int
    corrections: int
    approvals: int
    deliveries: int
    receipts: int


def cases_ended_before(work: UnitOfWork, moment: datetime) -> list[Case]:
    """Return the cases whose cure was proved before a moment, in order of their identity."""
    ended = work.rows(select(exception_case.c.case_id).where(exception_case.c.closed_at < moment))
    cases = cases_by_id(work, (row.case_id for row in ended))
    return [cases[case_id] for case_id in sorted(cases)]


def causes_of_others(work: UnitOfWork, case_ids: Collection[str]) -> frozenset[str]:
    """Return those of these cases that are the cause of a case which stays, by way of others or directly."""
    staged = work.stage(case_ids)
    children = select(exception_case.c.parent_case_id, exception_case.c.case_id)
    links = work.rows(children.join(staged, staged.c.key == exception_case.c.parent_case_id))
    going, staying = set(case_ids), set[str]()
    while found := {row.parent_case_id for row in links if row.parent_case_id in going and row.case_id not in going}:
        going -= found
        staying |= found
    return frozenset(staying)


def evidence_of_open_cases(work: UnitOfWork) -> Iterator[str]:
    """Return what open cases and their corrections rest on, one JSON text at a time."""
    yield from _texts(work, exception_case, exception_case.c.case_id, exception_case.c.closed_at.is_(None))
    of_open = select(exception_case.c.case_id).where(exception_case.c.closed_at.is_(None))
    yield from _texts(work, correction, correction.c.correction_id, correction.c.case_id.in_(of_open))


def evidence_of_cases(work: UnitOfWork, case_ids: Iterable[str]) -> Iterator[str]:
    """Return what some cases and their corrections rest on, one JSON text at a time."""
    keys = select(work.stage(case_ids).c.key)
    yield from _texts(work, exception_case, exception_case.c.case_id, exception_case.c.case_id.in_(keys))
    yield from _texts(work, correction, correction.c.correction_id, correction.c.case_id.in_(keys))


def _texts(work: UnitOfWork, table: Table, key: Column[str], wanted: ColumnElement[bool]) -> Iterator[str]:
    """Read page by page: the evidence of all open cases at once may be more than a small machine has room for."""
    page = select(key, table.c.evidence).where(wanted).order_by(key).limit(_PAGE_ROWS)
    found = work.rows(page)
    while found:
        yield from (row.evidence for row in found)
        found = work.rows(page.where(key > found[-1][0]))


def erase_notices(work: UnitOfWork, moment: datetime) -> int:
    """Delete what targets told of messages before a moment, and return how many notices went."""
    return work.change(delete(target_notice).where(target_notice.c.received_at < moment))


def erase_messages(work: UnitOfWork, moment: datetime) -> int:
    """Delete the messages of the inbox that came before a moment, and return how many went.

    That the API has taken them is forgotten too: by then no signature of so old a message is accepted.
    """
    work.take_turn("inbox")
    work.change(delete(accepted_event).where(accepted_event.c.accepted_at < moment))
    return work.change(delete(inbox_message).where(inbox_message.c.received_at < moment))


def erase_receipts(work: UnitOfWork, moment: datetime, *, kept: Collection[str]) -> int:
    """Delete the receipts of ended cases that came before a moment, within `audit_archive.archiving`.

    Args:
        work: The transaction.
        moment: Receipts before it go.
        kept: Cases whose receipts stay all the same.

    Returns:
        How many went.
    """
    staged = work.stage(kept)
    ended = (
        select(correction.c.correction_id)
        .join(exception_case, exception_case.c.case_id == correction.c.case_id)
        .where(exception_case.c.closed_at.is_not(None), exception_case.c.case_id.not_in(select(staged.c.key)))
    )
    return work.change(delete(receipt).where(receipt.c.received_at < moment, receipt.c.correction_id.in_(ended)))


def erase_cases(work: UnitOfWork, case_ids: Collection[str]) -> Erased:
    """Delete cases with all that belongs to them, within `audit_archive.archiving`.

    Args:
        work: The transaction.
        case_ids: The cases, none of which is the cause of one that stays.

    Returns:
        How much went.
    """
    staged = work.stage(case_ids)
    keys = select(staged.c.key)
    of_cases = select(correction.c.correction_id).where(correction.c.case_id.in_(keys))
    receipts, approvals, deliveries = (
        work.change(delete(table).where(table.c.correction_id.in_(of_cases))) for table in (receipt, approval, outbox)
    )
    work.change(delete(case_link).where(case_link.c.case_id.in_(keys)))
    corrections, events, cases = (
        work.change(delete(table).where(table.c.case_id.in_(keys)))
        for table in (correction, case_event, exception_case)
    )
    return Erased(cases, events, corrections, approvals, deliveries, receipts)

"""What waits to be delivered, by target, and what was given up: read without waiting for a writer.

What may go now is decided by `corrections.delivering.claiming`; single corrections are read with `readings`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.claims import UNFINISHED
from fulfillment_pipelines.ledger.outbox import DeliveryStatus
from fulfillment_pipelines.ledger.tables import correction, outbox
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class BacklogLine:
    """What of one kind waits for one target: one row per target, way, priority and state.

    Attributes:
        target: The system the corrections were approved for.
        via: The system they are written to: the target, or its fallback.
        priority: 0 goes first.
        state: Where they stand.
        rows: How many.
        in_hand: How many of them a worker has at this moment.
        oldest_at: When the first of them was approved.
        next_due_at: When the first of them may be tried.
    """

    target: str
    via: str
    priority: int
    state: CorrectionState
    rows: int
    in_hand: int
    oldest_at: datetime
    next_due_at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A correction that was given up: a person must look at it.

    Attributes:
        correction_id: Which.
        case_id: The case it would cure.
        target: The system it was approved for.
        via: The system it was last written to.
        message: What it asked for.
        attempts: Sends that were begun.
        reason: Why it was given up.
        finished_at: When.
    """

    correction_id: str
    case_id: str
    target: str
    via: str
    message: str
    attempts: int
    reason: str
    finished_at: datetime


def read_backlog(work: UnitOfWork) -> list[BacklogLine]:
    """Return what waits, the most urgent of each target first."""
    in_hand = func.count().filter(outbox.c.status == DeliveryStatus.LEASED)
    rows = work.rows(
        select(
            outbox.c.target,
            outbox.c.via,
            outbox.c.priority,
            correction.c.state,
            func.count().label("rows"),
            in_hand.label("in_hand"),
            func.min(outbox.c.created_at).label("oldest_at"),
            func.min(outbox.c.due_at).label("next_due_at"),
        )
        .join(correction, correction.c.correction_id == outbox.c.correction_id)
        .where(outbox.c.status.in_(UNFINISHED))
        .group_by(outbox.c.target, outbox.c.via, outbox.c.priority, correction.c.state)
        .order_by(outbox.c.target, outbox.c.priority, outbox.c.via, correction.c.state)
    )
    return [
        BacklogLine(
            target=row.target,
            via=row.via,
            priority=row.priority,
            state=CorrectionState(row.state),
            rows=row.rows,
            in_hand=row.in_hand,
            oldest_at=row.oldest_at,
            next_due_at=row.next_due_at,
        )
        for row in rows
    ]


def read_dead_letters(work: UnitOfWork, targets: Collection[str] = (), *, limit: int = 100) -> list[DeadLetter]:
    """Return what was given up and stands so, the latest first.

    Args:
        work: The transaction.
        targets: Only those approved for these systems; empty for all.
        limit: At most so many.
    """
    query = (
        select(
            correction.c.correction_id,
            correction.c.case_id,
            correction.c.target,
            outbox.c.via,
            correction.c.message,
            outbox.c.attempts,
            correction.c.decision_reason,
            outbox.c.finished_at,
        )
        .join(outbox, outbox.c.correction_id == correction.c.correction_id)
        .where(correction.c.state == CorrectionState.DEAD_LETTER)
        .order_by(outbox.c.finished_at.desc(), correction.c.correction_id)
        .limit(limit)
    )
    rows = work.rows(query.where(outbox.c.target.in_(sorted(targets))) if targets else query)
    return [
        DeadLetter(
            correction_id=row.correction_id,
            case_id=row.case_id,
            target=row.target,
            via=row.via,
            message=row.message,
            attempts=row.attempts,
            reason=row.decision_reason,
            finished_at=row.finished_at,
        )
        for row in rows
    ]


def count_dead_letters(work: UnitOfWork) -> dict[str, int]:
    """Return how many corrections were given up and stand so, by target."""
    rows = work.rows(
        select(correction.c.target, func.count().label("dead_letters"))
        .where(correction.c.state == CorrectionState.DEAD_LETTER)
        .group_by(correction.c.target)
    )
    return {row.target: row.dead_letters for row in rows}

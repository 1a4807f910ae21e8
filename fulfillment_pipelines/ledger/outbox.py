"""The outbox: what is still to be done to deliver approved corrections, and what came of each attempt.

Who is at which row belongs in `claims`; what follows from an attempt, in `corrections.delivering.progress`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from fulfillment_pipelines.ledger.tables import correction, outbox, receipt
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


class DeliveryStatus(StrEnum):
    """What an outbox row is: waiting for its time, in the hands of a worker, or finished."""

    READY = "READY"
    LEASED = "LEASED"
    DONE = "DONE"
    DEAD = "DEAD"


class DeliveryStep(StrEnum):
    """What is to be done next with an outbox row."""

    SEND = "SEND"
    READ_BACK = "READ_BACK"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of `outbox`.

    Attributes:
        correction_id: What is delivered.
        target: The system it goes to.
        status: Whether somebody is at it.
        next_step: What is to be done next.
        due_at: Not before this moment.
        attempts: Sends that were begun.
        read_backs: Read-backs in a row that showed nothing.
        leased_by: The worker that has it; empty for none.
        lease_until: When others may take it from that worker.
        last_error: What went wrong last.
        created_at: When the correction was approved.
        finished_at: When nothing was left to do.
        priority: 0 goes first: what protects never waits behind what informs.
        ordering_key: Rows of one target and one key are delivered in the order in which they were approved.
        via: The system it is really written to: the target, or the target's fallback.
        deadline_at: When the time that may be spent on it ends; None for never.
    """

    correction_id: str
    target: str
    status: DeliveryStatus
    next_step: DeliveryStep
    due_at: datetime
    attempts: int
    read_backs: int
    leased_by: str
    lease_until: datetime | None
    last_error: str
    created_at: datetime
    finished_at: datetime | None
    priority: int
    ordering_key: str
    via: str
    deadline_at: datetime | None = None

    @property
    def untouched(self) -> bool:
        """Whether nothing can be under way to the target: no worker has it, and every send is known to have failed."""
        return self.status is DeliveryStatus.READY and (self.next_step is DeliveryStep.SEND or self.attempts == 0)


class Outcome(StrEnum):
    """What came of one attempt to send or to read back."""

    APPLIED = "APPLIED"
    QUEUED = "QUEUED"
    ABSENT = "ABSENT"
    UNSEEN = "UNSEEN"
    RETRYABLE = "RETRYABLE"
    REJECTED = "REJECTED"
    PRECONDITION = "PRECONDITION"
    UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"


@dataclass(frozen=True, slots=True)
class AttemptReceipt:
    """One row of `receipt`.

    Attributes:
        correction_id: What was delivered.
        attempt: Number of the send it belongs to, from 1; 0 for a read-back before the first.
        step: What was done.
        outcome: What came of it.
        reference: The target's own identifier, where it gave one.
        detail: The error, in words; empty where there was none.
        worker: Who did it.
        received_at: When the answer came.
        system: The declared system that was asked: the target, or its fallback.
    """

    correction_id: str
    attempt: int
    step: DeliveryStep
    outcome: Outcome
    reference: str
    detail: str
    worker: str
    received_at: datetime
    system: str = ""


_DELIVERY_COLUMNS = tuple(field.name for field in fields(Delivery))
_RECEIPT_COLUMNS = tuple(field.name for field in fields(AttemptReceipt))
ALL_OF_A_DELIVERY = tuple(outbox.c[name].label(f"outbox_{name}") for name in _DELIVERY_COLUMNS)
"""The columns of a `Delivery`, for queries that join other tables."""


def deliveries_of(work: UnitOfWork, case_ids: Iterable[str]) -> dict[str, Delivery]:
    """Return the outbox rows of these cases' corrections, by correction; no worker can claim them meanwhile."""
    # Who holds outbox rows will record what it did with them: all take the turn first, so that none waits in a circle.
    work.take_turn("audit")
    staged = work.stage(case_ids)
    rows = work.rows(
        select(*ALL_OF_A_DELIVERY)
        .join(correction, correction.c.correction_id == outbox.c.correction_id)
        .join(staged, staged.c.key == correction.c.case_id)
        .with_for_update(of=outbox)
    )
    deliveries = (delivery_of(row) for row in rows)
    return {delivery.correction_id: delivery for delivery in deliveries}


def insert_deliveries(work: UnitOfWork, deliveries: Sequence[Delivery]) -> None:
    """Put approved corrections into the outbox."""
    work.change(insert(outbox), [_values(delivery, _DELIVERY_COLUMNS) for delivery in deliveries])


def update_deliveries(work: UnitOfWork, deliveries: Sequence[Delivery]) -> None:
    """Write everything that may change of outbox rows that exist."""
    changing = [name for name in _DELIVERY_COLUMNS if name not in {"correction_id", "target"}]
    statement = update(outbox).where(outbox.c.correction_id == bindparam("the_correction_id"))
    work.change(
        statement.values({name: bindparam(name) for name in changing}),
        [{"the_correction_id": delivery.correction_id} | _values(delivery, changing) for delivery in deliveries],
    )


def append_receipts(work: UnitOfWork, receipts: Sequence[AttemptReceipt]) -> None:
    """Record attempts, in this order."""
    work.change(insert(receipt), [_values(entry, _RECEIPT_COLUMNS) for entry in receipts])


def recorded_receipts(work: UnitOfWork, correction_ids: Iterable[str], worker: str) -> frozenset[AttemptReceipt]:
    """Return the receipts a worker has written for these corrections."""
    rows = work.rows(
        select(*(receipt.c[name] for name in _RECEIPT_COLUMNS)).where(
            receipt.c.correction_id.in_(sorted(correction_ids)), receipt.c.worker == worker
        )
    )
    return frozenset(receipt_of(row) for row in rows)


def sends_since(work: UnitOfWork, since: datetime) -> dict[str, int]:
    """Return how many messages each system got since a moment, those that workers have in their hands included."""
    # In the order in which a message goes on: counted the other way round, one that is recorded meanwhile is missed.
    leased = work.rows(
        select(outbox.c.via, func.count().label("sends"))
        .where(outbox.c.status == DeliveryStatus.LEASED)
        .group_by(outbox.c.via)
    )
    sent = work.rows(
        select(receipt.c.system, func.count().label("sends"))
        .where(receipt.c.received_at > since, receipt.c.step == DeliveryStep.SEND)
        .group_by(receipt.c.system)
    )
    counts = {row.via: row.sends for row in leased}
    for row in sent:
        counts[row.system] = counts.get(row.system, 0) + row.sends
    return counts


def receipt_of(row: Row[Any]) -> AttemptReceipt:
    """Return a row of `receipt` as the value it stands for."""
    values = {name: getattr(row, name) for name in _RECEIPT_COLUMNS}
    values["step"] = DeliveryStep(row.step)
    values["outcome"] = Outcome(row.outcome)
    return AttemptReceipt(**values)


def delivery_of(row: Row[Any]) -> Delivery:
    """Return a row with the columns `ALL_OF_A_DELIVERY` as the value it stands for."""
    values = {name: getattr(row, f"outbox_{name}") for name in _DELIVERY_COLUMNS}
    values["status"] = DeliveryStatus(values["status"])
    values["next_step"] = DeliveryStep(values["next_step"])
    return Delivery(**values)


def _values(value: object, names: Iterable[str]) -> dict[str, object]:
    return {name: getattr(value, name) for name in names}

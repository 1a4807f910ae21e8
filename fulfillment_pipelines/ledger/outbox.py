"""The outbox: what is still to be done to deliver approved corrections, who is at it, and what came of each attempt.

What follows from an attempt belongs in `corrections.dispatch`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, exists, insert, or_, select, update

from fulfillment_pipelines.ledger.corrections import ALL_OF_A_CORRECTION, CorrectionRecord, record_of
from fulfillment_pipelines.ledger.switches import SwitchScope
from fulfillment_pipelines.ledger.tables import correction, kill_switch, outbox, receipt
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
    """

    correction_id: str
    attempt: int
    step: DeliveryStep
    outcome: Outcome
    reference: str
    detail: str
    worker: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """What a worker asks for when it claims an outbox row.

    Attributes:
        worker: Its name.
        due_by: Rows that are due at this moment, in the time of the deployment.
        taken_at: The moment of the machine's clock, by which leases run.
        until: When others may take the row from it, by the machine's clock.
        dead_workers: Workers that are known to be gone; their leases are over at once.
    """

    worker: str
    due_by: datetime
    taken_at: datetime
    until: datetime
    dead_workers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Claim:
    """An outbox row in the hands of a worker.

    Attributes:
        delivery: The row, leased.
        correction: What is to be delivered.
        abandoned_by: The worker that had it before and never reported; empty for none.
    """

    delivery: Delivery
    correction: CorrectionRecord
    abandoned_by: str


_DELIVERY_COLUMNS = tuple(field.name for field in fields(Delivery))
_RECEIPT_COLUMNS = tuple(field.name for field in fields(AttemptReceipt))
_ALL_OF_A_DELIVERY = tuple(outbox.c[name].label(f"outbox_{name}") for name in _DELIVERY_COLUMNS)


def workers_with_leases(work: UnitOfWork) -> frozenset[str]:
    """Return the workers that have not yet reported on a row they claimed."""
    rows = work.rows(select(outbox.c.leased_by).where(outbox.c.status == DeliveryStatus.LEASED).distinct())
    return frozenset(row.leased_by for row in rows)


def claim_next(work: UnitOfWork, lease: Lease) -> Claim | None:
    """Lease the row that has been due longest, or a row whose worker is gone; None when nothing is due.

    Rows under a kill switch stay where they are. Two workers never get the same row: SQLite lets one transaction
    write at a time, PostgreSQL skips rows that another transaction has locked.
    """
    rows = work.rows(_claimable(lease))
    if not rows:
        return None
    found = _delivery_of(rows[0])
    leased = replace(found, status=DeliveryStatus.LEASED, leased_by=lease.worker, lease_until=lease.until)
    update_deliveries(work, [leased])
    abandoned_by = found.leased_by if found.status is DeliveryStatus.LEASED else ""
    return Claim(leased, record_of(rows[0]), abandoned_by)


def _claimable(lease: Lease) -> Select[Any]:
    ready = and_(outbox.c.status == DeliveryStatus.READY, outbox.c.due_at <= lease.due_by)
    abandoned = and_(
        outbox.c.status == DeliveryStatus.LEASED,
        or_(outbox.c.lease_until <= lease.taken_at, outbox.c.leased_by.in_(sorted(lease.dead_workers))),
    )
    stopped = exists().where(
        or_(
            kill_switch.c.scope == SwitchScope.EVERYTHING,
            and_(kill_switch.c.scope == SwitchScope.TARGET, kill_switch.c.name == outbox.c.target),
            and_(kill_switch.c.scope == SwitchScope.RULE, kill_switch.c.name == correction.c.code),
            and_(kill_switch.c.scope == SwitchScope.CASE, kill_switch.c.name == correction.c.case_id),
        )
    )
    return (
        select(*ALL_OF_A_CORRECTION, *_ALL_OF_A_DELIVERY)
        .join(outbox, outbox.c.correction_id == correction.c.correction_id)
        .where(or_(ready, abandoned), ~stopped)
        .order_by(outbox.c.due_at, outbox.c.outbox_id)
        .limit(1)
        .with_for_update(skip_locked=True, of=outbox)
    )


def held_delivery(work: UnitOfWork, correction_id: str, worker: str) -> tuple[Delivery, CorrectionRecord] | None:
    """Return an outbox row and its correction if the worker still holds the lease; None if another took it."""
    rows = work.rows(
        select(*ALL_OF_A_CORRECTION, *_ALL_OF_A_DELIVERY)
        .join(outbox, outbox.c.correction_id == correction.c.correction_id)
        .where(
            outbox.c.correction_id == correction_id,
            outbox.c.status == DeliveryStatus.LEASED,
            outbox.c.leased_by == worker,
        )
        .with_for_update(of=outbox)
    )
    return (_delivery_of(rows[0]), record_of(rows[0])) if rows else None


def deliveries_of(work: UnitOfWork, case_ids: Iterable[str]) -> dict[str, Delivery]:
    """Return the outbox rows of these cases' corrections, by correction; no worker can claim them meanwhile."""
    staged = work.stage(case_ids)
    rows = work.rows(
        select(*_ALL_OF_A_DELIVERY)
        .join(correction, correction.c.correction_id == outbox.c.correction_id)
        .join(staged, staged.c.key == correction.c.case_id)
        .with_for_update(of=outbox)
    )
    deliveries = (_delivery_of(row) for row in rows)
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


def _delivery_of(row: Row[Any]) -> Delivery:
    values = {name: getattr(row, f"outbox_{name}") for name in _DELIVERY_COLUMNS}
    values["status"] = DeliveryStatus(values["status"])
    values["next_step"] = DeliveryStep(values["next_step"])
    return Delivery(**values)


def _values(value: object, names: Iterable[str]) -> dict[str, object]:
    return {name: getattr(value, name) for name in names}

"""Who is at which outbox row: leases, taken so that two workers never have the same row and order is kept.

What may go to a system at all is decided by `corrections.delivering.claiming`; the rows themselves belong in `outbox`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, exists, func, or_, select, update

from fulfillment_pipelines.domain.correction import Observed
from fulfillment_pipelines.ledger.corrections import ALL_OF_A_CORRECTION, CorrectionRecord, record_of
from fulfillment_pipelines.ledger.outbox import (
    ALL_OF_A_DELIVERY,
    Delivery,
    DeliveryStatus,
    delivery_of,
    update_deliveries,
)
from fulfillment_pipelines.ledger.switches import SwitchScope
from fulfillment_pipelines.ledger.tables import correction, kill_switch, outbox, target_health, target_notice
from fulfillment_pipelines.ledger.target_health import Circuit
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

UNFINISHED: Final = (DeliveryStatus.READY, DeliveryStatus.LEASED)
"""What an outbox row is as long as something is to be done with it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What a worker asks for when it claims outbox rows.

    Attributes:
        worker: Its name.
        due_by: Rows that are due at this moment, in the time of the deployment.
        until: When others may take the rows from it, by the machine's clock.
    """

    worker: str
    due_by: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """An outbox row in the hands of a worker.

    Attributes:
        delivery: The row, leased.
        correction: What is to be delivered.
        is_probe: Whether it finds out if a system that was down is up again.
    """

    delivery: Delivery
    correction: CorrectionRecord
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Permit:
    """What stands at the moment before a message goes.

    Attributes:
        is_held: Whether the worker still has the row.
        is_stopped: Whether a kill switch covers it.
        circuit: Whether the system it goes to is taken to be up.
        rest_until: Nothing goes to it before this moment; None for no such wait.
        noticed: What the system has told of the message by itself; None for nothing.
    """

    is_held: bool
    is_stopped: bool
    circuit: Circuit
    rest_until: datetime | None
    noticed: Observed | None


def due_claims(work: UnitOfWork, due_by: datetime, *, but_not_via: Collection[str], limit: int) -> list[Claim]:
    """Return rows that may be delivered now, the most urgent first; another transaction cannot take them meanwhile.

    Left out are rows under a kill switch, and rows behind an unfinished one of the same target and ordering key that
    was approved before them and is at least as urgent. They are not leased yet.
    """
    rows = work.rows(
        _joined()
        .where(
            outbox.c.status == DeliveryStatus.READY,
            outbox.c.due_at <= due_by,
            outbox.c.via.not_in(sorted(but_not_via)),
            ~_stopped(),
            ~_is_behind_another(),
        )
        .order_by(outbox.c.priority, outbox.c.due_at, outbox.c.outbox_id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=outbox)
    )
    return [_claim_of(row) for row in rows]


def lease(work: UnitOfWork, claims: Iterable[Claim], asked: Lease) -> list[Claim]:
    """Put rows into the hands of a worker."""
    leased = [
        replace(
            claim,
            delivery=replace(
                claim.delivery, status=DeliveryStatus.LEASED, leased_by=asked.worker, lease_until=asked.until
            ),
        )
        for claim in claims
    ]
    update_deliveries(work, [claim.delivery for claim in leased])
    return leased


def release(work: UnitOfWork, correction_ids: Collection[str], worker: str) -> None:
    """Give rows back with which nothing was done; those that another worker took over stay with it."""
    work.change(
        update(outbox)
        .where(
            outbox.c.correction_id.in_(sorted(correction_ids)),
            outbox.c.status == DeliveryStatus.LEASED,
            outbox.c.leased_by == worker,
        )
        .values(status=DeliveryStatus.READY, leased_by="", lease_until=None)
    )


def permit_of(work: UnitOfWork, correction_id: str, worker: str) -> Permit:
    """Return whether a claimed row may go now."""
    (row,) = work.rows(_PERMIT, {"the_correction_id": correction_id})
    return Permit(
        is_held=row.status == DeliveryStatus.LEASED and row.leased_by == worker,
        is_stopped=bool(row.is_stopped),
        circuit=Circuit(row.circuit),
        rest_until=row.probe_at,
        noticed=Observed(row.noticed) if row.noticed else None,
    )


def held_claims(work: UnitOfWork, correction_ids: Collection[str], worker: str) -> dict[str, Claim]:
    """Return the rows a worker still has, by correction; nobody can take them over meanwhile."""
    rows = work.rows(
        _joined()
        .where(
            outbox.c.correction_id.in_(sorted(correction_ids)),
            outbox.c.status == DeliveryStatus.LEASED,
            outbox.c.leased_by == worker,
        )
        .with_for_update(of=outbox)
    )
    return {claim.correction.correction_id: claim for claim in map(_claim_of, rows)}


def workers_with_leases(work: UnitOfWork) -> frozenset[str]:
    """Return the workers that have not yet reported on a row they claimed."""
    rows = work.rows(select(outbox.c.leased_by).where(outbox.c.status == DeliveryStatus.LEASED).distinct())
    return frozenset(row.leased_by for row in rows)


@dataclass(frozen=True, slots=True)
class Neglect:
    """Which rows nobody looks after any more.

    Attributes:
        now: The moment by the clock of the deployment, by which time to deliver runs out.
        machine_now: The moment by the machine's clock, by which leases run.
        longest_lease_at: No lease of now ends later; one that does was taken before the clock was set back.
        gone: Workers that are known to have ended.
    """

    now: datetime
    machine_now: datetime
    longest_lease_at: datetime
    gone: frozenset[str]

    @property
    def abandoned(self) -> ColumnElement[bool]:
        """Rows in the hands of workers that are gone, or were silent until the end of their lease."""
        over = or_(outbox.c.lease_until <= self.machine_now, outbox.c.lease_until > self.longest_lease_at)
        return and_(outbox.c.status == DeliveryStatus.LEASED, or_(over, outbox.c.leased_by.in_(sorted(self.gone))))

    @property
    def overdue(self) -> ColumnElement[bool]:
        """Rows nobody is at whose time is spent."""
        return and_(outbox.c.status == DeliveryStatus.READY, outbox.c.deadline_at <= self.now)


def any_neglected(work: UnitOfWork, neglect: Neglect) -> bool:
    """Whether there is anything to take over or to give up; asked without waiting for a writer."""
    return bool(work.rows(select(outbox.c.outbox_id).where(or_(neglect.abandoned, neglect.overdue)).limit(1)))


def abandoned_claims(work: UnitOfWork, neglect: Neglect) -> list[Claim]:
    """Return the rows to take over; nobody else does so meanwhile."""
    return _locked(work, neglect.abandoned)


def overdue_claims(work: UnitOfWork, neglect: Neglect) -> list[Claim]:
    """Return the rows to give up; nobody claims them meanwhile."""
    return _locked(work, neglect.overdue)


def untouched_claims(work: UnitOfWork, target: str) -> list[Claim]:
    """Return a target's own rows of which nothing can be under way to it, nor have reached it."""
    rows = _locked(
        work, outbox.c.status == DeliveryStatus.READY, outbox.c.target == target, outbox.c.via == outbox.c.target
    )
    return [claim for claim in rows if claim.delivery.untouched]


def claim_of_key(work: UnitOfWork, system: str, idempotency_key: str) -> Claim | None:
    """Return the outbox row of a message that went, or is to go, to a system; None where there is none."""
    rows = work.rows(
        _joined()
        .where(correction.c.idempotency_key == idempotency_key, or_(outbox.c.via == system, outbox.c.target == system))
        .with_for_update(of=outbox)
    )
    return _claim_of(rows[0]) if rows else None


def _locked(work: UnitOfWork, *conditions: ColumnElement[bool]) -> list[Claim]:
    rows = work.rows(
        _joined().where(*conditions).order_by(outbox.c.outbox_id).with_for_update(skip_locked=True, of=outbox)
    )
    return [_claim_of(row) for row in rows]


def _joined() -> Select[Any]:
    return select(*ALL_OF_A_CORRECTION, *ALL_OF_A_DELIVERY).join(
        outbox, outbox.c.correction_id == correction.c.correction_id
    )


def _claim_of(row: Row[Any]) -> Claim:
    return Claim(delivery_of(row), record_of(row))


def _stopped() -> ColumnElement[bool]:
    return (
        exists()
        .where(
            or_(
                kill_switch.c.scope == SwitchScope.EVERYTHING,
                and_(
                    kill_switch.c.scope == SwitchScope.TARGET, kill_switch.c.name.in_([outbox.c.target, outbox.c.via])
                ),
                and_(kill_switch.c.scope == SwitchScope.RULE, kill_switch.c.name == correction.c.code),
                and_(kill_switch.c.scope == SwitchScope.CASE, kill_switch.c.name == correction.c.case_id),
            )
        )
        .correlate(outbox, correction)
    )


def _is_behind_another() -> ColumnElement[bool]:
    before = outbox.alias("before")
    approved_before = or_(
        before.c.created_at < outbox.c.created_at,
        and_(before.c.created_at == outbox.c.created_at, before.c.outbox_id < outbox.c.outbox_id),
    )
    return exists().where(
        before.c.target == outbox.c.target,
        before.c.ordering_key == outbox.c.ordering_key,
        before.c.ordering_key != "",
        before.c.status.in_(UNFINISHED),
        before.c.priority <= outbox.c.priority,
        approved_before,
    )


def _permit() -> Select[Any]:
    noticed = (
        select(func.max(target_notice.c.observed))
        .where(
            target_notice.c.idempotency_key == correction.c.idempotency_key,
            target_notice.c.observed == Observed.APPLIED,
        )
        .scalar_subquery()
    )
    return (
        select(
            outbox.c.status,
            outbox.c.leased_by,
            _stopped().label("is_stopped"),
            func.coalesce(target_health.c.circuit, Circuit.CLOSED).label("circuit"),
            target_health.c.probe_at,
            noticed.label("noticed"),
        )
        .select_from(outbox)
        .join(correction, correction.c.correction_id == outbox.c.correction_id)
        .outerjoin(target_health, target_health.c.target == outbox.c.via)
        .where(outbox.c.correction_id == bindparam("the_correction_id"))
    )


# Asked before every single message: built once, since that takes longer than to execute it.
_PERMIT: Final = _permit()

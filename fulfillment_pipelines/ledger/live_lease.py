"""The lease of the live loop: whoever holds it runs the loop of the deployment, on whichever host.

It is good until a moment that its holder keeps moving on, by the clock of the database, which all hosts share. Taking
and keeping it belongs to `loop.live.lease`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, insert, select, update

from fulfillment_pipelines.ledger.tables import live_lease
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

_LEASE: Final = "live_loop"


@dataclass(frozen=True, slots=True)
class LiveLease:
    """Who holds the lease.

    Attributes:
        holder: Names the process and its host.
        held_until: Until when, unless it is moved on.
        shown_at: When the holder last showed itself, by its own clock.
    """

    holder: str
    held_until: datetime
    shown_at: datetime


def take_lease(work: UnitOfWork, holder: str, *, seconds: float, shown_at: datetime) -> str:
    """Take the lease where nobody holds it, or move it on where it is one's own; return who holds it then.

    Raises:
        RetryableError: The ledger is busy or does not answer.
    """
    work.take_turn("live_lease")
    now, held = _now(work), _written(work)
    if held is not None and held.holder != holder and held.held_until > now:
        return held.holder
    values = {"holder": holder, "held_until": now + timedelta(seconds=seconds), "shown_at": shown_at}
    statement = (
        insert(live_lease).values(lease_id=_LEASE, **values) if held is None else update(live_lease).values(values)
    )
    work.change(statement)
    return holder


def give_lease_back(work: UnitOfWork, holder: str) -> None:
    """Let the next one take the lease at once; nothing where another holds it by now.

    Raises:
        RetryableError: The ledger is busy or does not answer.
    """
    work.take_turn("live_lease")
    work.change(delete(live_lease).where(live_lease.c.holder == holder))


def read_lease(work: UnitOfWork) -> LiveLease | None:
    """Return who holds the lease now; None for nobody.

    Raises:
        RetryableError: The ledger does not answer.
        ConfigurationError: The ledger was not prepared.
    """
    held = _written(work)
    return held if held is not None and held.held_until > _now(work) else None


def _written(work: UnitOfWork) -> LiveLease | None:
    columns = live_lease.c
    rows = work.rows(select(columns.holder, columns.held_until, columns.shown_at).where(columns.lease_id == _LEASE))
    return next((LiveLease(row.holder, row.held_until, row.shown_at) for row in rows), None)


def _now(work: UnitOfWork) -> datetime:
    (row,) = work.rows(select(func.current_timestamp().label("now_at")))
    now: datetime = row.now_at
    return now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC)

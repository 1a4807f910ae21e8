"""How each system that is written to is doing: its circuit, and when its rate lets the next message go.

All workers share it, and it survives them. What follows from a failure, and what a rate allows,
belongs in `corrections.delivering`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, text, update

from fulfillment_pipelines.ledger.tables import target_health
from fulfillment_pipelines.ledger.types import Instant
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


class Circuit(StrEnum):
    """Whether messages go: CLOSED lets them, OPEN lets none, HALF_OPEN lets exactly one, which probes."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """One row of `target_health`.

    Attributes:
        target: Declared name of the system.
        circuit: Whether messages go to it.
        failures: Failures of the system in a row.
        opened_at: Since when it is taken to be down; None while it is up.
        probe_at: Nothing goes before this moment; None for no such wait.
        next_send_at: When its rate lets the next message go; in the past after a rest.
        changed_at: When any of this last changed.
    """

    target: str
    circuit: Circuit
    failures: int
    opened_at: datetime | None
    probe_at: datetime | None
    next_send_at: datetime | None
    changed_at: datetime


_COLUMNS: Final = tuple(field.name for field in fields(TargetHealth))

# SQLAlchemy spells this differently for each database; both understand it as it stands here.
_INSERT_ONCE: Final = text(
    """
    insert into target_health (target, circuit, failures, changed_at)
    values (:target, :circuit, 0, :now)
    on conflict do nothing
    """
).bindparams(bindparam("now", type_=Instant()))


def healthy(target: str, now: datetime) -> TargetHealth:
    """Return the health of a system that nobody has had trouble with."""
    return TargetHealth(target, Circuit.CLOSED, 0, None, None, None, now)


def enrol(work: UnitOfWork, targets: Iterable[str], now: datetime) -> None:
    """Give systems that were never written to a row of their own; the others keep theirs."""
    rows = [{"target": target, "circuit": Circuit.CLOSED, "now": now} for target in sorted(set(targets))]
    work.change(_INSERT_ONCE, rows)


def read_health(work: UnitOfWork, *, locked: bool = False) -> dict[str, TargetHealth]:
    """Return the health of every system that was ever written to, by name.

    Args:
        work: The transaction.
        locked: Nobody else changes it until this transaction ends. All rows are locked in the order of their names,
            so that two transactions never wait for each other.
    """
    ordered = select(*(target_health.c[name] for name in _COLUMNS)).order_by(target_health.c.target)
    rows = work.rows(ordered.with_for_update() if locked else ordered)
    return {row.target: _health_of(row) for row in rows}


def write_health(work: UnitOfWork, changed: Iterable[TargetHealth]) -> None:
    """Write the health of systems that have a row."""
    changing = [name for name in _COLUMNS if name != "target"]
    statement = update(target_health).where(target_health.c.target == bindparam("the_target"))
    work.change(
        statement.values({name: bindparam(name) for name in changing}),
        [{"the_target": one.target} | {name: getattr(one, name) for name in changing} for one in changed],
    )


def _health_of(row: Row[Any]) -> TargetHealth:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return TargetHealth(**(values | {"circuit": Circuit(row.circuit)}))

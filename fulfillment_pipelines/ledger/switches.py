"""Kill switches: while one is engaged, nothing it covers is approved by policy or sent.

When a switch is thrown belongs to people and to `corrections`; here it is kept and recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, insert, select

from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.tables import kill_switch
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


class SwitchScope(StrEnum):
    """What a kill switch stops."""

    EVERYTHING = "everything"
    TARGET = "target"
    RULE = "rule"
    CASE = "case"


RELEASED = "kill_switch.released"
"""How the audit log calls it that a person lets automation go on."""


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """One switch.

    Attributes:
        scope: What it stops.
        name: The target's declared name, the exception code, or the identity of the case; empty for everything.
    """

    scope: SwitchScope
    name: str = ""


@dataclass(frozen=True, slots=True)
class EngagedSwitch:
    """A switch that is engaged, since when, by whom, and why."""

    switch: KillSwitch
    engaged_at: datetime
    engaged_by: str
    reason: str


def subject_of(scope: SwitchScope, name: str) -> str:
    """Return what the audit log calls a switch."""
    return f"{scope}:{name}"


def engaged_switches(work: UnitOfWork) -> frozenset[KillSwitch]:
    """Return the switches that are engaged now."""
    rows = work.rows(select(kill_switch.c.scope, kill_switch.c.name))
    return frozenset(KillSwitch(SwitchScope(row.scope), row.name) for row in rows)


def engaged_since(work: UnitOfWork) -> list[EngagedSwitch]:
    """Return the switches that are engaged now with who engaged them, when and why; the oldest first."""
    rows = work.rows(select(kill_switch).order_by(kill_switch.c.engaged_at, kill_switch.c.scope, kill_switch.c.name))
    return [
        EngagedSwitch(KillSwitch(SwitchScope(row.scope), row.name), row.engaged_at, row.engaged_by, row.reason)
        for row in rows
    ]


def engage(work: UnitOfWork, switch: KillSwitch, *, actor: str, reason: str, now: datetime) -> None:
    """Engage a switch; one that is engaged already stays as it is."""
    if switch in engaged_switches(work):
        return
    row = {"scope": switch.scope, "name": switch.name, "engaged_at": now, "engaged_by": actor, "reason": reason}
    work.change(insert(kill_switch), [row])
    _record(work, switch, "kill_switch.engaged", actor=actor, reason=reason, now=now)


def release(work: UnitOfWork, switch: KillSwitch, *, actor: str, reason: str, now: datetime) -> None:
    """Release a switch; one that is not engaged stays so."""
    if switch not in engaged_switches(work):
        return
    work.change(delete(kill_switch).where(kill_switch.c.scope == switch.scope, kill_switch.c.name == switch.name))
    _record(work, switch, RELEASED, actor=actor, reason=reason, now=now)


def _record(work: UnitOfWork, switch: KillSwitch, action: str, *, actor: str, reason: str, now: datetime) -> None:
    subject = subject_of(switch.scope, switch.name)
    audit.append(work, [audit.AuditEntry(now, actor, action, subject, {}, reason)])

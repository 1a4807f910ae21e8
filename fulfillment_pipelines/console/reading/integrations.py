"""Every system on one page: what it last said, what fails, what waits to be written, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.feed_rows import Effect, FeedRow, LakeView, read_lake_view
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.backlog import (
    BacklogLine,
    DeadLetter,
    count_dead_letters,
    read_backlog,
    read_dead_letters,
)
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.readings import CorrectionFilter, list_corrections, overdue_orders
from fulfillment_pipelines.ledger.switches import EngagedSwitch, SwitchScope, engaged_since
from fulfillment_pipelines.ledger.target_health import Circuit, TargetHealth, read_health
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.loop.live.charge import is_in_charge
from fulfillment_pipelines.loop.live.status import LiveStatus, read_status
from fulfillment_pipelines.loop.platform import runtime_folder

_STATES: Final = ("FAILED", "QUARANTINED", "PARTIAL", "STALE", "OK")
"""Of a feed, the worst first."""

_MOST_LETTERS: Final = 100


@dataclass(frozen=True, slots=True)
class SystemRow:
    """One system.

    Attributes:
        feeds: What is read from it; empty where nothing is, or nothing is known of it.
        lag_seconds: How far the live loop is behind with it; None where no loop runs.
        health: Its circuit; None where it was never written to.
        backlog: What waits to be written to it.
        dead_letters: Corrections for it that were given up.
        effects: What its outage costs, by currency; empty where it can be trusted.
    """

    name: str
    title: str
    role: str
    node: str
    feeds: tuple[FeedRow, ...]
    lag_seconds: float | None
    health: TargetHealth | None
    backlog: tuple[BacklogLine, ...]
    dead_letters: int
    effects: tuple[Effect, ...]

    @property
    def worst(self) -> FeedRow | None:
        """The feed that can be trusted least."""
        return min(self.feeds, key=lambda feed: (_STATES.index(feed.standing.state), -feed.used_percent), default=None)

    @property
    def state(self) -> str:
        """The worst of its feeds; empty where nothing is known of any."""
        return self.worst.standing.state if self.worst else ""

    @property
    def not_ok_count(self) -> int:
        """How many of its feeds cannot be trusted."""
        return sum(feed.standing.state != "OK" for feed in self.feeds)

    @property
    def attempt_count(self) -> int:
        """Attempts of the last day."""
        return sum(feed.attempt_count for feed in self.feeds)

    @property
    def failed_count(self) -> int:
        """Attempts of the last day that failed."""
        return sum(feed.failed_count for feed in self.feeds)

    @property
    def failed_in_a_row(self) -> int:
        """The most attempts in a row that failed, of any feed."""
        return max((feed.failed_in_a_row for feed in self.feeds), default=0)

    @property
    def waiting(self) -> int:
        """Corrections that wait for it."""
        return sum(line.rows for line in self.backlog)

    @property
    def oldest_waiting_at(self) -> datetime | None:
        """When the first of them was approved."""
        return min((line.oldest_at for line in self.backlog), default=None)

    @property
    def is_down(self) -> bool:
        """Whether nothing is written to it for now, but for a probe."""
        return self.health is not None and self.health.circuit is not Circuit.CLOSED

    @property
    def at_risk_amount(self) -> Decimal:
        """By which effects are compared; currencies are added as they stand, only to sort."""
        return sum((effect.at_risk_amount for effect in self.effects), Decimal(0))


@dataclass(frozen=True, slots=True)
class Live:
    """How the live loop is doing; `status` is None where none ever ran."""

    is_running: bool
    status: LiveStatus | None


@dataclass(frozen=True, slots=True)
class Integrations:
    """The page.

    Attributes:
        now: The moment it speaks of.
        systems: By what their outage costs, then by state, then as they are declared.
        lake: What the lake tells.
        live: How the live loop is doing.
        switches: What is switched off, the oldest first.
        dead_letters: What was given up, the latest first.
        unknown_outcomes: What may or may not have had its effect.
        codes: The exception codes, to be named by a switch.
    """

    now: datetime
    systems: tuple[SystemRow, ...]
    lake: LakeView
    live: Live
    switches: tuple[EngagedSwitch, ...]
    dead_letters: tuple[DeadLetter, ...]
    unknown_outcomes: tuple[CorrectionRecord, ...]
    codes: tuple[str, ...]

    @property
    def scopes(self) -> tuple[SwitchScope, ...]:
        """What a switch may stop."""
        return tuple(SwitchScope)

    @property
    def outages(self) -> tuple[SystemRow, ...]:
        """Systems that are doubted or down, the dearest first."""
        return tuple(row for row in self.systems if row.effects or row.state not in {"OK", ""} or row.is_down)

    @property
    def feed_count(self) -> int:
        """How many feeds there are."""
        return sum(len(row.feeds) for row in self.systems)

    @property
    def trusted_feeds(self) -> int:
        """How many of them can be trusted."""
        return self.feed_count - sum(row.not_ok_count for row in self.systems)

    @property
    def waiting(self) -> int:
        """Corrections that wait for any system."""
        return sum(row.waiting for row in self.systems)


def read_integrations(console: Console) -> Integrations:
    """Return everything about every system; where the lake does not answer, what the ledger knows."""
    now = console.now()
    unknown = CorrectionFilter(states=frozenset({CorrectionState.UNKNOWN_OUTCOME}), limit=_MOST_LETTERS)
    with console.reading() as work:
        overdue = overdue_orders(work, now)
    lake, live = read_lake_view(console, now, overdue), read_live(console)
    with console.reading() as work:
        systems = system_rows(work, console, lake, live)
        return Integrations(
            now=now,
            systems=tuple(sorted(systems, key=_gravest_first)),
            lake=lake,
            live=live,
            switches=tuple(engaged_since(work)),
            dead_letters=tuple(read_dead_letters(work, limit=_MOST_LETTERS)),
            unknown_outcomes=tuple(list_corrections(work, unknown)),
            codes=tuple(rule.code for rule in console.platform.reconciler.rules),
        )


def system_rows(work: UnitOfWork, console: Console, lake: LakeView, live: Live) -> list[SystemRow]:
    """Return one row for each system, as they are declared."""
    health, dead, backlog = read_health(work), count_dead_letters(work), read_backlog(work)
    return [
        SystemRow(
            name=name,
            title=declared.title,
            role=declared.role.value,
            node=declared.node,
            feeds=tuple(lake.feeds.get(name, ())),
            lag_seconds=_lag_of(live, name),
            health=health.get(name),
            backlog=_waiting_for(backlog, name),
            dead_letters=dead.get(name, 0),
            effects=tuple(lake.effects.get(name, ())),
        )
        for name, declared in console.platform.registry.declarations.items()
    ]


def read_live(console: Console) -> Live:
    """Return how the live loop is doing."""
    folder = runtime_folder(console.platform.settings, console.platform.distributor)
    return Live(is_in_charge(folder, console.machine_now()), read_status(folder))


def _lag_of(live: Live, system: str) -> float | None:
    lag = live.status.systems.get(system) if live.status and live.is_running else None
    return lag.lag_seconds if lag else None


def _waiting_for(backlog: Sequence[BacklogLine], system: str) -> tuple[BacklogLine, ...]:
    return tuple(line for line in backlog if line.via == system)


def _gravest_first(row: SystemRow) -> tuple[bool, Decimal, int]:
    return not row.is_down, -row.at_risk_amount, _STATES.index(row.state) if row.state else len(_STATES)

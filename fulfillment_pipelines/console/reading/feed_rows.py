"""What the lake tells of the feeds: how far each can be trusted, its control totals, what depends on those that fail.

How the systems themselves are doing, as the ledger and the live loop know it, belongs in `integrations`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.lake import FeedStanding, ask_lake, life_feeds
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.explanation.questions import Row

_OF_LATE: Final = timedelta(days=1)
_MOST_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One feed: how far it can be trusted, its objective, its last snapshot and its attempts of the last day.

    Attributes:
        standing: How far it can be trusted.
        age: How long ago the moment is that it speaks of; None where it never came.
        objective: How old it may be.
        problem_since: Since when it cannot be trusted; None while it can.
        last_attempted_at: When it was last pulled, by the machine's clock.
        attempt_count: Attempts of the last day.
        failed_count: How many of them failed.
        failed_in_a_row: Attempts since the last that succeeded.
        landed_rows: Rows of the last snapshot; None before the first.
        declared_rows: How many the system said there were; None where it does not say.
        quarantined_rows: How many of them were kept out.
        is_complete: Whether that snapshot was complete.
    """

    standing: FeedStanding
    age: timedelta | None
    objective: timedelta
    problem_since: datetime | None
    last_attempted_at: datetime | None
    attempt_count: int
    failed_count: int
    failed_in_a_row: int
    landed_rows: int | None
    declared_rows: int | None
    quarantined_rows: int | None
    is_complete: bool | None

    @property
    def doubted_since(self) -> datetime | None:
        """Since when it cannot be trusted; None while it can, or where that is not known."""
        if self.standing.state != "STALE" or self.standing.as_of is None:
            return self.problem_since
        return self.problem_since or self.standing.as_of + self.objective

    @property
    def totals_agree(self) -> bool:
        """Whether the last snapshot has as many rows as the system said; true where it says nothing."""
        return self.declared_rows is None or self.declared_rows == self.landed_rows

    @property
    def used_percent(self) -> int:
        """How much of its time is used up, at most 100."""
        return 100 if self.age is None else min(100, max(0, int(100 * self.age / self.objective)))


@dataclass(frozen=True, slots=True)
class Effect:
    """What it costs the business that a system is doubted, in one currency.

    Attributes:
        order_count: Orders of which nobody can say that they are well.
        line_count: Their lines.
        at_risk_amount: What of them is not yet delivered and billed.
        overdue_case_count: Cases of them that are past their deadline.
    """

    currency: str
    order_count: int
    line_count: int
    at_risk_amount: Decimal
    overdue_case_count: int


@dataclass(frozen=True, slots=True)
class LakeView:
    """What the lake tells.

    Attributes:
        feeds: By system.
        effects: Of systems that are doubted, by system, the dearest currency first.
        drift: Ways in which answers differ from what was agreed on.
        quarantine: Rows that were kept out, with the expectations they failed.
        failures: Pulls that failed, the latest first.
        problem: Why the lake tells nothing; None where it does.
    """

    feeds: Mapping[str, Sequence[FeedRow]] = field(default_factory=dict)
    effects: Mapping[str, Sequence[Effect]] = field(default_factory=dict)
    drift: Sequence[Row] = ()
    quarantine: Sequence[Row] = ()
    failures: Sequence[Row] = ()
    problem: RetryableError | None = None

    @property
    def quarantined(self) -> int:
        """How many rows are in quarantine in all."""
        return self.quarantine[0]["all_rows"] if self.quarantine else 0


def read_lake_view(console: Console, now: datetime, overdue_orders: Sequence[str], system: str = "") -> LakeView:
    """Return what the lake tells; where it does not answer, why.

    Args:
        console: What is asked.
        now: The moment in which freshness is measured.
        overdue_orders: The order of each open case that is past its deadline.
        system: Only drift, quarantine and failures of this system; empty for all.
    """
    wanted = {"system": system, "only_failed": True, "most": _MOST_ROWS}
    try:
        feeds = _feeds(console, now)
        return LakeView(
            feeds=feeds,
            effects=_effects(console, feeds, overdue_orders),
            drift=ask_lake(console.questions, "integration_drift", wanted),
            quarantine=ask_lake(console.questions, "integration_quarantine", wanted),
            failures=ask_lake(console.questions, "integration_pulls", wanted),
        )
    except RetryableError as error:
        return LakeView(problem=error)


def doubted_nodes(feeds: Sequence[FeedRow]) -> list[str]:
    """Return the sites for which a system is doubted, an empty name for every site.

    Only feeds count from which the verdict on an order line follows.
    """
    doubted = (feed for feed in life_feeds(row.standing for row in feeds) if feed.state != "OK")
    return sorted({feed.node for feed in doubted})


def _feeds(console: Console, now: datetime) -> dict[str, list[FeedRow]]:
    found: dict[str, list[FeedRow]] = defaultdict(list)
    moments = {"now_at": now, "since": console.machine_now() - _OF_LATE}
    for row in ask_lake(console.questions, "integration_feeds", moments):
        found[row["system"]].append(_feed(row, now))
    return found


def _feed(row: Row, now: datetime) -> FeedRow:
    said = ("system", "entity", "role", "contract", "node", "state", "as_of", "problem")
    as_of = row["as_of"]
    return FeedRow(
        standing=FeedStanding(**{name: row[name] for name in said}),
        age=None if as_of is None else now - as_of,
        objective=timedelta(seconds=row["freshness_seconds"]),
        problem_since=row["problem_since"],
        last_attempted_at=row["last_attempted_at"],
        attempt_count=row["attempt_count"],
        failed_count=row["failed_count"],
        failed_in_a_row=row["failed_in_a_row"],
        landed_rows=row["landed_rows"],
        declared_rows=row["declared_rows"],
        quarantined_rows=row["quarantined_rows"],
        is_complete=row["is_complete"],
    )


def _effects(
    console: Console, feeds: Mapping[str, Sequence[FeedRow]], overdue_orders: Sequence[str]
) -> dict[str, list[Effect]]:
    pairs = [(system, node) for system, rows in feeds.items() for node in doubted_nodes(rows)]
    parameters = {
        "systems": [system for system, _ in pairs],
        "nodes": [node for _, node in pairs],
        "overdue_orders": list(overdue_orders),
    }
    found: dict[str, list[Effect]] = defaultdict(list)
    for row in ask_lake(console.questions, "integration_effects", parameters):
        values = {name: value for name, value in row.items() if name != "system"}
        found[row["system"]].append(Effect(**values))
    return found

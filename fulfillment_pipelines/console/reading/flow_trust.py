"""Which feeds must not be believed now, and which KPI rests on them: stale input never looks green."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fulfillment_pipelines.console.reading.flow_answers import FlowAnswers

_ORDERS: Final = frozenset({("erp", "orders"), ("erp", "order_lines")})
_OUTCOMES: Final = _ORDERS | {("carrier", "delivery_lines"), ("wms", "shipment_lines"), ("wms", "returns")}
_BILLING: Final = frozenset({("finance", "invoice_lines")})
_OPEN: Final = _OUTCOMES | _BILLING | {("wms", "releases"), ("wms", "packs")}
_STOCK: Final = frozenset({("erp", "stock_levels"), ("wms", "stock_levels"), ("wms", "stock_movements")})
_RESTS_ON: Final[Mapping[str, frozenset[tuple[str, str]]]] = {
    "perfect_order": _OUTCOMES | _BILLING,
    "perfect_order_on_time": _OUTCOMES,
    "perfect_order_complete": _OUTCOMES,
    "perfect_order_undamaged": _OUTCOMES,
    "perfect_order_documents": _OUTCOMES | _BILLING,
    "otif": _OUTCOMES,
    "order_cycle_time": _OUTCOMES,
    "open_order_age": _OUTCOMES,
    "invoice_timeliness": _BILLING | {("wms", "shipment_lines"), ("erp", "shipment_lines")},
    "invoice_timeliness_by_value": _BILLING | {("wms", "shipment_lines"), ("erp", "shipment_lines")},
    "inventory_accuracy": _STOCK,
    "backlog_ageing": _OPEN,
    "stalled_orders": _OPEN,
}


@dataclass(frozen=True, slots=True)
class UntrustedFeed:
    """A feed that must not be believed now.

    Attributes:
        system: Whose it is.
        entity: What it tells of.
        role: What its system is.
        contract: What it keeps.
        node: The site it speaks of; empty for all.
        problem: Why not.
        as_of: The last moment it speaks of; None for never.
    """

    system: str
    entity: str
    role: str
    contract: str
    node: str
    problem: str
    as_of: datetime | None

    @property
    def words(self) -> str:
        """What is wrong, in a few words."""
        return f"{self.system}/{self.entity}: {self.problem}"


def read_untrusted_feeds(answers: FlowAnswers) -> tuple[UntrustedFeed, ...]:
    """Return the feeds that the last pass did not believe, and those that have grown too old since.

    Raises:
        BadDataError: The lake has never been reconciled.
        RetryableError: The lake is busy.
    """
    found = []
    for row in answers.of("flow_feeds"):
        as_of: datetime | None = row["as_of"]
        is_old = as_of is None or answers.scope.now - as_of > timedelta(seconds=row["freshness_seconds"])
        if row["state"] != "OK" or is_old:
            problem = row["problem"] or "its last answer is older than it may be"
            found.append(
                UntrustedFeed(row["system"], row["entity"], row["role"], row["contract"], row["node"], problem, as_of)
            )
    return tuple(found)


def that_concern(kpi: str, feeds: Iterable[UntrustedFeed], site: str) -> list[UntrustedFeed]:
    """Return the feeds that a KPI of a site rests on; of all sites where the site is empty."""
    needed = _RESTS_ON.get(kpi, frozenset())
    return [feed for feed in feeds if (feed.role, feed.contract) in needed and _is_of(feed, site)]


def _is_of(feed: UntrustedFeed, site: str) -> bool:
    return not feed.node or site in ("", "SEVERAL", feed.node)

"""What is available of an item at a site: what the ERP promises against what the warehouse has free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.lake import (
    FeedStanding,
    ask_lake,
    oldest,
    read_feed_standings,
    trusted,
)
from fulfillment_pipelines.domain.finding import Verdict
from fulfillment_pipelines.explanation.questions import Row


@dataclass(frozen=True, slots=True)
class StockSide:
    """What one side holds of an item at a site.

    Attributes:
        available_qty: What it may promise: available to promise in the ERP, free in a warehouse.
        snapshot_id: Where that was read.
    """

    on_hand_qty: Decimal | None
    reserved_qty: Decimal | None
    available_qty: Decimal | None
    snapshot_id: str


@dataclass(frozen=True, slots=True)
class Availability:
    """What is available of one item at one site.

    Attributes:
        erp: What the ERP says; None where it does not know the item there.
        wms: What the warehouse says; None where it does not know the item.
        open_demand_qty: What orders still want; None where the two cannot be compared.
        unexplained_qty: What the ERP promises beyond what the warehouse has free and what is on its way; None where the
            two cannot be compared.
        verdict: Whether they agree, as it holds now.
        codes: Exceptions that speak of it.
        as_of: Both speak of this moment at least.
    """

    sku: str
    node: str
    erp: StockSide | None
    wms: StockSide | None
    open_demand_qty: Decimal | None
    unexplained_qty: Decimal | None
    verdict: Verdict
    codes: tuple[str, ...]
    as_of: datetime | None


def read_availability(
    console: Console, *, sku: str = "", node: str = "", after: tuple[str, str] = ("", ""), most: int = 50
) -> list[Availability]:
    """Return what is available, by item and site.

    Args:
        console: What is asked.
        sku: Only this item; empty for all.
        node: Only this site; empty for all.
        after: Item and site behind which to begin.
        most: At most so many.

    Raises:
        RetryableError: There is no lake yet, or it does not answer.
    """
    keys = {"sku": sku, "node": node, "after_sku": after[0], "after_node": after[1], "most": most}
    rows = ask_lake(console.questions, "availability", keys)
    feeds = [feed for feed in read_feed_standings(console) if feed.contract == "stock_levels"]
    return [_availability(row, feeds) for row in rows]


def _availability(row: Row, feeds: Sequence[FeedStanding]) -> Availability:
    own = [feed for feed in feeds if feed.role in {"erp", "wms"} and feed.speaks_of(row["node"])]
    return Availability(
        sku=row["sku"],
        node=row["node"],
        erp=_side(row, "erp"),
        wms=_side(row, "wms"),
        open_demand_qty=row["open_demand_qty"],
        unexplained_qty=row["residual_available_qty"],
        verdict=trusted(Verdict(row["verdict"]), own),
        codes=tuple(code for code in row["codes"].split(", ") if code),
        as_of=oldest(own),
    )


def _side(row: Row, side: str) -> StockSide | None:
    if row[f"{side}_snapshot_id"] is None:
        return None
    return StockSide(
        on_hand_qty=row[f"{side}_on_hand_qty"],
        reserved_qty=row[f"{side}_reserved_qty"],
        available_qty=row[f"{side}_available_qty"],
        snapshot_id=row[f"{side}_snapshot_id"],
    )

"""Availability: what the ERP promises of an item at a site, against what the warehouse has free."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from fulfillment_pipelines.console.access.guard import Actor, console_of
from fulfillment_pipelines.console.api.allowance import calls
from fulfillment_pipelines.console.api.answers import shown
from fulfillment_pipelines.console.api.cursors import cursor_of, pair_behind
from fulfillment_pipelines.console.api.shapes import AskedFor, Cursor, Instant, Number, PageSize, Quantity, Shown
from fulfillment_pipelines.console.reading.availability import read_availability
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.domain.finding import Verdict

router: Final = APIRouter(prefix="/availability", tags=["availability"])

_LIST: Final = "availability"


class AvailabilityQuery(AskedFor):
    """Which items and sites."""

    sku: Number | None = Field(default=None, description="Only this item.", examples=["VLV-1014"])
    node: Number | None = Field(default=None, description="Only this site.", examples=["WEST"])
    limit: PageSize = 50
    cursor: Cursor | None = None


class StockSide(Shown):
    """What one side holds of an item at a site, in base units."""

    on_hand_qty: Quantity | None
    reserved_qty: Quantity | None
    available_qty: Quantity | None = Field(description="Available to promise in the ERP, free in a warehouse.")
    snapshot_id: str = Field(examples=["20260309T140500000000Z-a5dffd005cb4"])


class Availability(Shown):
    """What is available of one item at one site."""

    sku: str = Field(examples=["VLV-1014"])
    node: str = Field(examples=["WEST"])
    erp: StockSide | None = Field(description="None where the ERP does not know the item there.")
    wms: StockSide | None = Field(description="None where the warehouse does not know the item.")
    open_demand_qty: Quantity | None = Field(description="What orders still want.")
    unexplained_qty: Quantity | None = Field(
        description="What the ERP promises beyond what the warehouse has free and what is known to be on its way."
    )
    verdict: Verdict = Field(description="Whether both agree; UNKNOWN where one is missing or cannot be trusted now.")
    codes: tuple[str, ...] = Field(examples=[["INV-02"]], description="Exceptions that speak of it.")
    as_of: Instant | None = Field(description="Both speak of this moment at least.")


class AvailabilityPage(Shown):
    """Items and sites, by item."""

    items: tuple[Availability, ...]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last one.")


@router.get("", response_model=AvailabilityPage)
def list_availability(
    request: Request,
    actor: Annotated[Actor, calls(Permission.ORDER_VIEW)],
    query: Annotated[AvailabilityQuery, Query()],
) -> Response:
    """What the ERP promises against what the warehouses have free."""
    del actor
    asked = query.model_dump(exclude={"cursor", "limit"})
    last = pair_behind(query.cursor, _LIST, asked) if query.cursor else ("", "")
    found = read_availability(
        console_of(request),
        sku=query.sku or "",
        node=query.node or "",
        after=last,
        most=query.limit + 1,
    )
    items = tuple(Availability.model_validate(one) for one in found[: query.limit])
    has_more = len(found) > query.limit
    cursor = cursor_of(_LIST, asked, (items[-1].sku, items[-1].node)) if has_more else None
    return shown(request, AvailabilityPage(items=items, next_cursor=cursor))

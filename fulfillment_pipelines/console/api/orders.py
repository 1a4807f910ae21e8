"""Orders: where one stands, and what has happened to it."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from fulfillment_pipelines.console.access.guard import Actor, console_of
from fulfillment_pipelines.console.api.allowance import calls
from fulfillment_pipelines.console.api.answers import shown
from fulfillment_pipelines.console.api.shapes import Amount, Instant, Number, Quantity, Share, Shown
from fulfillment_pipelines.console.reading.order_standing import read_order_life, read_order_standing
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.domain.finding import Severity, Verdict

router: Final = APIRouter(prefix="/orders", tags=["orders"])

OrderNumber = Annotated[
    Number, Path(description="Number of the order in the ERP, or in its channel.", examples=["SO-100123"])
]


class DistrustedFeed(Shown):
    """A feed that cannot be trusted now: what depends on it is not known."""

    system: str = Field(examples=["warehouse"])
    entity: str = Field(examples=["shipments"])
    state: str = Field(examples=["STALE"], description="STALE, PARTIAL, FAILED or QUARANTINED.")
    as_of: Instant | None
    problem: str = Field(examples=["the last answer speaks of a moment too long ago"])


class LineQuantities(Shown):
    """Units of a line by bucket, in base units.

    What is ordered and not cancelled is in exactly one bucket up to `shipped` and `short_closed`; what is shipped, in
    one of `in_transit`, `kept`, `returned` and `lost`.
    """

    ordered: Quantity
    cancelled: Quantity
    open: Quantity
    backordered: Quantity
    allocated_unreleased: Quantity
    released_unpicked: Quantity
    picked_unshipped: Quantity
    shipped: Quantity
    short_closed: Quantity
    in_transit: Quantity
    kept: Quantity
    returned: Quantity
    lost: Quantity
    billed: Quantity
    unbilled: Quantity


class LineStatus(Shown):
    """Where one line of an order stands, on axes that do not depend on each other."""

    line_no: int = Field(examples=[1])
    sku: str = Field(examples=["VLV-1014"])
    node: str = Field(examples=["WEST"], description="The site; empty where none is chosen.")
    verdict: Verdict = Field(
        description="DIFFER: the systems disagree. UNKNOWN: an input is untrusted. TIMING: a normal lag is not over."
    )
    codes: tuple[str, ...] = Field(examples=[["FIN-01"]], description="Exceptions that speak of the line.")
    line_state: str = Field(examples=["SHIPPED"], description="State of the units that are least far.")
    release_state: str = Field(examples=["ACKED"])
    shipment_state: str = Field(examples=["DEPARTED"])
    invoice_state: str = Field(examples=["ELIGIBLE"])
    channel_ordered_qty: Quantity | None = Field(description="What its channel ordered; null where it came by none.")
    quantities: LineQuantities = Field(description="As the ERP and the systems behind it have them.")
    promised_at: Instant | None
    release_due_at: Instant | None


class MilestoneSummary(Shown):
    """One kind of milestone of an order: how often it was reached, first and last."""

    milestone: str = Field(examples=["shipment.departed"])
    count: int = Field(examples=[2])
    first_at: Instant
    last_at: Instant


class OpenException(Shown):
    """An open exception of an order; `/exceptions/{case_id}` shows all of it."""

    case_id: str = Field(examples=["EXC-0123456789abcdef"])
    code: str = Field(examples=["FIN-01"])
    state: str = Field(examples=["OPEN"])
    severity: Severity
    owner: str = Field(examples=["Billing"])
    value_at_risk_amount: Amount
    currency: str = Field(examples=["USD"])
    fix_due_at: Instant


class OrderStatus(Shown):
    """Where an order stands, and how far that can be trusted."""

    order_id: str = Field(examples=["SO-100123"])
    channel_order_id: str | None = Field(examples=["P-500123"])
    customer_id: str | None = Field(examples=["C-0016"])
    ordered_at: Instant | None
    requested_at: Instant | None
    promised_at: Instant | None = Field(description="The latest promise of its lines.")
    order_state: str = Field(examples=["IN_FULFILMENT"])
    hold_state: str = Field(examples=["NOT_REQUIRED"])
    is_on_hold: bool
    is_partial: bool
    verdict: Verdict = Field(description="The worst of its lines; UNKNOWN where it has none.")
    coverage: Share = Field(description="Share of its lines whose verdict is known.")
    as_of: Instant | None = Field(description="All systems speak of this moment at least.")
    lines: tuple[LineStatus, ...]
    milestones: tuple[MilestoneSummary, ...]
    open_exceptions: tuple[OpenException, ...]
    distrusted: tuple[DistrustedFeed, ...] = Field(description="Why something is UNKNOWN.")


class Milestone(Shown):
    """Something that happened to an order, as one system tells it."""

    occurred_at: Instant
    milestone: str = Field(examples=["shipment.departed"])
    system: str = Field(examples=["warehouse"])
    line_no: int | None = Field(examples=[1])
    subject_id: str | None = Field(examples=["SH-000406"], description="The shipment, document or hold it is about.")
    quantity: Quantity | None
    detail: str = Field(examples=["WEST"])
    snapshot_id: str = Field(examples=["20260309T140500000000Z-a5dffd005cb4"])


class PlannedMilestone(Shown):
    """What a line was promised."""

    line_no: int = Field(examples=[1])
    milestone: str = Field(examples=["delivery.confirmed"])
    planned_at: Instant


class OrderMilestones(Shown):
    """What happened to an order across the systems, oldest first, and what was planned."""

    order_id: str = Field(examples=["SO-100123"])
    as_of: Instant | None = Field(description="All systems speak of this moment at least.")
    milestones: tuple[Milestone, ...]
    planned: tuple[PlannedMilestone, ...]
    distrusted: tuple[DistrustedFeed, ...] = Field(description="Feeds that may know more.")


@router.get("/{order_id}/status", response_model=OrderStatus)
def show_status(
    request: Request, actor: Annotated[Actor, calls(Permission.ORDER_VIEW)], order_id: OrderNumber
) -> Response:
    """Where an order stands: by axis and line, what is promised, and which exceptions are open."""
    console = console_of(request)
    with console.reading() as work:
        standing = read_order_standing(console, work, order_id)
    status = OrderStatus.model_validate(standing)
    may_see = actor.may(Permission.CASE_VIEW)
    return shown(request, status if may_see else status.model_copy(update={"open_exceptions": ()}))


@router.get("/{order_id}/milestones", response_model=OrderMilestones)
def show_milestones(
    request: Request, actor: Annotated[Actor, calls(Permission.ORDER_VIEW)], order_id: OrderNumber
) -> Response:
    """What happened to an order across the systems, oldest first, and what was planned."""
    del actor
    life = read_order_life(console_of(request), order_id)
    told = OrderMilestones(
        order_id=life.order_id,
        as_of=life.as_of,
        milestones=tuple(
            Milestone(
                occurred_at=event.occurred_at,
                milestone=event.event,
                system=event.system,
                line_no=event.line_no,
                subject_id=event.subject_id,
                quantity=event.quantity_qty,
                detail=event.detail or "",
                snapshot_id=event.snapshot_id,
            )
            for event in life.events
        ),
        planned=tuple(PlannedMilestone.model_validate(one) for one in life.planned),
        distrusted=tuple(DistrustedFeed.model_validate(feed) for feed in life.distrusted),
    )
    return shown(request, told)

"""Messages about what leaves a site: release, confirmation, its amendment and reversal, a question for a milestone."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from fulfillment_pipelines.messages.fields import (
    Instant,
    LineNo,
    MessagePart,
    Node,
    OrderId,
    PositiveQuantity,
    Quantity,
    ShipmentId,
    Sku,
    Text,
    Uom,
)
from fulfillment_pipelines.messages.message import (
    BusinessObject,
    FromPayload,
    FromPrecondition,
    Later,
    MessageType,
    NotUndone,
    Reaction,
    UndoneBy,
)


class ReleaseSend(MessagePart):
    """An order line that a site shall ship (X12 940)."""

    release_id: Annotated[Text, Field(description="Number of the release.")]
    order_id: OrderId
    line_no: LineNo
    sku: Sku
    uom: Uom
    released_qty: Annotated[PositiveQuantity, Field(description="Quantity the site shall ship (qR).")]
    released_at: Annotated[Instant, Field(description="When the line was released, or was due to be.")]


class ReleaseFound(MessagePart):
    """The release as the ERP had it."""

    release_id: Annotated[Text | None, Field(description="Its number; none where nothing was released.")] = None


class ShipConfirm(MessagePart):
    """What left on one leg (X12 945)."""

    shipment_id: ShipmentId
    order_id: OrderId
    line_no: LineNo
    node: Node
    sku: Sku
    shipped_qty: Annotated[PositiveQuantity, Field(description="Quantity that left (qS).")]
    shipped_at: Annotated[Instant, Field(description="When it left the site.")]
    uom: Uom | None = None
    ordered_qty: Annotated[Quantity | None, Field(description="Quantity the site was to ship, where it is told.")] = (
        None
    )


class LegNotConfirmed(MessagePart):
    """The leg has no confirmation in the ERP yet."""

    shipment_id: ShipmentId


class ShipAmend(MessagePart):
    """The right quantity of a leg that is confirmed already."""

    shipment_id: ShipmentId
    order_id: OrderId
    line_no: LineNo
    shipped_qty: Annotated[Quantity, Field(description="Quantity that left (qS).")]


class ConfirmedBefore(MessagePart):
    """What the ERP had booked for the leg."""

    shipped_qty: Annotated[Quantity, Field(description="Quantity the ERP had confirmed.")]


class ShipReverse(MessagePart):
    """A confirmation of something that never left."""

    shipment_id: ShipmentId
    order_id: OrderId
    line_no: LineNo
    node: Annotated[Node | None, Field(description="Site the confirmation names, where it names one.")] = None
    sku: Annotated[Sku | None, Field(description="Item the confirmation names, where it names one.")] = None
    shipped_qty: Annotated[Quantity, Field(description="Quantity that was confirmed.")]


class EventRequest(MessagePart):
    """A milestone that is missing in the site's log."""

    order_id: OrderId
    line_no: LineNo
    node: Node
    sku: Sku | None = None
    gap: Annotated[Text, Field(description="What is missing, for example `DEPARTED without PICKED`.")]


class GapFound(MessagePart):
    """What was missing."""

    gap: Annotated[Text, Field(description="What was missing when it was looked at.")]


_LEG = {name: FromPayload(name) for name in ("shipment_id", "order_id", "line_no")}
_ITEM = {name: FromPayload(name) for name in ("node", "sku")}

SHIPMENT_MESSAGES: Final = (
    MessageType(
        name="release.send",
        asks="Ship an order line that was released and that the site does not have.",
        object=BusinessObject.ORDER_LINE,
        payload=ReleaseSend,
        precondition=ReleaseFound,
        inverse=NotUndone("the site may have begun to pick; it is called and cancels by hand"),
        sets=("released_qty",),
        quantity="released_qty",
        reactions=(Reaction("wms", "picks, packs and ships"), Reaction("erp", "hears of the shipment (945)")),
    ),
    MessageType(
        name="ship.confirm",
        asks="Book what left on a leg that the ERP does not know.",
        object=BusinessObject.SHIPMENT_LINE,
        payload=ShipConfirm,
        precondition=LegNotConfirmed,
        inverse=UndoneBy(
            "ship.reverse",
            {**_LEG, **_ITEM, "shipped_qty": FromPayload("shipped_qty")},
            {"shipped_qty": FromPayload("shipped_qty")},
        ),
        sets=("shipped_qty", "shipped_at"),
        quantity="shipped_qty",
        reactions=(
            Reaction("erp", "lowers the stock on hand and the allocation"),
            Reaction("finance", "may bill the leg"),
            Reaction("channel", "is told of the shipment (856)"),
        ),
    ),
    MessageType(
        name="ship.amend",
        asks="Book the quantity that really left on a leg.",
        object=BusinessObject.SHIPMENT_LINE,
        payload=ShipAmend,
        precondition=ConfirmedBefore,
        inverse=UndoneBy(
            "ship.amend",
            {**_LEG, "shipped_qty": FromPrecondition("shipped_qty")},
            {"shipped_qty": FromPayload("shipped_qty")},
        ),
        sets=("shipped_qty",),
        quantity="shipped_qty",
        reactions=(
            Reaction("erp", "corrects the stock on hand"),
            Reaction("finance", "bills another quantity"),
        ),
    ),
    MessageType(
        name="ship.reverse",
        asks="Take back the confirmation of a leg that never left.",
        object=BusinessObject.SHIPMENT_LINE,
        payload=ShipReverse,
        precondition=ConfirmedBefore,
        inverse=UndoneBy(
            "ship.confirm",
            {**_LEG, **_ITEM, "shipped_qty": FromPrecondition("shipped_qty"), "shipped_at": Later("when it left")},
            {"shipment_id": FromPayload("shipment_id")},
        ),
        implies={"shipped_qty": "0"},
        quantity="shipped_qty",
        reactions=(
            Reaction("erp", "books the stock back in"),
            Reaction("finance", "may not bill the leg any more"),
            Reaction("channel", "is told that nothing comes (856 cancellation)"),
        ),
    ),
    MessageType(
        name="event.request",
        asks="Tell once more what happened to an order line at the site.",
        object=BusinessObject.ORDER_LINE,
        payload=EventRequest,
        precondition=GapFound,
        inverse=NotUndone("a question changes nothing"),
        reactions=(Reaction("wms", "sends its log of the line again"),),
    ),
)
"""All messages of this module."""

"""Documents for trading partners: order acknowledgement (855), ship notice (856), inventory advice (846).

A message is about one order line, one line of a leg or one stock position, as the finding it cures; the transport lays
it out as a document of that one line. Code lists of X12 belong to the transport that writes it.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from fulfillment_pipelines.messages.fields import (
    CurrencyCode,
    Instant,
    LineNo,
    MessagePart,
    Node,
    OrderId,
    PositiveQuantity,
    Price,
    Quantity,
    ShipmentId,
    Sku,
    Text,
    Uom,
)
from fulfillment_pipelines.messages.message import (
    BusinessObject,
    Fixed,
    FromPayload,
    FromPrecondition,
    Later,
    MessageType,
    NotUndone,
    Reaction,
    Source,
    UndoneBy,
)

PartnerId = Annotated[Text, Field(description="Trading partner that receives the document.")]
CustomerPo = Annotated[Text, Field(description="The customer's purchase order number.")]
ForeignSku = Annotated[Text, Field(description="Item number of the partner.")]


class OrderAcknowledge(MessagePart):
    """What becomes of one ordered line (X12 855, ACK)."""

    partner_id: PartnerId
    order_id: OrderId
    customer_po: CustomerPo
    ordered_at: Annotated[Instant, Field(description="Date of the purchase order.")]
    line_no: LineNo
    sku: Sku
    foreign_sku: ForeignSku | None = None
    uom: Uom
    ordered_qty: Annotated[PositiveQuantity, Field(description="Quantity the partner ordered (qO).")]
    ack_code: Annotated[
        str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(description="Line item status, X12 element 668.")
    ]
    acknowledged_qty: Annotated[Quantity, Field(description="Quantity the status speaks of.")]
    unit_price: Annotated[Price | None, Field(description="Price that is acknowledged.")] = None
    currency: CurrencyCode | None = None
    promised_at: Annotated[Instant | None, Field(description="Delivery that is promised.")] = None
    substitute_sku: Annotated[Text | None, Field(description="Item that is sent instead, where one is.")] = None
    acknowledged_at: Annotated[Instant, Field(description="When it was decided.")]


class AcknowledgedBefore(MessagePart):
    """What the partner was told before."""

    ack_code: Annotated[str | None, Field(description="Line item status; none where nothing was said.")] = None


class ShipNotice(MessagePart):
    """What left on one leg for one order line (X12 856)."""

    partner_id: PartnerId
    purpose: Annotated[
        Literal["ORIGINAL", "REPLACEMENT", "CANCELLATION"], Field(description="What it does, X12 element 353.")
    ]
    shipment_id: ShipmentId
    order_id: OrderId
    customer_po: CustomerPo
    line_no: LineNo
    node: Node
    sku: Sku
    foreign_sku: ForeignSku | None = None
    uom: Uom
    shipped_qty: Annotated[Quantity, Field(description="Quantity that left (qS).")]
    ordered_qty: Annotated[Quantity | None, Field(description="Quantity ordered (qO), where it is told.")] = None
    shipped_at: Annotated[Instant, Field(description="When it left the site.")]
    eta_at: Annotated[Instant | None, Field(description="When it should arrive.")] = None
    carrier_id: Annotated[Text | None, Field(description="Carrier that moves it.")] = None
    tracking_no: Annotated[Text | None, Field(description="The carrier's number.")] = None
    pack_id: Annotated[Text | None, Field(description="Number on the package.")] = None


class AnnouncedBefore(MessagePart):
    """What the partner was told of the leg before."""

    shipped_qty: Annotated[
        Quantity | None, Field(description="Quantity that was announced; none where nothing was.")
    ] = None


class InventoryAdvise(MessagePart):
    """What a site can still promise of an item (X12 846)."""

    partner_id: PartnerId
    node: Node
    sku: Sku
    foreign_sku: ForeignSku | None = None
    uom: Uom
    available_qty: Annotated[Quantity, Field(description="What can be ordered.")]
    as_of_at: Annotated[Instant, Field(description="When it was so.")]


class AdvisedBefore(MessagePart):
    """What the partner was told of the position before."""

    available_qty: Annotated[Quantity | None, Field(description="What was advised; none where nothing was.")] = None


def _same(*names: str) -> dict[str, Source]:
    return {name: FromPayload(name) for name in names}


DOCUMENT_MESSAGES: Final = (
    MessageType(
        name="order.acknowledge",
        asks="Tell a partner what becomes of a line of its order (855).",
        object=BusinessObject.DOCUMENT,
        payload=OrderAcknowledge,
        precondition=AcknowledgedBefore,
        inverse=NotUndone("a partner keeps what it was sent; another acknowledgement says what holds now"),
        sets=("ack_code", "acknowledged_qty", "unit_price", "promised_at"),
        quantity="acknowledged_qty",
        reactions=(Reaction("channel", "plans with what is acknowledged"),),
    ),
    MessageType(
        name="ship.notice",
        asks="Tell a partner what is on its way to it (856).",
        object=BusinessObject.DOCUMENT,
        payload=ShipNotice,
        precondition=AnnouncedBefore,
        inverse=UndoneBy(
            "ship.notice",
            {
                "purpose": Fixed("CANCELLATION"),
                **_same("partner_id", "shipment_id", "order_id", "customer_po", "line_no", "node"),
                **_same("sku", "foreign_sku", "uom", "shipped_qty", "shipped_at"),
            },
            {"shipped_qty": FromPayload("shipped_qty")},
        ),
        sets=("shipped_qty", "shipped_at", "eta_at", "carrier_id", "tracking_no", "pack_id"),
        quantity="shipped_qty",
        reactions=(Reaction("channel", "expects the goods and checks them against the notice"),),
    ),
    MessageType(
        name="inventory.advise",
        asks="Tell a partner what it can still order of an item (846).",
        object=BusinessObject.DOCUMENT,
        payload=InventoryAdvise,
        precondition=AdvisedBefore,
        inverse=UndoneBy(
            "inventory.advise",
            {
                **_same("partner_id", "node", "sku", "foreign_sku", "uom"),
                "available_qty": FromPrecondition("available_qty"),
                "as_of_at": Later("when it is undone"),
            },
            {"available_qty": FromPayload("available_qty")},
        ),
        sets=("available_qty",),
        quantity="available_qty",
        reactions=(Reaction("channel", "takes orders up to what is advised"),),
    ),
)
"""All messages of this module."""

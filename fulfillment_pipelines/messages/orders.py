"""Messages about orders and their lines in the ERP: create, amend, cancel, backorder, promise, numbers of partners."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from fulfillment_pipelines.messages.fields import (
    ChannelOrderId,
    HoldType,
    Instant,
    LineNo,
    MessagePart,
    Node,
    OrderId,
    PositiveQuantity,
    Price,
    Quantity,
    Reason,
    ReferenceType,
    Sku,
    Text,
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
    UndoneBy,
)


class OrderCreate(MessagePart):
    """An order that a channel has accepted, by the channel's number; the ERP takes its lines from the channel."""

    channel: Annotated[Text | None, Field(description="Order channel, where it is known.")] = None
    channel_order_id: ChannelOrderId


class NoSuchOrder(MessagePart):
    """The ERP has no order of that number yet."""

    channel_order_id: ChannelOrderId


class OrderAmend(MessagePart):
    """What the channel says of the order, or of one line of it, and the ERP does not."""

    order_id: OrderId
    line_no: Annotated[LineNo | None, Field(description="Line to amend; none for the order's header.")] = None
    channel_order_id: ChannelOrderId | None = None
    revision_no: Annotated[int | None, Field(ge=0, description="The channel's revision that is taken over.")] = None
    ship_to_id: Annotated[Text | None, Field(description="Place the goods go to.")] = None
    payment_terms: Annotated[Text | None, Field(description="Terms of payment, for example NET30.")] = None
    requested_at: Annotated[Instant | None, Field(description="Delivery the customer asks for.")] = None
    sku: Sku | None = None
    ordered_qty: Annotated[Quantity | None, Field(description="Quantity ordered (qO).")] = None
    unit_price: Annotated[Price | None, Field(description="Agreed price.")] = None


class OrderAsBooked(MessagePart):
    """What the ERP had booked."""

    revision_no: Annotated[int | None, Field(ge=0, description="The revision the ERP had booked.")] = None
    ordered_qty: Annotated[Quantity | None, Field(description="The quantity the ERP had booked.")] = None


class OrderCancel(MessagePart):
    """An order that shall not be fulfilled."""

    order_id: OrderId
    hold_type: Annotated[HoldType | None, Field(description="The hold under which it was stopped before.")] = None
    reason: Reason


class OrderStands(MessagePart):
    """The order is still there to be acted on."""

    order_id: OrderId


class LineBackorder(MessagePart):
    """A balance that the site could not pick and that waits for new stock."""

    order_id: OrderId
    line_no: LineNo
    node: Node
    sku: Sku
    backordered_qty: Annotated[PositiveQuantity, Field(description="Quantity that waits.")]
    allocated_qty: Annotated[Quantity, Field(description="Allocation that is left (qA).")]


class AllocatedBefore(MessagePart):
    """What the ERP had allocated."""

    allocated_qty: Annotated[Quantity, Field(description="Allocation of the line before (qA).")]


class PromiseUpdate(MessagePart):
    """Another delivery promised to the customer."""

    order_id: OrderId
    line_no: Annotated[LineNo | None, Field(description="Line it is for; none for the whole order.")] = None
    promised_at: Annotated[Instant, Field(description="Delivery that is promised.")]
    reason: Reason | None = None


class PromisedBefore(MessagePart):
    """What was promised."""

    promised_at: Annotated[Instant | None, Field(description="The promise before; none where there was none.")] = None


class MappingUpsert(MessagePart):
    """What a partner's number stands for."""

    reference_type: Annotated[ReferenceType, Field(description="What kind of number it is.")]
    party_id: Annotated[Text, Field(description="Customer, carrier or system that uses the number.")]
    foreign_id: Annotated[Text, Field(description="The partner's number.")]
    own_id: Annotated[Text, Field(description="The number in the ERP.")]


class MeaningBefore(MessagePart):
    """What the number stood for."""

    meanings: Annotated[str | None, Field(description="What it could stand for, as it was found.")] = None
    own_id: Annotated[Text | None, Field(description="The number it stood for; none where it was unknown.")] = None


_ORDER = FromPayload("order_id")
_LINE = FromPayload("line_no")

ORDER_MESSAGES: Final = (
    MessageType(
        name="order.create",
        asks="Take an order in that the channel has accepted and the ERP does not have.",
        object=BusinessObject.ORDER,
        payload=OrderCreate,
        precondition=NoSuchOrder,
        inverse=UndoneBy(
            "order.cancel",
            {"order_id": Later("the number the ERP gave, from the receipt"), "reason": Fixed("taken in by mistake")},
            {"order_id": Later("the number the ERP gave, from the receipt")},
        ),
        implies={"status": "OPEN"},
        reactions=(
            Reaction("erp", "allocates stock and checks credit for the order"),
            Reaction("channel", "is acknowledged (855)"),
        ),
    ),
    MessageType(
        name="order.amend",
        asks="Book what the channel says of an order or of one line of it.",
        object=BusinessObject.ORDER_LINE,
        payload=OrderAmend,
        precondition=OrderAsBooked,
        inverse=UndoneBy(
            "order.amend",
            {"order_id": _ORDER, "line_no": _LINE, "ordered_qty": FromPrecondition("ordered_qty")},
            {"ordered_qty": FromPayload("ordered_qty")},
        ),
        sets=("revision_no", "ship_to_id", "payment_terms", "requested_at", "sku", "ordered_qty", "unit_price"),
        quantity="ordered_qty",
        reactions=(
            Reaction("erp", "allocates and prices anew"),
            Reaction("channel", "is told of the change (855)"),
        ),
    ),
    MessageType(
        name="order.cancel",
        asks="Cancel an order that shall not be fulfilled.",
        object=BusinessObject.ORDER,
        payload=OrderCancel,
        precondition=OrderStands,
        inverse=NotUndone("a cancelled order is not revived; the channel places it again"),
        implies={"status": "CANCELLED"},
        reactions=(
            Reaction("erp", "gives its allocations back"),
            Reaction("wms", "cancels what was released"),
            Reaction("channel", "shows the order as cancelled"),
        ),
    ),
    MessageType(
        name="line.backorder",
        asks="Take back the allocation of what the site could not pick, so that it waits for new stock.",
        object=BusinessObject.ORDER_LINE,
        payload=LineBackorder,
        precondition=AllocatedBefore,
        inverse=NotUndone("stock is given by the ERP's own allocation run, which no message forces"),
        sets=("allocated_qty",),
        quantity="backordered_qty",
        reactions=(
            Reaction("erp", "allocates the balance when stock comes in"),
            Reaction("channel", "is told of the backorder (855 BP)"),
        ),
    ),
    MessageType(
        name="promise.update",
        asks="Promise the customer another delivery.",
        object=BusinessObject.ORDER_LINE,
        payload=PromiseUpdate,
        precondition=PromisedBefore,
        inverse=UndoneBy(
            "promise.update",
            {"order_id": _ORDER, "line_no": _LINE, "promised_at": FromPrecondition("promised_at")},
            {"promised_at": FromPayload("promised_at")},
        ),
        sets=("promised_at",),
        reactions=(Reaction("crm", "tells the customer"), Reaction("channel", "shows the new promise")),
    ),
    MessageType(
        name="mapping.upsert",
        asks="Record what a partner's number stands for.",
        object=BusinessObject.REFERENCE,
        payload=MappingUpsert,
        precondition=MeaningBefore,
        inverse=UndoneBy(
            "mapping.upsert",
            {
                "reference_type": FromPayload("reference_type"),
                "party_id": FromPayload("party_id"),
                "foreign_id": FromPayload("foreign_id"),
                "own_id": FromPrecondition("own_id"),
            },
            {"own_id": FromPayload("own_id")},
        ),
        sets=("own_id",),
        reactions=(Reaction("erp", "takes in the orders that waited for the number"),),
    ),
)
"""All messages of this module."""

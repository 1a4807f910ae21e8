"""Messages about stock: what a system shows, has set aside or allocated, and where a line is served from."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from fulfillment_pipelines.messages.fields import (
    LineNo,
    MessagePart,
    Node,
    OrderId,
    PositiveQuantity,
    Quantity,
    QuantityChange,
    Reason,
    SignedQuantity,
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
    UndoneBy,
)
from fulfillment_pipelines.messages.orders import AllocatedBefore


class AllocationSet(MessagePart):
    """What a site shall set aside for an order line."""

    order_id: OrderId
    line_no: LineNo
    node: Node
    sku: Sku
    uom: Uom
    reserved_qty: Annotated[Quantity, Field(description="Quantity to set aside.")]


class ReservedBefore(MessagePart):
    """What the site had set aside."""

    reserved_qty: Annotated[Quantity, Field(description="Quantity that was set aside.")]


class AllocationRelease(MessagePart):
    """Part of an allocation that a line gives up."""

    order_id: OrderId
    line_no: LineNo
    node: Node | None = None
    sku: Sku | None = None
    released_qty: Annotated[PositiveQuantity, Field(description="Quantity given up.")]
    allocated_qty: Annotated[Quantity, Field(description="Allocation that is left (qA).")]


class ReservationRelease(MessagePart):
    """A reservation that no open line needs."""

    reservation_id: Annotated[Text, Field(description="Number of the reservation.")]
    node: Node
    sku: Sku
    order_id: OrderId
    line_no: LineNo
    reserved_qty: Annotated[PositiveQuantity, Field(description="Quantity that is set free.")]


class AtpSet(MessagePart):
    """What the ERP may still promise of an item at a site."""

    node: Node
    sku: Sku
    available_qty: Annotated[SignedQuantity, Field(description="Available to promise from now on.")]


class AvailableBefore(MessagePart):
    """What the ERP would have promised."""

    available_qty: Annotated[SignedQuantity, Field(description="Available to promise before.")]


class InventoryAdjust(MessagePart):
    """A stock movement of the site that the ERP does not know (X12 947)."""

    node: Node
    sku: Sku
    movement_qty: Annotated[QuantityChange, Field(description="Signed change of the quantity on hand.")]
    reason_code: Annotated[Text, Field(description="Why, a code of X12 element 181, for example 06.")]
    movement_id: Annotated[Text, Field(description="Number of the movement, or of all that add up to it.")]
    uom: Uom | None = None


class OnHandBefore(MessagePart):
    """What the ERP had on hand."""

    on_hand_qty: Annotated[SignedQuantity, Field(description="Quantity on hand in the ERP before.")]


class CountRequest(MessagePart):
    """A position that shall be counted."""

    node: Node
    sku: Sku
    movement_qty: Annotated[QuantityChange | None, Field(description="Difference that nothing explains.")] = None
    reason_code: Annotated[Text | None, Field(description="Code under which a difference would be booked.")] = None
    movement_id: Annotated[Text | None, Field(description="Movement that explains it; none, or it were no count.")] = (
        None
    )


class Reallocate(MessagePart):
    """Another site for an order line."""

    order_id: OrderId
    line_no: LineNo
    sku: Sku
    node: Annotated[Node, Field(description="Site that serves the line from now on.")]
    allocated_qty: Annotated[PositiveQuantity, Field(description="Quantity that moves.")]
    reason: Reason | None = None


class ServedBefore(MessagePart):
    """The site that served the line."""

    node: Annotated[Node, Field(description="Site that gives the line up.")]
    allocated_qty: Annotated[Quantity, Field(description="Allocation of the line there (qA).")]


_LINE = {name: FromPayload(name) for name in ("order_id", "line_no")}
_ITEM = {name: FromPayload(name) for name in ("node", "sku")}

STOCK_MESSAGES: Final = (
    MessageType(
        name="allocation.set",
        asks="Set aside for an order line what was released for it.",
        object=BusinessObject.ORDER_LINE,
        payload=AllocationSet,
        precondition=ReservedBefore,
        inverse=UndoneBy(
            "allocation.set",
            {**_LINE, **_ITEM, "uom": FromPayload("uom"), "reserved_qty": FromPrecondition("reserved_qty")},
            {"reserved_qty": FromPayload("reserved_qty")},
        ),
        sets=("reserved_qty",),
        quantity="reserved_qty",
        reactions=(Reaction("wms", "offers less of the item to other orders"),),
    ),
    MessageType(
        name="allocation.release",
        asks="Let an order line give up part of its allocation.",
        object=BusinessObject.ORDER_LINE,
        payload=AllocationRelease,
        precondition=AllocatedBefore,
        inverse=NotUndone("stock is given by the ERP's own allocation run, which no message forces"),
        sets=("allocated_qty",),
        quantity="released_qty",
        reactions=(
            Reaction("erp", "gives the stock to other lines"),
            Reaction("channel", "is told of the backorder (855 BP)"),
        ),
    ),
    MessageType(
        name="reservation.release",
        asks="Free stock that is set aside for a line that does not need it.",
        object=BusinessObject.STOCK_POSITION,
        payload=ReservationRelease,
        precondition=ReservedBefore,
        inverse=UndoneBy(
            "allocation.set",
            {**_LINE, **_ITEM, "uom": Fixed("EA"), "reserved_qty": FromPrecondition("reserved_qty")},
            {"reserved_qty": Fixed("0")},
        ),
        implies={"reserved_qty": "0"},
        quantity="reserved_qty",
        reactions=(Reaction("wms", "offers the stock to other orders"),),
    ),
    MessageType(
        name="atp.set",
        asks="Promise no more of an item than the site can give.",
        object=BusinessObject.STOCK_POSITION,
        payload=AtpSet,
        precondition=AvailableBefore,
        inverse=UndoneBy(
            "atp.set",
            {**_ITEM, "available_qty": FromPrecondition("available_qty")},
            {"available_qty": FromPayload("available_qty")},
        ),
        sets=("available_qty",),
        quantity="available_qty",
        reactions=(
            Reaction("erp", "promises new orders by it"),
            Reaction("channel", "is told what it can order (846)"),
        ),
    ),
    MessageType(
        name="inventory.adjust",
        asks="Book a stock movement of the site that the ERP does not have.",
        object=BusinessObject.STOCK_POSITION,
        payload=InventoryAdjust,
        precondition=OnHandBefore,
        inverse=UndoneBy(
            "inventory.adjust",
            {
                **_ITEM,
                "movement_qty": FromPayload("movement_qty", negated=True),
                "reason_code": FromPayload("reason_code"),
                "movement_id": Later("a number of its own for the counter-movement"),
            },
            {"on_hand_qty": Later("what the ERP has on hand when it is undone")},
        ),
        sets=("movement_qty",),
        adds={"on_hand_qty": "movement_qty"},
        quantity="movement_qty",
        reactions=(
            Reaction("erp", "promises by the new quantity on hand"),
            Reaction("finance", "values the stock anew"),
        ),
    ),
    MessageType(
        name="count.request",
        asks="Count an item at a site.",
        object=BusinessObject.STOCK_POSITION,
        payload=CountRequest,
        precondition=OnHandBefore,
        inverse=NotUndone("counting changes nothing"),
        quantity="movement_qty",
        reactions=(Reaction("wms", "counts, and books what it finds"),),
    ),
    MessageType(
        name="reallocate",
        asks="Serve an order line from another site.",
        object=BusinessObject.ORDER_LINE,
        payload=Reallocate,
        precondition=ServedBefore,
        inverse=UndoneBy(
            "reallocate",
            {
                **_LINE,
                "sku": FromPayload("sku"),
                "node": FromPrecondition("node"),
                "allocated_qty": FromPayload("allocated_qty"),
            },
            {"node": FromPayload("node"), "allocated_qty": FromPayload("allocated_qty")},
        ),
        sets=("node",),
        quantity="allocated_qty",
        reactions=(
            Reaction("erp", "releases the line to the other site"),
            Reaction("wms", "cancels it here and takes it in there"),
            Reaction("tms", "plans another leg"),
        ),
    ),
)
"""All messages of this module."""

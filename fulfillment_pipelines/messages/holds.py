"""Messages about holds: stop an order or a shipment, and let it go on."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from fulfillment_pipelines.messages.fields import (
    CustomerId,
    HoldId,
    HoldStatus,
    HoldType,
    Instant,
    LineNo,
    MessagePart,
    Node,
    OrderId,
    Reason,
    Text,
)
from fulfillment_pipelines.messages.message import (
    BusinessObject,
    Fixed,
    FromPayload,
    Later,
    MessageType,
    NotUndone,
    Reaction,
    UndoneBy,
)


class HoldApply(MessagePart):
    """A hold on an order."""

    order_id: OrderId
    hold_type: Annotated[HoldType, Field(description="What the hold is for.")]
    reason: Reason
    hold_id: Annotated[HoldId | None, Field(description="Number of the hold, where the authority has given one.")] = (
        None
    )
    customer_id: CustomerId | None = None
    node: Annotated[
        Node | None, Field(description="Site that shall obey; none where the order is held as a whole.")
    ] = None


class OrderNotHeld(MessagePart):
    """The order as it was found, without the hold."""

    order_id: OrderId


class HoldResolve(MessagePart):
    """The end of a hold."""

    hold_id: HoldId
    order_id: OrderId
    resolved_at: Annotated[
        Instant | None, Field(description="When the authority ended it; none where the target decides itself.")
    ] = None


class HoldStands(MessagePart):
    """The hold still blocks."""

    status: Annotated[HoldStatus, Field(description="Where the hold stood.")]
    active: Annotated[bool | None, Field(description="Whether it blocked, for systems that only know this much.")] = (
        None
    )


class ShipmentHold(MessagePart):
    """Goods that may not leave."""

    order_id: OrderId
    line_no: LineNo
    node: Node
    pack_id: Annotated[Text | None, Field(description="Package that is wrong.")] = None
    reason: Reason


class PackFound(MessagePart):
    """The package as it was found."""

    pack_id: Annotated[Text | None, Field(description="Package that was found wrong.")] = None


_HOLD = FromPayload("hold_id")
_ORDER = FromPayload("order_id")

HOLD_MESSAGES: Final = (
    MessageType(
        name="hold.apply",
        asks="Do not let an order go on until somebody resolves the hold.",
        object=BusinessObject.HOLD,
        payload=HoldApply,
        precondition=OrderNotHeld,
        inverse=UndoneBy(
            "hold.resolve",
            {
                "hold_id": FromPayload("hold_id", or_later="the number of the hold, from the receipt"),
                "order_id": _ORDER,
                "resolved_at": Later("when it is undone"),
            },
            {"status": Fixed("CREATED"), "active": Fixed(value=True)},
        ),
        sets=("hold_type",),
        implies={"status": "CREATED"},
        reactions=(
            Reaction("erp", "does not release the order"),
            Reaction("wms", "does not pick or ship what was released"),
        ),
    ),
    MessageType(
        name="hold.resolve",
        asks="Let an order go on whose hold has ended.",
        object=BusinessObject.HOLD,
        payload=HoldResolve,
        precondition=HoldStands,
        inverse=UndoneBy(
            "hold.apply",
            {
                "hold_id": _HOLD,
                "order_id": _ORDER,
                "hold_type": Later("what the hold was for"),
                "reason": Fixed("the hold was ended by mistake"),
            },
            {"order_id": _ORDER},
        ),
        sets=("resolved_at",),
        implies={"status": "RESOLVED", "active": False},
        reactions=(
            Reaction("erp", "releases the order"),
            Reaction("wms", "picks and ships it"),
        ),
    ),
    MessageType(
        name="shipment.hold",
        asks="Do not let the goods of an order line leave the site.",
        object=BusinessObject.SHIPMENT_LINE,
        payload=ShipmentHold,
        precondition=PackFound,
        inverse=NotUndone("the site lets goods go only by its own hand, after it has looked at them"),
        implies={"status": "HELD"},
        reactions=(
            Reaction("wms", "keeps the package back"),
            Reaction("tms", "misses the package at the planned departure"),
        ),
    ),
)
"""All messages of this module."""

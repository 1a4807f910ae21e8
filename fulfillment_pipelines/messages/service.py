"""Messages that tell people: cases, dates and states for customers, claims on carriers, documents sent again."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from fulfillment_pipelines.messages.fields import (
    CaseType,
    Instant,
    LineNo,
    MessagePart,
    OrderId,
    PositiveQuantity,
    Quantity,
    Reason,
    ShipmentId,
    ShownStatus,
    Text,
)
from fulfillment_pipelines.messages.message import (
    BusinessObject,
    FromPayload,
    FromPrecondition,
    MessageType,
    NotUndone,
    Reaction,
    UndoneBy,
)


class CaseCreate(MessagePart):
    """Something the customer should hear of before it calls."""

    order_id: OrderId
    line_no: LineNo | None = None
    shipment_id: ShipmentId
    case_type: Annotated[CaseType, Field(description="What it is about.")]
    reason: Reason
    eta_at: Annotated[Instant | None, Field(description="When the goods are expected, where somebody says so.")] = None
    missing_qty: Annotated[Quantity | None, Field(description="Quantity the customer did not take or get.")] = None


class DeliveryFound(MessagePart):
    """The delivery as it was found."""

    state: Annotated[Text | None, Field(description="Where the shipment stood.")] = None
    accepted_qty: Annotated[Quantity | None, Field(description="Quantity the customer took undamaged.")] = None


class EtaUpdate(MessagePart):
    """When the customer gets its goods."""

    order_id: OrderId
    eta_at: Annotated[Instant, Field(description="When the goods are expected.")]
    shipment_id: ShipmentId | None = None
    case_type: Annotated[CaseType | None, Field(description="The case that was opened for it.")] = None
    reason: Reason | None = None
    system: Annotated[Text | None, Field(description="System that shows another date.")] = None
    shown_status: Annotated[ShownStatus | None, Field(description="State that is to be shown with it.")] = None
    shown_promise_at: Annotated[Instant | None, Field(description="Promise that is to be shown with it.")] = None


class ShownBefore(MessagePart):
    """What was shown, or where the shipment stood."""

    state: Annotated[Text | None, Field(description="Where the shipment stood.")] = None
    shown_status: Annotated[ShownStatus | None, Field(description="State that was shown.")] = None


class StatusUpdate(MessagePart):
    """What the customer shall see of its order."""

    order_id: OrderId
    shown_status: Annotated[ShownStatus, Field(description="State to show.")]
    shown_promise_at: Annotated[Instant | None, Field(description="Promise to show; none where nothing is open.")]
    system: Annotated[Text | None, Field(description="System that shows another state.")] = None
    eta_at: Annotated[Instant | None, Field(description="When the goods are expected.")] = None


class StatusBefore(MessagePart):
    """What was shown."""

    shown_status: Annotated[ShownStatus, Field(description="State that was shown.")]


class ClaimCreate(MessagePart):
    """Goods that a carrier lost or damaged."""

    shipment_id: ShipmentId
    order_id: OrderId
    line_no: LineNo
    claimed_qty: Annotated[PositiveQuantity, Field(description="Quantity lost or damaged.")]
    reason: Reason


class EdiResend(MessagePart):
    """A document that its partner has not acknowledged."""

    document_id: Annotated[Text, Field(description="Partner, direction, type and control numbers.")]


class AcknowledgementFound(MessagePart):
    """What the partner had said of the document."""

    ack_status: Annotated[
        Literal["A", "E", "R"] | None, Field(description="Its acknowledgement (AK5); none where it is silent.")
    ] = None


SERVICE_MESSAGES: Final = (
    MessageType(
        name="case.create",
        asks="Open a case at customer service, so that the customer hears of it first.",
        object=BusinessObject.CUSTOMER_CASE,
        payload=CaseCreate,
        precondition=DeliveryFound,
        inverse=NotUndone("what people have read is not unread; they close the case"),
        implies={"case_status": "OPEN"},
        quantity="missing_qty",
        reactions=(Reaction("crm", "puts the case before somebody who tells the customer"),),
    ),
    MessageType(
        name="eta.update",
        asks="Show when the customer gets its goods.",
        object=BusinessObject.ORDER,
        payload=EtaUpdate,
        precondition=ShownBefore,
        inverse=NotUndone("the date before it is known to be wrong; a newer one takes its place"),
        sets=("eta_at",),
        reactions=(Reaction("channel", "shows the date to the customer"),),
    ),
    MessageType(
        name="status.update",
        asks="Show the customer where its order stands.",
        object=BusinessObject.ORDER,
        payload=StatusUpdate,
        precondition=StatusBefore,
        inverse=UndoneBy(
            "status.update",
            {
                "order_id": FromPayload("order_id"),
                "shown_status": FromPrecondition("shown_status"),
                "shown_promise_at": FromPayload("shown_promise_at"),
            },
            {"shown_status": FromPayload("shown_status")},
        ),
        sets=("shown_status", "shown_promise_at"),
        reactions=(Reaction("channel", "shows the state to the customer"),),
    ),
    MessageType(
        name="claim.create",
        asks="Claim from the carrier what it lost or damaged.",
        object=BusinessObject.SHIPMENT_LINE,
        payload=ClaimCreate,
        precondition=DeliveryFound,
        inverse=NotUndone("a claim is withdrawn with the carrier's people"),
        sets=("claimed_qty",),
        quantity="claimed_qty",
        reactions=(Reaction("tms", "passes the claim on to the carrier"), Reaction("finance", "expects the refund")),
    ),
    MessageType(
        name="edi.resend",
        asks="Send a document again, under the numbers it had.",
        object=BusinessObject.DOCUMENT,
        payload=EdiResend,
        precondition=AcknowledgementFound,
        inverse=NotUndone("what a partner has received is not taken back; it passes over a document it has"),
        reactions=(Reaction("channel", "takes the document in, if it has not"),),
    ),
)
"""All messages of this module."""

"""Messages to finance: ask for an invoice, amend a draft, hold it back, propose a credit."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from fulfillment_pipelines.messages.fields import (
    CurrencyCode,
    InvoiceId,
    InvoiceLineNo,
    InvoiceStatus,
    LineNo,
    MessagePart,
    OrderId,
    PositiveQuantity,
    Price,
    Quantity,
    ShipmentId,
    SignedQuantity,
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


class InvoiceRequest(MessagePart):
    """What left on one leg and is not billed."""

    order_id: OrderId
    line_no: LineNo
    shipment_id: ShipmentId
    uom: Uom
    invoiced_qty: Annotated[PositiveQuantity, Field(description="Quantity to bill (qI).")]
    unit_price: Annotated[Price | None, Field(description="Agreed price; none where the order has none.")] = None
    currency: Annotated[CurrencyCode | None, Field(description="Currency of the price.")] = None


class LegNotBilled(MessagePart):
    """No invoice line refers to the leg yet."""

    shipment_id: ShipmentId


class InvoiceAmend(MessagePart):
    """The right quantity of a draft invoice line."""

    invoice_id: InvoiceId
    invoice_line_no: InvoiceLineNo
    order_id: OrderId
    line_no: LineNo
    invoiced_qty: Annotated[Quantity, Field(description="Quantity the line shall bill (qI).")]
    credited_qty: Annotated[
        Quantity | None, Field(description="Quantity billed too much, as it would be credited after posting.")
    ] = None


class BilledBefore(MessagePart):
    """What the invoice line said."""

    invoiced_qty: Annotated[Quantity, Field(description="Quantity the line billed.")]
    status: Annotated[InvoiceStatus, Field(description="Where the document stood.")]


class InvoiceHold(MessagePart):
    """An invoice of something that has not left."""

    invoice_id: InvoiceId
    invoice_line_no: InvoiceLineNo
    order_id: OrderId
    line_no: LineNo
    shipment_id: Annotated[ShipmentId | None, Field(description="Leg it bills, where it names one.")] = None


class InvoiceFound(MessagePart):
    """Where the document stood."""

    status: Annotated[InvoiceStatus, Field(description="Where the document stood.")]


class CreditPropose(MessagePart):
    """What is billed too much, or was returned."""

    invoice_id: InvoiceId
    invoice_line_no: InvoiceLineNo
    order_id: OrderId
    line_no: LineNo
    credited_qty: Annotated[PositiveQuantity, Field(description="Quantity to credit (qC).")]
    invoiced_qty: Annotated[
        SignedQuantity | None,
        Field(description="What the document would have to bill instead; below zero where others bill too much, too."),
    ] = None


class CreditedDocument(MessagePart):
    """The document that is credited, as it was found."""

    status: Annotated[InvoiceStatus, Field(description="Where the document stood.")]
    invoiced_qty: Annotated[Quantity | None, Field(description="Quantity the line billed.")] = None


_LINE = {name: FromPayload(name) for name in ("order_id", "line_no")}
_INVOICE_LINE = {name: FromPayload(name) for name in ("invoice_id", "invoice_line_no")}

BILLING_MESSAGES: Final = (
    MessageType(
        name="invoice.request",
        asks="Bill what has left and is not billed.",
        object=BusinessObject.INVOICE_LINE,
        payload=InvoiceRequest,
        precondition=LegNotBilled,
        inverse=UndoneBy(
            "credit.propose",
            {
                **_LINE,
                "invoice_id": Later("the number of the invoice that came of it"),
                "invoice_line_no": Later("its line"),
                "credited_qty": FromPayload("invoiced_qty"),
            },
            {"status": Later("where the invoice stands when it is undone")},
        ),
        sets=("invoiced_qty", "unit_price", "currency"),
        quantity="invoiced_qty",
        reactions=(
            Reaction("finance", "drafts and posts the invoice"),
            Reaction("channel", "receives it (810) and pays"),
        ),
    ),
    MessageType(
        name="invoice.amend",
        asks="Bill another quantity on an invoice that is not posted yet.",
        object=BusinessObject.INVOICE_LINE,
        payload=InvoiceAmend,
        precondition=BilledBefore,
        inverse=UndoneBy(
            "invoice.amend",
            {**_INVOICE_LINE, **_LINE, "invoiced_qty": FromPrecondition("invoiced_qty")},
            {"invoiced_qty": FromPayload("invoiced_qty"), "status": FromPrecondition("status")},
        ),
        sets=("invoiced_qty",),
        quantity="invoiced_qty",
        reactions=(Reaction("finance", "posts another amount"),),
    ),
    MessageType(
        name="invoice.hold",
        asks="Do not send an invoice of something that has not left.",
        object=BusinessObject.INVOICE_LINE,
        payload=InvoiceHold,
        precondition=InvoiceFound,
        inverse=NotUndone("finance lifts a billing block itself, when it has looked at the document"),
        implies={"billing_block": "ACTIVE"},
        reactions=(Reaction("finance", "keeps the invoice back from the customer"),),
    ),
    MessageType(
        name="credit.propose",
        asks="Draft a credit for what is billed too much or came back.",
        object=BusinessObject.INVOICE_LINE,
        payload=CreditPropose,
        precondition=CreditedDocument,
        inverse=NotUndone("finance discards the draft before it posts it; after that only an invoice takes it back"),
        sets=("credited_qty",),
        quantity="credited_qty",
        reactions=(
            Reaction("finance", "checks and posts the credit memo"),
            Reaction("channel", "receives it and pays less"),
        ),
    ),
)
"""All messages of this module."""

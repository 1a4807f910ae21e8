"""Messages to finance: their bodies, and which reaction takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.twin.systems import finance_reactions
from fulfillment_pipelines.twin.systems.message_fields import WholeNumber, unreadable
from fulfillment_pipelines.twin.systems.message_objects import LegMessage
from fulfillment_pipelines.twin.world.books import Books


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class _InvoiceRequest(_Body):
    order_no: str
    line_no: WholeNumber
    shipment_no: str
    qty: WholeNumber


class _DocumentLine(_Body):
    invoice_no: str
    line_seq: WholeNumber
    qty: WholeNumber


class _InvoiceHold(_Body):
    order_no: str
    line_no: WholeNumber
    shipment_no: str


class _HoldResolve(_Body):
    hold_no: str


def apply_finance_message(books: Books, kind: str, body: Mapping[str, Any], at: int) -> None:
    """Apply one message at finance.

    Raises:
        BadDataError: The message cannot be read.
        RejectedError: Finance refuses it.
    """
    try:
        if kind == "invoice.request":
            request = _InvoiceRequest.model_validate(body)
            leg = LegMessage(request.shipment_no, request.order_no, request.line_no, request.qty)
            finance_reactions.request_invoice(books, leg, at)
        elif kind == "invoice.amend":
            line = _DocumentLine.model_validate(body)
            finance_reactions.amend_invoice(books, line.invoice_no, line.line_seq, qty=line.qty, at=at)
        elif kind == "credit.propose":
            line = _DocumentLine.model_validate(body)
            finance_reactions.propose_credit(books, line.invoice_no, line.line_seq, line.qty)
        elif kind == "invoice.hold":
            blocked = _InvoiceHold.model_validate(body)
            leg = LegMessage(blocked.shipment_no, blocked.order_no, blocked.line_no, 0)
            finance_reactions.hold_invoice(books, leg, at)
        elif kind == "hold.resolve":
            finance_reactions.resolve_credit_hold(books, _HoldResolve.model_validate(body).hold_no, at)
        else:
            raise BadDataError(
                f"Finance does not know the message '{kind}'.",
                expected="invoice.request, invoice.amend, invoice.hold, credit.propose or hold.resolve",
            )
    except ValueError as error:  # pydantic's ValidationError is one
        raise unreadable(kind, error) from error

"""Messages that were left for a system: in the interface table of a database, or as a file for the legacy site.

Reading a message and handing it to its reaction belongs here; what it does belongs to `reactions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, Table, select, update

from fulfillment_pipelines.errors import BadDataError, FulfillmentError
from fulfillment_pipelines.twin.systems import finance_reactions, site_reactions
from fulfillment_pipelines.twin.systems.message_fields import WholeNumber
from fulfillment_pipelines.twin.systems.message_objects import LegMessage
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import Node
from fulfillment_pipelines.twin.world.system_tables import finance_inbox, wms_inbox
from fulfillment_pipelines.twin.world.timing import parsed


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class _ReleaseSend(_Body):
    release_no: str
    order_no: str
    line_no: WholeNumber
    item: str
    unit: str
    qty: WholeNumber
    sent_at: str


class _HoldResolve(_Body):
    hold_no: str
    resolved_at: str


class _InvoiceRequest(_Body):
    order_no: str
    line_no: WholeNumber
    shipment_no: str
    qty: WholeNumber


class _InvoiceAmend(_Body):
    invoice_no: str
    line_seq: WholeNumber
    qty: WholeNumber


class _CreditPropose(_Body):
    invoice_no: str
    line_seq: WholeNumber
    qty: WholeNumber


def empty_inboxes(books: Books, at: int) -> None:
    """Let EAST and finance apply the messages in their interface tables."""
    _empty(books.wms[Node.EAST], wms_inbox, lambda kind, body: apply_site_message(books, Node.EAST, kind, body, at), at)
    _empty(books.finance, finance_inbox, lambda kind, body: _apply_finance_message(books, kind, body, at), at)


def apply_site_message(books: Books, node: str, kind: str, body: Mapping[str, Any], at: int) -> None:
    """Apply one message at a site.

    Raises:
        BadDataError: The message cannot be read.
        RejectedError: The site refuses it.
    """
    try:
        if kind == "release.send":
            release = _ReleaseSend.model_validate(body)
            message = site_reactions.ReleaseMessage(**{**release.model_dump(), "sent_at": parsed(release.sent_at)})
            site_reactions.receive_release(books, node, message, at)
        elif kind == "hold.resolve":
            hold = _HoldResolve.model_validate(body)
            site_reactions.resolve_hold(books, node, hold.hold_no, parsed(hold.resolved_at), at)
        else:
            raise BadDataError(f"{node} does not know the message '{kind}'.", expected="release.send or hold.resolve")
    except ValueError as error:  # pydantic's ValidationError is one
        raise _unreadable(kind, error) from error


def _apply_finance_message(books: Books, kind: str, body: Mapping[str, Any], at: int) -> None:
    try:
        if kind == "invoice.request":
            request = _InvoiceRequest.model_validate(body)
            finance_reactions.request_invoice(
                books, LegMessage(request.shipment_no, request.order_no, request.line_no, request.qty), at
            )
        elif kind == "invoice.amend":
            amend = _InvoiceAmend.model_validate(body)
            finance_reactions.amend_invoice(books, amend.invoice_no, amend.line_seq, qty=amend.qty, at=at)
        elif kind == "credit.propose":
            credit = _CreditPropose.model_validate(body)
            finance_reactions.propose_credit(books, credit.invoice_no, credit.line_seq, credit.qty)
        else:
            raise BadDataError(
                f"Finance does not know the message '{kind}'.", expected="invoice.request, .amend or credit.propose"
            )
    except ValueError as error:
        raise _unreadable(kind, error) from error


def _empty(connection: Connection, table: Table, apply: Callable[[str, Mapping[str, Any]], None], at: int) -> None:
    waiting = connection.execute(
        select(table)
        .where(table.c.applied_at.is_(None), table.c.problem.is_(None))
        .order_by(table.c.received_at, table.c.message_key)
    ).all()
    for message in waiting:
        of_message = table.c.message_key == message.message_key
        try:
            apply(message.message_type, message.body)
        except FulfillmentError as error:
            connection.execute(update(table).where(of_message).values(problem=str(error)))
        else:
            connection.execute(update(table).where(of_message).values(applied_at=at))


def _unreadable(kind: str, error: ValueError) -> BadDataError:
    found = (
        "; ".join(f"{item['loc']}: {item['msg']}" for item in error.errors())
        if isinstance(error, ValidationError)
        else str(error)
    )
    return BadDataError(f"The message '{kind}' cannot be read.", found=found, remedy="send it again, complete")

"""What finance does when it accepts a message from outside, and how the world goes on from there.

Every function works at one moment and refuses with an error of the failure tree; how a refusal is answered belongs
to `inbox`. All quantities are in base units.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select, update

from fulfillment_pipelines.errors import PreconditionError, RejectedError
from fulfillment_pipelines.twin.systems.message_objects import LegMessage, UnknownObjectError, find_leg, require
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, CURRENCY
from fulfillment_pipelines.twin.world.commercial_tables import billing_blocks
from fulfillment_pipelines.twin.world.plan import Kind, schedule, withdraw
from fulfillment_pipelines.twin.world.system_tables import invoice_lines
from fulfillment_pipelines.twin.world.truth_tables import true_holds, true_legs

_INVOICED_AFTER_SECONDS = 60
_POSTED_AFTER_SECONDS = 120


def request_invoice(books: Books, message: LegMessage, at: int) -> None:
    """Let finance bill a leg within minutes, exactly once.

    Raises:
        UnknownObjectError: There is no such leg.
        PreconditionError: The leg is billed, or the ERP has not confirmed it.
        RejectedError: The quantity is not the one the ERP confirmed.
    """
    leg = find_leg(books, message)
    if leg.invoiced_at is not None or leg.confirmed_at is None:
        raise PreconditionError(
            f"Leg {message.shipment_no} of {message.order_no}/{message.line_no} cannot be billed.",
            expected="a confirmed leg without an invoice",
            found="an invoice" if leg.invoiced_at is not None else "no confirmation",
        )
    confirmed = leg.qty + leg.confirm_error_qty
    if message.qty != confirmed:
        raise RejectedError("The quantity is not the confirmed one.", expected=str(confirmed), found=str(message.qty))
    withdraw(books.truth, [Kind.INVOICE_LEG], leg.leg_id)
    books.truth.execute(
        update(true_legs)
        .where(true_legs.c.leg_id == leg.leg_id)
        .values(invoice_lost=False, post_lag=_POSTED_AFTER_SECONDS)
    )
    schedule(books.truth, Kind.INVOICE_LEG, [(at + _INVOICED_AFTER_SECONDS, leg.leg_id)])


def amend_invoice(books: Books, number: str, line_seq: int, *, qty: int, at: int) -> None:
    """Let finance correct the quantity of a draft, which is then posted.

    Raises:
        UnknownObjectError: There is no such document line.
        PreconditionError: It is no longer a draft.
    """
    line = _invoice_line(books, number, line_seq)
    require("status", "DRAFT", line.status)
    books.finance.execute(
        update(invoice_lines)
        .where(invoice_lines.c.invoice_no == number, invoice_lines.c.line_seq == line_seq)
        .values(qty=qty, amount=qty * line.unit_price)
    )
    leg_id = books.truth.execute(
        select(true_legs.c.leg_id).where(true_legs.c.shipment_no == line.shipment_no)
    ).scalar_one_or_none()
    if leg_id is None:
        raise RejectedError(f"Document '{number}' names no leg.", expected="a draft that bills one leg", found=number)
    withdraw(books.truth, [Kind.POST_INVOICE], leg_id)
    schedule(books.truth, Kind.POST_INVOICE, [(at + _POSTED_AFTER_SECONDS, leg_id)])


def propose_credit(books: Books, number: str, line_seq: int, qty: int) -> None:
    """Let finance record the draft of a credit memo against an invoice line, once.

    Raises:
        UnknownObjectError: There is no such document line.
        PreconditionError: There is already a credit memo for it.
        RejectedError: The quantity is not positive or more than was billed.
    """
    line = _invoice_line(books, number, line_seq)
    if not 0 < qty <= line.qty:
        raise RejectedError("A credit cannot be that large.", expected=f"1 to {line.qty}", found=str(qty))
    memo = number.replace("INV-", "CM-")
    known = books.finance.execute(select(invoice_lines.c.invoice_no).where(invoice_lines.c.invoice_no == memo)).first()
    if known is not None:
        raise PreconditionError(f"Invoice '{number}' already has a credit memo.", expected="no memo", found=memo)
    books.finance.execute(
        insert(invoice_lines).values(
            invoice_no=memo,
            line_seq=1,
            document_type="CREDIT_MEMO",
            customer_no=line.customer_no,
            item=line.item,
            order_no=line.order_no,
            line_no=line.line_no,
            shipment_no=line.shipment_no,
            unit=BASE_UNIT,
            qty=qty,
            unit_price=line.unit_price,
            amount=qty * line.unit_price,
            currency=CURRENCY,
            status="DRAFT",
        )
    )


def hold_invoice(books: Books, message: LegMessage, at: int) -> None:
    """Let finance bill nothing of a leg before it leaves, and take back the posting of what it has billed too early.

    Raises:
        PreconditionError: The leg has left: what was shipped is billed.
    """
    leg = books.truth.execute(
        select(true_legs).where(true_legs.c.shipment_no == message.shipment_no)
    ).one_or_none()  # nobody but the ERP may know of it
    if leg is not None and leg.shipped_at is not None:
        raise PreconditionError(f"Leg {message.shipment_no} has left.", expected="no departure", found="a departure")
    of_leg = {"shipment_no": message.shipment_no, "order_no": message.order_no, "line_no": message.line_no}
    known = books.finance.execute(select(billing_blocks).filter_by(**of_leg)).first()
    if known is None:
        books.finance.execute(insert(billing_blocks).values(**of_leg, status="ACTIVE", placed_at=at))
    if leg is None:
        return
    books.truth.execute(update(true_legs).where(true_legs.c.leg_id == leg.leg_id).values(billing_blocked=True))
    books.finance.execute(
        update(invoice_lines)
        .where(invoice_lines.c.shipment_no == message.shipment_no, invoice_lines.c.document_type == "INVOICE")
        .values(status="DRAFT", posted_at=None)
    )


def resolve_credit_hold(books: Books, hold_no: str, at: int) -> None:
    """Let finance decide on a hold now; it is published like every decision.

    Raises:
        UnknownObjectError: Finance has no such hold.
    """
    hold = books.truth.execute(
        select(true_holds).where(true_holds.c.hold_no == hold_no, true_holds.c.placed_at.is_not(None))
    ).one_or_none()
    if hold is None:
        raise UnknownObjectError(f"Finance has no hold '{hold_no}'.", remedy="check the hold's number")
    if hold.resolved_at is None:
        withdraw(books.truth, [Kind.RESOLVE_HOLD], hold.hold_id)
        schedule(books.truth, Kind.RESOLVE_HOLD, [(at, hold.hold_id)])


def _invoice_line(books: Books, number: str, line_seq: int) -> Row[Any]:
    line = books.finance.execute(
        select(invoice_lines).where(invoice_lines.c.invoice_no == number, invoice_lines.c.line_seq == line_seq)
    ).one_or_none()
    if line is None:
        raise UnknownObjectError(f"Finance has no document line {number}/{line_seq}.")
    return line

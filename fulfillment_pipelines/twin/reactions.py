"""What a system does when it accepts a message from outside, and how the world goes on from there.

Every function works at one moment and refuses with an error of the failure tree; how a refusal is answered belongs
to the interface that received the message. All quantities are in base units unless a unit is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update

from fulfillment_pipelines.errors import PreconditionError, RejectedError
from fulfillment_pipelines.twin.billing_flow import confirm_legs, consume_allocation, invoice_no
from fulfillment_pipelines.twin.books import Books
from fulfillment_pipelines.twin.catalogue import BASE_UNIT, CURRENCY, ITEM_BY_SKU, Node
from fulfillment_pipelines.twin.hold_flow import ERP_SYSTEM, apply_erp_hold, clear_hold_view
from fulfillment_pipelines.twin.order_flow import close_served_orders, create_orders
from fulfillment_pipelines.twin.plan import Kind, schedule, withdraw
from fulfillment_pipelines.twin.stock_flow import PositionChange, change_erp_positions
from fulfillment_pipelines.twin.system_tables import (
    confirmations,
    erp_holds,
    inventory,
    inventory_adjustments,
    invoice_lines,
)
from fulfillment_pipelines.twin.truth_tables import hold_views, true_holds, true_legs, true_lines, true_orders
from fulfillment_pipelines.twin.warehouse_flow import open_qty, take_in_releases

_ACKNOWLEDGED_AFTER_SECONDS = {Node.EAST: 60, Node.WEST: 60, Node.NORTH: 300}
_INVOICED_AFTER_SECONDS = 60
_POSTED_AFTER_SECONDS = 120


class UnknownObjectError(RejectedError):
    """The message is about something the system does not know."""


@dataclass(frozen=True, slots=True)
class ReleaseMessage:
    """A release as a site receives it; the quantity is in `unit`."""

    release_no: str
    order_no: str
    line_no: int
    item: str
    unit: str
    qty: int
    sent_at: int


@dataclass(frozen=True, slots=True)
class ConfirmMessage:
    """A ship confirmation as the ERP receives it."""

    shipment_no: str
    order_no: str
    line_no: int
    qty: int


def create_lost_order(books: Books, portal_id: str, at: int) -> str:
    """Let the ERP fetch an order from the portal and create it; return its order number.

    Raises:
        UnknownObjectError: The portal has no such order.
        PreconditionError: The ERP already has it.
    """
    order = books.truth.execute(
        select(true_orders).where(true_orders.c.portal_id == portal_id, true_orders.c.ordered_at <= at)
    ).one_or_none()
    if order is None:
        raise UnknownObjectError(f"The portal has no order '{portal_id}'.", remedy="check the channel's order number")
    if order.created_at is not None:
        raise PreconditionError(
            f"Portal order '{portal_id}' is already in the ERP.",
            expected="no order",
            found=order.order_no,
            remedy="read the order back",
        )
    withdraw(books.truth, [Kind.CREATE_ORDER], order.order_id)
    schedule(books.truth, Kind.CREATE_ORDER, [(at, order.order_id)])
    create_orders(books, at)
    return str(order.order_no)


def receive_release(books: Books, node: str, message: ReleaseMessage, at: int) -> None:
    """Let a site take a release in; the same release again has no effect.

    Raises:
        UnknownObjectError: The site has no such order line.
        PreconditionError: The line is already released under another number.
        RejectedError: Item or quantity do not fit the line.
    """
    line = _line(books, message.order_no, message.line_no)
    factor = ITEM_BY_SKU[line.sku].pack_qty if message.unit != BASE_UNIT else 1
    if line.node != node or line.sku != message.item or message.qty * factor != open_qty(line):
        raise RejectedError(
            f"Release '{message.release_no}' does not fit line {message.order_no}/{message.line_no}.",
            expected=f"{open_qty(line)} {BASE_UNIT} of {line.sku} at {line.node}",
            found=f"{message.qty} {message.unit} of {message.item} at {node}",
            remedy="read the line from the ERP and send it again",
        )
    if line.acked_at is not None:
        if line.release_no == message.release_no:
            return
        raise PreconditionError(
            f"Line {message.order_no}/{message.line_no} is already released.",
            expected="no release",
            found=line.release_no,
            remedy="read the release back",
        )
    withdraw(books.truth, [Kind.RELEASE_LINE, Kind.TAKE_IN_RELEASE], line.line_id)
    books.truth.execute(
        update(true_lines)
        .where(true_lines.c.line_id == line.line_id)
        .values(release_no=message.release_no, released_at=line.released_at or message.sent_at, ack_lost=False)
    )
    if line.released_at is None:
        recorded_at = at + _ACKNOWLEDGED_AFTER_SECONDS[Node(node)]
        schedule(books.truth, Kind.RECORD_RELEASE, [(recorded_at, line.line_id)])
    schedule(books.truth, Kind.TAKE_IN_RELEASE, [(at, line.line_id)])
    take_in_releases(books, at)


def resolve_hold(books: Books, system: str, hold_no: str, resolved_at: int, at: int) -> None:
    """Resolve a hold in one system; a hold that is resolved there stays so.

    Args:
        books: The open books.
        system: Site, or `ERP`.
        hold_no: Number of the hold.
        resolved_at: When it was resolved, as the message says.
        at: Now.

    Raises:
        UnknownObjectError: The system has no such hold.
    """
    view = books.truth.execute(
        select(hold_views, true_holds.c.hold_no)
        .join(true_holds, true_holds.c.hold_id == hold_views.c.hold_id)
        .where(true_holds.c.hold_no == hold_no, hold_views.c.system == system, hold_views.c.active_from.is_not(None))
    ).one_or_none()
    if view is None:
        raise UnknownObjectError(f"{system} has no hold '{hold_no}'.", remedy="check the hold's number")
    clear_hold_view(books, view, resolved_at, at)


def confirm_shipment(books: Books, message: ConfirmMessage, at: int) -> None:
    """Let the ERP book a ship confirmation.

    Raises:
        UnknownObjectError: There is no such order line or departed leg.
        PreconditionError: The leg is already booked.
        RejectedError: The quantity is not positive.
    """
    leg = _leg(books, message.shipment_no, message.order_no, message.line_no)
    if message.qty <= 0:
        raise RejectedError("A confirmation needs a quantity.", expected="more than 0", found=str(message.qty))
    if leg.confirmed_at is not None:
        raise PreconditionError(
            f"Leg {message.shipment_no} of {message.order_no}/{message.line_no} is already confirmed.",
            expected="no confirmation",
            found="a confirmation",
            remedy="read the confirmation back",
        )
    withdraw(books.truth, [Kind.CONFIRM_LEG], leg.leg_id)
    books.truth.execute(
        update(true_legs)
        .where(true_legs.c.leg_id == leg.leg_id)
        .values(confirm_lost=False, confirm_error_qty=message.qty - leg.qty)
    )
    schedule(books.truth, Kind.CONFIRM_LEG, [(at, leg.leg_id)])
    confirm_legs(books, at)


def amend_confirmation(books: Books, message: ConfirmMessage, expected_qty: int | None, at: int) -> None:
    """Let the ERP correct the quantity of a booked confirmation.

    Raises:
        UnknownObjectError: The ERP has no such confirmation.
        PreconditionError: The ERP no longer holds the expected quantity.
    """
    leg = _leg(books, message.shipment_no, message.order_no, message.line_no)
    booked = (
        (confirmations.c.shipment_no == message.shipment_no)
        & (confirmations.c.order_no == message.order_no)
        & (confirmations.c.line_no == message.line_no)
    )
    held = books.erp.execute(select(confirmations.c.qty).where(booked)).scalar()
    if held is None:
        raise UnknownObjectError(f"The ERP has no confirmation of leg {message.shipment_no}.")
    require("quantity", expected_qty, held)
    books.erp.execute(update(confirmations).where(booked).values(qty=message.qty, updated_at=at))
    consume_allocation(books, leg, message.qty - held, at)
    close_served_orders(books, [message.order_no], at)


def adjust_inventory(
    books: Books, site: str, sku: str, qty: int, *, reason: str, reference: str, expected_on_hand: int | None, at: int
) -> None:
    """Let the ERP book an adjustment of stock on hand; a reference is booked once.

    Raises:
        UnknownObjectError: The ERP has no such position.
        PreconditionError: The reference is booked, or the ERP no longer holds the expected quantity.
    """
    position = erp_position(books, site, sku)
    known = books.erp.execute(
        select(inventory_adjustments.c.reference).where(inventory_adjustments.c.reference == reference)
    ).first()
    if known is not None:
        raise PreconditionError(
            f"Adjustment '{reference}' is already booked.", expected="no adjustment", found=reference
        )
    require("on hand", expected_on_hand, position.on_hand)
    books.erp.execute(
        insert(inventory_adjustments).values(
            reference=reference, site=site, sku=sku, qty=qty, reason=reason, booked_at=at, updated_at=at
        )
    )
    change_erp_positions(books.erp, [PositionChange(site, sku, on_hand=qty)], at)


def set_atp(books: Books, site: str, sku: str, atp: int, expected_atp: int | None, at: int) -> None:
    """Let the ERP promise another quantity: the difference becomes a reservation, so that it stays.

    Raises:
        UnknownObjectError: The ERP has no such position.
        PreconditionError: The ERP no longer holds the expected quantity.
    """
    position = erp_position(books, site, sku)
    require("atp", expected_atp, position.atp)
    change_erp_positions(books.erp, [PositionChange(site, sku, promised=position.atp - atp)], at)


def apply_hold(books: Books, order_no: str, hold_type: str, at: int) -> str:
    """Let the ERP place a hold on an order; return its number. An active hold of that type is kept.

    Raises:
        UnknownObjectError: The ERP has no such order.
    """
    order = books.truth.execute(
        select(true_orders).where(true_orders.c.order_no == order_no, true_orders.c.created_at.is_not(None))
    ).one_or_none()
    if order is None:
        raise UnknownObjectError(f"The ERP has no order '{order_no}'.", remedy="check the order number")
    active = books.erp.execute(
        select(erp_holds.c.hold_no).where(
            erp_holds.c.order_no == order_no, erp_holds.c.type == hold_type, erp_holds.c.status == "CREATED"
        )
    ).scalar()
    if active is not None:
        return str(active)
    hold_no = f"HD-E{order.order_id:05d}-{at}"
    apply_erp_hold(books, order.order_id, hold_no, hold_type, at)
    return hold_no


def request_invoice(books: Books, shipment_no: str, order_no: str, line_no: int, qty: int, at: int) -> None:
    """Let finance bill a leg within minutes, exactly once.

    Raises:
        UnknownObjectError: There is no such leg.
        PreconditionError: The leg is billed, or the ERP has not confirmed it.
        RejectedError: The quantity is not the one the ERP confirmed.
    """
    leg = _leg(books, shipment_no, order_no, line_no)
    if leg.invoiced_at is not None or leg.confirmed_at is None:
        raise PreconditionError(
            f"Leg {shipment_no} of {order_no}/{line_no} cannot be billed.",
            expected="a confirmed leg without an invoice",
            found="an invoice" if leg.invoiced_at is not None else "no confirmation",
        )
    confirmed = leg.qty + leg.confirm_error_qty
    if qty != confirmed:
        raise RejectedError("The quantity is not the confirmed one.", expected=str(confirmed), found=str(qty))
    withdraw(books.truth, [Kind.INVOICE_LEG], leg.leg_id)
    books.truth.execute(
        update(true_legs)
        .where(true_legs.c.leg_id == leg.leg_id)
        .values(invoice_lost=False, post_lag=_POSTED_AFTER_SECONDS)
    )
    schedule(books.truth, Kind.INVOICE_LEG, [(at + _INVOICED_AFTER_SECONDS, leg.leg_id)])


def amend_invoice(books: Books, number: str, line_seq: int, qty: int, at: int) -> None:
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
    ).scalar_one()
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


def erp_position(books: Books, site: str, sku: str) -> Row[Any]:
    """Return the ERP's position of an item at a site.

    Raises:
        UnknownObjectError: The ERP has no such position.
    """
    position = books.erp.execute(
        select(inventory).where(inventory.c.site == site, inventory.c.sku == sku)
    ).one_or_none()
    if position is None:
        raise UnknownObjectError(f"The ERP has no position of '{sku}' at '{site}'.")
    return position


def require(what: str, expected: Any, found: Any) -> None:
    """Refuse unless a value is still the expected one; None expects nothing.

    Raises:
        PreconditionError: The values differ.
    """
    if expected is not None and expected != found:
        raise PreconditionError(
            f"The {what} has changed.", expected=str(expected), found=str(found), remedy="decide anew on what is held"
        )


def _line(books: Books, order_no: str, line_no: int) -> Row[Any]:
    line = books.truth.execute(
        select(true_lines)
        .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
        .where(
            true_orders.c.order_no == order_no,
            true_lines.c.line_no == line_no,
            true_orders.c.created_at.is_not(None),
        )
    ).one_or_none()
    if line is None:
        raise UnknownObjectError(f"There is no order line {order_no}/{line_no}.", remedy="check the order and the line")
    return line


def _leg(books: Books, shipment_no: str, order_no: str, line_no: int) -> Row[Any]:
    leg = books.truth.execute(
        select(true_legs, true_lines.c.node, true_lines.c.sku, true_orders.c.order_no, true_lines.c.line_no)
        .join(true_lines, true_lines.c.line_id == true_legs.c.line_id)
        .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
        .where(
            true_legs.c.shipment_no == shipment_no,
            true_orders.c.order_no == order_no,
            true_lines.c.line_no == line_no,
            true_legs.c.shipped_at.is_not(None),
        )
    ).one_or_none()
    if leg is None:
        raise UnknownObjectError(f"There is no leg {shipment_no} of {order_no}/{line_no}.", remedy="check the numbers")
    return leg


def _invoice_line(books: Books, number: str, line_seq: int) -> Row[Any]:
    line = books.finance.execute(
        select(invoice_lines).where(invoice_lines.c.invoice_no == number, invoice_lines.c.line_seq == line_seq)
    ).one_or_none()
    if line is None:
        raise UnknownObjectError(f"Finance has no document line {number}/{line_seq}.")
    return line


__all__ = [
    "ERP_SYSTEM",
    "ConfirmMessage",
    "ReleaseMessage",
    "UnknownObjectError",
    "adjust_inventory",
    "amend_confirmation",
    "amend_invoice",
    "apply_hold",
    "confirm_shipment",
    "create_lost_order",
    "erp_position",
    "invoice_no",
    "propose_credit",
    "receive_release",
    "request_invoice",
    "require",
    "resolve_hold",
    "set_atp",
]

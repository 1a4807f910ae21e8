"""What the ERP's order desk does with messages about orders it has: take over, give up allocation, reverse a shipment.

Every function works at one moment and refuses with an error of the failure tree; how a refusal is answered belongs
to `erp_requests`. All quantities are in base units.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from fulfillment_pipelines.errors import PreconditionError, RejectedError
from fulfillment_pipelines.twin.systems.message_objects import LegMessage, UnknownObjectError, find_line, require
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import ITEM_BY_SKU
from fulfillment_pipelines.twin.world.commercial_tables import cross_references, order_amendments, shipment_reversals
from fulfillment_pipelines.twin.world.hold_flow import ERP_SYSTEM, clear_hold_view
from fulfillment_pipelines.twin.world.master_data import contract_price_cents, has_contract
from fulfillment_pipelines.twin.world.order_flow import lines_of
from fulfillment_pipelines.twin.world.plan import Kind, withdraw
from fulfillment_pipelines.twin.world.reservation_flow import keep_at_most
from fulfillment_pipelines.twin.world.stock_flow import PositionChange, change_erp_positions
from fulfillment_pipelines.twin.world.system_tables import (
    confirmations,
    order_lines,
    portal_items,
    portal_orders,
    sales_orders,
)
from fulfillment_pipelines.twin.world.truth_tables import hold_views, true_holds, true_legs, true_lines, true_orders


def take_over_header(books: Books, order_no: str, at: int) -> None:
    """Let the ERP take over what the portal says of an order: ship-to, terms, requested delivery, revision.

    Raises:
        UnknownObjectError: There is no such order, or the portal does not have it.
    """
    order, shown = _order_and_portal_copy(books, order_no)
    known = {
        "ship_to_no": shown.ship_to,
        "payment_terms": shown.terms,
        "requested_at": shown.requested_at,
        "revision_no": shown.revision,
    }
    books.truth.execute(
        update(true_orders).where(true_orders.c.order_id == order.order_id).values(**known, amendment_lost=False)
    )
    books.erp.execute(update(sales_orders).where(sales_orders.c.order_no == order_no).values(**known, updated_at=at))


def take_over_line(books: Books, order_no: str, line_no: int, at: int) -> None:
    """Let the ERP take over item and quantity of a line from the portal, and the price from the contract, if any.

    Raises:
        UnknownObjectError: There is no such line, or the portal does not have it.
        PreconditionError: The line is released.
    """
    order, _ = _order_and_portal_copy(books, order_no)
    line = find_line(books, order_no, line_no)
    item = books.portal.execute(
        select(portal_items).where(portal_items.c.order_id == order.portal_id, portal_items.c.line == line_no)
    ).one_or_none()
    if item is None:
        raise UnknownObjectError(f"The portal has no line {order.portal_id}/{line_no}.")
    if line.released_at is not None:
        raise PreconditionError(
            f"Line {order_no}/{line_no} can no longer be changed.", expected="no release", found=line.release_no
        )
    sku = item.sku or _meaning(books, order.customer_no, item.buyer_item)
    contract = contract_price_cents(order.customer_no, ITEM_BY_SKU[sku])
    price = contract if has_contract(order.customer_no) else item.price
    _change_line(books, order_no, line, {"sku": sku, "qty": item.qty, "unit_price": price}, at)


def lower_allocation(books: Books, order_no: str, line_no: int, *, allocated_qty: int, expected: int, at: int) -> None:
    """Let the ERP give up part of a line's allocation; what the line still asks for beyond it is backordered.

    Raises:
        UnknownObjectError: The ERP has no such line.
        PreconditionError: The ERP no longer holds the expected allocation.
        RejectedError: More would be allocated than before.
    """
    of_line = (order_lines.c.order_no == order_no) & (order_lines.c.line_no == line_no)
    line = books.erp.execute(select(order_lines).where(of_line)).one_or_none()
    if line is None:
        raise UnknownObjectError(f"There is no order line {order_no}/{line_no}.", remedy="check the order and the line")
    require("allocation", expected, line.qty_allocated)
    given_up = line.qty_allocated - allocated_qty
    if given_up < 0 or allocated_qty < 0:
        raise RejectedError(
            "Allocation can only be taken away.", expected=f"0 to {line.qty_allocated}", found=str(allocated_qty)
        )
    confirmed = books.erp.execute(
        select(func.coalesce(func.sum(confirmations.c.qty), 0)).where(
            confirmations.c.order_no == order_no, confirmations.c.line_no == line_no
        )
    ).scalar_one()
    open_qty = max(0, line.qty_ordered - line.qty_cancelled - confirmed)
    books.erp.execute(
        update(order_lines)
        .where(of_line)
        .values(qty_allocated=allocated_qty, qty_backordered=max(0, open_qty - allocated_qty), updated_at=at)
    )
    change_erp_positions(books.erp, [PositionChange(line.site, line.sku, promised=-given_up)], at)
    keep_at_most(books, line.site, find_line(books, order_no, line_no).line_id, allocated_qty)


def cancel_order(books: Books, order_no: str, at: int) -> None:
    """Let the ERP cancel an order of which nothing is released: its allocation is freed and its holds end.

    Raises:
        UnknownObjectError: The ERP has no such order.
        PreconditionError: A line is released, or the order is cancelled already.
    """
    order = books.truth.execute(select(true_orders).where(true_orders.c.order_no == order_no)).one_or_none()
    shown = books.erp.execute(select(sales_orders).where(sales_orders.c.order_no == order_no)).one_or_none()
    if order is None or shown is None:
        raise UnknownObjectError(f"There is no order {order_no}.", remedy="check the order number")
    require("status", "OPEN", shown.status)
    lines = lines_of(books, [order.order_id])
    released = next((line for line in lines if line.released_at is not None), None)
    if released is not None:
        raise PreconditionError(
            f"Order {order_no} can no longer be cancelled.", expected="no release", found=released.release_no
        )
    _end_erp_holds(books, order.order_id, at)
    for line in lines:
        _cancel_line(books, order_no, line, at)
    books.erp.execute(
        update(sales_orders).where(sales_orders.c.order_no == order_no).values(status="CANCELLED", updated_at=at)
    )


def _end_erp_holds(books: Books, order_id: int, at: int) -> None:
    views = books.truth.execute(
        select(hold_views, true_holds.c.hold_no)
        .join(true_holds, true_holds.c.hold_id == hold_views.c.hold_id)
        .where(hold_views.c.order_id == order_id, hold_views.c.system == ERP_SYSTEM)
    ).all()
    for view in views:
        clear_hold_view(books, view, at, at)


def _cancel_line(books: Books, order_no: str, line: Row[Any], at: int) -> None:
    of_line = (order_lines.c.order_no == order_no) & (order_lines.c.line_no == line.line_no)
    freed = books.erp.execute(select(order_lines.c.qty_allocated).where(of_line)).scalar_one()
    books.erp.execute(
        update(order_lines)
        .where(of_line)
        .values(qty_cancelled=order_lines.c.qty_ordered, qty_allocated=0, qty_backordered=0, updated_at=at)
    )
    change_erp_positions(books.erp, [PositionChange(line.node, line.sku, promised=-freed)], at)
    keep_at_most(books, line.node, line.line_id, 0)
    withdraw(books.truth, [Kind.ALLOCATE_LINE, Kind.RELEASE_LINE, Kind.CANCEL_LINE], line.line_id)
    books.truth.execute(
        update(true_lines)
        .where(true_lines.c.line_id == line.line_id)
        .values(cancel_qty=line.qty, cancel_at=at, cancelled_at=at)
    )


def reverse_shipment(books: Books, message: LegMessage, at: int) -> None:
    """Let the ERP take a ship confirmation back that no departure stands behind.

    Raises:
        UnknownObjectError: The ERP has no such confirmation.
        PreconditionError: The leg has left its site.
    """
    booked = (
        (confirmations.c.shipment_no == message.shipment_no)
        & (confirmations.c.order_no == message.order_no)
        & (confirmations.c.line_no == message.line_no)
    )
    held = books.erp.execute(select(confirmations).where(booked)).one_or_none()
    if held is None:
        raise UnknownObjectError(f"The ERP has no confirmation of leg {message.shipment_no}.")
    departed = books.truth.execute(
        select(true_legs.c.shipped_at).where(true_legs.c.shipment_no == message.shipment_no)
    ).scalar()
    if departed is not None:
        raise PreconditionError(f"Leg {message.shipment_no} has left.", expected="no departure", found="a departure")
    books.erp.execute(delete(confirmations).where(booked))
    books.erp.execute(
        insert(shipment_reversals).values(
            shipment_no=message.shipment_no,
            order_no=message.order_no,
            line_no=message.line_no,
            qty=held.qty,
            reversed_at=at,
            updated_at=at,
        )
    )
    books.erp.execute(
        update(order_lines)
        .where(order_lines.c.order_no == message.order_no, order_lines.c.line_no == message.line_no)
        .values(qty_allocated=order_lines.c.qty_allocated + held.qty, updated_at=at)
    )
    change_erp_positions(books.erp, [PositionChange(held.site, held.sku, on_hand=held.qty, promised=held.qty)], at)


def note_amendment(books: Books, key: str, order_no: str, line_no: int | None, at: int) -> None:
    """Keep in the ERP that it took something over, so that whoever asked can read it back."""
    books.erp.execute(
        insert(order_amendments).values(amendment_no=key, order_no=order_no, line_no=line_no, updated_at=at)
    )


def _order_and_portal_copy(books: Books, order_no: str) -> tuple[Row[Any], Row[Any]]:
    order = books.truth.execute(
        select(true_orders).where(true_orders.c.order_no == order_no, true_orders.c.created_at.is_not(None))
    ).one_or_none()
    if order is None:
        raise UnknownObjectError(f"The ERP has no order '{order_no}'.", remedy="check the order number")
    shown = books.portal.execute(select(portal_orders).where(portal_orders.c.id == order.portal_id)).one_or_none()
    if shown is None:
        raise UnknownObjectError(f"The portal has no order '{order.portal_id}'.", remedy="change the order by hand")
    return order, shown


def _change_line(books: Books, order_no: str, line: Row[Any], wanted: dict[str, Any], at: int) -> None:
    more = wanted["qty"] - line.qty
    books.truth.execute(update(true_lines).where(true_lines.c.line_id == line.line_id).values(**wanted))
    last_leg = (
        select(true_legs.c.leg_id)
        .where(true_legs.c.line_id == line.line_id)
        .order_by(true_legs.c.leg_id.desc())
        .limit(1)
        .scalar_subquery()
    )
    books.truth.execute(update(true_legs).where(true_legs.c.leg_id == last_leg).values(qty=true_legs.c.qty + more))
    books.erp.execute(
        update(order_lines)
        .where(order_lines.c.order_no == order_no, order_lines.c.line_no == line.line_no)
        .values(
            sku=wanted["sku"],
            qty_ordered=wanted["qty"],
            qty_allocated=order_lines.c.qty_allocated + more,
            unit_price=wanted["unit_price"],
            updated_at=at,
        )
    )
    moved = [
        PositionChange(line.node, line.sku, promised=-line.qty),
        PositionChange(line.node, wanted["sku"], promised=wanted["qty"]),
    ]
    change_erp_positions(books.erp, moved, at)


def _meaning(books: Books, party: str, foreign_no: str) -> str:
    sku = books.erp.execute(
        select(cross_references.c.own_no).where(
            cross_references.c.party == party, cross_references.c.foreign_no == foreign_no
        )
    ).scalar()
    if sku is None:
        raise UnknownObjectError(f"Nobody knows the number '{foreign_no}' of {party}.", remedy="map the number first")
    return str(sku)

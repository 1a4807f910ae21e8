"""What a site does when it is asked to put something right: hold, reserve, free, tell again, count.

Every function works at one moment and refuses with an error of the failure tree; how a refusal is answered belongs
to the interface that received the message. The same request again has no further effect.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, insert, select, update

from fulfillment_pipelines.errors import PreconditionError, RejectedError
from fulfillment_pipelines.twin.systems.message_objects import UnknownObjectError, find_line
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, ITEM_BY_SKU
from fulfillment_pipelines.twin.world.plan import Kind
from fulfillment_pipelines.twin.world.reservation_flow import (
    add_reservation,
    reservation_no,
    reservation_of,
    set_reservation,
)
from fulfillment_pipelines.twin.world.site_tables import packs, shipment_holds, stock_counts
from fulfillment_pipelines.twin.world.system_tables import order_holds, release_lines, stock
from fulfillment_pipelines.twin.world.truth_tables import hold_views, plan, true_holds, true_legs, true_lines

_SHIPPED_AFTER_SECONDS = 600


def hold_shipment(books: Books, node: str, order_no: str, line_no: int, at: int) -> None:
    """Let a site keep back what of a line has not departed.

    Raises:
        UnknownObjectError: The site has no such order line.
        PreconditionError: All of it has departed.
    """
    line = _line_at(books, node, order_no, line_no)
    if line.shipment_held:
        return
    if not _legs(books, line, departed=False):
        raise PreconditionError(
            f"Line {order_no}/{line_no} has departed.",
            expected="a package at the site",
            found="none",
            remedy="call the goods back from the carrier",
        )
    books.truth.execute(update(true_lines).where(true_lines.c.line_id == line.line_id).values(shipment_held=True))
    books.wms[node].execute(
        insert(shipment_holds).values(order_no=order_no, line_no=line_no, status="HELD", held_at=at)
    )


def apply_hold(books: Books, node: str, hold_no: str, *, order_no: str, hold_type: str, at: int) -> None:
    """Let a site learn of a hold: it picks nothing of the order until the hold is resolved.

    Raises:
        UnknownObjectError: Nobody has placed such a hold on the order.
    """
    table = order_holds.c
    known = books.wms[node].execute(select(table.hold_no).where(table.hold_no == hold_no)).first()
    if known is not None:
        return
    hold = books.truth.execute(
        select(true_holds).where(true_holds.c.hold_no == hold_no, true_holds.c.placed_at.is_not(None))
    ).one_or_none()
    if hold is None:
        raise UnknownObjectError(f"There is no hold '{hold_no}' on {order_no}.", remedy="check the hold's number")
    books.wms[node].execute(
        insert(order_holds).values(
            hold_no=hold_no,
            order_no=order_no,
            hold_type=hold_type,
            status="CREATED",
            placed_by="finance",
            placed_at=hold.placed_at,
        )
    )
    of_site = (hold_views.c.hold_id == hold.hold_id) & (hold_views.c.system == node)
    if books.truth.execute(update(hold_views).where(of_site).values(active_from=at)).rowcount == 0:
        books.truth.execute(
            insert(hold_views).values(
                hold_id=hold.hold_id, order_id=hold.order_id, system=node, publish_lag=0, active_from=at
            )
        )


def set_allocation(
    books: Books, node: str, order_no: str, line_no: int, *, item: str, unit: str, qty: int, at: int
) -> None:
    """Let a site set so much aside for a line.

    Raises:
        UnknownObjectError: The site has no such order line.
        RejectedError: It is another item, or more than is left to ship of the line.
    """
    line = _line_at(books, node, order_no, line_no)
    quantity = qty * (ITEM_BY_SKU[line.sku].pack_qty if unit != BASE_UNIT else 1)
    cancelled_qty = line.cancel_qty if line.cancelled_at is not None else 0
    left = line.qty - cancelled_qty - sum(leg.qty for leg in _legs(books, line, departed=True))
    if line.sku != item or not 0 <= quantity <= left:
        raise RejectedError(
            f"The allocation does not fit line {order_no}/{line_no}.",
            expected=f"at most {left} {BASE_UNIT} of {line.sku}",
            found=f"{qty} {unit} of {item}",
            remedy="read the line from the ERP and send it again",
        )
    number = reservation_no(line.line_id)
    row = reservation_of(books, node, number)
    if row is not None:
        set_reservation(books, node, row, quantity // ITEM_BY_SKU[item].factor_at(node))
    elif quantity:
        add_reservation(books, node, number, item, quantity, at=at, line=(order_no, line_no))


def release_reservation(books: Books, node: str, number: str) -> None:
    """Let a site give free what a reservation holds; one that is gone stays gone."""
    row = reservation_of(books, node, number)
    if row is not None:
        set_reservation(books, node, row, 0)


def tell_again(books: Books, node: str, order_no: str, line_no: int, at: int) -> None:
    """Let a site send the events of a line again, and look after what it finds lying there.

    Raises:
        UnknownObjectError: The site has no such order line.
        PreconditionError: It has not picked the line.
    """
    line = _line_at(books, node, order_no, line_no)
    if line.picked_at is None:
        raise PreconditionError(
            f"Line {order_no}/{line_no} is not picked.", expected="a picked line", found="an open pick"
        )
    units = sum(leg.qty for leg in _legs(books, line)) // ITEM_BY_SKU[line.sku].factor_at(node)
    of_pack = (packs.c.order_no == order_no) & (packs.c.line_no == line_no)
    packed_at = books.wms[node].execute(select(func.max(packs.c.packed_at)).where(of_pack)).scalar()
    books.wms[node].execute(
        update(release_lines)
        .where(release_lines.c.order_no == order_no, release_lines.c.line_no == line_no)
        .values(picked_qty=units, pick_status="CLOSED", picked_at=line.picked_at, packed_at=packed_at)
    )
    waiting = [leg.leg_id for leg in _legs(books, line, departed=False)]
    books.truth.execute(
        update(plan)
        .where(plan.c.kind == Kind.SHIP_LEG, plan.c.subject.in_(waiting), plan.c.at > at + _SHIPPED_AFTER_SECONDS)
        .values(at=at + _SHIPPED_AFTER_SECONDS)
    )


def count_stock(books: Books, node: str, item: str, at: int) -> None:
    """Let a site count an item. It finds what it has booked: the sites of this world know their stock.

    Raises:
        UnknownObjectError: The site has no such item.
    """
    position = books.wms[node].execute(select(stock).where(stock.c.item == item)).one_or_none()
    if position is None:
        raise UnknownObjectError(f"{node} has no item '{item}'.")
    found = {"unit": position.unit, "counted_qty": position.on_hand, "status": "COUNTED", "counted_at": at}
    of_item = stock_counts.c.item == item
    if books.wms[node].execute(update(stock_counts).where(of_item).values(**found)).rowcount == 0:
        books.wms[node].execute(insert(stock_counts).values(item=item, **found))


def _line_at(books: Books, node: str, order_no: str, line_no: int) -> Row[Any]:
    line = find_line(books, order_no, line_no)
    if line.node != node:
        raise UnknownObjectError(f"{node} has no order line {order_no}/{line_no}.", remedy=f"send it to {line.node}")
    return line


def _legs(books: Books, line: Row[Any], *, departed: bool | None = None) -> list[Row[Any]]:
    legs = books.truth.execute(select(true_legs).where(true_legs.c.line_id == line.line_id)).all()
    return [leg for leg in legs if departed is None or (leg.shipped_at is not None) == departed]

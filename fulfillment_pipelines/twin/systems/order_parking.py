"""Parked orders: incomplete ones, and ones with numbers that stand for nothing, which the ERP does not take in.

What the portal holds decides, not the truth: an order is taken in as soon as the portal's copy is complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from fulfillment_pipelines.errors import PreconditionError
from fulfillment_pipelines.twin.systems.message_objects import UnknownObjectError
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import ITEM_BY_SKU, foreign_sku
from fulfillment_pipelines.twin.world.commercial_tables import cross_references
from fulfillment_pipelines.twin.world.plan import Kind, schedule
from fulfillment_pipelines.twin.world.system_tables import portal_items, portal_orders
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders

_TAKEN_IN_AFTER_SECONDS = 60
_EARLIEST_RELEASE_SECONDS = 900
_NEEDED = ("po", "ship_to", "terms")


@dataclass(frozen=True, slots=True)
class CompletedLine:
    """What is put right on a line of a portal order; None leaves a value as it is."""

    line: int
    sku: str | None
    qty: int | None


def order_waiting_at_portal(books: Books, portal_id: str, at: int) -> Row[Any]:
    """Return an order that the portal has and the ERP has not.

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
    return order


def complete_order(
    books: Books, portal_id: str, header: Mapping[str, Any], lines: Sequence[CompletedLine], at: int
) -> None:
    """Put a parked order right at the portal; the ERP takes it in a minute after nothing is missing any more.

    Raises:
        UnknownObjectError: The portal has no such order.
        PreconditionError: The ERP already has it.
    """
    order_waiting_at_portal(books, portal_id, at)
    if header:
        books.portal.execute(update(portal_orders).where(portal_orders.c.id == portal_id).values(**header))
    for line in lines:
        changes = {name: value for name, value in (("sku", line.sku), ("qty", line.qty)) if value is not None}
        if changes:
            books.portal.execute(
                update(portal_items)
                .where(portal_items.c.order_id == portal_id, portal_items.c.line == line.line)
                .values(**changes)
            )
    take_in_complete(books, at)


def map_number(books: Books, party: str, foreign_no: str, own_no: str, at: int) -> None:
    """Teach the ERP what a customer's item number stands for; orders that waited for it are taken in.

    Raises:
        UnknownObjectError: There is no such item.
        PreconditionError: The number already stands for something.
    """
    if own_no not in ITEM_BY_SKU:
        raise UnknownObjectError(f"There is no item '{own_no}'.", remedy="check the item number")
    known = _meaning(books, party, foreign_no)
    if known is not None:
        raise PreconditionError(f"Number '{foreign_no}' is mapped.", expected="no mapping", found=known)
    books.erp.execute(
        insert(cross_references).values(type="ITEM", party=party, foreign_no=foreign_no, own_no=own_no, updated_at=at)
    )
    take_in_complete(books, at)


def repair_parked(books: Books, at: int) -> int:
    """Let the customers complete their parked orders by themselves, and return how many did."""
    parked = books.truth.execute(select(true_orders).where(true_orders.c.is_parked)).all()
    for order in parked:
        books.portal.execute(
            update(portal_orders)
            .where(portal_orders.c.id == order.portal_id)
            .values(
                po=order.customer_po,
                ship_to=order.ship_to_no,
                terms=order.payment_terms,
                requested_at=order.requested_at,
            )
        )
        for line in books.truth.execute(select(true_lines).where(true_lines.c.order_id == order.order_id)):
            buyer_item = foreign_sku(order.customer_no, line.sku)
            books.portal.execute(
                update(portal_items)
                .where(portal_items.c.order_id == order.portal_id, portal_items.c.line == line.line_no)
                .values(sku=None if buyer_item else line.sku, buyer_item=buyer_item, qty=line.qty)
            )
    take_in_complete(books, at)
    return len(parked)


def take_in_complete(books: Books, at: int) -> None:
    """Let the ERP take in every parked order whose copy at the portal is complete now."""
    parked = books.truth.execute(
        select(true_orders).where(true_orders.c.is_parked, true_orders.c.created_at.is_(None))
    ).all()
    for order in parked:
        if problem_of(books, order) is not None:
            continue
        created_at = at + _TAKEN_IN_AFTER_SECONDS
        books.truth.execute(update(true_orders).where(true_orders.c.order_id == order.order_id).values(is_parked=False))
        _take_over_portal_copy(books, order, created_at + _EARLIEST_RELEASE_SECONDS)
        schedule(books.truth, Kind.CREATE_ORDER, [(created_at, order.order_id)])


def problem_of(books: Books, order: Row[Any]) -> str | None:
    """Return what keeps the ERP from taking an order of the portal in, None if nothing does."""
    shown = books.portal.execute(select(portal_orders).where(portal_orders.c.id == order.portal_id)).one()
    missing = [name for name in _NEEDED if getattr(shown, name) is None]
    if missing:
        return f"{', '.join(missing)} missing"
    if shown.requested_at is not None and shown.requested_at < shown.placed_at:
        return "requested before it was ordered"
    for item in _items(books, order.portal_id):
        if item.qty <= 0:
            return f"line {item.line}: nothing is ordered"
        if _sku_of(books, order.customer_no, item) not in ITEM_BY_SKU:
            return f"line {item.line}: the item is unknown"
    return None


def _take_over_portal_copy(books: Books, order: Row[Any], earliest_release_at: int) -> None:
    shown = books.portal.execute(select(portal_orders).where(portal_orders.c.id == order.portal_id)).one()
    books.truth.execute(
        update(true_orders)
        .where(true_orders.c.order_id == order.order_id)
        .values(
            customer_po=shown.po,
            ship_to_no=shown.ship_to,
            payment_terms=shown.terms,
            requested_at=shown.requested_at,
        )
    )
    for item in _items(books, order.portal_id):
        line = (true_lines.c.order_id == order.order_id) & (true_lines.c.line_no == item.line)
        books.truth.execute(
            update(true_lines)
            .where(line)
            .values(
                sku=_sku_of(books, order.customer_no, item),
                qty=item.qty,
                release_due_at=func.max(true_lines.c.release_due_at, earliest_release_at),
            )
        )
        of_line = true_legs.c.line_id.in_(select(true_lines.c.line_id).where(line))
        books.truth.execute(update(true_legs).where(of_line).values(qty=item.qty))  # such an order leaves in one go


def _items(books: Books, portal_id: str) -> Sequence[Row[Any]]:
    return books.portal.execute(
        select(portal_items).where(portal_items.c.order_id == portal_id).order_by(portal_items.c.line)
    ).all()


def _sku_of(books: Books, customer_no: str, item: Row[Any]) -> str | None:
    if item.sku is not None or item.buyer_item is None:
        sku: str | None = item.sku
        return sku
    return _meaning(books, customer_no, item.buyer_item)


def _meaning(books: Books, party: str, foreign_no: str) -> str | None:
    return books.erp.execute(
        select(cross_references.c.own_no).where(
            cross_references.c.party == party, cross_references.c.foreign_no == foreign_no
        )
    ).scalar()

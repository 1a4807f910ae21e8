"""Faults at intake: orders the ERP cannot take in, takes in differently, or accepts without stock.

One function, one code. Every function takes the injection's context, breaks one thing and returns its label.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, select, update

from fulfillment_pipelines.twin.faults.defects import UNKNOWN_UNITS, newest_rows
from fulfillment_pipelines.twin.faults.targets import FaultContext, last_leg, nothing_left
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.world.catalogue import CUSTOMERS, ITEM_BY_SKU, ITEMS, NODES, OWN_NUMBER_CUSTOMERS, Node
from fulfillment_pipelines.twin.world.commercial_tables import inbound_supply
from fulfillment_pipelines.twin.world.extra_orders import NewLine, some_lines, write_order
from fulfillment_pipelines.twin.world.master_data import SHIP_TOS_A_CUSTOMER, has_contract, ship_to_no
from fulfillment_pipelines.twin.world.order_flow import lines_of, place_orders
from fulfillment_pipelines.twin.world.plan import Kind, schedule
from fulfillment_pipelines.twin.world.stock_flow import PositionChange, change_erp_positions
from fulfillment_pipelines.twin.world.system_tables import (
    inventory,
    order_lines,
    portal_items,
    portal_orders,
    sales_orders,
)
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS, NEVER_AT, next_cycle
from fulfillment_pipelines.twin.world.trading_partners import is_edi
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders

_AHEAD_SECONDS = DAY_SECONDS // 2
_PRICE_ERROR_PERCENT = 3
_SMALLEST_PRICE_ERROR = 5
_MORE_THAN_ANY_RECEIPT_QTY = 200
_NEWEST_ROWS = 40
_REPAIRED_AFTER_SECONDS = 6 * 3_600


def order_incomplete(context: FaultContext) -> Label:
    """INT-01: the portal accepts an order that lacks something, and the ERP parks it."""
    portal_id = _parked_order(context, [c for c in CUSTOMERS if c not in OWN_NUMBER_CUSTOMERS])
    header, line, note = (
        ({"ship_to": None}, {}, "the ship-to is missing"),
        ({}, {"sku": f"XXX-{9_000 + context.serial}"}, "nobody knows the item of the first line"),
        ({"po": None}, {}, "the purchase order number is missing"),
        ({}, {"qty": 0}, "nothing is ordered on the first line"),
        ({"terms": None}, {}, "the terms of payment are missing"),
        ({"requested_at": context.at - 2 * DAY_SECONDS}, {}, "delivery is requested before the order"),
    )[context.serial % 6]
    if header:
        context.books.portal.execute(update(portal_orders).where(portal_orders.c.id == portal_id).values(**header))
    if line:
        _change_first_item(context, portal_id, line)
    return context.label("INT-01", portal_id, node="", system="portal", since=context.at, note=note)


def reference_unmapped(context: FaultContext) -> Label:
    """INT-05: a customer uses an item number that no cross reference knows, or a feed a unit that nobody knows."""
    if context.serial % 2:
        return _unit_unknown(context)
    customers = [customer for customer in sorted(OWN_NUMBER_CUSTOMERS) if not is_edi(customer)]
    customer_no = customers[context.serial // 2 % len(customers)]
    portal_id = _parked_order(context, [customer_no])
    foreign_no = f"{customer_no[-2:]}-{90_000 + context.serial}"
    _change_first_item(context, portal_id, {"buyer_item": foreign_no})
    note = f"no cross reference knows the number {foreign_no} of the first line of {portal_id}"
    key = f"ITEM/{customer_no}/{foreign_no}"
    return context.label("INT-05", key, node="", system="portal", since=context.at, note=note)


def order_drifted(context: FaultContext) -> Label:
    """INT-04: the ERP's order says something else than the customer's, or than its contract."""
    drift, wanted = (
        (_miss_revision, _any_line),
        (_take_in_more, _any_line),
        (_price_too_high, _under_contract),
        (_send_elsewhere, _any_line),
        (_take_other_item, _in_single_units),
    )[context.serial % 5]

    def of_portal(line: Row[Any]) -> bool:
        at_portal = line.portal_id is not None and not is_edi(line.customer_no)
        ahead: bool = line.release_due_at > context.at + _AHEAD_SECONDS
        return at_portal and ahead and line.substitute_sku is None and wanted(line)

    line = context.targets.line(context.books, context.at, context.serial, unreleased=True, wanted=of_portal)
    is_header, note = drift(context, line)
    key = line.order_no if is_header else f"{line.order_no}/{line.line_no}"
    return context.label("INT-04", key, node="", system="erp", since=context.at, note=note)


def accepted_without_stock(context: FaultContext) -> Label:
    """INV-06: a line is accepted that is due, and neither stock nor a confirmed receipt can serve it."""
    books = context.books
    node = NODES[context.serial % len(NODES)]
    rows = books.erp.execute(
        select(inventory).where(inventory.c.site == node).order_by(inventory.c.atp, inventory.c.sku)
    ).all()
    position = next((row for row in rows if context.targets.untouched_position(node, row.sku)), None)
    if position is None:
        raise nothing_left(f"an untouched position at {node}")
    factor = ITEM_BY_SKU[position.sku].factor_at(node)
    expected = books.erp.execute(
        select(func.coalesce(func.sum(inbound_supply.c.qty), 0)).where(
            inbound_supply.c.site == node,
            inbound_supply.c.sku == position.sku,
            inbound_supply.c.status.in_(("PLANNED", "CONFIRMED")),
        )
    ).scalar_one()
    qty = -(-(max(position.atp, 0) + expected + _MORE_THAN_ANY_RECEIPT_QTY) // factor) * factor
    wanted = NewLine(position.sku, node, qty, 0, context.at)
    customers = [c for c in CUSTOMERS if not is_edi(c)]
    customer_no = customers[int(context.rng.integers(len(customers)))]
    order_id, order_no, _ = write_order(books.truth, context.rng, [wanted], at=context.at, customer_no=customer_no)
    never = update(true_lines).where(true_lines.c.order_id == order_id).values(allocate_at=NEVER_AT)
    books.truth.execute(never)
    schedule(books.truth, Kind.PLACE_ORDER, [(context.at, order_id)])
    context.targets.touch(order_no=order_no, position=(node, position.sku))
    note = f"{order_no}/1 asks for {qty} where {position.atp} are left and {expected} to come"
    return context.label("INV-06", position.sku, node=node, system="erp", since=context.at, note=note)


def _parked_order(context: FaultContext, customers: list[str]) -> str:
    """Place an order that the ERP parks and return its number at the portal."""
    truth = context.books.truth
    at_portal = [customer for customer in customers if not is_edi(customer)]
    customer_no = at_portal[int(context.rng.integers(len(at_portal)))]
    lines = some_lines(context.rng, context.at)
    order_id, order_no, portal_id = write_order(truth, context.rng, lines, at=context.at, customer_no=customer_no)
    truth.execute(update(true_orders).where(true_orders.c.order_id == order_id).values(is_parked=True))
    schedule(truth, Kind.PLACE_ORDER, [(context.at, order_id)])
    place_orders(context.books, context.at)
    context.targets.touch(order_no=order_no)
    return portal_id


def _change_first_item(context: FaultContext, portal_id: str, changes: dict[str, Any]) -> None:
    context.books.portal.execute(
        update(portal_items).where(portal_items.c.order_id == portal_id, portal_items.c.line == 1).values(**changes)
    )


def _unit_unknown(context: FaultContext) -> Label:
    for flaw in UNKNOWN_UNITS:
        if flaw.feed in context.defects.feeds:
            continue
        for row in newest_rows(context.books, flaw, _NEWEST_ROWS):
            order_no = getattr(row, "order_no", None)
            position = (flaw.node, row.item)
            free = order_no is None or context.targets.untouched_order(order_no)
            if not free or not context.targets.untouched_position(*position):
                continue
            context.targets.touch(order_no=order_no, position=position)
            context.defects.bring_in(context.books, flaw, row, context.at + _REPAIRED_AFTER_SECONDS)
            since = next_cycle(context.at) if flaw.node == Node.NORTH else context.at
            key = f"UOM/{flaw.system}/{flaw.unit}"
            return context.label("INT-05", key, node="", system=flaw.system, since=since, note=flaw.note)
    raise nothing_left("a feed without a defect")


def _any_line(line: Row[Any]) -> bool:
    del line  # nothing more is asked of it
    return True


def _under_contract(line: Row[Any]) -> bool:
    return has_contract(line.customer_no)


def _in_single_units(line: Row[Any]) -> bool:
    return ITEM_BY_SKU[line.sku].factor_at(line.node) == 1


def _miss_revision(context: FaultContext, line: Row[Any]) -> tuple[bool, str]:
    of_order = true_orders.c.order_id == line.order_id
    requested_at, revision_no = context.books.truth.execute(
        select(true_orders.c.requested_at, true_orders.c.revision_no).where(of_order)
    ).one()
    context.books.truth.execute(update(true_orders).where(of_order).values(amendment_lost=True))
    context.books.portal.execute(
        update(portal_orders)
        .where(portal_orders.c.id == line.portal_id)
        .values(requested_at=requested_at + 2 * DAY_SECONDS, revision=revision_no + 1)
    )
    return True, f"the ERP misses revision {revision_no + 1} of {line.portal_id}"


def _send_elsewhere(context: FaultContext, line: Row[Any]) -> tuple[bool, str]:
    places = [ship_to_no(line.customer_no, place) for place in range(SHIP_TOS_A_CUSTOMER)]
    of_order = sales_orders.c.order_no == line.order_no
    known = context.books.erp.execute(select(sales_orders.c.ship_to_no).where(of_order)).scalar_one()
    other = next(place for place in places if place != known)
    context.books.erp.execute(update(sales_orders).where(of_order).values(ship_to_no=other, updated_at=context.at))
    return True, f"the ERP sends the order to {other} instead of {known}"


def _take_in_more(context: FaultContext, line: Row[Any]) -> tuple[bool, str]:
    more = ITEM_BY_SKU[line.sku].factor_at(line.node)
    truth = context.books.truth
    truth.execute(update(true_lines).where(true_lines.c.line_id == line.line_id).values(qty=true_lines.c.qty + more))
    leg = last_leg(context.books, line)
    truth.execute(update(true_legs).where(true_legs.c.leg_id == leg.leg_id).values(qty=true_legs.c.qty + more))
    _change_erp_line(context, line, qty_ordered=line.qty + more, qty_allocated=line.qty + more)
    change_erp_positions(context.books.erp, [PositionChange(line.node, line.sku, promised=more)], context.at)
    return False, f"the ERP took {line.qty + more} in where {line.qty} were ordered"


def _price_too_high(context: FaultContext, line: Row[Any]) -> tuple[bool, str]:
    price = line.unit_price + max(_SMALLEST_PRICE_ERROR, line.unit_price * _PRICE_ERROR_PERCENT // 100)
    context.books.truth.execute(update(true_lines).where(true_lines.c.line_id == line.line_id).values(unit_price=price))
    _change_erp_line(context, line, unit_price=price)
    return False, f"the ERP asks for {price} cents where about {line.unit_price} are agreed"


def _take_other_item(context: FaultContext, line: Row[Any]) -> tuple[bool, str]:
    taken = {other.sku for other in lines_of(context.books, [line.order_id])}
    candidates = [
        item
        for item in context.targets.shuffled(ITEMS)
        if item.sku not in taken and item.pack_qty == 1 and context.targets.untouched_position(line.node, item.sku)
    ]
    other = next(item for item in candidates if _is_available(context, line.node, item.sku, line.qty))
    context.targets.touch(position=(line.node, other.sku))
    context.books.truth.execute(update(true_lines).where(true_lines.c.line_id == line.line_id).values(sku=other.sku))
    _change_erp_line(context, line, sku=other.sku)
    moved = [
        PositionChange(line.node, line.sku, promised=-line.qty),
        PositionChange(line.node, other.sku, promised=line.qty),
    ]
    change_erp_positions(context.books.erp, moved, context.at)
    return False, f"the ERP took {other.sku} in where {line.sku} was ordered"


def _is_available(context: FaultContext, node: str, sku: str, qty: int) -> bool:
    atp: int = context.books.erp.execute(
        select(inventory.c.atp).where(inventory.c.site == node, inventory.c.sku == sku)
    ).scalar_one()
    return atp >= qty


def _change_erp_line(context: FaultContext, line: Row[Any], **changes: Any) -> None:
    context.books.erp.execute(
        update(order_lines)
        .where(order_lines.c.order_no == line.order_no, order_lines.c.line_no == line.line_no)
        .values(**changes, updated_at=context.at)
    )

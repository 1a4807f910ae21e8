"""Faults in what one system holds: stock, a second entry of an order, a lost order, rows that break their contract.

Every function takes the injection's context, breaks one thing and returns its label.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, exists, insert, select

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.twin.faults.defects import FLAWS, newest_rows
from fulfillment_pipelines.twin.faults.targets import FaultContext, in_whole_units
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.world.catalogue import CUSTOMERS, ITEM_BY_SKU, NODES, Node
from fulfillment_pipelines.twin.world.demand import next_id
from fulfillment_pipelines.twin.world.extra_orders import NewLine, some_lines, write_order
from fulfillment_pipelines.twin.world.order_flow import lines_of
from fulfillment_pipelines.twin.world.plan import Kind, schedule
from fulfillment_pipelines.twin.world.reservation_flow import add_reservation
from fulfillment_pipelines.twin.world.stock_flow import PositionChange, change_erp_positions
from fulfillment_pipelines.twin.world.system_tables import inventory, stock
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS, next_cycle
from fulfillment_pipelines.twin.world.trading_partners import is_edi
from fulfillment_pipelines.twin.world.truth_tables import hold_views, true_lines, true_movements, true_orders

_STOCK_ERROR_SHARE = 10  # one tenth of the stock on hand
_SMALLEST_STOCK_ERROR = 8
_LOCAL_RESERVATION_SHARE = 3  # one third of the stock on hand
_SPARE_QTY = 30
_REPAIRED_AFTER_SECONDS = 6 * 3_600
_NEWEST_ROWS = 40


def stock_differs(context: FaultContext) -> Label:
    """INV-01: a count at the site that the ERP never learns of, or a wrong entry in the ERP that nothing explains.

    Both leave the ERP with less than the site has, so that no false availability follows from them.
    """
    node = NODES[context.serial % len(NODES)]
    position = _position(context, node)
    error = in_whole_units(max(_SMALLEST_STOCK_ERROR, position.on_hand // _STOCK_ERROR_SHARE), node, position.sku)
    if context.serial % 2 == 0:
        _count_unpublished(context, node, position.sku, error)
        note = f"a count found {error} more and was never published"
    else:
        change_erp_positions(context.books.erp, [PositionChange(node, position.sku, on_hand=-error)], context.at)
        note = f"a wrong entry took {error} off the ERP's stock"
    return context.label("INV-01", position.sku, node=node, system="erp", since=context.at, note=note)


def stock_reserved_locally(context: FaultContext) -> Label:
    """INV-02: a site reserves stock that the ERP goes on promising, while demand is open."""
    books = context.books
    ahead = books.truth.execute(
        select(true_lines, true_orders.c.order_no)
        .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
        .where(
            true_orders.c.created_at.is_not(None),
            true_lines.c.release_due_at > context.at + 3 * DAY_SECONDS,
            true_lines.c.cancel_qty == 0,
        )
        .order_by(true_lines.c.line_id)
    ).all()
    for line in context.targets.shuffled(ahead):
        if not (
            context.targets.untouched_order(line.order_no) and context.targets.untouched_position(line.node, line.sku)
        ):
            continue
        reserved = _reservable(context, line)
        if reserved is None:
            continue
        context.targets.touch(order_no=line.order_no, position=(line.node, line.sku))
        number = f"RS-OWN-{line.node}-{line.sku}-{context.at}"
        add_reservation(books, line.node, number, line.sku, reserved, at=context.at)
        since = next_cycle(context.at) if line.node == Node.NORTH else context.at
        note = f"the site reserved {reserved} for itself"
        return context.label("INV-02", line.sku, node=line.node, system=_system(line.node), since=since, note=note)
    raise _nothing_left("an untouched position with open demand")


def order_entered_twice(context: FaultContext) -> Label:
    """INT-02: inside sales enters an order that the portal has already brought."""
    books = context.books
    held = exists().where(hold_views.c.order_id == true_orders.c.order_id)
    orders = books.truth.execute(
        select(true_orders)
        .where(true_orders.c.created_at.is_not(None), true_orders.c.portal_id.is_not(None), ~held)
        .order_by(true_orders.c.order_id)
    ).all()
    for order in context.targets.shuffled(orders):
        lines = lines_of(books, [order.order_id])
        waits = all(
            line.released_at is None and line.cancel_qty == 0 and line.release_due_at > context.at + DAY_SECONDS // 2
            for line in lines
        )
        if not waits or not context.targets.untouched_order(order.order_no):
            continue
        copies = [NewLine(line.sku, line.node, line.qty, line.unit_price, line.release_due_at) for line in lines]
        order_id, order_no, _ = write_order(books.truth, context.rng, copies, at=context.at, like=order)
        schedule(books.truth, Kind.CREATE_ORDER, [(context.at, order_id)])
        context.targets.touch(order_no=order.order_no)
        context.targets.touch(order_no=order_no)
        key = f"{order.customer_no}/{order.customer_po}"
        return context.label(
            "INT-02", key, node="", system="erp", since=context.at, note=f"{order_no} repeats {order.order_no}"
        )
    raise _nothing_left("an unreleased portal order that is due tomorrow or later")


def order_lost(context: FaultContext) -> Label:
    """INT-03: a channel, the portal and EDI in turn, accepts an order and the ERP never creates it."""
    by_document = context.serial % 2 == 1
    customers = [customer for customer in CUSTOMERS if is_edi(customer) == by_document]
    customer_no = customers[int(context.rng.integers(len(customers)))]
    lines = some_lines(context.rng, context.at)
    order_id, order_no, channel_order_no = write_order(
        context.books.truth, context.rng, lines, at=context.at, customer_no=customer_no, create_lost=True
    )
    schedule(context.books.truth, Kind.PLACE_ORDER, [(context.at, order_id)])
    context.targets.touch(order_no=order_no)
    note = f"the order was lost between {'EDI' if by_document else 'portal'} and ERP"
    return context.label("INT-03", channel_order_no, node="", system="erp", since=context.at, note=note)


def contract_broken(context: FaultContext) -> Label:
    """SYS-02: a row of a feed breaks its contract, on an order that nothing else is wrong with."""
    for flaw in FLAWS:
        if flaw.feed in context.defects.feeds:
            continue
        for row in newest_rows(context.books, flaw, _NEWEST_ROWS):
            order_no, sku = getattr(row, "order_no", None), getattr(row, "item", None)
            position = (flaw.node, sku) if sku else None
            if order_no is not None and not context.targets.untouched_order(order_no):
                continue
            if position is not None and not context.targets.untouched_position(*position):
                continue
            context.targets.touch(order_no=order_no, position=position)
            context.defects.bring_in(context.books, flaw, row, context.at + _REPAIRED_AFTER_SECONDS)
            since = next_cycle(context.at) if flaw.node == Node.NORTH else context.at
            return context.label("SYS-02", flaw.feed, node=flaw.node, system=flaw.system, since=since, note=flaw.note)
    raise _nothing_left("a feed without a defect")


def _position(context: FaultContext, node: str) -> Row[Any]:
    rows = context.books.erp.execute(select(inventory).where(inventory.c.site == node).order_by(inventory.c.sku)).all()
    for row in context.targets.shuffled(rows):
        if context.targets.untouched_position(node, row.sku) and row.atp >= 2 * _SMALLEST_STOCK_ERROR:
            context.targets.touch(position=(node, row.sku))
            return row
    raise _nothing_left(f"an untouched position with stock at {node}")


def _count_unpublished(context: FaultContext, node: str, sku: str, found: int) -> None:
    truth = context.books.truth
    movement_id = next_id(truth, true_movements)
    truth.execute(
        insert(true_movements).values(
            movement_id=movement_id,
            movement_no=f"MV-{movement_id:06d}",
            node=node,
            sku=sku,
            qty=found,
            movement_type="ADJUSTMENT",
            publish_lag=0,
            publish_lost=True,
        )
    )
    schedule(truth, Kind.MOVE_STOCK, [(context.at, movement_id)])


def _reservable(context: FaultContext, line: Row[Any]) -> int | None:
    """Return what the site may reserve so that the ERP promises far too much and nobody is oversold."""
    factor = ITEM_BY_SKU[line.sku].factor_at(line.node)
    site = context.books.wms[line.node].execute(select(stock).where(stock.c.item == line.sku)).one()
    erp = context.books.erp.execute(
        select(inventory).where(inventory.c.site == line.node, inventory.c.sku == line.sku)
    ).one()
    not_yet_released = erp.allocated - site.reserved * factor
    wanted = max(0, not_yet_released) + max(_SPARE_QTY, erp.on_hand // _LOCAL_RESERVATION_SHARE)
    reserved = in_whole_units(wanted, line.node, line.sku)
    enough = site.free * factor - reserved >= not_yet_released + _SPARE_QTY
    return reserved if enough else None


def _system(node: str) -> str:
    return f"wms_{node.lower()}"


def _nothing_left(expected: str) -> RejectedError:
    return RejectedError(
        "There is nothing left that the fault could strike.",
        expected=expected,
        remedy="advance the twin until new orders have come in",
    )

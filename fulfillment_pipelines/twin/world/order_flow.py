"""Orders: placed at the portal, created and allocated in the ERP, cancelled before their release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, exists, insert, select, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, CURRENCY, foreign_sku
from fulfillment_pipelines.twin.world.edi_orders import date_releases, received_at
from fulfillment_pipelines.twin.world.plan import Kind, discard_due, due, schedule, withdraw
from fulfillment_pipelines.twin.world.stock_flow import PositionChange, change_erp_positions
from fulfillment_pipelines.twin.world.system_tables import order_lines, portal_items, portal_orders, sales_orders
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS, NEVER_AT
from fulfillment_pipelines.twin.world.trading_partners import is_edi
from fulfillment_pipelines.twin.world.truth_tables import true_holds, true_lines, true_orders

INSIDE_SALES = "INSIDE_SALES"
PORTAL = "PORTAL"
EDI = "EDI"
_CHUNK = 500  # bound parameters of one `in`


def place_orders(books: Books, until: int) -> None:
    """Show new orders at the portal and plan their creation in the ERP; some come with the partners' next run."""
    orders = due(books.truth, Kind.PLACE_ORDER, until, true_orders)
    at_portal = [order for order in orders if not is_edi(order.customer_no)]
    if at_portal:
        _show_at_portal(books, at_portal)
    schedule(
        books.truth,
        Kind.CREATE_ORDER,
        (
            (received_at(order) + order.create_lag, order.order_id)
            for order in orders
            if not order.create_lost and not order.is_parked
        ),
    )
    discard_due(books.truth, Kind.PLACE_ORDER, until)


def create_orders(books: Books, until: int) -> None:
    """Create orders in the ERP, allocate their lines, and plan their holds and releases."""
    orders = due(books.truth, Kind.CREATE_ORDER, until, true_orders)
    if orders:
        created_at = {order.order_id: order.at for order in orders}
        date_releases(books, [order for order in orders if order.portal_id and is_edi(order.customer_no)])
        _enter_orders(books, orders)
        lines = lines_of(books, created_at)
        _enter_lines(books, lines, orders)
        books.truth.execute(
            update(true_orders)
            .where(true_orders.c.order_id == bindparam("key"))
            .values(created_at=bindparam("moment")),
            [{"key": order_id, "moment": at} for order_id, at in created_at.items()],
        )
        _plan_lines(books, lines, created_at)
        _plan_orders(books, orders)
    discard_due(books.truth, Kind.CREATE_ORDER, until)


def amend_orders(books: Books, until: int) -> None:
    """Let customers ask for delivery a day later, at the portal or by an 860; the ERP takes it over within minutes."""
    orders = due(books.truth, Kind.AMEND_ORDER, until, true_orders)
    for order in orders:
        books.portal.execute(
            update(portal_orders)
            .where(portal_orders.c.id == order.portal_id)
            .values(requested_at=order.requested_at + DAY_SECONDS, revision=order.revision_no + 1)
        )
    schedule(
        books.truth,
        Kind.TAKE_OVER_AMENDMENT,
        ((order.at + order.create_lag, order.order_id) for order in orders if not order.amendment_lost),
    )
    discard_due(books.truth, Kind.AMEND_ORDER, until)


def take_over_amendments(books: Books, until: int) -> None:
    """Let the ERP take over what customers changed at the portal."""
    for order in due(books.truth, Kind.TAKE_OVER_AMENDMENT, until, true_orders):
        amended = {"requested_at": order.requested_at + DAY_SECONDS, "revision_no": order.revision_no + 1}
        books.truth.execute(update(true_orders).where(true_orders.c.order_id == order.order_id).values(**amended))
        books.erp.execute(
            update(sales_orders).where(sales_orders.c.order_no == order.order_no).values(**amended, updated_at=order.at)
        )
    discard_due(books.truth, Kind.TAKE_OVER_AMENDMENT, until)


def allocate_lines(books: Books, until: int) -> None:
    """Let the ERP allocate lines that it accepted ahead of their stock, and plan their releases."""
    order = (true_orders, true_orders.c.order_id == true_lines.c.order_id)
    lines = due(books.truth, Kind.ALLOCATE_LINE, until, true_lines, order)
    for line in lines:
        books.erp.execute(
            update(order_lines)
            .where(order_lines.c.order_no == line.order_no, order_lines.c.line_no == line.line_no)
            .values(qty_allocated=line.qty, updated_at=line.at)
        )
        change_erp_positions(books.erp, [PositionChange(line.node, line.sku, promised=line.qty)], line.at)
    schedule(books.truth, Kind.RELEASE_LINE, ((_release_moment(line, line.at), line.line_id) for line in lines))
    discard_due(books.truth, Kind.ALLOCATE_LINE, until)


def cancel_lines(books: Books, until: int) -> None:
    """Cancel lines or parts of lines at the ERP and the portal, and free their allocation."""
    order = (true_orders, true_orders.c.order_id == true_lines.c.order_id)
    for line in due(books.truth, Kind.CANCEL_LINE, until, true_lines, order):
        of_line = (order_lines.c.order_no == line.order_no) & (order_lines.c.line_no == line.line_no)
        books.erp.execute(
            update(order_lines)
            .where(of_line)
            .values(
                qty_cancelled=line.cancel_qty,
                qty_allocated=order_lines.c.qty_allocated - line.cancel_qty,
                updated_at=line.at,
            )
        )
        change_erp_positions(books.erp, [PositionChange(line.node, line.sku, promised=-line.cancel_qty)], line.at)
        books.truth.execute(update(true_lines).where(true_lines.c.line_id == line.line_id).values(cancelled_at=line.at))
        if line.portal_id:
            books.portal.execute(
                update(portal_items)
                .where(portal_items.c.order_id == line.portal_id, portal_items.c.line == line.line_no)
                .values(qty_cancelled=line.cancel_qty)
            )
        if line.cancel_qty == line.qty:
            withdraw(books.truth, [Kind.RELEASE_LINE], line.line_id)
            _cancel_empty_order(books, line)
    discard_due(books.truth, Kind.CANCEL_LINE, until)


def close_served_orders(books: Books, order_nos: Iterable[str], at: int) -> None:
    """Close the orders of which nothing is left to ship, as far as the ERP knows."""
    something_open = exists().where(
        order_lines.c.order_no == sales_orders.c.order_no,
        order_lines.c.qty_allocated + order_lines.c.qty_backordered > 0,
    )
    for chunk in chunks(order_nos):
        books.erp.execute(
            update(sales_orders)
            .where(sales_orders.c.order_no.in_(chunk), sales_orders.c.status == "OPEN", ~something_open)
            .values(status="CLOSED", updated_at=at)
        )


def lines_of(books: Books, order_ids: Iterable[int]) -> list[Row[Any]]:
    """Return the true lines of orders, in the order of their identifiers."""
    return [
        line
        for chunk in chunks(order_ids)
        for line in books.truth.execute(
            select(true_lines).where(true_lines.c.order_id.in_(chunk)).order_by(true_lines.c.line_id)
        )
    ]


def _plan_lines(books: Books, lines: Sequence[Row[Any]], created_at: Mapping[int, int]) -> None:
    """Plan what becomes of new lines: allocated later or released, and some of them cancelled."""
    allocated = [line for line in lines if not line.allocate_at]
    later = [line for line in lines if line.allocate_at and line.allocate_at != NEVER_AT]
    schedule(
        books.truth,
        Kind.RELEASE_LINE,
        ((_release_moment(line, created_at[line.order_id]), line.line_id) for line in allocated),
    )
    schedule(
        books.truth,
        Kind.ALLOCATE_LINE,
        ((max(line.allocate_at, created_at[line.order_id]), line.line_id) for line in later),
    )
    schedule(
        books.truth,
        Kind.CANCEL_LINE,
        ((line.cancel_at, line.line_id) for line in lines if line.cancel_at is not None),
    )


def _plan_orders(books: Books, orders: Sequence[Row[Any]]) -> None:
    """Plan the amendments and the holds of new orders."""
    created_at = {order.order_id: order.at for order in orders}
    schedule(
        books.truth,
        Kind.AMEND_ORDER,
        ((max(order.amend_at, order.at), order.order_id) for order in orders if order.amend_at and order.portal_id),
    )
    holds = [
        hold
        for chunk in chunks(created_at)
        for hold in books.truth.execute(select(true_holds).where(true_holds.c.order_id.in_(chunk)))
    ]
    schedule(
        books.truth, Kind.PLACE_HOLD, ((created_at[hold.order_id] + hold.place_lag, hold.hold_id) for hold in holds)
    )


def _release_moment(line: Row[Any], allocated_at: int) -> int:
    """Return when the ERP releases a line that nothing blocks."""
    moment: int = max(allocated_at, line.release_due_at) + line.release_lag
    return moment


def _show_at_portal(books: Books, orders: Sequence[Row[Any]]) -> None:
    books.portal.execute(
        insert(portal_orders),
        [
            {
                "id": order.portal_id,
                "customer": order.customer_no,
                "po": order.customer_po,
                "ship_to": order.ship_to_no,
                "terms": order.payment_terms,
                "priority": order.priority,
                "requested_at": order.requested_at,
                "state": "OPEN",
                "currency": CURRENCY,
                "placed_at": order.at,
            }
            for order in orders
        ],
    )
    by_id = {order.order_id: order for order in orders}
    books.portal.execute(
        insert(portal_items),
        [
            {
                "order_id": by_id[line.order_id].portal_id,
                "line": line.line_no,
                **_item_at_portal(by_id[line.order_id].customer_no, line.sku),
                "uom": BASE_UNIT,
                "qty": line.qty,
                "qty_cancelled": 0,
                "price": line.unit_price,
                "currency": CURRENCY,
            }
            for line in lines_of(books, by_id)
        ],
    )


def _item_at_portal(customer_no: str, sku: str) -> dict[str, str | None]:
    """Return how the portal names an item: by the customer's own number alone, where it uses its own."""
    buyer_item = foreign_sku(customer_no, sku)
    return {"sku": None if buyer_item else sku, "buyer_item": buyer_item}


def _channel(order: Row[Any]) -> str:
    if order.portal_id is None:
        return INSIDE_SALES
    return EDI if is_edi(order.customer_no) else PORTAL


def _enter_orders(books: Books, orders: Sequence[Row[Any]]) -> None:
    books.erp.execute(
        insert(sales_orders),
        [
            {
                "order_no": order.order_no,
                "channel": _channel(order),
                "channel_order_no": order.portal_id,
                "customer_no": order.customer_no,
                "customer_po": order.customer_po,
                "ship_to_no": order.ship_to_no,
                "payment_terms": order.payment_terms,
                "priority": order.priority,
                "requested_at": order.requested_at,
                "revision_no": order.revision_no,
                "status": "OPEN",
                "currency": CURRENCY,
                "ordered_at": order.ordered_at,
                "updated_at": order.at,
            }
            for order in orders
        ],
    )


def _enter_lines(books: Books, lines: Sequence[Row[Any]], orders: Sequence[Row[Any]]) -> None:
    by_id = {order.order_id: order for order in orders}
    books.erp.execute(
        insert(order_lines),
        [
            {
                "order_no": by_id[line.order_id].order_no,
                "line_no": line.line_no,
                "sku": line.sku,
                "uom": BASE_UNIT,
                "qty_ordered": line.qty,
                "qty_cancelled": 0,
                "qty_allocated": 0 if line.allocate_at else line.qty,
                "unit_price": line.unit_price,
                "currency": CURRENCY,
                "site": line.node,
                "release_due_at": line.release_due_at,
                "promised_at": line.promised_at,
                "substitute_sku": line.substitute_sku,
                "updated_at": by_id[line.order_id].at,
            }
            for line in lines
        ],
    )
    change_erp_positions(
        books.erp,
        (PositionChange(line.node, line.sku, promised=line.qty) for line in lines if not line.allocate_at),
        max(order.at for order in orders),
    )


def _cancel_empty_order(books: Books, line: Row[Any]) -> None:
    lines = lines_of(books, [line.order_id])
    if all(other.cancel_qty == other.qty and other.cancelled_at is not None for other in lines):
        books.erp.execute(
            update(sales_orders)
            .where(sales_orders.c.order_no == line.order_no)
            .values(status="CANCELLED", updated_at=line.at)
        )
        if line.portal_id:
            books.portal.execute(
                update(portal_orders).where(portal_orders.c.id == line.portal_id).values(state="CANCELLED")
            )


def chunks(keys: Iterable[Any]) -> list[list[Any]]:
    """Return keys in lists that are short enough for one `in`."""
    ordered = list(keys)
    return [ordered[first : first + _CHUNK] for first in range(0, len(ordered), _CHUNK)]

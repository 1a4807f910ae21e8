"""From the ERP's release to the site's departure: released, taken in, shipped. What happens in between is picking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, ITEM_BY_SKU, Node
from fulfillment_pipelines.twin.world.hold_flow import postpone_blocked
from fulfillment_pipelines.twin.world.picking_flow import plan_picks
from fulfillment_pipelines.twin.world.plan import Kind, discard_due, due, schedule
from fulfillment_pipelines.twin.world.reservation_flow import reserve_lines, use_reservations
from fulfillment_pipelines.twin.world.return_flow import deal_returns
from fulfillment_pipelines.twin.world.stock_flow import PositionChange, change_site_positions, log_movements, sent_from
from fulfillment_pipelines.twin.world.system_tables import erp_releases, release_lines, shipment_lines
from fulfillment_pipelines.twin.world.timing import NEVER_AT, next_cycle
from fulfillment_pipelines.twin.world.truth_tables import plan, true_legs, true_lines, true_orders

_ORDER_OF_LINE = (true_orders, true_orders.c.order_id == true_lines.c.order_id)
_LINE_OF_LEG = (true_lines, true_lines.c.line_id == true_legs.c.line_id)


def release_lines_due(books: Books, until: int) -> None:
    """Let the ERP release the lines that are due and that no hold blocks."""
    postpone_blocked(books, Kind.RELEASE_LINE, until)
    lines = due(books.truth, Kind.RELEASE_LINE, until, true_lines, _ORDER_OF_LINE)
    _stamp(books, [(line.line_id, line.at) for line in lines], "released_at")
    _record_in_erp(books, lines, lambda line: (release_no(line), line.at))
    if lines:
        books.truth.execute(
            update(true_lines).where(true_lines.c.line_id == bindparam("key")).values(release_no=bindparam("number")),
            [{"key": line.line_id, "number": release_no(line)} for line in lines],
        )
    schedule(
        books.truth,
        Kind.TAKE_IN_RELEASE,
        ((_taken_in(line.node, line.at, line.ack_lag), line.line_id) for line in lines if not line.ack_lost),
    )
    discard_due(books.truth, Kind.RELEASE_LINE, until)


def take_in_releases(books: Books, until: int) -> None:
    """Let the sites take releases in, reserve their stock and plan the picking."""
    lines = due(books.truth, Kind.TAKE_IN_RELEASE, until, true_lines, _ORDER_OF_LINE)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        item = ITEM_BY_SKU[line.sku]
        rows[line.node].append(
            {
                "release_no": line.release_no,
                "order_no": line.order_no,
                "line_no": line.line_no,
                "item": line.sku,
                "unit": item.unit_at(line.node),
                "qty": open_qty(line) // item.factor_at(line.node),
                "picked_qty": 0,
                "pick_status": "OPEN",
                "sent_at": line.released_at,
                "acked_at": line.at,
            }
        )
    for node, of_node in rows.items():
        books.wms[node].execute(insert(release_lines), of_node)
    reserve_lines(books, lines, {line.line_id: open_qty(line) for line in lines})
    _stamp(books, [(line.line_id, line.at) for line in lines], "acked_at")
    plan_picks(books, lines)
    discard_due(books.truth, Kind.TAKE_IN_RELEASE, until)


def record_releases(books: Books, until: int) -> None:
    """Let the ERP record releases it learns of from a site's acknowledgement."""
    lines = due(books.truth, Kind.RECORD_RELEASE, until, true_lines, _ORDER_OF_LINE)
    _record_in_erp(books, lines, lambda line: (line.release_no, line.released_at))
    discard_due(books.truth, Kind.RECORD_RELEASE, until)


def ship_legs(books: Books, until: int) -> None:
    """Let the sites ship legs that are not held back, reduce their stock and plan the confirmations."""
    _hold_back(books, until)
    legs = due(books.truth, Kind.SHIP_LEG, until, true_legs, _LINE_OF_LEG, _ORDER_OF_LINE)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for leg in legs:
        item = ITEM_BY_SKU[leg.sku]
        rows[leg.node].append(
            {
                "shipment_no": leg.shipment_no,
                "order_no": leg.order_no,
                "line_no": leg.line_no,
                "item": leg.sku,
                "unit": item.unit_at(leg.node),
                "qty": leg.qty // item.factor_at(leg.node),
                "departed_at": leg.at,
            }
        )
    for node, of_node in rows.items():
        books.wms[node].execute(insert(shipment_lines), of_node)
    log_movements(books, ((f"MV-S{leg.leg_id:06d}", leg.node, leg.sku, -leg.qty, "SHIPMENT", leg.at) for leg in legs))
    change_site_positions(books, (PositionChange(leg.node, leg.sku, on_hand=-leg.qty) for leg in legs))
    use_reservations(books, legs)
    deal_returns(books, legs)
    if legs:
        books.truth.execute(
            update(true_legs).where(true_legs.c.leg_id == bindparam("key")).values(shipped_at=bindparam("moment")),
            [{"key": leg.leg_id, "moment": leg.at} for leg in legs],
        )
    schedule(
        books.truth,
        Kind.CONFIRM_LEG,
        ((sent_from(leg.node, leg.at) + leg.confirm_lag, leg.leg_id) for leg in legs if not leg.confirm_lost),
    )
    discard_due(books.truth, Kind.SHIP_LEG, until)


def release_no(line: Row[Any]) -> str:
    """Return the number of the ERP's own release of a line."""
    return f"RL-{line.line_id:06d}"


def open_qty(line: Row[Any]) -> int:
    """Return what of a true line is to be shipped, in base units."""
    quantity: int = line.qty - (line.cancel_qty if line.cancelled_at is not None else 0)
    return quantity


def _record_in_erp(books: Books, lines: Sequence[Row[Any]], release: Callable[[Row[Any]], tuple[str, int]]) -> None:
    rows = [
        {
            "release_no": release(line)[0],
            "order_no": line.order_no,
            "line_no": line.line_no,
            "site": line.node,
            "sku": line.sku,
            "uom": BASE_UNIT,
            "qty": open_qty(line),
            "sent_at": release(line)[1],
            "updated_at": line.at,
        }
        for line in lines
    ]
    if rows:
        books.erp.execute(insert(erp_releases), rows)


def _taken_in(node: str, at: int, lag: int) -> int:
    return next_cycle(at) if node == Node.NORTH else at + lag


def _hold_back(books: Books, until: int) -> None:
    held = (
        select(true_legs.c.leg_id)
        .join(true_lines, true_lines.c.line_id == true_legs.c.line_id)
        .where(true_lines.c.shipment_held)
    )
    books.truth.execute(
        update(plan)
        .where(plan.c.kind == Kind.SHIP_LEG, plan.c.at <= until, plan.c.subject.in_(held))
        .values(at=NEVER_AT)
    )


def _stamp(books: Books, moments: Sequence[tuple[int, int]], column: str) -> None:
    if moments:
        books.truth.execute(
            update(true_lines).where(true_lines.c.line_id == bindparam("key")).values({column: bindparam("moment")}),
            [{"key": line_id, "moment": at} for line_id, at in moments],
        )

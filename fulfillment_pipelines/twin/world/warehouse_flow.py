"""From the ERP's release to the site's departure: released, taken in, picked, shipped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Row, bindparam, insert, select, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, ITEM_BY_SKU, Node
from fulfillment_pipelines.twin.world.hold_flow import postpone_blocked
from fulfillment_pipelines.twin.world.order_flow import chunks
from fulfillment_pipelines.twin.world.plan import Kind, discard_due, due, schedule
from fulfillment_pipelines.twin.world.stock_flow import PositionChange, change_site_positions, log_movements, sent_from
from fulfillment_pipelines.twin.world.system_tables import erp_releases, release_lines, shipment_lines
from fulfillment_pipelines.twin.world.timing import dock_times, next_cycle
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders

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
                "sent_at": line.released_at,
                "acked_at": line.at,
            }
        )
    for node, of_node in rows.items():
        books.wms[node].execute(insert(release_lines), of_node)
    change_site_positions(books, (PositionChange(line.node, line.sku, promised=open_qty(line)) for line in lines))
    _stamp(books, [(line.line_id, line.at) for line in lines], "acked_at")
    ready = _in_dock_hours(lines, lambda line: line.at + line.pick_lag)
    schedule(books.truth, Kind.PICK_LINE, zip(ready, (line.line_id for line in lines), strict=True))
    discard_due(books.truth, Kind.TAKE_IN_RELEASE, until)


def record_releases(books: Books, until: int) -> None:
    """Let the ERP record releases it learns of from a site's acknowledgement."""
    lines = due(books.truth, Kind.RECORD_RELEASE, until, true_lines, _ORDER_OF_LINE)
    _record_in_erp(books, lines, lambda line: (line.release_no, line.released_at))
    discard_due(books.truth, Kind.RECORD_RELEASE, until)


def pick_lines(books: Books, until: int) -> None:
    """Let the sites pick what no hold blocks and plan the departures."""
    postpone_blocked(books, Kind.PICK_LINE, until)
    lines = due(books.truth, Kind.PICK_LINE, until, true_lines, _ORDER_OF_LINE)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        rows[line.node].append({"order_key": line.order_no, "line_key": line.line_no})
    picked = (
        update(release_lines)
        .where(release_lines.c.order_no == bindparam("order_key"), release_lines.c.line_no == bindparam("line_key"))
        .values(picked_qty=release_lines.c.qty)
    )
    for node, of_node in rows.items():
        books.wms[node].execute(picked, of_node)
    _stamp(books, [(line.line_id, line.at) for line in lines], "picked_at")
    legs = [(line, leg) for line, leg in _with_legs(books, lines) if leg.shipped_at is None]
    ready = dock_times(np.array([line.at + leg.ship_lag for line, leg in legs], dtype=np.int64))
    schedule(
        books.truth,
        Kind.SHIP_LEG,
        (
            (line.at + leg.ship_lag if line.any_hour else int(at), leg.leg_id)
            for (line, leg), at in zip(legs, ready, strict=True)
        ),
    )
    discard_due(books.truth, Kind.PICK_LINE, until)


def ship_legs(books: Books, until: int) -> None:
    """Let the sites ship legs, reduce their stock and plan the confirmations."""
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
    change_site_positions(
        books, (PositionChange(leg.node, leg.sku, on_hand=-leg.qty, promised=-leg.qty) for leg in legs)
    )
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


def _in_dock_hours(lines: Sequence[Row[Any]], moment: Callable[[Row[Any]], int]) -> list[int]:
    wanted = [moment(line) for line in lines]
    ready = dock_times(np.array(wanted, dtype=np.int64))
    return [at if line.any_hour else int(moved) for line, at, moved in zip(lines, wanted, ready, strict=True)]


def _with_legs(books: Books, lines: Sequence[Row[Any]]) -> Iterable[tuple[Row[Any], Row[Any]]]:
    by_id = {line.line_id: line for line in lines}
    for chunk in chunks(by_id):
        of_lines = select(true_legs).where(true_legs.c.line_id.in_(chunk)).order_by(true_legs.c.leg_id)
        for leg in books.truth.execute(of_lines):
            yield by_id[leg.line_id], leg


def _stamp(books: Books, moments: Sequence[tuple[int, int]], column: str) -> None:
    if moments:
        books.truth.execute(
            update(true_lines).where(true_lines.c.line_id == bindparam("key")).values({column: bindparam("moment")}),
            [{"key": line_id, "moment": at} for line_id, at in moments],
        )

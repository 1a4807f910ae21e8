"""Inside a site: from the release taken in to the package closed. Picked, in one step or two, and packed leg by leg."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Row, bindparam, insert, select, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import ITEM_BY_SKU, ITEMS
from fulfillment_pipelines.twin.world.hold_flow import postpone_blocked
from fulfillment_pipelines.twin.world.order_flow import chunks
from fulfillment_pipelines.twin.world.plan import Kind, discard_due, due, schedule
from fulfillment_pipelines.twin.world.site_tables import packs
from fulfillment_pipelines.twin.world.system_tables import release_lines
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS, dock_times
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders

_ORDER_OF_LINE = (true_orders, true_orders.c.order_id == true_lines.c.order_id)
_LINE_OF_LEG = (true_lines, true_lines.c.line_id == true_legs.c.line_id)
_PARTS_EVERY = 5  # every fifth line is picked in two steps
_PACKED_AFTER_PICKED_SECONDS = 1_800
_SUBSTITUTED_EVERY = 2  # of the legs with an approved substitute
_LOT_SECONDS = 7 * DAY_SECONDS
_PERISHABLE = "SNS"  # this family has a shelf life
_SHELF_LIFE_SECONDS = 540 * DAY_SECONDS


WRONG_ITEM, RECALLED, EXPIRED = "WRONG_ITEM", "RECALLED", "EXPIRED"
"""What can be wrong with a package."""


def plan_picks(books: Books, lines: Sequence[Row[Any]]) -> None:
    """Plan the picking of lines that were just taken in, within dock hours."""
    ready = _in_dock_hours(lines)
    schedule(books.truth, Kind.PICK_LINE, ((at, line.line_id) for line, at in zip(lines, ready, strict=True)))
    schedule(
        books.truth,
        Kind.PICK_PART,
        (
            ((line.at + at) // 2, line.line_id)
            for line, at in zip(lines, ready, strict=True)
            if line.line_id % _PARTS_EVERY == 0
        ),
    )


def pick_parts(books: Books, until: int) -> None:
    """Let the sites pick half of the lines they pick in two steps; the pick stays open."""
    postpone_blocked(books, Kind.PICK_PART, until)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in due(books.truth, Kind.PICK_PART, until, true_lines, _ORDER_OF_LINE):
        units = (line.qty - line.cancel_qty) // ITEM_BY_SKU[line.sku].factor_at(line.node)
        rows[line.node].append({"order_key": line.order_no, "line_key": line.line_no, "picked": units // 2})
    still_open = (
        update(release_lines)
        .where(
            release_lines.c.order_no == bindparam("order_key"),
            release_lines.c.line_no == bindparam("line_key"),
            release_lines.c.pick_status == "OPEN",
        )
        .values(picked_qty=bindparam("picked"))
    )
    for node, of_node in rows.items():
        books.wms[node].execute(still_open, of_node)
    discard_due(books.truth, Kind.PICK_PART, until)


def pick_lines(books: Books, until: int) -> None:
    """Let the sites pick what no hold blocks, and plan packing and departure."""
    postpone_blocked(books, Kind.PICK_LINE, until)
    lines = due(books.truth, Kind.PICK_LINE, until, true_lines, _ORDER_OF_LINE)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        units = (line.qty - line.cancel_qty - line.pick_short_qty) // ITEM_BY_SKU[line.sku].factor_at(line.node)
        rows[line.node].append(
            {"order_key": line.order_no, "line_key": line.line_no, "picked": units, "moment": line.at}
        )
    picked = (
        update(release_lines)
        .where(release_lines.c.order_no == bindparam("order_key"), release_lines.c.line_no == bindparam("line_key"))
        .values(picked_qty=bindparam("picked"), pick_status="CLOSED", picked_at=bindparam("moment"))
    )
    for node, of_node in rows.items():
        books.wms[node].execute(picked, of_node)
    if lines:
        books.truth.execute(
            update(true_lines).where(true_lines.c.line_id == bindparam("key")).values(picked_at=bindparam("moment")),
            [{"key": line.line_id, "moment": line.at} for line in lines],
        )
    _plan_departures(books, lines)
    discard_due(books.truth, Kind.PICK_LINE, until)


def pack_legs(books: Books, until: int) -> None:
    """Let the sites close the packages of legs; a substitute the customer approved is packed instead of the item."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for leg in due(books.truth, Kind.PACK_LEG, until, true_legs, _LINE_OF_LEG, _ORDER_OF_LINE):
        rows[leg.node].append(_pack(leg))
    closed = (
        update(release_lines)
        .where(release_lines.c.order_no == bindparam("order_key"), release_lines.c.line_no == bindparam("line_key"))
        .values(packed_at=bindparam("moment"))
    )
    for node, of_node in rows.items():
        books.wms[node].execute(insert(packs), of_node)
        books.wms[node].execute(
            closed,
            [{"order_key": row["order_no"], "line_key": row["line_no"], "moment": row["packed_at"]} for row in of_node],
        )
    discard_due(books.truth, Kind.PACK_LEG, until)


def pack_no(leg_id: int) -> str:
    """Return the number of the package a leg leaves in."""
    return f"PK-{leg_id:06d}"


def lookalike(leg: Row[Any]) -> str:
    """Return the next item of the catalogue that a site counts in the same unit and the customer did not approve."""
    item = ITEM_BY_SKU[leg.sku]
    place = ITEMS.index(item)
    ring = (*ITEMS[place + 1 :], *ITEMS[:place])
    return next(
        other.sku
        for other in ring
        if other.factor_at(leg.node) == item.factor_at(leg.node) and other.sku != leg.substitute_sku
    )


def _approved(leg: Row[Any]) -> str:
    """Return the item that is packed: sometimes the substitute the customer approved, counted in the same unit."""
    sku: str = leg.sku
    substitute = ITEM_BY_SKU.get(leg.substitute_sku)
    if substitute is None or leg.leg_id % _SUBSTITUTED_EVERY:
        return sku
    same = substitute.factor_at(leg.node) == ITEM_BY_SKU[sku].factor_at(leg.node)
    return substitute.sku if same else sku


def _pack(leg: Row[Any]) -> dict[str, Any]:
    """Return the row of a package: a leg's quantity of its item and of the present lot, unless it is packed wrong."""
    item = ITEM_BY_SKU[leg.sku]
    sku = lookalike(leg) if leg.pack_error == WRONG_ITEM else _approved(leg)
    began_at = leg.at // _LOT_SECONDS * _LOT_SECONDS
    expires_at = began_at + _SHELF_LIFE_SECONDS if sku.startswith(_PERISHABLE) else None
    return {
        "pack_no": pack_no(leg.leg_id),
        "order_no": leg.order_no,
        "line_no": leg.line_no,
        "item": sku,
        "unit": item.unit_at(leg.node),
        "qty": leg.qty // item.factor_at(leg.node),
        "lot": f"L-{sku}-{began_at // _LOT_SECONDS}",
        "lot_status": RECALLED if leg.pack_error == RECALLED else "RELEASED",
        "expires_at": leg.at - DAY_SECONDS if leg.pack_error == EXPIRED else expires_at,
        "packed_at": leg.at,
    }


def _plan_departures(books: Books, lines: Sequence[Row[Any]]) -> None:
    legs = [(line, leg) for line, leg in _with_legs(books, lines) if leg.shipped_at is None]
    ready = dock_times(np.array([line.at + leg.ship_lag for line, leg in legs], dtype=np.int64))
    departures = [
        (line.at, line.at + leg.ship_lag if line.any_hour else int(at), leg.leg_id)
        for (line, leg), at in zip(legs, ready, strict=True)
    ]
    schedule(books.truth, Kind.SHIP_LEG, ((leaves_at, leg_id) for _, leaves_at, leg_id in departures))
    schedule(
        books.truth,
        Kind.PACK_LEG,
        (
            (picked_at + min((leaves_at - picked_at) // 2, _PACKED_AFTER_PICKED_SECONDS), leg_id)
            for picked_at, leaves_at, leg_id in departures
        ),
    )


def _in_dock_hours(lines: Sequence[Row[Any]]) -> list[int]:
    wanted = [line.at + line.pick_lag for line in lines]
    ready = dock_times(np.array(wanted, dtype=np.int64))
    return [at if line.any_hour else int(moved) for line, at, moved in zip(lines, wanted, ready, strict=True)]


def _with_legs(books: Books, lines: Sequence[Row[Any]]) -> Iterable[tuple[Row[Any], Row[Any]]]:
    by_id = {line.line_id: line for line in lines}
    for chunk in chunks(by_id):
        of_lines = select(true_legs).where(true_legs.c.line_id.in_(chunk)).order_by(true_legs.c.leg_id)
        for leg in books.truth.execute(of_lines):
            yield by_id[leg.line_id], leg

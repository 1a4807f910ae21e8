"""What the three warehouses say of a piece. All use the words of EAST; the others' own are put in at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fulfillment_pipelines.twin.volume import names
from fulfillment_pipelines.twin.volume.demand import Flags, Whole
from fulfillment_pipelines.twin.volume.facts import RETURNED_AFTER_SECONDS, Facts
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, Node
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS

_HOUR_SECONDS: Final = 3_600
_WEST_WORDS: Final = {
    "release_no": "release",
    "order_no": "order",
    "line_no": "line",
    "shipment_no": "shipment",
    "reservation_no": "reservation",
    "pack_no": "pack",
    "return_no": "return",
    "movement_no": "movement",
    "hold_no": "hold",
    "hold_type": "type",
    "movement_type": "type",
    "item": "sku",
    "picked_qty": "picked",
    "pick_status": "state",
    "lot_status": "lot_state",
    "status": "active",
    "resolved_at": "ended_at",
}
_WEST_CODES: Final = {"lot_status": "ok", "status": "false"}
_NORTH_WORDS: Final = {"picked_qty": "picked"}
_OWN_WORDS: Final[Mapping[Node, Mapping[str, str]]] = {Node.EAST: {}, Node.WEST: _WEST_WORDS, Node.NORTH: _NORTH_WORDS}


def in_own_words(node: Node, rows: pa.Table) -> pa.Table:
    """Return the rows under the field names and with the codes of one site."""
    for name, code in _WEST_CODES.items() if node is Node.WEST else ():
        if name in rows.column_names:
            rows = rows.set_column(rows.column_names.index(name), name, names.said(code, rows.num_rows))
    words = _OWN_WORDS[node]
    return rows.rename_columns([words.get(name, name) for name in rows.column_names])


def releases(facts: Facts, node: int) -> pa.Table:
    """Return one row for each line the site took in."""
    lines, orders = facts.piece.lines, facts.piece.orders
    at = _lines_at(facts, node, facts.taken_in)
    picked, packed = facts.picked[at], facts.packed[at]
    return pa.table(
        {
            "release_no": names.numbered("RL", orders.no[facts.line_order[at]]),
            **_line_columns(facts, at, lines.qty[at]),
            "picked_qty": np.where(picked, lines.qty[at], 0),
            "pick_status": names.chosen(("OPEN", "CLOSED"), picked.astype(np.int64)),
            "sent_at": names.instants(lines.released_at[at]),
            "acked_at": names.instants(lines.acked_at[at]),
            "picked_at": names.instants(lines.picked_at[at], picked),
            "packed_at": names.instants(lines.packed_at[at], packed),
        }
    )


def shipments(facts: Facts, node: int) -> pa.Table:
    """Return one row for each leg that left the site."""
    legs, at = facts.piece.legs, _legs_at(facts, node, facts.shipped)
    return pa.table(
        {
            "shipment_no": names.shipment_names(legs.shipment_no[at]),
            **_line_columns(facts, legs.line[at], legs.qty[at]),
            "departed_at": names.instants(legs.shipped_at[at]),
        }
    )


def reservations(facts: Facts, node: int) -> pa.Table:
    """Return one row for each line that was taken in and has not wholly left."""
    lines = facts.piece.lines
    waiting = waiting_qty(facts)
    at = _lines_at(facts, node, facts.taken_in & (waiting > 0))
    number = facts.piece.orders.no[facts.line_order[at]] * 10 + lines.line_no[at]
    return pa.table(
        {
            "reservation_no": names.numbered("RSV", number, 11),
            **_line_columns(facts, at, waiting[at]),
            "reserved_at": names.instants(lines.acked_at[at]),
        }
    )


def packs(facts: Facts, node: int) -> pa.Table:
    """Return one row for each order line in a package: a package is what of a line leaves with one shipment."""
    legs = facts.piece.legs
    at = _legs_at(facts, node, facts.shipped)
    return pa.table(
        {
            "pack_no": names.numbered("PK", legs.shipment_no[at]),
            **_line_columns(facts, legs.line[at], legs.qty[at]),
            "lot": names.numbered("LOT", facts.piece.lines.item[legs.line[at]] % 97, 4),
            "lot_status": names.said("RELEASED", at.size),
            "expires_at": names.instants(legs.shipped_at[at] + 400 * DAY_SECONDS),
            "packed_at": names.instants(facts.piece.lines.packed_at[legs.line[at]]),
        }
    )


def returns(facts: Facts, node: int) -> pa.Table:
    """Return one row for each leg of which something came back; it is damaged and does not go to stock."""
    legs, at = facts.piece.legs, _legs_at(facts, node, facts.returned)
    shipment = names.shipment_names(legs.shipment_no[at])
    return pa.table(
        {
            "return_no": names.joined("RET", shipment, separator="-"),
            "shipment_no": shipment,
            **_line_columns(facts, legs.line[at], legs.returned_qty[at]),
            "condition": names.said("DAMAGED", at.size),
            "received_at": names.instants(legs.delivered_at[at] + RETURNED_AFTER_SECONDS),
        }
    )


def holds(facts: Facts, node: int) -> pa.Table:
    """Return one row for each credit hold on an order of the site; all are resolved."""
    held = facts.piece.orders
    known = facts.in_erp & held.is_held & (held.ordered_at + 2 * _HOUR_SECONDS <= facts.shape.read_at)
    at = np.flatnonzero(known & (held.node == node))
    return pa.table(
        {
            "hold_no": names.numbered("HLD", held.no[at]),
            "order_no": names.order_names(held, at),
            "hold_type": names.said("CREDIT", at.size),
            "status": names.said("RESOLVED", at.size),
            "placed_by": names.said("FINANCE", at.size),
            "placed_at": names.instants(held.ordered_at[at] + 600),
            "resolved_at": names.instants(held.ordered_at[at] + _HOUR_SECONDS),
        }
    )


def waiting_qty(facts: Facts) -> Whole:
    """Return for each line what has not left yet."""
    legs, lines = facts.piece.legs, facts.piece.lines
    left = np.bincount(legs.line, weights=legs.qty * facts.shipped, minlength=lines.qty.size)
    return lines.qty - left.astype(np.int64)


def _line_columns(facts: Facts, line: Whole, qty: Whole) -> dict[str, pa.Array | npt.NDArray[np.int64]]:
    lines = facts.piece.lines
    return {
        "order_no": names.order_names(facts.piece.orders, facts.line_order[line]),
        "line_no": lines.line_no[line],
        "item": names.sku_names(lines.item[line]),
        "unit": names.said(BASE_UNIT, line.size),
        "qty": qty,
    }


def _lines_at(facts: Facts, node: int, wanted: Flags) -> Whole:
    return np.flatnonzero(wanted & (facts.piece.orders.node[facts.line_order] == node))


def _legs_at(facts: Facts, node: int, wanted: Flags) -> Whole:
    return np.flatnonzero(wanted & (facts.piece.orders.node[facts.leg_order] == node))

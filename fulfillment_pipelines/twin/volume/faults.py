"""Which orders, lines and legs of a piece carry a fault, one fault an order, and the labels that say so.

What a fault changes in the answers of a system is in `answers`; the codes and keys are the domain book's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from fulfillment_pipelines.twin.volume.demand import PORTAL, Flags, Legs, Piece, Whole
from fulfillment_pipelines.twin.volume.names import NODE_NAMES, joined, named, order_names, shipment_names
from fulfillment_pipelines.twin.volume.shape import Shape
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS

LINE_CODES: Final = ("INT-04", "WHS-01")
LEG_CODES: Final = ("SHP-01", "SHP-02", "FIN-01", "FIN-02", "FIN-04", "FIN-05")
ORDER_CODES: Final = ("INT-03", "SHP-05")
_HOUR: Final = 3_600
_SETTLED_SECONDS: Final = 10 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of one piece: for each code the flags of the orders, lines or legs that carry it."""

    orders: Mapping[str, Flags]
    lines: Mapping[str, Flags]
    legs: Mapping[str, Flags]


def deal_faults(shape: Shape, piece: Piece) -> Faults:
    """Strike orders of a piece, each at most once, as many of every code."""
    dealt = shape.randomness(piece.number + 1_000_000)
    codes = (*ORDER_CODES, *LINE_CODES, *LEG_CODES)
    wanted = int(shape.fault_share * piece.lines.order.size / len(codes))
    waiting = dealt.permutation(piece.orders.no.size)
    struck: dict[str, Flags] = {}
    for code in codes:
        fits = _eligible(code, shape, piece)[waiting]
        struck[code] = np.zeros(piece.orders.no.size, bool)
        struck[code][waiting[fits][:wanted]] = True
        waiting = waiting[~struck[code][waiting]]
    line_order, leg_order = piece.lines.order, piece.lines.order[piece.legs.line]
    first_line = piece.lines.line_no == 1
    first_leg = first_line[piece.legs.line] & (piece.legs.shipment_no % 2 == 0)
    return Faults(
        orders={code: struck[code] for code in ORDER_CODES},
        lines={code: struck[code][line_order] & first_line for code in LINE_CODES},
        legs={code: struck[code][leg_order] & first_leg for code in LEG_CODES},
    )


def label_table(piece: Piece, faults: Faults) -> pa.Table:
    """Return the labels of a piece, one row a fault: code, business key and node as the product spells them."""
    orders, lines, legs = piece.orders, piece.lines, piece.legs
    parts = []
    for code, struck in faults.orders.items():
        at = np.flatnonzero(struck)
        key = named(orders, at) if code == "INT-03" else joined("crm", order_names(orders, at))
        parts.append(_labels(code, key, np.full(at.size, -1)))
    for code, struck in faults.lines.items():
        at = np.flatnonzero(struck)
        key = joined(order_names(orders, lines.order[at]), lines.line_no[at])
        parts.append(_labels(code, key, np.full(at.size, -1) if code == "INT-04" else orders.node[lines.order[at]]))
    for code, struck in faults.legs.items():
        at = np.flatnonzero(struck)
        order = lines.order[legs.line[at]]
        parts.append(_labels(code, _leg_key(code, piece, at), orders.node[order]))
    return pa.concat_tables(parts)


def _leg_key(code: str, piece: Piece, at: Whole) -> pa.Array:
    line = piece.legs.line[at]
    order, line_no = order_names(piece.orders, piece.lines.order[line]), piece.lines.line_no[line]
    shipment = shipment_names(piece.legs.shipment_no[at])
    match code:
        case "SHP-01" | "SHP-02":
            return joined(shipment, order, line_no)
        case "FIN-01":
            return joined(order, line_no, shipment)
        case "FIN-05":
            return joined(joined("RET", shipment, separator="-"), order, line_no)
        case _:
            return joined(order, line_no)


def _labels(code: str, key: pa.Array, node: Whole) -> pa.Table:
    nodes = pa.array([*NODE_NAMES, ""]).take(pa.array(node % (len(NODE_NAMES) + 1)))
    return pa.table({"code": pa.array([code] * len(key), pa.string()), "business_key": key, "node": nodes})


def _eligible(code: str, shape: Shape, piece: Piece) -> Flags:
    orders, legs = piece.orders, piece.legs
    now = shape.read_at
    from_portal: Flags = orders.channel == PORTAL
    if code == "INT-03":
        is_overdue: Flags = from_portal & (orders.ordered_at < now - 3 * _HOUR)
        return is_overdue
    if code == "INT-04":
        is_old: Flags = from_portal & (orders.ordered_at < now - DAY_SECONDS)
        return is_old
    if code == "WHS-01":
        is_taken_in: Flags = _latest(piece, piece.lines.acked_at, piece.lines.order) < now - 3 * _HOUR
        return is_taken_in
    settled = now - _SETTLED_SECONDS
    leg_order = piece.lines.order[legs.line]
    if code == "SHP-05":
        is_delivered: Flags = _latest(piece, legs.delivered_at, leg_order) < settled
        return is_delivered
    is_billed: Flags = _latest(piece, legs.posted_at, leg_order) < settled
    return is_billed & _first_leg_fits(code, piece, legs)


def _first_leg_fits(code: str, piece: Piece, legs: Legs) -> Flags:
    """Return the orders whose first leg can carry a code: a smaller quantity needs two units, a credit a return."""
    first = (piece.lines.line_no[legs.line] == 1) & (legs.shipment_no % 2 == 0)
    fits = legs.returned_qty > 0 if code == "FIN-05" else (legs.qty > 1) & (legs.returned_qty == 0)
    found = np.zeros(piece.orders.no.size, bool)
    found[piece.lines.order[legs.line[first & fits]]] = True
    return found


def _latest(piece: Piece, moment: Whole, order: Whole) -> Whole:
    latest: Whole = np.zeros(piece.orders.no.size, np.int64)
    np.maximum.at(latest, order, moment)
    return latest

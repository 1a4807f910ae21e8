"""Which steps of a piece have happened when the systems are read, faults included. Flags and moments only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fulfillment_pipelines.twin.volume.demand import Flags, Piece, Whole
from fulfillment_pipelines.twin.volume.faults import Faults
from fulfillment_pipelines.twin.volume.shape import Shape
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS

ACCEPTED_AFTER_SECONDS: Final = 300
RETURNED_AFTER_SECONDS: Final = 2 * DAY_SECONDS
CREDITED_AFTER_SECONDS: Final = RETURNED_AFTER_SECONDS + 6 * 3_600


@dataclass(frozen=True, slots=True)
class Facts:
    """What has happened in one piece at the reading. Flags of orders, lines and legs, in the order of the piece.

    Attributes:
        ordered: Orders placed at all.
        in_erp: Orders the ERP has.
        released, taken_in, picked, packed: Lines; released by the ERP, the others at the site.
        line_order, leg_line, leg_order: Positions, for looking up.
        shipped: Legs that left; confirmed in the ERP; posted by finance; delivered, returned and credited.
        confirmed_qty: What the ERP has confirmed of each leg.
        billed_qty: What finance has billed of each leg.
    """

    shape: Shape
    piece: Piece
    faults: Faults
    in_erp: Flags
    released: Flags
    taken_in: Flags
    picked: Flags
    packed: Flags
    line_order: Whole
    leg_order: Whole
    shipped: Flags
    confirmed: Flags
    posted: Flags
    delivered: Flags
    returned: Flags
    credited: Flags
    confirmed_qty: Whole
    billed_qty: Whole


def facts_of(shape: Shape, piece: Piece, faults: Faults) -> Facts:
    """Return what has happened in a piece when the systems are read."""
    now, orders, lines, legs = shape.read_at, piece.orders, piece.lines, piece.legs
    line_order, leg_order = lines.order, lines.order[legs.line]
    in_erp = (orders.ordered_at + ACCEPTED_AFTER_SECONDS <= now) & ~faults.orders["INT-03"]
    released = in_erp[line_order] & (lines.released_at <= now)
    # A site that did not take one line in ships nothing of the order, so that no other difference follows.
    stuck = np.zeros(orders.no.size, bool)
    stuck[line_order[faults.lines["WHS-01"]]] = True
    taken_in = released & (lines.acked_at <= now) & ~faults.lines["WHS-01"]
    shipped = taken_in[legs.line] & (legs.shipped_at <= now) & ~stuck[leg_order]
    confirmed = shipped & (legs.confirmed_at <= now) & ~faults.legs["SHP-01"]
    posted = confirmed & (legs.posted_at <= now) & ~faults.legs["FIN-01"]
    delivered = shipped & (legs.delivered_at <= now)
    returned = delivered & (legs.returned_qty > 0) & (legs.delivered_at + RETURNED_AFTER_SECONDS <= now)
    confirmed_qty = legs.qty - faults.legs["SHP-02"]
    return Facts(
        shape=shape,
        piece=piece,
        faults=faults,
        in_erp=in_erp,
        released=released,
        taken_in=taken_in,
        picked=taken_in & (lines.picked_at <= now) & ~stuck[line_order],
        packed=taken_in & (lines.packed_at <= now) & ~stuck[line_order],
        line_order=line_order,
        leg_order=leg_order,
        shipped=shipped,
        confirmed=confirmed,
        posted=posted,
        delivered=delivered,
        returned=returned,
        credited=returned & posted & (legs.delivered_at + CREDITED_AFTER_SECONDS <= now) & ~faults.legs["FIN-05"],
        confirmed_qty=confirmed_qty,
        billed_qty=confirmed_qty + faults.legs["FIN-02"],
    )

"""What the TMS says of the legs its carriers have in hand, and the CRM of the orders."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from fulfillment_pipelines.twin.volume import names
from fulfillment_pipelines.twin.volume.demand import Flags, Whole
from fulfillment_pipelines.twin.volume.facts import Facts
from fulfillment_pipelines.twin.world.catalogue import CURRENCY

_CARRIERS: Final = ("NORTHWIND-FREIGHT", "BLUELINE")
_STEPS: Final = (
    ("LABELLED", -1_800),
    ("DEPARTED", 0),
    ("IN_TRANSIT", 4 * 3_600),
    ("OUT_FOR_DELIVERY", None),
    ("DELIVERED", None),
)
STATUSES: Final = ("RECEIVED", "ACCEPTED", "IN_FULFILMENT", "SHIPPED", "DELIVERED")


def transports(facts: Facts) -> pa.Table:
    """Return one row for each shipment that left."""
    legs, at = facts.piece.legs, _one_leg_each(facts, facts.shipped)
    order, number = facts.leg_order[at], facts.piece.legs.shipment_no[at]
    node = facts.piece.orders.node[order]
    pieces = np.bincount(_shipment_rank(facts), weights=legs.qty * facts.shipped, minlength=legs.line.size)
    return pa.table(
        {
            "shipment": names.shipment_names(number),
            "carrier": names.chosen(_CARRIERS, number % 2),
            "tracking": names.numbered("TRK", number),
            "service": names.chosen(("STANDARD", "EXPEDITED"), (number % 50 == 0).astype(np.int64)),
            "lane": names.joined(names.node_names(node), names.chosen(("SOUTH", "COAST"), number % 2), separator="-"),
            "tendered_pieces": pieces[_shipment_rank(facts)[at]].astype(np.int64),
            "freight": names.amounts(900 + number % 4_000),
            "currency": names.said(CURRENCY, at.size),
            "departed": names.instants(legs.shipped_at[at]),
            "eta": names.instants(legs.delivered_at[at]),
        }
    )


def milestones(facts: Facts) -> pa.Table:
    """Return one row for each event of each shipment that left, in no order of time."""
    legs, at = facts.piece.legs, _one_leg_each(facts, facts.shipped)
    number, shipped_at, delivered_at = legs.shipment_no[at], legs.shipped_at[at], legs.delivered_at[at]
    parts = []
    for rank, (status, after_seconds) in enumerate(_STEPS):
        if after_seconds is not None:
            occurred_at = shipped_at + after_seconds
        else:
            occurred_at = delivered_at - (3 * 3_600 if status == "OUT_FOR_DELIVERY" else 0)
        known = occurred_at + 300 <= facts.shape.read_at
        parts.append(
            pa.table(
                {
                    "event": names.numbered("EV", number[known] * 10 + rank, 11),
                    "shipment": names.shipment_names(number[known]),
                    "status": names.said(status, int(known.sum())),
                    "happened": names.instants(occurred_at[known]),
                    "received": names.instants(occurred_at[known] + 300),
                    "error": names.said(None, int(known.sum())),
                    "corrected_by": names.said(None, int(known.sum())),
                }
            )
        )
    return pa.concat_tables(parts)


def deliveries(facts: Facts) -> pa.Table:
    """Return one row for each order line on a proof of delivery."""
    legs, lines, at = facts.piece.legs, facts.piece.lines, np.flatnonzero(facts.delivered)
    return pa.table(
        {
            "shipment": names.shipment_names(legs.shipment_no[at]),
            "order": names.order_names(facts.piece.orders, facts.leg_order[at]),
            "line": lines.line_no[legs.line[at]],
            "sku": names.sku_names(lines.item[legs.line[at]]),
            "unit": names.said("EA", at.size),
            "qty": legs.qty[at],
            "damaged": np.zeros(at.size, np.int64),
            "signed_at": names.instants(legs.delivered_at[at]),
        }
    )


def order_statuses(facts: Facts) -> pa.Table:
    """Return what the CRM shows of each order the ERP has."""
    at = np.flatnonzero(facts.in_erp)
    step, since = shown_steps(facts)
    stale = facts.faults.orders["SHP-05"]
    return pa.table(
        {
            "order": names.order_names(facts.piece.orders, at),
            "status": names.chosen(STATUSES, np.where(stale, 1, step)[at]),
            "promise": names.instants(facts.piece.orders.promised_at[at]),
            "updated_at": names.instants(np.where(stale, facts.piece.orders.ordered_at, since)[at]),
        }
    )


def cases(facts: Facts) -> pa.Table:
    """Return no case: nobody has called yet."""
    del facts
    texts = ("case", "order", "shipment", "type", "status", "opened_by", "opened_at", "accepted_at")
    none = {name: names.said(None, 0) for name in texts}
    return pa.table({**none, "line": np.zeros(0, np.int64), "claimed": np.zeros(0, np.int64)})


def shown_steps(facts: Facts) -> tuple[Whole, Whole]:
    """Return for each order how far it is, as a position in the statuses that are shown, and since when."""
    orders, legs = facts.piece.orders, facts.piece.legs
    count = orders.no.size
    released = np.bincount(facts.line_order, weights=facts.released, minlength=count) > 0
    lines = np.bincount(facts.line_order, minlength=count)
    shipped_lines = np.bincount(facts.line_order[_served(facts, facts.shipped)], minlength=count)
    delivered_lines = np.bincount(facts.line_order[_served(facts, facts.delivered)], minlength=count)
    step = 1 + released + (released & (shipped_lines == lines)) + (released & (delivered_lines == lines))
    since = orders.ordered_at.copy()
    np.maximum.at(since, facts.leg_order, np.where(facts.shipped, legs.shipped_at, 0))
    np.maximum.at(since, facts.leg_order, np.where(facts.delivered, legs.delivered_at, 0))
    return step.astype(np.int64), np.minimum(since + 300, facts.shape.read_at)


def _served(facts: Facts, done: Flags) -> Whole:
    """Return the lines of which every leg is done."""
    count = facts.line_order.size
    legs = np.bincount(facts.piece.legs.line, minlength=count)
    return np.flatnonzero(np.bincount(facts.piece.legs.line, weights=done, minlength=count) == legs)


def _one_leg_each(facts: Facts, wanted: Flags) -> Whole:
    """Return one leg of each shipment that has a wanted leg: the shipment's first."""
    at = np.flatnonzero(wanted)
    _, first = np.unique(facts.piece.legs.shipment_no[at], return_index=True)
    return at[first]


def _shipment_rank(facts: Facts) -> Whole:
    """Return for each leg the rank of its shipment among those of the piece."""
    return np.unique(facts.piece.legs.shipment_no, return_inverse=True)[1]

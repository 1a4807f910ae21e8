"""What the portal says of a piece: its orders and items, and what it shows of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fulfillment_pipelines.twin.volume import names
from fulfillment_pipelines.twin.volume.answers.erp import ship_to_names
from fulfillment_pipelines.twin.volume.answers.transport import STATUSES, shown_steps
from fulfillment_pipelines.twin.volume.demand import PORTAL
from fulfillment_pipelines.twin.volume.facts import Facts
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, CURRENCY


def orders(facts: Facts) -> pa.Table:
    """Return one row for each order placed in the portal."""
    placed = facts.piece.orders
    at = np.flatnonzero(placed.channel == PORTAL)
    return pa.table(
        {
            "id": names.named(placed, at),
            "customer": names.customer_names(placed.customer[at]),
            "po": names.purchase_orders(placed, at),
            "ship_to": ship_to_names(placed.customer[at]),
            "terms": names.said("NET30", at.size),
            "priority": names.chosen(("STANDARD", "PRIORITY"), (placed.no[at] % 20 == 0).astype(np.int64)),
            "revision": np.zeros(at.size, np.int64),
            "state": names.said("OPEN", at.size),
            "currency": names.said(CURRENCY, at.size),
            "placed_at": names.instants(placed.ordered_at[at]),
            "requested_at": names.instants(placed.promised_at[at]),
        }
    )


def order_items(facts: Facts) -> pa.Table:
    """Return one row for each item ordered in the portal; where the ERP drifted, one more than it has."""
    lines = facts.piece.lines
    at = np.flatnonzero(facts.piece.orders.channel[facts.line_order] == PORTAL)
    return pa.table(
        {
            "order_id": names.named(facts.piece.orders, facts.line_order[at]),
            "line": lines.line_no[at],
            "sku": names.sku_names(lines.item[at]),
            "buyer_item": names.said(None, at.size),
            "uom": names.said(BASE_UNIT, at.size),
            "qty": (lines.qty + facts.faults.lines["INT-04"])[at],
            "qty_cancelled": np.zeros(at.size, np.int64),
            "price": names.amounts(lines.price_cents[at]),
            "currency": names.said(CURRENCY, at.size),
        }
    )


def order_statuses(facts: Facts) -> pa.Table:
    """Return what the portal shows of each of its orders that the ERP has."""
    at = np.flatnonzero(facts.in_erp & (facts.piece.orders.channel == PORTAL))
    step, since = shown_steps(facts)
    return pa.table(
        {
            "order_no": names.order_names(facts.piece.orders, at),
            "status": names.chosen(STATUSES, step[at]),
            "promise": names.instants(facts.piece.orders.promised_at[at]),
            "shown_at": names.instants(since[at]),
        }
    )

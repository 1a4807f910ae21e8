"""What the ERP says of a piece, and the master data it keeps."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from fulfillment_pipelines.twin.volume import names
from fulfillment_pipelines.twin.volume.answers.sites import waiting_qty
from fulfillment_pipelines.twin.volume.demand import Whole, price_cents
from fulfillment_pipelines.twin.volume.facts import Facts
from fulfillment_pipelines.twin.volume.shape import Shape
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, CURRENCY
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS

_PRICES_A_CUSTOMER: Final = 20
_TERMS: Final = "NET30"
_YEAR_SECONDS: Final = 365 * DAY_SECONDS


def orders(facts: Facts) -> pa.Table:
    """Return one row for each order the ERP has; it is closed when all of it is billed."""
    held, at = facts.piece.orders, np.flatnonzero(facts.in_erp)
    count = held.no.size
    waiting = np.bincount(facts.line_order, weights=waiting_qty(facts), minlength=count)
    unbilled = np.bincount(facts.leg_order, weights=~facts.posted, minlength=count)
    is_open = (waiting + unbilled > 0).astype(np.int64)
    return pa.table(
        {
            "order_no": names.order_names(held, at),
            "channel": names.chosen(names.CHANNEL_NAMES, held.channel[at]),
            "channel_order_no": names.named(held, at),
            "customer_no": names.customer_names(held.customer[at]),
            "customer_po": names.purchase_orders(held, at),
            "ship_to_no": ship_to_names(held.customer[at]),
            "payment_terms": names.said(_TERMS, at.size),
            "priority": names.chosen(("STANDARD", "PRIORITY"), (held.no[at] % 20 == 0).astype(np.int64)),
            "revision_no": np.zeros(at.size, np.int64),
            "status": names.chosen(("CLOSED", "OPEN"), is_open[at]),
            "currency": names.said(CURRENCY, at.size),
            "ordered_at": names.instants(held.ordered_at[at]),
            "requested_at": names.instants(held.promised_at[at]),
        }
    )


def order_lines(facts: Facts) -> pa.Table:
    """Return one row for each order line the ERP has."""
    lines, held = facts.piece.lines, facts.piece.orders
    at = np.flatnonzero(facts.in_erp[facts.line_order])
    order = facts.line_order[at]
    left = np.bincount(facts.piece.legs.line, weights=facts.confirmed_qty * facts.confirmed, minlength=lines.qty.size)
    return pa.table(
        {
            "order_no": names.order_names(held, order),
            "line_no": lines.line_no[at],
            "sku": names.sku_names(lines.item[at]),
            "uom": names.said(BASE_UNIT, at.size),
            "qty_ordered": lines.qty[at],
            "qty_cancelled": np.zeros(at.size, np.int64),
            "qty_allocated": (lines.qty - left.astype(np.int64))[at],
            "unit_price": names.amounts(lines.price_cents[at]),
            "currency": names.said(CURRENCY, at.size),
            "site": names.node_names(held.node[order]),
            "release_due_at": names.instants(lines.released_at[at] - 600),
            "promised_at": names.instants(held.promised_at[order]),
            "substitute_sku": names.said(None, at.size),
        }
    )


def releases(facts: Facts) -> pa.Table:
    """Return one row for each line the ERP has released."""
    lines, at = facts.piece.lines, np.flatnonzero(facts.released)
    order = facts.line_order[at]
    return pa.table(
        {
            "release_no": names.numbered("RL", facts.piece.orders.no[order]),
            "order_no": names.order_names(facts.piece.orders, order),
            "line_no": lines.line_no[at],
            "site": names.node_names(facts.piece.orders.node[order]),
            "sku": names.sku_names(lines.item[at]),
            "uom": names.said(BASE_UNIT, at.size),
            "qty": lines.qty[at],
            "sent_at": names.instants(lines.released_at[at]),
        }
    )


def shipments(facts: Facts) -> pa.Table:
    """Return one row for each leg the ERP has a confirmation of."""
    legs, lines, at = facts.piece.legs, facts.piece.lines, np.flatnonzero(facts.confirmed)
    order = facts.leg_order[at]
    return pa.table(
        {
            "shipment_no": names.shipment_names(legs.shipment_no[at]),
            "order_no": names.order_names(facts.piece.orders, order),
            "line_no": lines.line_no[legs.line[at]],
            "site": names.node_names(facts.piece.orders.node[order]),
            "sku": names.sku_names(lines.item[legs.line[at]]),
            "uom": names.said(BASE_UNIT, at.size),
            "qty": facts.confirmed_qty[at],
            "shipped_at": names.instants(legs.shipped_at[at]),
            "confirmed_at": names.instants(legs.confirmed_at[at]),
        }
    )


def holds(facts: Facts) -> pa.Table:
    """Return one row for each credit hold; all were placed and resolved before the release."""
    held = facts.piece.orders
    at = np.flatnonzero(facts.in_erp & held.is_held & (held.ordered_at + 2 * 3_600 <= facts.shape.read_at))
    return pa.table(
        {
            "hold_no": names.numbered("HLD", held.no[at]),
            "order_no": names.order_names(held, at),
            "type": names.said("CREDIT", at.size),
            "status": names.said("RESOLVED", at.size),
            "placed_by": names.said("FINANCE", at.size),
            "placed_at": names.instants(held.ordered_at[at] + 600),
            "resolved_at": names.instants(held.ordered_at[at] + 3_600),
        }
    )


def customers(shape: Shape) -> pa.Table:
    """Return one row for each customer."""
    at = np.arange(shape.customer_count)
    return pa.table(
        {
            "customer_no": names.customer_names(at),
            "name": names.numbered("Customer", at, 6),
            "status": names.said("ACTIVE", at.size),
            "payment_terms": names.said(_TERMS, at.size),
        }
    )


def customer_locations(shape: Shape) -> pa.Table:
    """Return one place for each customer."""
    at = np.arange(shape.customer_count)
    return pa.table(
        {
            "customer_no": names.customer_names(at),
            "ship_to_no": ship_to_names(at),
            "status": names.said("ACTIVE", at.size),
        }
    )


def items(shape: Shape) -> pa.Table:
    """Return one row for each item; one in ten is of class A, three of class B."""
    at = np.arange(shape.item_count)
    return pa.table(
        {
            "sku": names.sku_names(at),
            "base_uom": names.said(BASE_UNIT, at.size),
            "abc_class": names.chosen(("A", "B", "B", "B", "C", "C", "C", "C", "C", "C"), at % 10),
            "temperature_class": names.said("AMBIENT", at.size),
            "status": names.said("ACTIVE", at.size),
        }
    )


def cross_references(shape: Shape) -> pa.Table:
    """Return the number that the first customer uses for each item."""
    at = np.arange(shape.item_count)
    return pa.table(
        {
            "type": names.said("ITEM", at.size),
            "party": names.customer_names(np.zeros(at.size, np.int64)),
            "foreign_no": names.numbered("BUY", at, 6),
            "own_no": names.sku_names(at),
        }
    )


def contract_prices(shape: Shape) -> pa.Table:
    """Return some agreed prices of each customer; they are the prices that are charged."""
    at = np.arange(shape.customer_count * _PRICES_A_CUSTOMER)
    customer, item = at // _PRICES_A_CUSTOMER, (at * 11) % shape.item_count
    return pa.table(
        {
            "customer_no": names.customer_names(customer),
            "sku": names.sku_names(item),
            "uom": names.said(BASE_UNIT, at.size),
            "price": names.amounts(price_cents(item)),
            "currency": names.said(CURRENCY, at.size),
            "valid_from": names.instants(np.full(at.size, shape.begins_at - _YEAR_SECONDS)),
            "valid_until": names.instants(np.full(at.size, shape.read_at + _YEAR_SECONDS)),
        }
    )


def inbound_supply(shape: Shape) -> pa.Table:
    """Return one confirmed receipt for every hundredth item."""
    at = np.arange(0, shape.item_count, 100)
    return pa.table(
        {
            "supply_no": names.numbered("SUP", at),
            "site": names.node_names(at % len(names.NODE_NAMES)),
            "sku": names.sku_names(at),
            "uom": names.said(BASE_UNIT, at.size),
            "qty": np.full(at.size, 200),
            "status": names.said("CONFIRMED", at.size),
            "expected_at": names.instants(np.full(at.size, shape.read_at + 2 * DAY_SECONDS)),
        }
    )


def ship_to_names(customer: Whole) -> pa.Array:
    """Return the place that each customer has goods sent to."""
    return names.numbered("LOC", customer, 6)

"""What the ERP lists to the outside: the lists and their fields. How a list is paged belongs to `erp_api`."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Table

from fulfillment_pipelines.twin.systems.pages import Feed
from fulfillment_pipelines.twin.world import commercial_tables as commercial
from fulfillment_pipelines.twin.world import system_tables as tables


def _feed(table: Table, *names: str) -> Feed:
    return Feed(table, {name: table.c[name] for name in names})


FEEDS: Mapping[str, Feed] = {
    "sales-orders": _feed(
        tables.sales_orders,
        *("order_no", "channel", "channel_order_no", "customer_no", "customer_po", "ship_to_no", "payment_terms"),
        *("priority", "revision_no", "status", "currency", "ordered_at", "requested_at"),
    ),
    "sales-order-lines": _feed(
        tables.order_lines,
        *("order_no", "line_no", "sku", "uom", "qty_ordered", "qty_cancelled", "qty_allocated", "unit_price"),
        *("currency", "site", "release_due_at", "promised_at", "substitute_sku", "qty_backordered"),
    ),
    "releases": _feed(tables.erp_releases, "release_no", "order_no", "line_no", "site", "sku", "uom", "qty", "sent_at"),
    "shipment-confirmations": _feed(
        tables.confirmations,
        *("shipment_no", "order_no", "line_no", "site", "sku", "uom", "qty", "shipped_at", "confirmed_at"),
    ),
    "holds": _feed(tables.erp_holds, "hold_no", "order_no", "type", "status", "placed_by", "placed_at", "resolved_at"),
    "inventory": _feed(tables.inventory, "site", "sku", "uom", "on_hand", "allocated", "atp"),
    "inventory-adjustments": _feed(
        tables.inventory_adjustments, "reference", "site", "sku", "qty", "reason", "booked_at"
    ),
    "customers": _feed(commercial.customers, "customer_no", "name", "status", "payment_terms"),
    "customer-locations": _feed(commercial.customer_locations, "customer_no", "ship_to_no", "status"),
    "items": _feed(commercial.items, "sku", "base_uom", "abc_class", "temperature_class", "status"),
    "cross-references": _feed(commercial.cross_references, "type", "party", "foreign_no", "own_no"),
    "contract-prices": _feed(
        commercial.contract_prices, *("customer_no", "sku", "uom", "price", "currency", "valid_from", "valid_until")
    ),
    "inbound-supply": _feed(
        commercial.inbound_supply, *("supply_no", "site", "sku", "uom", "qty", "status", "expected_at")
    ),
    "order-amendments": _feed(commercial.order_amendments, "amendment_no", "order_no", "line_no"),
    "shipment-reversals": _feed(
        commercial.shipment_reversals, "shipment_no", "order_no", "line_no", "qty", "reversed_at"
    ),
}
"""Lists of the ERP by the name they are served under."""

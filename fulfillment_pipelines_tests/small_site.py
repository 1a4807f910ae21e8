"""The rows of the small distributor's one site, where tests begin with systems that agree.

What goes wrong with them belongs to the test that wants it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from fulfillment_pipelines.systems.memory import MemoryRow

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def _at(hours: float) -> str:
    return (NOON + timedelta(hours=hours)).isoformat()


def _order_rows(number: int) -> Mapping[str, Mapping[str, MemoryRow]]:
    """One order that every system agrees on, from the portal to the invoice."""
    order_no, portal_no, sku = f"SO-{number}", f"PO-{number}", "BRG-1001"
    line: MemoryRow = {"order_no": order_no, "line_no": 1}
    stored: MemoryRow = {"item": sku, "unit": "EA", "qty": "1"}
    agreed: MemoryRow = {"priority": "STANDARD", "currency": "USD", "requested_at": _at(24)}
    hold: MemoryRow = {"hold_no": f"H-{number}", "order_no": order_no, "status": "RESOLVED", "placed_by": "finance"}
    hold |= {"placed_at": _at(-5), "resolved_at": _at(-4.5)}
    return {
        "portal": {
            "orders": agreed
            | {"id": portal_no, "customer": "C-1", "po": f"P{number}", "ship_to": "C-1-A", "terms": "NET30"}
            | {"revision": 0, "state": "OPEN", "placed_at": _at(-6)},
            "order_items": {"order_id": portal_no, "line": 1, "sku": sku, "buyer_item": "C1-BEARING", "uom": "EA"}
            | {"qty": "1", "qty_cancelled": "0", "price": "10.0000", "currency": "USD"},
            "order_statuses": {"order_no": order_no, "status": "SHIPPED", "promise": _at(24), "shown_at": _at(-3)},
        },
        "erp": {
            "orders": agreed
            | {"order_no": order_no, "channel": "PORTAL", "channel_order_no": portal_no, "customer_no": "C-1"}
            | {"customer_po": f"P{number}", "ship_to_no": "C-1-A", "payment_terms": "NET30", "revision_no": 0}
            | {"status": "OPEN", "ordered_at": _at(-6)},
            "order_lines": line
            | {"sku": sku, "uom": "EA", "qty_ordered": "1", "qty_cancelled": "0", "qty_allocated": "1"}
            | {"unit_price": "10.0000", "currency": "USD", "site": "EAST", "release_due_at": _at(-5)}
            | {"promised_at": _at(24), "substitute_sku": None},
            "releases": line
            | {"release_no": f"R-{number}", "site": "EAST", "sku": sku, "uom": "EA", "qty": "1", "sent_at": _at(-4)},
            "shipments": line
            | {"shipment_no": f"SH-{number}", "site": "EAST", "sku": sku, "uom": "EA", "qty": "1"}
            | {"shipped_at": _at(-3), "confirmed_at": _at(-3)},
            "holds": hold | {"type": "CREDIT"},
        },
        "wms_east": {
            "releases": line
            | stored
            | {"release_no": f"R-{number}", "picked_qty": "1", "pick_status": "CLOSED", "sent_at": _at(-4)}
            | {"acked_at": _at(-4), "picked_at": _at(-3.5), "packed_at": _at(-3.25)},
            "packs": line
            | stored
            | {"pack_no": f"PK-{number}", "lot": "L-1", "lot_status": "RELEASED", "expires_at": None}
            | {"packed_at": _at(-3.25)},
            "shipments": line | stored | {"shipment_no": f"SH-{number}", "departed_at": _at(-3)},
            "movements": stored
            | {"movement_no": f"M-{number}", "qty": "-1", "movement_type": "SHIPMENT", "moved_at": _at(-3)},
            "holds": hold | {"hold_type": "CREDIT"},
        },
        "finance": {
            "invoice_lines": line
            | stored
            | {"invoice_no": f"I-{number}", "line_seq": 1, "document_type": "INVOICE", "customer_no": "C-1"}
            | {"shipment_no": f"SH-{number}", "unit_price": "10.0000", "amount": "10.00", "currency": "USD"}
            | {"status": "POSTED", "posted_at": _at(-2)},
            "holds": hold,
        },
    }


def _standing_rows() -> Mapping[str, Mapping[str, MemoryRow]]:
    """What every order rests on: the customer, the item, its price, its stock, and what the customer may owe."""
    price: MemoryRow = {"customer_no": "C-1", "sku": "BRG-1001", "uom": "EA", "price": "10.0000", "currency": "USD"}
    known_as: MemoryRow = {"type": "ITEM", "party": "C-1", "foreign_no": "C1-BEARING", "own_no": "BRG-1001"}
    stock: MemoryRow = {"site": "EAST", "sku": "BRG-1001", "uom": "EA"}
    return {
        "erp": {
            "customers": {"customer_no": "C-1", "name": "First Customer", "status": "ACTIVE", "payment_terms": "NET30"},
            "customer_locations": {"customer_no": "C-1", "ship_to_no": "C-1-A", "status": "ACTIVE"},
            "items": {"sku": "BRG-1001", "base_uom": "EA", "abc_class": "A", "temperature_class": "AMBIENT"}
            | {"status": "ACTIVE"},
            "cross_references": known_as,
            "contract_prices": price | {"valid_from": _at(-1000), "valid_until": None},
            "inbound_supply": stock
            | {"supply_no": "IN-1", "qty": "10", "status": "CONFIRMED", "expected_at": _at(500)},
            "stock": stock | {"on_hand": "50", "allocated": "0", "atp": "50"},
        },
        "wms_east": {"stock": {"item": "BRG-1001", "unit": "EA", "on_hand": "50", "reserved": "0", "free": "50"}},
        "finance": {
            "credit_accounts": {"customer_no": "C-1", "credit_limit": "1000.00", "open_receivable": "30.00"}
            | {"currency": "USD"}
        },
    }


def site_rows(orders: int) -> dict[tuple[str, str], list[MemoryRow]]:
    """Return the rows of a site whose systems agree on so many orders, by system and entity; none are missing."""
    rows: dict[tuple[str, str], list[MemoryRow]] = {}
    for systems in (_standing_rows(), *(_order_rows(number) for number in range(1, orders + 1))):
        for system, entities in systems.items():
            for entity, row in entities.items():
                rows.setdefault((system, entity), []).append(row)
    return rows

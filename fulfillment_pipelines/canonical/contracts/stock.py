"""Contracts about what stock there is, moves, is set aside and is to come. Only declarations belong here."""

from __future__ import annotations

from typing import Final

from fulfillment_pipelines.canonical.contracts.columns import INSTANT, INTEGER, NODE, QUANTITY, SKU, TEXT, UOM
from fulfillment_pipelines.canonical.vocabulary import Column, Contract

STOCK: Final = (
    Contract(
        name="stock_levels",
        version=1,
        about="One row per item and node: the position one system holds.",
        key=("node", "sku"),
        columns=(
            NODE,
            SKU,
            UOM,
            Column("on_hand_qty", QUANTITY, "Sellable units on hand."),
            Column("reserved_qty", QUANTITY, "Units promised to orders (ERP: allocated; WMS: reserved)."),
            Column("available_qty", QUANTITY, "What the system would still promise (ERP: ATP; WMS: free)."),
        ),
    ),
    Contract(
        name="stock_movements",
        version=1,
        about="One row per movement of stock at a node, as its WMS logged it.",
        key=("movement_id",),
        columns=(
            Column("movement_id", TEXT, "Number of the movement."),
            NODE,
            SKU,
            UOM,
            Column("movement_qty", QUANTITY, "Signed change of the quantity on hand."),
            Column(
                "movement_type", TEXT, "Why the stock moved.", codes=("RECEIPT", "SHIPMENT", "ADJUSTMENT", "RETURN")
            ),
            Column("moved_at", INSTANT, "When it moved."),
        ),
    ),
    Contract(
        name="reservations",
        version=1,
        about="One row per reservation of stock at a node, as its WMS keeps it.",
        key=("reservation_id",),
        columns=(
            Column("reservation_id", TEXT, "Number of the reservation."),
            NODE,
            SKU,
            UOM,
            Column("reserved_qty", QUANTITY, "Quantity set aside and not yet shipped."),
            Column("order_id", TEXT, "Order it is for; none for what a subsystem sets aside.", required=False),
            Column("line_no", INTEGER, "Order line it is for.", required=False, minimum=1),
            Column("reserved_at", INSTANT, "When it was made."),
        ),
    ),
    Contract(
        name="inbound_supply",
        version=1,
        about="One row per expected receipt of an item at a node.",
        key=("supply_id",),
        columns=(
            Column("supply_id", TEXT, "Number of the purchase or transfer line."),
            NODE,
            SKU,
            UOM,
            Column("expected_qty", QUANTITY, "Quantity still to come.", minimum=0),
            Column("status", TEXT, "How sure it is.", codes=("PLANNED", "CONFIRMED", "RECEIVED", "CANCELLED")),
            Column("expected_at", INSTANT, "When it should be there."),
        ),
    ),
)

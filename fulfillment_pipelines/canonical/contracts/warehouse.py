"""Contracts about what a warehouse is asked to do and does. Only declarations belong here."""

from __future__ import annotations

from typing import Final

from fulfillment_pipelines.canonical.contracts.columns import INSTANT, LINE_NO, NODE, ORDER_ID, QUANTITY, SKU, TEXT, UOM
from fulfillment_pipelines.canonical.vocabulary import Column, Contract

WAREHOUSE: Final = (
    Contract(
        name="releases",
        version=2,
        about="One row per order line released to a node (X12 940), as sent by the ERP or taken in by the WMS.",
        key=("release_id", "order_id", "line_no"),
        columns=(
            Column("release_id", TEXT, "Number of the release message."),
            ORDER_ID,
            LINE_NO,
            NODE,
            SKU,
            UOM,
            Column("released_qty", QUANTITY, "Quantity the node is asked to ship (qR).", minimum=0),
            Column(
                "picked_qty", QUANTITY, "Quantity picked so far (qP); only a WMS knows it.", required=False, minimum=0
            ),
            Column("pick_status", TEXT, "Whether the pick goes on.", required=False, codes=("OPEN", "CLOSED")),
            Column("released_at", INSTANT, "When the ERP sent the release."),
            Column("acked_at", INSTANT, "When the WMS took the release in.", required=False),
            Column("picked_at", INSTANT, "When the pick was closed.", required=False),
            Column("packed_at", INSTANT, "When the last pack was closed.", required=False),
        ),
    ),
    Contract(
        name="packs",
        version=1,
        about="One row per order line in a package, as the WMS packed it.",
        key=("pack_id", "order_id", "line_no", "sku"),
        columns=(
            Column("pack_id", TEXT, "Number of the package."),
            ORDER_ID,
            LINE_NO,
            NODE,
            SKU,
            UOM,
            Column("packed_qty", QUANTITY, "Quantity packed.", minimum=0),
            Column("lot", TEXT, "Lot of the goods.", required=False),
            Column(
                "lot_status",
                TEXT,
                "Whether the lot may be shipped.",
                required=False,
                codes=("RELEASED", "RECALLED", "BLOCKED"),
            ),
            Column("expires_at", INSTANT, "When the lot expires.", required=False),
            Column("packed_at", INSTANT, "When the package was closed."),
        ),
    ),
    Contract(
        name="returns",
        version=1,
        about="One row per order line that came back to a node.",
        key=("return_id", "order_id", "line_no"),
        columns=(
            Column("return_id", TEXT, "Number of the return."),
            ORDER_ID,
            LINE_NO,
            Column("shipment_id", TEXT, "Leg the goods had left with, where known.", required=False),
            NODE,
            SKU,
            UOM,
            Column("returned_qty", QUANTITY, "Quantity taken back (qU).", minimum=0),
            Column("condition", TEXT, "What state the goods are in.", codes=("GOOD", "DAMAGED")),
            Column("received_at", INSTANT, "When they came in."),
        ),
    ),
    Contract(
        name="shipment_lines",
        version=1,
        about="One row per order line on a shipment leg: departed (WMS), confirmed (X12 945) or announced (856).",
        key=("shipment_id", "order_id", "line_no"),
        columns=(
            Column("shipment_id", TEXT, "Number of the shipment leg, the same in WMS and ERP."),
            ORDER_ID,
            LINE_NO,
            NODE,
            SKU,
            UOM,
            Column("shipped_qty", QUANTITY, "Quantity on the leg (qS).", minimum=0),
            Column("shipped_at", INSTANT, "When the goods left the node."),
            Column("confirmed_at", INSTANT, "When the ERP booked the confirmation.", required=False),
        ),
    ),
)

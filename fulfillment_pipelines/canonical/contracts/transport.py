"""Contracts about what a carrier has in hand and delivers. Only declarations belong here."""

from __future__ import annotations

from typing import Final

from fulfillment_pipelines.canonical.contracts.columns import (
    AMOUNT,
    INSTANT,
    LINE_NO,
    ORDER_ID,
    QUANTITY,
    SKU,
    TEXT,
    UOM,
)
from fulfillment_pipelines.canonical.vocabulary import Column, Contract

TRANSPORT: Final = (
    Contract(
        name="transports",
        version=1,
        about="One row per shipment leg in the hands of a carrier, as the TMS sees it.",
        key=("shipment_id",),
        columns=(
            Column("shipment_id", TEXT, "Number of the shipment leg, the same as in WMS and ERP."),
            Column("carrier_id", TEXT, "Carrier that moves it."),
            Column("tracking_no", TEXT, "The carrier's number.", required=False),
            Column("service_level", TEXT, "What was bought.", required=False, codes=("STANDARD", "EXPEDITED")),
            Column("lane", TEXT, "From where to where, for example EAST-SOUTH.", required=False),
            Column("departed_at", INSTANT, "When the carrier took the goods over.", required=False),
            Column("eta_at", INSTANT, "When the carrier expects to deliver.", required=False),
            Column("piece_qty", QUANTITY, "Base units tendered.", required=False, minimum=0),
            Column("freight_amount", AMOUNT, "Cost of the freight.", required=False, minimum=0),
            Column("currency", TEXT, "ISO 4217 code of the freight.", required=False),
        ),
    ),
    Contract(
        name="shipment_milestones",
        version=1,
        about="One row per event of a shipment leg that the carrier or the TMS reported; append-only.",
        key=("milestone_id",),
        columns=(
            Column("milestone_id", TEXT, "Number of the event; an event sent again keeps it."),
            Column("shipment_id", TEXT, "Shipment leg."),
            Column(
                "milestone",
                TEXT,
                "What happened (domain book 2.2, from X12 1650).",
                codes=(
                    "PLANNED",
                    "TENDERED",
                    "LABELLED",
                    "DEPARTED",
                    "IN_TRANSIT",
                    "DELAYED",
                    "HELD",
                    "OUT_FOR_DELIVERY",
                    "ATTEMPTED",
                    "DELIVERY_MISSED",
                    "DELIVERED",
                    "DELIVERED_WITH_EXCEPTION",
                    "REFUSED",
                    "RETURNED",
                    "LOST",
                    "VOIDED",
                ),
            ),
            Column("occurred_at", INSTANT, "When it happened."),
            Column("recorded_at", INSTANT, "When the TMS heard of it."),
            Column(
                "declared_error",
                TEXT,
                "Why the event no longer counts (EPCIS).",
                required=False,
                codes=("DID_NOT_OCCUR", "INCORRECT_DATA"),
            ),
            Column("corrected_by_id", TEXT, "Event that stands in its place.", required=False),
        ),
    ),
    Contract(
        name="delivery_lines",
        version=1,
        about="One row per order line on a proof of delivery.",
        key=("shipment_id", "order_id", "line_no"),
        columns=(
            Column("shipment_id", TEXT, "Shipment leg."),
            ORDER_ID,
            LINE_NO,
            SKU,
            UOM,
            Column("delivered_qty", QUANTITY, "Quantity the customer took (qD).", minimum=0),
            Column("damaged_qty", QUANTITY, "Of it, damaged.", required=False, minimum=0),
            Column("delivered_at", INSTANT, "When it was delivered."),
        ),
    ),
)

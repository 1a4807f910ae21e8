"""Contracts about what the customer ordered, what blocks it, what was charged. Only declarations belong here."""

from __future__ import annotations

from typing import Final

from fulfillment_pipelines.canonical.contracts.columns import (
    AMOUNT,
    CURRENCY,
    INSTANT,
    INTEGER,
    LINE_NO,
    NODE_OPTIONAL,
    ORDER_ID,
    PRICE,
    QUANTITY,
    TEXT,
    UOM,
)
from fulfillment_pipelines.canonical.vocabulary import Column, Contract

ORDERS: Final = (
    Contract(
        name="orders",
        version=2,
        about="One row per order in one system.",
        key=("order_id",),
        columns=(
            ORDER_ID,
            Column("channel", TEXT, "Order channel the order came in through.", required=False),
            Column("channel_order_id", TEXT, "The channel's own number for the order.", required=False),
            Column("customer_id", TEXT, "Sold-to customer.", required=False),
            Column("customer_po", TEXT, "The customer's purchase order number.", required=False),
            Column("ship_to_id", TEXT, "Place the goods go to, one of the customer's locations.", required=False),
            Column("payment_terms", TEXT, "Terms of payment agreed for the order, for example NET30.", required=False),
            Column("priority", TEXT, "How urgent it is.", required=False, codes=("STANDARD", "PRIORITY")),
            Column(
                "revision_no", INTEGER, "Revision of the order (X12 860); 0 as first placed.", required=False, minimum=0
            ),
            Column("status", TEXT, "Whether the order lives.", codes=("OPEN", "CLOSED", "CANCELLED")),
            CURRENCY,
            Column("ordered_at", INSTANT, "When the customer placed the order."),
            Column("requested_at", INSTANT, "Delivery the customer asked for.", required=False),
        ),
    ),
    Contract(
        name="order_lines",
        version=2,
        about="One row per order line in one system.",
        key=("order_id", "line_no"),
        columns=(
            ORDER_ID,
            LINE_NO,
            Column("sku", TEXT, "Item number; a channel may give only the partner's own number.", required=False),
            Column("foreign_sku", TEXT, "Item number of the partner, where it sends its own.", required=False),
            Column("substitute_sku", TEXT, "Item the customer has approved instead.", required=False),
            UOM,
            Column("ordered_qty", QUANTITY, "Quantity ordered (qO).", minimum=0),
            Column("cancelled_qty", QUANTITY, "Quantity cancelled (qX).", minimum=0),
            Column("allocated_qty", QUANTITY, "Quantity allocated at the node (qA).", required=False, minimum=0),
            Column("unit_price", PRICE, "Agreed price of one `uom`.", minimum=0),
            Column("freight_amount", AMOUNT, "Freight charged on the line.", required=False, minimum=0),
            CURRENCY,
            NODE_OPTIONAL,
            Column("release_due_at", INSTANT, "When the line should be released to its node.", required=False),
            Column("promised_at", INSTANT, "Delivery promised to the customer.", required=False),
        ),
    ),
    Contract(
        name="holds",
        version=1,
        about="One row per hold on an order, as one system sees it.",
        key=("hold_id",),
        columns=(
            Column("hold_id", TEXT, "Number of the hold, the same in every system that knows it."),
            ORDER_ID,
            Column("hold_type", TEXT, "What the hold is for.", codes=("CREDIT", "DUPLICATE", "OTHER")),
            Column("status", TEXT, "Whether it still blocks.", codes=("CREATED", "RESOLVED", "REJECTED")),
            Column("placed_by", TEXT, "System or person that placed it."),
            Column("placed_at", INSTANT, "When it was placed."),
            Column("resolved_at", INSTANT, "When it was resolved or rejected.", required=False),
        ),
        in_order=(("placed_at", "resolved_at"),),
    ),
    Contract(
        name="charges",
        version=1,
        about="One row per amount charged to the customer for a whole order.",
        key=("charge_id",),
        columns=(
            Column("charge_id", TEXT, "Number of the charge."),
            ORDER_ID,
            Column("charged_amount", AMOUNT, "Amount charged.", minimum=0),
            CURRENCY,
        ),
    ),
    Contract(
        name="milestones",
        version=1,
        about="One row per milestone of an order or shipment, as the party that carries it reports it.",
        key=("order_id", "milestone"),
        columns=(
            ORDER_ID,
            Column(
                "milestone",
                TEXT,
                "What happened.",
                codes=("PURCHASED", "APPROVED", "HANDED_OVER", "DELIVERED", "CANCELLED"),
            ),
            Column("occurred_at", INSTANT, "When it happened."),
        ),
    ),
)

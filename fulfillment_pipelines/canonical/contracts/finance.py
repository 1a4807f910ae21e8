"""Contracts about what finance bills and what customers owe. Only declarations belong here."""

from __future__ import annotations

from typing import Final

from fulfillment_pipelines.canonical.contracts.columns import (
    AMOUNT,
    CURRENCY,
    INSTANT,
    INTEGER,
    PRICE,
    QUANTITY,
    TEXT,
    UOM,
)
from fulfillment_pipelines.canonical.vocabulary import Column, Contract

FINANCE: Final = (
    Contract(
        name="invoice_lines",
        version=2,
        about="One row per line of an invoice or credit memo (X12 810).",
        key=("invoice_id", "invoice_line_no"),
        columns=(
            Column("invoice_id", TEXT, "Document number in finance."),
            Column("invoice_line_no", INTEGER, "Line of the document.", minimum=1),
            Column("document_type", TEXT, "What the document does.", codes=("INVOICE", "CREDIT_MEMO")),
            Column("order_id", TEXT, "Order number as the document spells it, if it does.", required=False),
            Column("line_no", INTEGER, "Order line, where the document names it.", required=False, minimum=1),
            Column("customer_id", TEXT, "Customer that is billed.", required=False),
            Column("sku", TEXT, "Item billed, where the document names it.", required=False),
            Column("shipment_id", TEXT, "Leg that is billed, where the document names it.", required=False),
            UOM,
            Column("invoiced_qty", QUANTITY, "Quantity billed (qI) or credited (qC); never negative.", minimum=0),
            Column("unit_price", PRICE, "Price billed for one `uom`.", minimum=0),
            Column("line_amount", AMOUNT, "Amount billed or credited; never negative.", minimum=0),
            CURRENCY,
            Column("status", TEXT, "Where the document stands.", codes=("DRAFT", "POSTED", "TRANSMITTED", "VOID")),
            Column("posted_at", INSTANT, "When the document was posted.", required=False),
        ),
    ),
    Contract(
        name="credit_accounts",
        version=1,
        about="One row per customer and what finance lets it owe.",
        key=("customer_id",),
        columns=(
            Column("customer_id", TEXT, "Customer number."),
            Column("credit_limit_amount", AMOUNT, "What it may owe in all.", minimum=0),
            Column("open_receivable_amount", AMOUNT, "What it owes by posted documents."),
            CURRENCY,
        ),
    ),
)

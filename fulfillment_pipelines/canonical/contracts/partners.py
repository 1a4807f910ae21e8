"""Contracts about what portals and CRM show, and what passes to and from trading partners.

Only declarations belong here.
"""

from __future__ import annotations

from typing import Final

from fulfillment_pipelines.canonical.contracts.columns import INSTANT, INTEGER, QUANTITY, TEXT
from fulfillment_pipelines.canonical.vocabulary import Column, Contract

PARTNERS: Final = (
    Contract(
        name="order_statuses",
        version=1,
        about="One row per order as a customer or a clerk sees it in a portal or CRM.",
        key=("order_id",),
        columns=(
            Column("order_id", TEXT, "The ERP's order number."),
            Column(
                "shown_status",
                TEXT,
                "What is shown.",
                codes=("RECEIVED", "ACCEPTED", "IN_FULFILMENT", "SHIPPED", "DELIVERED", "BILLED", "CANCELLED"),
            ),
            Column("shown_promise_at", INSTANT, "Delivery that is shown as promised.", required=False),
            Column("updated_at", INSTANT, "When the shown state last changed."),
        ),
    ),
    Contract(
        name="customer_cases",
        version=1,
        about="One row per case of customer service.",
        key=("case_id",),
        columns=(
            Column("case_id", TEXT, "Number of the case."),
            Column("order_id", TEXT, "The ERP's order number.", required=False),
            Column("line_no", INTEGER, "Order line.", required=False, minimum=1),
            Column("shipment_id", TEXT, "Shipment leg.", required=False),
            Column("case_type", TEXT, "What it is about.", codes=("FULFILMENT", "DELIVERY", "CLAIM", "OTHER")),
            Column("status", TEXT, "Whether it is worked on.", codes=("OPEN", "CLOSED")),
            Column("opened_by", TEXT, "Who noticed first.", codes=("CUSTOMER", "PLATFORM", "STAFF")),
            Column("opened_at", INSTANT, "When it was opened."),
            Column("claimed_qty", QUANTITY, "Base units claimed as short or damaged.", required=False, minimum=0),
            Column("accepted_at", INSTANT, "When the claim was accepted.", required=False),
        ),
    ),
    Contract(
        name="edi_documents",
        version=1,
        about="One row per X12 transaction set exchanged with a partner.",
        key=("document_id",),
        columns=(
            Column("document_id", TEXT, "Partner, direction, type and control numbers."),
            Column("partner_id", TEXT, "Trading partner."),
            Column(
                "document_type",
                TEXT,
                "Transaction set.",
                codes=("850", "860", "855", "856", "810", "846", "940", "945", "947", "997", "824"),
            ),
            Column("direction", TEXT, "Seen from the distributor.", codes=("IN", "OUT")),
            Column("control_no", TEXT, "Group and transaction control number."),
            Column("order_id", TEXT, "Order it speaks of.", required=False),
            Column("shipment_id", TEXT, "Shipment it speaks of.", required=False),
            Column("invoice_id", TEXT, "Invoice it speaks of.", required=False),
            Column("sent_at", INSTANT, "When it was sent."),
            Column("acked_at", INSTANT, "When the 997 for it came.", required=False),
            Column("ack_status", TEXT, "What the 997 said (AK5).", required=False, codes=("A", "E", "R")),
        ),
    ),
)

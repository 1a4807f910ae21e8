"""What is shown of each kind of record that systems keep: its fields in words, what it is about, what must agree.

One entry for each question `sql/60_console/evidence_<contract>.sql`. Reading the records belongs to `case_evidence`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class EvidenceKind:
    """One kind of record.

    Attributes:
        contract: Its contract.
        title: What it is, in words.
        about: The fields that say which thing a record is about: records of one thing stand side by side.
        fields: What is shown, each with its words.
        must_agree: Fields that two systems must tell alike of one thing.
        most: At most so many records are shown.
    """

    contract: str
    title: str
    about: tuple[str, ...]
    fields: Mapping[str, str]
    must_agree: frozenset[str] = frozenset()
    most: int = 12


def _kind(
    contract: str, title: str, about: str, fields: Mapping[str, str], *must_agree: str, most: int = 12
) -> EvidenceKind:
    return EvidenceKind(contract, title, tuple(about.split()), fields, frozenset(must_agree), most)


_KINDS: Final = (
    _kind(
        "orders",
        "Order",
        "",
        {
            "order_id": "Number",
            "status": "Status",
            "customer_id": "Customer",
            "customer_po": "Customer's order",
            "ship_to_id": "Ship-to",
            "payment_terms": "Terms",
            "priority": "Priority",
            "revision_no": "Revision",
            "ordered_at": "Ordered",
            "requested_at": "Requested for",
        },
        "customer_id",
        "customer_po",
        "ship_to_id",
        "payment_terms",
        "revision_no",
        "requested_at",
    ),
    _kind(
        "order_lines",
        "Order line",
        "line_no",
        {
            "sku": "Item",
            "foreign_sku": "Customer's item",
            "substitute_sku": "Substitute",
            "ordered_qty": "Ordered",
            "cancelled_qty": "Cancelled",
            "allocated_qty": "Allocated",
            "unit_price": "Unit price",
            "currency": "Currency",
            "node": "Site",
            "release_due_at": "Release due",
            "promised_at": "Promised for",
        },
        "sku",
        "ordered_qty",
        "cancelled_qty",
        "unit_price",
        "currency",
    ),
    _kind(
        "holds",
        "Hold",
        "hold_id",
        {
            "hold_type": "Kind",
            "status": "Status",
            "placed_by": "Placed by",
            "node": "Site",
            "placed_at": "Placed",
            "resolved_at": "Resolved",
        },
        "status",
    ),
    _kind(
        "releases",
        "Release to a site",
        "release_id line_no",
        {
            "sku": "Item",
            "node": "Site",
            "released_qty": "Released",
            "picked_qty": "Picked",
            "pick_status": "Pick",
            "released_at": "Released at",
            "acked_at": "Taken in at",
            "picked_at": "Picked at",
            "packed_at": "Packed at",
        },
        "sku",
        "node",
        "released_qty",
    ),
    _kind(
        "packs",
        "Package",
        "pack_id line_no",
        {
            "sku": "Item",
            "packed_qty": "Packed",
            "node": "Site",
            "lot": "Lot",
            "lot_status": "Lot is",
            "expires_at": "Expires",
            "packed_at": "Packed at",
        },
    ),
    _kind(
        "shipment_lines",
        "Shipment leg",
        "shipment_id order_id line_no",
        {
            "sku": "Item",
            "shipped_qty": "Shipped",
            "node": "Site",
            "shipped_at": "Left at",
            "confirmed_at": "Confirmed at",
        },
        "sku",
        "shipped_qty",
        "node",
    ),
    _kind(
        "delivery_lines",
        "Delivery",
        "shipment_id line_no",
        {"sku": "Item", "delivered_qty": "Delivered", "damaged_qty": "Damaged", "delivered_at": "Delivered at"},
    ),
    _kind(
        "transports",
        "Transport",
        "shipment_id",
        {
            "carrier_id": "Carrier",
            "tracking_no": "Tracking number",
            "service_level": "Service",
            "lane": "Lane",
            "departed_at": "Departed",
            "eta_at": "Expected",
            "piece_qty": "Pieces",
        },
    ),
    _kind(
        "shipment_milestones",
        "Carrier event",
        "milestone_id",
        {
            "milestone": "Event",
            "occurred_at": "Happened",
            "recorded_at": "Recorded",
            "declared_error": "Declared wrong",
        },
        most=6,
    ),
    _kind(
        "returns",
        "Return",
        "return_id line_no",
        {
            "sku": "Item",
            "returned_qty": "Returned",
            "condition": "Condition",
            "shipment_id": "Of leg",
            "node": "Site",
            "received_at": "Received",
        },
    ),
    _kind(
        "invoice_lines",
        "Invoice or credit",
        "invoice_id invoice_line_no",
        {
            "document_type": "Document",
            "status": "Status",
            "sku": "Item",
            "invoiced_qty": "Quantity",
            "unit_price": "Unit price",
            "line_amount": "Amount",
            "currency": "Currency",
            "shipment_id": "Of leg",
            "posted_at": "Posted",
            "match_label": "Matched",
        },
    ),
    _kind("charges", "Charge", "charge_id", {"charged_amount": "Charged", "currency": "Currency"}),
    _kind(
        "customer_cases",
        "Case of customer service",
        "case_id",
        {
            "case_type": "Kind",
            "status": "Status",
            "opened_by": "Opened by",
            "opened_at": "Opened",
            "claimed_qty": "Claimed",
            "accepted_at": "Accepted",
            "shipment_id": "Of leg",
        },
    ),
    _kind(
        "order_statuses",
        "What the customer is shown",
        "order_id",
        {"shown_status": "Status shown", "shown_promise_at": "Promise shown", "updated_at": "Set at"},
    ),
    _kind("milestones", "Milestone", "milestone", {"milestone": "Milestone", "occurred_at": "Happened"}),
    _kind(
        "edi_documents",
        "EDI document",
        "document_id",
        {
            "document_type": "Document",
            "direction": "Direction",
            "partner_id": "Partner",
            "control_no": "Control number",
            "sent_at": "Sent",
            "acked_at": "Answered",
            "ack_status": "Answer",
        },
    ),
    _kind(
        "reservations",
        "Reservation",
        "reservation_id",
        {
            "sku": "Item",
            "reserved_qty": "Reserved",
            "node": "Site",
            "order_id": "For order",
            "line_no": "For line",
            "reserved_at": "Reserved at",
        },
        most=8,
    ),
    _kind(
        "stock_levels",
        "Stock",
        "node sku",
        {"on_hand_qty": "On hand", "reserved_qty": "Reserved", "available_qty": "Available"},
        "on_hand_qty",
    ),
    _kind(
        "stock_movements",
        "Stock movement",
        "movement_id",
        {"movement_type": "Kind", "movement_qty": "Quantity", "moved_at": "Moved at"},
        most=6,
    ),
    _kind(
        "inbound_supply",
        "Expected supply",
        "supply_id",
        {"expected_qty": "Expected", "status": "Status", "expected_at": "Expected at"},
        most=6,
    ),
    _kind(
        "credit_accounts",
        "Credit account",
        "customer_id",
        {"credit_limit_amount": "Limit", "open_receivable_amount": "Owed", "currency": "Currency"},
    ),
    _kind(
        "feed_reads",
        "Reading of the feed",
        "snapshot_id",
        {
            "pulled_at": "Read",
            "is_complete": "Complete",
            "declared_rows": "Rows declared",
            "landed_rows": "Rows received",
            "quarantined_rows": "In quarantine",
            "problem": "Problem",
        },
        most=5,
    ),
    _kind(
        "quarantined_rows",
        "Row in quarantine",
        "landed_row_no",
        {"source_key": "Key", "order_id": "Order", "failed_checks": "Breaks", "record": "As received"},
        most=8,
    ),
    _kind(
        "waiting_lines",
        "Order line that waits",
        "order_id line_no",
        {
            "customer_id": "Customer",
            "foreign_sku": "Customer's item",
            "open_qty": "Quantity",
            "open_amount": "Amount",
            "ordered_at": "Ordered",
        },
        most=8,
    ),
)

EVIDENCE_KINDS: Final[Mapping[str, EvidenceKind]] = MappingProxyType({kind.contract: kind for kind in _KINDS})
"""Every kind, by its contract."""

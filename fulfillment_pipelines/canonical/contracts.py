"""Every contract of the canonical model, declared once. Only declarations belong here.

Names and codes follow the domain book §2.1-§2.4: quantities are in the unit of `uom` until `sql/20_canonical`
turns them into base units; instants are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType, Contract
from fulfillment_pipelines.errors import ConfigurationError

_T, _I = ColumnType.TEXT, ColumnType.INTEGER
_Q, _A, _P, _AT = ColumnType.QUANTITY, ColumnType.AMOUNT, ColumnType.PRICE, ColumnType.INSTANT

_ORDER_ID = Column("order_id", _T, "Order number as the system that speaks knows it.")
_LINE_NO = Column("line_no", _I, "Line number within the order.", minimum=1)
_NODE = Column("node", _T, "Fulfilment site.")
_NODE_OPTIONAL = Column("node", _T, "Fulfilment site, where one is assigned.", required=False)
_SKU = Column("sku", _T, "Item number.")
_UOM = Column("uom", _T, "Unit the quantities of the row are in.")
_CURRENCY = Column("currency", _T, "ISO 4217 code of the row's amounts.")

_CONTRACTS = (
    Contract(
        name="orders",
        version=1,
        about="One row per order in one system.",
        key=("order_id",),
        columns=(
            _ORDER_ID,
            Column("channel", _T, "Order channel the order came in through.", required=False),
            Column("channel_order_id", _T, "The channel's own number for the order.", required=False),
            Column("customer_id", _T, "Sold-to customer."),
            Column("customer_po", _T, "The customer's purchase order number.", required=False),
            Column("status", _T, "Whether the order lives.", codes=("OPEN", "CLOSED", "CANCELLED")),
            _CURRENCY,
            Column("ordered_at", _AT, "When the customer placed the order."),
        ),
    ),
    Contract(
        name="order_lines",
        version=1,
        about="One row per order line in one system.",
        key=("order_id", "line_no"),
        columns=(
            _ORDER_ID,
            _LINE_NO,
            _SKU,
            _UOM,
            Column("ordered_qty", _Q, "Quantity ordered (qO).", minimum=0),
            Column("cancelled_qty", _Q, "Quantity cancelled (qX).", minimum=0),
            Column("allocated_qty", _Q, "Quantity allocated at the node (qA).", required=False, minimum=0),
            Column("unit_price", _P, "Agreed price of one `uom`.", minimum=0),
            Column("freight_amount", _A, "Freight charged on the line.", required=False, minimum=0),
            _CURRENCY,
            _NODE_OPTIONAL,
            Column("release_due_at", _AT, "When the line should be released to its node.", required=False),
            Column("promised_at", _AT, "Delivery promised to the customer.", required=False),
        ),
    ),
    Contract(
        name="releases",
        version=1,
        about="One row per order line released to a node (X12 940), as sent by the ERP or taken in by the WMS.",
        key=("release_id", "order_id", "line_no"),
        columns=(
            Column("release_id", _T, "Number of the release message."),
            _ORDER_ID,
            _LINE_NO,
            _NODE,
            _SKU,
            _UOM,
            Column("released_qty", _Q, "Quantity the node is asked to ship (qR).", minimum=0),
            Column("picked_qty", _Q, "Quantity picked so far (qP); only a WMS knows it.", required=False, minimum=0),
            Column("released_at", _AT, "When the ERP sent the release."),
            Column("acked_at", _AT, "When the WMS took the release in.", required=False),
        ),
    ),
    Contract(
        name="shipment_lines",
        version=1,
        about="One row per order line on a shipment leg: departed (WMS) or confirmed (ERP, X12 945).",
        key=("shipment_id", "order_id", "line_no"),
        columns=(
            Column("shipment_id", _T, "Number of the shipment leg, the same in WMS and ERP."),
            _ORDER_ID,
            _LINE_NO,
            _NODE,
            _SKU,
            _UOM,
            Column("shipped_qty", _Q, "Quantity on the leg (qS).", minimum=0),
            Column("shipped_at", _AT, "When the goods left the node."),
            Column("confirmed_at", _AT, "When the ERP booked the confirmation.", required=False),
        ),
    ),
    Contract(
        name="invoice_lines",
        version=1,
        about="One row per line of an invoice or credit memo (X12 810).",
        key=("invoice_id", "invoice_line_no"),
        columns=(
            Column("invoice_id", _T, "Document number in finance."),
            Column("invoice_line_no", _I, "Line of the document.", minimum=1),
            Column("document_type", _T, "What the document does.", codes=("INVOICE", "CREDIT_MEMO")),
            _ORDER_ID,
            _LINE_NO,
            Column("shipment_id", _T, "Leg that is billed, where the document names it.", required=False),
            _UOM,
            Column("invoiced_qty", _Q, "Quantity billed (qI) or credited (qC); never negative.", minimum=0),
            Column("unit_price", _P, "Price billed for one `uom`.", minimum=0),
            Column("line_amount", _A, "Amount billed or credited; never negative.", minimum=0),
            _CURRENCY,
            Column("status", _T, "Where the document stands.", codes=("DRAFT", "POSTED", "TRANSMITTED", "VOID")),
            Column("posted_at", _AT, "When the document was posted.", required=False),
        ),
    ),
    Contract(
        name="holds",
        version=1,
        about="One row per hold on an order, as one system sees it.",
        key=("hold_id",),
        columns=(
            Column("hold_id", _T, "Number of the hold, the same in every system that knows it."),
            _ORDER_ID,
            Column("hold_type", _T, "What the hold is for.", codes=("CREDIT", "DUPLICATE", "OTHER")),
            Column("status", _T, "Whether it still blocks.", codes=("CREATED", "RESOLVED", "REJECTED")),
            Column("placed_by", _T, "System or person that placed it."),
            Column("placed_at", _AT, "When it was placed."),
            Column("resolved_at", _AT, "When it was resolved or rejected.", required=False),
        ),
        in_order=(("placed_at", "resolved_at"),),
    ),
    Contract(
        name="stock_levels",
        version=1,
        about="One row per item and node: the position one system holds.",
        key=("node", "sku"),
        columns=(
            _NODE,
            _SKU,
            _UOM,
            Column("on_hand_qty", _Q, "Sellable units on hand."),
            Column("reserved_qty", _Q, "Units promised to orders (ERP: allocated; WMS: reserved)."),
            Column("available_qty", _Q, "What the system would still promise (ERP: ATP; WMS: free)."),
        ),
    ),
    Contract(
        name="stock_movements",
        version=1,
        about="One row per movement of stock at a node, as its WMS logged it.",
        key=("movement_id",),
        columns=(
            Column("movement_id", _T, "Number of the movement."),
            _NODE,
            _SKU,
            _UOM,
            Column("movement_qty", _Q, "Signed change of the quantity on hand."),
            Column("movement_type", _T, "Why the stock moved.", codes=("RECEIPT", "SHIPMENT", "ADJUSTMENT", "RETURN")),
            Column("moved_at", _AT, "When it moved."),
        ),
    ),
    Contract(
        name="milestones",
        version=1,
        about="One row per milestone of an order or shipment, as the party that carries it reports it.",
        key=("order_id", "milestone"),
        columns=(
            _ORDER_ID,
            Column(
                "milestone",
                _T,
                "What happened.",
                codes=("PURCHASED", "APPROVED", "HANDED_OVER", "DELIVERED", "CANCELLED"),
            ),
            Column("occurred_at", _AT, "When it happened."),
        ),
    ),
    Contract(
        name="charges",
        version=1,
        about="One row per amount charged to the customer for a whole order.",
        key=("charge_id",),
        columns=(
            Column("charge_id", _T, "Number of the charge."),
            _ORDER_ID,
            Column("charged_amount", _A, "Amount charged.", minimum=0),
            _CURRENCY,
        ),
    ),
)

CONTRACTS: Mapping[str, Contract] = MappingProxyType({contract.name: contract for contract in _CONTRACTS})
"""All contracts by name."""


def contract_named(name: str) -> Contract:
    """Return the contract of that name.

    Raises:
        ConfigurationError: No contract has that name.
    """
    if name not in CONTRACTS:
        raise ConfigurationError(
            f"There is no contract named '{name}'.",
            expected=f"one of {', '.join(sorted(CONTRACTS))}",
            remedy="correct `contract:` in the system's YAML, or declare the contract in canonical/contracts.py",
        )
    return CONTRACTS[name]

"""What each system keeps: the tables behind its interface. The names of the SQL systems are their interface.

Tables only. `row_id` orders the rows of an HTTP system for its pages.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from fulfillment_pipelines.twin.world.columns import Cents, Moment, Quantity

ERP = MetaData()
PORTAL = MetaData()
WMS = MetaData()
FINANCE = MetaData()

_BODY = JSON().with_variant(JSONB(), "postgresql")


def _row_id() -> Column[int]:
    return Column("row_id", Integer, primary_key=True, autoincrement=True)


def _updated_at() -> Column[int]:
    return Column("updated_at", Moment, nullable=False, index=True)


def _clock(metadata: MetaData) -> Table:
    return Table("system_clock", metadata, Column("now_at", Moment, nullable=False))


def _inbox(metadata: MetaData) -> Table:
    return Table(
        "interface_inbox",
        metadata,
        Column("message_key", Text, primary_key=True),
        Column("message_type", Text, nullable=False),
        Column("body", _BODY, nullable=False),
        Column("received_at", Moment),
        Column("applied_at", Moment),
        Column("problem", Text),
    )


sales_orders = Table(
    "sales_orders",
    ERP,
    _row_id(),
    Column("order_no", Text, nullable=False, unique=True),
    Column("channel", Text, nullable=False),
    Column("channel_order_no", Text, unique=True),
    Column("customer_no", Text, nullable=False),
    Column("customer_po", Text),
    Column("ship_to_no", Text),
    Column("payment_terms", Text),
    Column("priority", Text, nullable=False, server_default="STANDARD"),
    Column("requested_at", Moment),
    Column("revision_no", Integer, nullable=False, server_default="0"),
    Column("status", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("ordered_at", Moment, nullable=False),
    _updated_at(),
)
order_lines = Table(
    "order_lines",
    ERP,
    _row_id(),
    Column("order_no", Text, nullable=False, index=True),
    Column("line_no", Integer, nullable=False),
    Column("sku", Text, nullable=False),
    Column("uom", Text, nullable=False),
    Column("qty_ordered", Quantity, nullable=False),
    Column("qty_cancelled", Quantity, nullable=False),
    Column("qty_allocated", Quantity, nullable=False),
    Column("qty_backordered", Quantity, nullable=False, server_default="0"),
    Column("unit_price", Cents, nullable=False),
    Column("currency", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("release_due_at", Moment, nullable=False),
    Column("promised_at", Moment, nullable=False),
    Column("substitute_sku", Text),
    _updated_at(),
)
erp_releases = Table(
    "releases",
    ERP,
    _row_id(),
    Column("release_no", Text, nullable=False),
    Column("order_no", Text, nullable=False, index=True),
    Column("line_no", Integer, nullable=False),
    Column("site", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("uom", Text, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("sent_at", Moment, nullable=False),
    _updated_at(),
)
confirmations = Table(
    "shipment_confirmations",
    ERP,
    _row_id(),
    Column("shipment_no", Text, nullable=False, index=True),
    Column("order_no", Text, nullable=False, index=True),
    Column("line_no", Integer, nullable=False),
    Column("site", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("uom", Text, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("shipped_at", Moment, nullable=False),
    Column("confirmed_at", Moment, nullable=False),
    _updated_at(),
)
erp_holds = Table(
    "holds",
    ERP,
    _row_id(),
    Column("hold_no", Text, nullable=False, unique=True),
    Column("order_no", Text, nullable=False, index=True),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", Moment, nullable=False),
    Column("resolved_at", Moment),
    _updated_at(),
)
inventory = Table(
    "inventory",
    ERP,
    _row_id(),
    Column("site", Text, nullable=False, index=True),
    Column("sku", Text, nullable=False, index=True),
    Column("uom", Text, nullable=False),
    Column("on_hand", Quantity, nullable=False),
    Column("allocated", Quantity, nullable=False),
    Column("atp", Quantity, nullable=False),
    _updated_at(),
)
inventory_adjustments = Table(
    "inventory_adjustments",
    ERP,
    _row_id(),
    Column("reference", Text, nullable=False, index=True),
    Column("site", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("reason", Text),
    Column("booked_at", Moment, nullable=False),
    _updated_at(),
)
erp_answers = Table(
    "idempotent_answers",
    ERP,
    Column("idempotency_key", Text, primary_key=True),
    Column("status_code", Integer, nullable=False),
    Column("body", _BODY, nullable=False),
)
erp_clock = _clock(ERP)

portal_orders = Table(
    "orders",
    PORTAL,
    _row_id(),
    Column("id", Text, nullable=False, unique=True),
    Column("customer", Text, nullable=False),
    Column("po", Text),
    Column("ship_to", Text),
    Column("terms", Text),
    Column("priority", Text, nullable=False, server_default="STANDARD"),
    Column("requested_at", Moment),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("state", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("placed_at", Moment, nullable=False),
)
portal_items = Table(
    "order_items",
    PORTAL,
    _row_id(),
    Column("order_id", Text, nullable=False, index=True),
    Column("line", Integer, nullable=False),
    Column("sku", Text),
    Column("buyer_item", Text),
    Column("uom", Text, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("qty_cancelled", Quantity, nullable=False),
    Column("price", Cents, nullable=False),
    Column("currency", Text, nullable=False),
)

release_lines = Table(
    "release_lines",
    WMS,
    Column("release_no", Text, primary_key=True),
    Column("order_no", Text, primary_key=True),
    Column("line_no", Integer, primary_key=True),
    Column("item", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("picked_qty", Quantity, nullable=False),
    Column("pick_status", Text, nullable=False),
    Column("sent_at", Moment, nullable=False),
    Column("acked_at", Moment),
    Column("picked_at", Moment),
    Column("packed_at", Moment),
)
shipment_lines = Table(
    "shipment_lines",
    WMS,
    Column("shipment_no", Text, primary_key=True),
    Column("order_no", Text, primary_key=True),
    Column("line_no", Integer, primary_key=True),
    Column("item", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("qty", Quantity),
    Column("departed_at", Moment, nullable=False),
)
stock = Table(
    "stock",
    WMS,
    Column("item", Text, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("on_hand", Quantity, nullable=False),
    Column("reserved", Quantity, nullable=False),
    Column("free", Quantity, nullable=False),
)
stock_movements = Table(
    "stock_movements",
    WMS,
    Column("movement_no", Text, primary_key=True),
    Column("item", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("movement_type", Text),
    Column("moved_at", Moment, nullable=False),
)
order_holds = Table(
    "order_holds",
    WMS,
    Column("hold_no", Text, primary_key=True),
    Column("order_no", Text, nullable=False),
    Column("hold_type", Text, nullable=False),
    Column("status", Text),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", Moment, nullable=False),
    Column("resolved_at", Moment),
)
wms_inbox = _inbox(WMS)
wms_clock = _clock(WMS)

invoice_lines = Table(
    "invoice_lines",
    FINANCE,
    Column("invoice_no", Text, primary_key=True),
    Column("line_seq", Integer, primary_key=True),
    Column("document_type", Text, nullable=False),
    Column("customer_no", Text, nullable=False, index=True),
    Column("order_no", Text),
    Column("line_no", Integer),
    Column("item", Text),
    Column("shipment_no", Text, index=True),
    Column("unit", Text, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("unit_price", Cents, nullable=False),
    Column("amount", Cents, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text),
    Column("posted_at", Moment),
)
credit_holds = Table(
    "credit_holds",
    FINANCE,
    Column("hold_no", Text, primary_key=True),
    Column("order_no", Text, nullable=False),
    Column("status", Text),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", Moment, nullable=False),
    Column("resolved_at", Moment),
)
finance_inbox = _inbox(FINANCE)
finance_clock = _clock(FINANCE)

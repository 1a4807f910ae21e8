"""What the ERP, the portal and finance keep besides orders, stock and documents: master data and shown states.

Tables only, as in `system_tables`, whose metadata they belong to. `row_id` orders the rows of an HTTP system.
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Integer, Table, Text, false

from fulfillment_pipelines.twin.world.columns import Cents, Moment, Quantity
from fulfillment_pipelines.twin.world.system_tables import ERP, FINANCE, PORTAL


def _row_id() -> Column[int]:
    return Column("row_id", Integer, primary_key=True, autoincrement=True)


def _updated_at() -> Column[int]:
    return Column("updated_at", Moment, nullable=False, index=True)


customers = Table(
    "customers",
    ERP,
    _row_id(),
    Column("customer_no", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("payment_terms", Text, nullable=False),
    _updated_at(),
)
customer_locations = Table(
    "customer_locations",
    ERP,
    _row_id(),
    Column("customer_no", Text, nullable=False),
    Column("ship_to_no", Text, nullable=False),
    Column("status", Text, nullable=False),
    _updated_at(),
)
items = Table(
    "items",
    ERP,
    _row_id(),
    Column("sku", Text, nullable=False, unique=True),
    Column("base_uom", Text, nullable=False),
    Column("abc_class", Text, nullable=False),
    Column("temperature_class", Text, nullable=False),
    Column("status", Text, nullable=False),
    _updated_at(),
)
cross_references = Table(
    "cross_references",
    ERP,
    _row_id(),
    Column("type", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("foreign_no", Text, nullable=False, index=True),
    Column("own_no", Text, nullable=False),
    _updated_at(),
)
contract_prices = Table(
    "contract_prices",
    ERP,
    _row_id(),
    Column("customer_no", Text, nullable=False, index=True),
    Column("sku", Text, nullable=False),
    Column("uom", Text, nullable=False),
    Column("price", Cents, nullable=False),
    Column("currency", Text, nullable=False),
    Column("valid_from", Moment, nullable=False),
    Column("valid_until", Moment),
    _updated_at(),
)
inbound_supply = Table(
    "inbound_supply",
    ERP,
    _row_id(),
    Column("supply_no", Text, nullable=False, unique=True),
    Column("site", Text, nullable=False, index=True),
    Column("sku", Text, nullable=False, index=True),
    Column("uom", Text, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("status", Text, nullable=False),
    Column("expected_at", Moment, nullable=False),
    _updated_at(),
)

order_amendments = Table(
    "order_amendments",
    ERP,
    _row_id(),
    Column("amendment_no", Text, nullable=False, unique=True),
    Column("order_no", Text, nullable=False),
    Column("line_no", Integer),
    _updated_at(),
)
shipment_reversals = Table(
    "shipment_reversals",
    ERP,
    _row_id(),
    Column("shipment_no", Text, nullable=False),
    Column("order_no", Text, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("reversed_at", Moment, nullable=False),
    _updated_at(),
)

portal_statuses = Table(
    "order_statuses",
    PORTAL,
    _row_id(),
    Column("order_no", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False),
    Column("promise", Moment),
    Column("eta", Moment),
    Column("shown_at", Moment, nullable=False),
    Column("is_stuck", Boolean, nullable=False, server_default=false()),  # updates no longer arrive
)
portal_followed = Table("followed", PORTAL, Column("until", Moment, nullable=False))
"""The moment up to which the portal has followed the orders; one row."""

portal_answers = Table(
    "idempotent_answers",
    PORTAL,
    Column("idempotency_key", Text, primary_key=True),
    Column("status_code", Integer, nullable=False),
    Column("body", JSON, nullable=False),
)

credit_accounts = Table(
    "credit_accounts",
    FINANCE,
    Column("customer_no", Text, primary_key=True),
    Column("credit_limit", Cents, nullable=False),
    Column("open_receivable", Cents, nullable=False),
    Column("currency", Text, nullable=False),
)
billing_blocks = Table(
    "billing_blocks",
    FINANCE,
    Column("shipment_no", Text, primary_key=True),
    Column("order_no", Text, primary_key=True),
    Column("line_no", Integer, primary_key=True),
    Column("status", Text, nullable=False),
    Column("placed_at", Moment, nullable=False),
)

"""What the CRM keeps: the state of orders that customer service sees, and its cases. Tables only."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Integer, MetaData, Table, Text, false

from fulfillment_pipelines.twin.world.columns import Moment, Quantity

CRM = MetaData()


def _row_id() -> Column[int]:
    return Column("row_id", Integer, primary_key=True, autoincrement=True)


order_statuses = Table(
    "order_statuses",
    CRM,
    _row_id(),
    Column("order_no", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False),
    Column("promise_at", Moment),
    Column("eta_at", Moment),
    Column("updated_at", Moment, nullable=False),
    Column("is_stuck", Boolean, nullable=False, server_default=false()),  # updates no longer arrive
)
cases = Table(
    "cases",
    CRM,
    _row_id(),
    Column("case_no", Text, nullable=False, unique=True),
    Column("order_no", Text, nullable=False, index=True),
    Column("line_no", Integer),
    Column("shipment_no", Text),
    Column("type", Text, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Column("claimed_qty", Quantity),
    Column("accepted_at", Moment),
    Column("subject", Text, nullable=False),
)
followed = Table("followed", CRM, Column("until", Moment, nullable=False))
"""The moment up to which the CRM has followed the orders; one row."""

crm_answers = Table(
    "idempotent_answers",
    CRM,
    Column("idempotency_key", Text, primary_key=True),
    Column("status_code", Integer, nullable=False),
    Column("body", JSON, nullable=False),
)

"""What the TMS keeps of legs in the hands of a carrier, and the truth about their journeys. Tables only.

A journey is written whole when a leg departs; `sent_at` says from when on the TMS shows an event or a delivery.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Integer, MetaData, Table, Text

from fulfillment_pipelines.twin.world.columns import Cents, Moment, Quantity
from fulfillment_pipelines.twin.world.truth_tables import TRUTH

TMS = MetaData()

true_transports = Table(
    "true_transports",
    TRUTH,
    Column("leg_id", Integer, primary_key=True),
    Column("shipment_no", Text, nullable=False, unique=True),
    Column("departed_at", BigInteger, nullable=False),
    Column("delivered_at", BigInteger),  # when the customer has it; null when that will not happen
    Column("known_at", BigInteger, index=True),  # when the TMS hears of it
)

transports = Table(
    "transports",
    TMS,
    Column("shipment_no", Text, primary_key=True),
    Column("carrier", Text, nullable=False),
    Column("tracking_no", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("zone", Text),  # time zone the carrier writes moments in; null for UTC
    Column("pieces", Quantity, nullable=False),
    Column("freight", Cents, nullable=False),
    Column("currency", Text, nullable=False),
    Column("departed_at", Moment, nullable=False),
    Column("eta_at", Moment, nullable=False),
)
events = Table(
    "events",
    TMS,
    Column("row_id", Integer, primary_key=True, autoincrement=True),
    Column("event_no", Text, nullable=False),  # an event sent again keeps its number
    Column("shipment_no", Text, nullable=False, index=True),
    Column("status", Text, nullable=False),
    Column("occurred_at", Moment, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("sent_at", Moment, nullable=False, index=True),
    Column("error", Text),
    Column("corrected_by", Text),
    Column("zone", Text),
)
deliveries = Table(
    "deliveries",
    TMS,
    Column("shipment_no", Text, primary_key=True),
    Column("order_no", Text, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("sku", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("damaged_qty", Quantity, nullable=False),
    Column("signed_at", Moment, nullable=False),
    Column("sent_at", Moment, nullable=False, index=True),
)
claims = Table(
    "claims",
    TMS,
    Column("claim_no", Text, primary_key=True),
    Column("shipment_no", Text, nullable=False),
    Column("order_no", Text, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("reason", Text, nullable=False),
    Column("filed_at", Moment, nullable=False),
)
tms_answers = Table(
    "idempotent_answers",
    TMS,
    Column("idempotency_key", Text, primary_key=True),
    Column("status_code", Integer, nullable=False),
    Column("body", JSON, nullable=False),
)

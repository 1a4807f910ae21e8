"""What a warehouse system keeps beside releases, shipments and stock: what it set aside, packed, took back, counted.

Tables only, in the metadata of the warehouse systems. The names of the SQL system are its interface.
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from fulfillment_pipelines.twin.world.columns import Moment, Quantity
from fulfillment_pipelines.twin.world.system_tables import WMS

SITE = WMS
"""All tables of one site: those here and those of `system_tables`."""

reservations = Table(
    "reservations",
    SITE,
    Column("reservation_no", Text, primary_key=True),
    Column("item", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("order_no", Text),
    Column("line_no", Integer),
    Column("reserved_at", Moment, nullable=False),
)
packs = Table(
    "packs",
    SITE,
    Column("pack_no", Text, primary_key=True),
    Column("order_no", Text, primary_key=True),
    Column("line_no", Integer, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("lot", Text),
    Column("lot_status", Text),
    Column("expires_at", Moment),
    Column("packed_at", Moment, nullable=False),
)
returned_goods = Table(
    "returned_goods",
    SITE,
    Column("return_no", Text, primary_key=True),
    Column("order_no", Text, primary_key=True),
    Column("line_no", Integer, primary_key=True),
    Column("shipment_no", Text),
    Column("item", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("qty", Quantity, nullable=False),
    Column("condition", Text, nullable=False),
    Column("received_at", Moment, nullable=False),
)
shipment_holds = Table(
    "shipment_holds",
    SITE,
    Column("order_no", Text, primary_key=True),
    Column("line_no", Integer, primary_key=True),
    Column("status", Text, nullable=False),
    Column("held_at", Moment, nullable=False),
)
stock_counts = Table(
    "stock_counts",
    SITE,
    Column("item", Text, primary_key=True),
    Column("unit", Text, nullable=False),
    Column("counted_qty", Quantity, nullable=False),
    Column("status", Text, nullable=False),
    Column("counted_at", Moment, nullable=False),
)

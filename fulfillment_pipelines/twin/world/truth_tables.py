"""The true world: what was ordered, how it will be served, how long every message takes, and what is still to come.

One row of `plan` is one message or act in the future: a kind, a moment and the row of the truth it is about. Lags are
dealt out when the demand is made, so that the world is the same however its time is cut into steps.
All quantities are in base units. Tables only; `plan.py` reads and writes the plan.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text, false

TRUTH = MetaData()


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=false())


def _since(name: str) -> Column[int]:
    """When it happened; null until then."""
    return Column(name, BigInteger)


true_orders = Table(
    "true_orders",
    TRUTH,
    Column("order_id", Integer, primary_key=True),
    Column("order_no", Text, nullable=False, unique=True),
    Column("portal_id", Text, unique=True),
    Column("customer_no", Text, nullable=False),
    Column("customer_po", Text, nullable=False),
    Column("ordered_at", BigInteger, nullable=False),
    Column("create_lag", Integer, nullable=False),
    _since("created_at"),
    _flag("create_lost"),
    _flag("is_parked"),
    Column("ship_to_no", Text),
    Column("payment_terms", Text),
    Column("priority", Text, nullable=False, server_default="STANDARD"),
    Column("requested_at", BigInteger),
    Column("revision_no", Integer, nullable=False, server_default="0"),
    Column("amend_at", BigInteger),
    _flag("amendment_lost"),
)
true_lines = Table(
    "true_lines",
    TRUTH,
    Column("line_id", Integer, primary_key=True),
    Column("order_id", Integer, nullable=False, index=True),
    Column("line_no", Integer, nullable=False),
    Column("sku", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("qty", Integer, nullable=False),
    Column("cancel_qty", Integer, nullable=False),
    Column("cancel_at", BigInteger),
    Column("unit_price", Integer, nullable=False),
    Column("release_due_at", BigInteger, nullable=False),
    Column("promised_at", BigInteger, nullable=False),
    Column("release_lag", Integer, nullable=False),
    Column("ack_lag", Integer, nullable=False),
    Column("pick_lag", Integer, nullable=False),
    Column("substitute_sku", Text),
    Column("allocate_at", BigInteger),
    Column("release_no", Text),
    _since("cancelled_at"),
    _since("released_at"),
    _since("acked_at"),
    _since("picked_at"),
    _flag("ack_lost"),
    _flag("any_hour"),
    Column("pick_short_qty", Integer, nullable=False, server_default="0"),
    _flag("shipment_held"),
)
true_legs = Table(
    "true_legs",
    TRUTH,
    Column("leg_id", Integer, primary_key=True),
    Column("line_id", Integer, nullable=False, index=True),
    Column("shipment_no", Text, nullable=False, unique=True),
    Column("qty", Integer, nullable=False),
    Column("ship_lag", Integer, nullable=False),
    Column("confirm_lag", Integer, nullable=False),
    Column("invoice_lag", Integer, nullable=False),
    Column("post_lag", Integer, nullable=False),
    _since("shipped_at"),
    _since("confirmed_at"),
    _since("invoiced_at"),
    _flag("confirm_lost"),
    _flag("invoice_lost"),
    _flag("post_lost"),
    _flag("billed_twice"),
    Column("pack_error", Text),
    Column("confirm_error_qty", Integer, nullable=False, server_default="0"),
    Column("invoice_error_qty", Integer, nullable=False, server_default="0"),
    Column("invoice_no", Text, index=True),
    Column("billed_price_change", Integer, nullable=False, server_default="0"),
    Column("amount_rounding", Integer, nullable=False, server_default="0"),
    Column("reference_damage", Integer, nullable=False, server_default="0"),
    _flag("billing_blocked"),
)
true_holds = Table(
    "true_holds",
    TRUTH,
    Column("hold_id", Integer, primary_key=True),
    Column("hold_no", Text, nullable=False, unique=True),
    Column("order_id", Integer, nullable=False, index=True),
    Column("place_lag", Integer, nullable=False),
    Column("resolve_lag", Integer, nullable=False),
    _since("placed_at"),
    _since("resolved_at"),
)
hold_views = Table(
    "hold_views",
    TRUTH,
    Column("view_id", Integer, primary_key=True),
    Column("hold_id", Integer, nullable=False, index=True),
    Column("order_id", Integer, nullable=False, index=True),
    Column("system", Text, nullable=False),
    Column("publish_lag", Integer, nullable=False),
    _since("active_from"),
    _since("active_until"),
    _flag("clear_lost"),
)
true_movements = Table(
    "true_movements",
    TRUTH,
    Column("movement_id", Integer, primary_key=True),
    Column("movement_no", Text, nullable=False, unique=True),
    Column("node", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("qty", Integer, nullable=False),
    Column("movement_type", Text, nullable=False),
    Column("publish_lag", Integer, nullable=False),
    _flag("publish_lost"),
    _flag("announced"),
)
true_returns = Table(
    "true_returns",
    TRUTH,
    Column("return_id", Integer, primary_key=True),
    Column("return_no", Text, nullable=False, unique=True),
    Column("leg_id", Integer, nullable=False, index=True),
    Column("line_id", Integer, nullable=False, index=True),
    Column("node", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("qty", Integer, nullable=False),
    Column("condition", Text, nullable=False),
    Column("credit_lag", Integer, nullable=False),
    _since("received_at"),
    _since("credited_at"),
    _flag("credit_lost"),
    Column("credit_error_qty", Integer, nullable=False, server_default="0"),
)
plan = Table(
    "plan",
    TRUTH,
    Column("plan_id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("subject", Integer, nullable=False),
    Index("plan_by_kind", "kind", "at"),
    Index("plan_by_subject", "subject", "kind"),
)

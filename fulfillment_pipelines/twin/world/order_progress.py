"""How far orders really are, as systems that follow them come to show it: one status and one promise for an order.

What is true at a moment belongs here; when a portal or a CRM learns of it belongs to them. An order is SHIPPED when all
that is not cancelled has left, and DELIVERED when the carriers have reported all of that as delivered.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, Subquery, and_, case, func, select

from fulfillment_pipelines.twin.world.transport_tables import true_transports
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders


def order_progress(truth: Connection, seen_at: int) -> list[Row[Any]]:
    """Return the progress of every order the ERP has, as somebody sees it who knows what happened up to a moment.

    Args:
        truth: The truth's connection.
        seen_at: Up to when events are known, in epoch seconds.

    Returns:
        Rows of order_id, order_no, portal_id, customer_no, status, since (when it became so) and promised_at (the
        latest of the order's lines), one for each order, in the order of their identifiers.
    """
    lines, legs = _lines(seen_at), _legs(seen_at)
    open_qty = lines.c.ordered_qty - lines.c.cancelled_qty
    shipped_qty = func.coalesce(legs.c.shipped_qty, 0)
    has_shipped = and_(open_qty > 0, shipped_qty >= open_qty)
    is_delivered = and_(has_shipped, legs.c.delivered_qty >= shipped_qty)
    is_started = lines.c.released_at.is_not(None) | (shipped_qty > 0)
    choices = (
        (open_qty == 0, "CANCELLED", lines.c.cancelled_at),
        (is_delivered, "DELIVERED", legs.c.delivered_at),
        (has_shipped, "SHIPPED", func.max(legs.c.shipped_at, func.coalesce(lines.c.cancelled_at, 0))),
        (is_started, "IN_FULFILMENT", func.coalesce(lines.c.released_at, legs.c.shipped_at)),
    )
    status = case(*((holds, name) for holds, name, _ in choices), else_="ACCEPTED")
    since = case(*((holds, moment) for holds, _, moment in choices), else_=true_orders.c.created_at)
    query: Select[Any] = (
        select(
            true_orders.c.order_id,
            true_orders.c.order_no,
            true_orders.c.portal_id,
            true_orders.c.customer_no,
            status.label("status"),
            since.label("since"),
            lines.c.promised_at,
        )
        .join(lines, lines.c.order_id == true_orders.c.order_id)
        .outerjoin(legs, legs.c.order_id == true_orders.c.order_id)
        .where(true_orders.c.created_at <= seen_at)
        .order_by(true_orders.c.order_id)
    )
    return list(truth.execute(query))


def _lines(seen_at: int) -> Subquery:
    cancelled = true_lines.c.cancelled_at <= seen_at
    released = case((true_lines.c.released_at <= seen_at, true_lines.c.released_at))
    return (
        select(
            true_lines.c.order_id,
            func.sum(true_lines.c.qty).label("ordered_qty"),
            func.sum(case((cancelled, true_lines.c.cancel_qty), else_=0)).label("cancelled_qty"),
            func.max(case((cancelled, true_lines.c.cancelled_at))).label("cancelled_at"),
            func.min(released).label("released_at"),
            func.max(true_lines.c.promised_at).label("promised_at"),
        )
        .group_by(true_lines.c.order_id)
        .subquery("lines")
    )


def _legs(seen_at: int) -> Subquery:
    shipped = true_legs.c.shipped_at <= seen_at
    delivered = and_(true_transports.c.known_at <= seen_at, true_transports.c.delivered_at.is_not(None))
    return (
        select(
            true_lines.c.order_id,
            func.sum(case((shipped, true_legs.c.qty), else_=0)).label("shipped_qty"),
            func.sum(case((delivered, true_legs.c.qty), else_=0)).label("delivered_qty"),
            func.max(case((shipped, true_legs.c.shipped_at))).label("shipped_at"),
            func.max(case((delivered, true_transports.c.known_at))).label("delivered_at"),
        )
        .join(true_lines, true_lines.c.line_id == true_legs.c.line_id)
        .outerjoin(true_transports, true_transports.c.leg_id == true_legs.c.leg_id)
        .group_by(true_lines.c.order_id)
        .subquery("legs")
    )

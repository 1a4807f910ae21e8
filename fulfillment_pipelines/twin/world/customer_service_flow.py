"""Customer service: the CRM follows the orders every ten minutes, and customers open cases.

What the state of an order is belongs to `order_progress`; what a fault or a message does to the CRM belongs to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Row, bindparam, delete, insert, select, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.chance import between, shares
from fulfillment_pipelines.twin.world.customer_service_tables import cases, followed, order_statuses
from fulfillment_pipelines.twin.world.order_progress import order_progress

_CYCLE_SECONDS = 600
_CYCLE_BEGINS_SECONDS = 180  # the CRM's cycle and the legacy site's do not fall together
_HOUR = 3_600
_FOLLOWED = ("status", "promise_at", "updated_at")
_QUESTION_SHARE = 0.04
_COMPLAINT_SHARE = 0.01
_CLAIM_SHARE = 0.01


def follow_orders(books: Books, until: int) -> None:
    """Bring what the CRM shows up to its last cycle; orders whose updates are stuck stay as they are."""
    cycle = (until - _CYCLE_BEGINS_SECONDS) // _CYCLE_SECONDS * _CYCLE_SECONDS + _CYCLE_BEGINS_SECONDS
    if books.crm.execute(select(followed.c.until)).scalar() == cycle:
        return
    known = {row.order_no: row for row in books.crm.execute(select(order_statuses))}
    fresh, changed = [], []
    for order in order_progress(books.truth, cycle):
        before = known.get(order.order_no)
        row = {"status": order.status, "promise_at": order.promised_at, "updated_at": _cycle_after(order.since)}
        if before is None:
            fresh.append({**row, "order_no": order.order_no})
        elif not before.is_stuck and (before.status, before.promise_at) != (order.status, order.promised_at):
            changed.append({**row, "order_key": order.order_no})
    if fresh:
        books.crm.execute(insert(order_statuses), fresh)
    if changed:
        of_order = update(order_statuses).where(order_statuses.c.order_no == bindparam("order_key"))
        books.crm.execute(of_order.values({name: bindparam(name) for name in _FOLLOWED}), changed)
    books.crm.execute(delete(followed))
    books.crm.execute(insert(followed).values(until=cycle))


def open_cases(books: Books, legs: Sequence[Row[Any]], known_at: Sequence[int]) -> None:
    """Let some customers call about legs that are on the road or have arrived.

    Args:
        books: The open books.
        legs: Legs that have departed, with leg_id, qty, shipment_no, shipped_at, order_no and line_no.
        known_at: When the TMS hears of the arrival of each.
    """
    keys = np.array([leg.leg_id * 1_000_003 + leg.confirm_lag for leg in legs], dtype=np.int64)
    lots = shares(keys, 1).tolist()
    after = between(keys, 2, 2 * _HOUR, 10 * _HOUR).tolist()
    lasts = between(keys, 3, _HOUR, 20 * _HOUR).tolist()
    rows = []
    for leg, arrival, lot, later, length in zip(legs, known_at, lots, after, lasts, strict=True):
        kind = _case_kind(lot)
        if kind is None:
            continue
        opened_at = (leg.shipped_at if kind == "DELIVERY" else arrival) + later
        rows.append(
            {
                "case_no": f"CS-{leg.leg_id:06d}",
                "order_no": leg.order_no,
                "line_no": leg.line_no,
                "shipment_no": leg.shipment_no,
                "type": kind,
                "opened_by": "CUSTOMER",
                "opened_at": opened_at,
                "closed_at": opened_at + length,
                "claimed_qty": 1 if kind == "CLAIM" else None,
                "subject": _SUBJECTS[kind],
            }
        )
    if rows:
        books.crm.execute(insert(cases), rows)


_SUBJECTS = {
    "DELIVERY": "When does it arrive?",
    "FULFILMENT": "The packing list is missing",
    "CLAIM": "One piece is damaged",  # looked into and not accepted: no credit is due
}


def _case_kind(lot: float) -> str | None:
    for kind, share in (("DELIVERY", _QUESTION_SHARE), ("FULFILMENT", _COMPLAINT_SHARE), ("CLAIM", _CLAIM_SHARE)):
        if lot < share:
            return kind
        lot -= share
    return None


def _cycle_after(at: int) -> int:
    return -(-(at - _CYCLE_BEGINS_SECONDS) // _CYCLE_SECONDS) * _CYCLE_SECONDS + _CYCLE_BEGINS_SECONDS

"""Goods that come back: dealt when a leg leaves, received at its site days later, booked in the ERP if sellable.

Whether finance credits them belongs to the billing of returns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Row, bindparam, insert, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import ITEM_BY_SKU
from fulfillment_pipelines.twin.world.chance import between, shares
from fulfillment_pipelines.twin.world.demand import next_id
from fulfillment_pipelines.twin.world.plan import Kind, discard_due, due, schedule
from fulfillment_pipelines.twin.world.site_tables import returned_goods
from fulfillment_pipelines.twin.world.stock_flow import (
    PositionChange,
    change_erp_positions,
    change_site_positions,
    log_movements,
    sent_from,
)
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS, dock_times
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders, true_returns

_LEG_OF_RETURN = (true_legs, true_legs.c.leg_id == true_returns.c.leg_id)
_LINE_OF_LEG = (true_lines, true_lines.c.line_id == true_legs.c.line_id)
_ORDER_OF_LINE = (true_orders, true_orders.c.order_id == true_lines.c.order_id)
_RETURNED_SHARE = 0.04
_PART_SHARE = 0.5
_DAMAGED_SHARE = 0.2
_EARLIEST_SECONDS = 4 * DAY_SECONDS
_LATEST_SECONDS = 6 * DAY_SECONDS
_CREDITED_AFTER_SECONDS = (3_600, 6 * 3_600)
_BOOKED_AFTER_SECONDS = 60
_RETURNED, _PART, _DAMAGED, _BACK_AFTER, _CREDIT_LAG = range(40, 45)  # one salt for each decision


def coming_back(leg_ids: Sequence[int]) -> list[int]:
    """Return the legs of which something comes back once they have left."""
    keys = np.array(leg_ids, dtype=np.int64)
    returned: list[int] = keys[shares(keys, _RETURNED) < _RETURNED_SHARE].tolist()
    return returned


def deal_returns(books: Books, legs: Sequence[Row[Any]]) -> None:
    """Decide which of the legs that just left come back, how much of them, in what condition and when."""
    chosen = set(coming_back([leg.leg_id for leg in legs]))
    back = [leg for leg in legs if leg.leg_id in chosen]
    if not back:
        return
    keys = np.array([leg.leg_id for leg in back], dtype=np.int64)
    left_at = np.array([leg.at for leg in back], dtype=np.int64)
    received_at = dock_times(left_at + between(keys, _BACK_AFTER, _EARLIEST_SECONDS, _LATEST_SECONDS)).tolist()
    lags = between(keys, _CREDIT_LAG, *_CREDITED_AFTER_SECONDS).tolist()
    in_part, damaged = shares(keys, _PART) < _PART_SHARE, shares(keys, _DAMAGED) < _DAMAGED_SHARE
    first = next_id(books.truth, true_returns)
    rows = [
        {
            "return_id": first + position,
            "return_no": f"RT-{first + position:06d}",
            "leg_id": leg.leg_id,
            "line_id": leg.line_id,
            "node": leg.node,
            "sku": leg.sku,
            "qty": _half(leg) if in_part[position] else leg.qty,
            "condition": "DAMAGED" if damaged[position] else "GOOD",
            "credit_lag": lags[position],
        }
        for position, leg in enumerate(back)
    ]
    books.truth.execute(insert(true_returns), rows)
    schedule(books.truth, Kind.RECEIVE_RETURN, zip(received_at, (int(row["return_id"]) for row in rows), strict=True))


def receive_returns(books: Books, until: int) -> None:
    """Let the sites receive what comes back; what is in good condition goes into stock and is published."""
    returns = due(books.truth, Kind.RECEIVE_RETURN, until, true_returns, _LEG_OF_RETURN, _LINE_OF_LEG, _ORDER_OF_LINE)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in returns:
        item = ITEM_BY_SKU[row.sku]
        rows[row.node].append(
            {
                "return_no": row.return_no,
                "order_no": row.order_no,
                "line_no": row.line_no,
                "shipment_no": row.shipment_no,
                "item": row.sku,
                "unit": item.unit_at(row.node),
                "qty": row.qty // item.factor_at(row.node),
                "condition": row.condition,
                "received_at": row.at,
            }
        )
    for node, of_node in rows.items():
        books.wms[node].execute(insert(returned_goods), of_node)
    if returns:
        books.truth.execute(
            update(true_returns)
            .where(true_returns.c.return_id == bindparam("key"))
            .values(received_at=bindparam("moment")),
            [{"key": row.return_id, "moment": row.at} for row in returns],
        )
    _put_into_stock(books, [row for row in returns if row.condition == "GOOD"])
    schedule(
        books.truth,
        Kind.CREDIT_RETURN,
        ((row.at + row.credit_lag, row.return_id) for row in returns if not row.credit_lost),
    )
    discard_due(books.truth, Kind.RECEIVE_RETURN, until)


def book_returns(books: Books, until: int) -> None:
    """Let the ERP book the stock of returns the sites published."""
    returns = due(books.truth, Kind.BOOK_RETURN, until, true_returns)
    if returns:
        changes = [PositionChange(row.node, row.sku, on_hand=row.qty) for row in returns]
        change_erp_positions(books.erp, changes, max(row.at for row in returns))
    discard_due(books.truth, Kind.BOOK_RETURN, until)


def _put_into_stock(books: Books, returns: Sequence[Row[Any]]) -> None:
    log_movements(
        books, [(f"MV-R{row.return_id:06d}", row.node, row.sku, row.qty, "RETURN", row.at) for row in returns]
    )
    change_site_positions(books, [PositionChange(row.node, row.sku, on_hand=row.qty) for row in returns])
    schedule(
        books.truth,
        Kind.BOOK_RETURN,
        ((sent_from(row.node, row.at) + _BOOKED_AFTER_SECONDS, row.return_id) for row in returns),
    )


def _half(leg: Row[Any]) -> int:
    factor = ITEM_BY_SKU[leg.sku].factor_at(leg.node)
    return max(1, int(leg.qty) // factor // 2) * factor

"""Demand: the orders, credit holds and stock movements of one business day, dealt out from the seed as arrays.

A day depends on the seed and its date alone. Faults are not dealt here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Table, func, insert, select

from fulfillment_pipelines.twin.world.catalogue import CUSTOMERS, ITEMS, NODES, Node
from fulfillment_pipelines.twin.world.order_terms import (
    billing_noise,
    hold_seconds,
    is_priority,
    items_of_consolidated,
    line_prices,
    order_terms,
    some_at_midnight,
    substitutes,
)
from fulfillment_pipelines.twin.world.plan import Kind, schedule
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS, PROMISE_SECONDS, Seconds, is_business_day
from fulfillment_pipelines.twin.world.trading_partners import channel_order_id
from fulfillment_pipelines.twin.world.truth_tables import (
    hold_views,
    true_holds,
    true_legs,
    true_lines,
    true_movements,
    true_orders,
)

_HOUR = 3_600
_FIRST_ORDER_SECONDS = 6 * _HOUR + 1_800
_LAST_ORDER_SECONDS = 16 * _HOUR + 1_800
_LINES_AN_ORDER = (1, 2, 3, 4, 5)
_LINES_AN_ORDER_SHARE = (0.25, 0.30, 0.22, 0.13, 0.10)
_SKU_STEPS = (7, 11, 13, 17, 19, 23)  # coprime to the number of items: the items of an order are distinct
_INSIDE_SALES_SHARE = 0.08
_SHIP_SOON_SHARE = 0.62
_SHIP_TOMORROW_SHARE = 0.20  # the rest is ordered weeks ahead
_OTHER_NODE_SHARE = 0.15
_CANCELLED_WHOLE_SHARE = 0.5  # the others in part
_CANCELLED_SHARE = 0.10  # of the lines that are not released the same day
_SPLIT_SHARE = 0.15
_FEWEST_UNITS_TO_SPLIT = 2
_HELD_SHARE = 0.07
_AHEAD_OF_STOCK_SHARE = 0.10  # of the orders that ship tomorrow: allocated when tomorrow's receipts are in
_RECEIPTS_IN_SECONDS = 11 * _HOUR
_HOLD_PLACED_AFTER_SECONDS = 300
_COUNT_ADJUSTMENTS_A_DAY = 4
_OPENING_QTY = (300, 900)

_ORDER_NO_BASE = 100_000
_PORTAL_NO_BASE = 500_000
_PO_NO_BASE = 700_000

_Array = npt.NDArray[np.int64]
_FACTORS = np.array([[item.factor_at(node) for node in NODES] for item in ITEMS], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Volume:
    """How much the distributor does.

    Attributes:
        orders_a_day: Orders on a business day, before chance.
    """

    orders_a_day: int = 72


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of a day; `customer` and `priority` are those of its orders, the rest has one element for each line."""

    customer: _Array
    priority: npt.NDArray[np.bool_]
    order: _Array
    line_no: _Array
    item: _Array
    node: _Array
    qty: _Array
    cancel_qty: _Array
    cancel_at: _Array
    due_at: _Array
    allocate_at: _Array  # 0 where stock is allocated at once


def opening_stock(seed: int, volume: Volume) -> dict[tuple[str, str], int]:
    """Return the opening balance of every (node, sku) in base units; enough for weeks of the volume."""
    rng = np.random.default_rng([seed, 0])
    scale = max(1, volume.orders_a_day // 72)
    units = rng.integers(*_OPENING_QTY, size=(len(ITEMS), len(NODES))) * scale
    whole_cases = -(-units // _FACTORS) * _FACTORS
    return {
        (node, item.sku): int(whole_cases[index, site])
        for index, item in enumerate(ITEMS)
        for site, node in enumerate(NODES)
    }


def deal_day(truth: Connection, seed: int, day: int, volume: Volume, *, first_at: int) -> None:
    """Write the demand of one business day into the truth and plan it.

    Args:
        truth: The truth's connection.
        seed: Seed of the world.
        day: The day, in days since 1970.
        volume: How much the distributor does.
        first_at: Nothing happens before this epoch second.
    """
    rng = np.random.default_rng([seed, day])
    count = int(rng.integers(int(volume.orders_a_day * 0.9), int(volume.orders_a_day * 1.1) + 1))
    opens = max(day * DAY_SECONDS + _FIRST_ORDER_SECONDS, first_at)
    ordered_at = np.sort(rng.integers(opens, day * DAY_SECONDS + _LAST_ORDER_SECONDS, size=count))
    ordered_at = some_at_midnight(rng, ordered_at, day)
    order_ids = next_id(truth, true_orders) + np.arange(count)
    lines = _deal_lines(rng, ordered_at)
    _write_orders(truth, rng, order_ids, ordered_at, lines)
    _write_lines(truth, rng, order_ids, lines)
    _write_holds(truth, rng, order_ids, ordered_at, lines)
    _write_movements(truth, rng, day, lines)


def next_id(truth: Connection, table: Table) -> int:
    """Return the first free identifier of a table of the truth."""
    key = next(iter(table.primary_key))
    highest: int | None = truth.execute(select(func.max(key))).scalar()
    return (highest or 0) + 1


def order_numbers(order_id: int) -> tuple[str, str, str]:
    """Return the order number, portal number and purchase order number of an order."""
    return f"SO-{_ORDER_NO_BASE + order_id}", f"P-{_PORTAL_NO_BASE + order_id}", f"PO-{_PO_NO_BASE + order_id}"


def _deal_lines(rng: np.random.Generator, ordered_at: Seconds) -> _Lines:
    count = len(ordered_at)
    per_order = rng.choice(_LINES_AN_ORDER, p=_LINES_AN_ORDER_SHARE, size=count)
    order = np.repeat(np.arange(count), per_order)
    line_no = np.concatenate([np.arange(1, lines + 1) for lines in per_order])
    first_item, step = rng.integers(0, len(ITEMS), size=count), rng.choice(_SKU_STEPS, size=count)
    item = ((first_item[order] + line_no * step[order]) % len(ITEMS)).astype(np.int64)
    customer = rng.integers(0, len(CUSTOMERS), size=count)
    item = items_of_consolidated(customer, item, order, line_no)
    home = rng.integers(0, len(NODES), size=count)
    elsewhere = rng.random(len(order)) < _OTHER_NODE_SHARE
    node = np.where(elsewhere, (home[order] + 1) % len(NODES), home[order])
    factor = _FACTORS[item, node]
    qty = np.where(factor > 1, factor * rng.integers(1, 4, size=len(order)), rng.integers(1, 25, size=len(order)))
    due_at, same_day = _release_due(rng, ordered_at)
    ahead = ~same_day & (due_at < ordered_at + 7 * DAY_SECONDS) & (rng.random(count) < _AHEAD_OF_STOCK_SHARE)
    due_at = np.where(
        ahead, due_at // DAY_SECONDS * DAY_SECONDS + _RECEIPTS_IN_SECONDS + rng.integers(0, 2 * _HOUR, count), due_at
    )
    allocate_at = np.where(ahead, due_at - rng.integers(300, 1_200, size=count), 0)
    cancelled = (rng.random(len(order)) < _CANCELLED_SHARE) & ~same_day[order] & ~ahead[order]
    part = qty // factor // 2 * factor
    whole = (rng.random(len(order)) < _CANCELLED_WHOLE_SHARE) | (part == 0)
    cancel_qty = np.where(cancelled, np.where(whole, qty, part), 0)
    cancel_at = ordered_at[order] + rng.integers(_HOUR, 3 * _HOUR, size=len(order))
    return _Lines(
        *(customer, is_priority(rng, count), order, line_no, item, node),
        *(qty, cancel_qty, cancel_at, due_at[order], allocate_at[order]),
    )


def _release_due(rng: np.random.Generator, ordered_at: Seconds) -> tuple[Seconds, npt.NDArray[np.bool_]]:
    count = len(ordered_at)
    kind = rng.random(count)
    soon = ordered_at + rng.integers(900, _HOUR, size=count)
    next_day = int(ordered_at[0]) // DAY_SECONDS + 1
    while not is_business_day(next_day * DAY_SECONDS):
        next_day += 1
    tomorrow = next_day * DAY_SECONDS + 7 * _HOUR + rng.integers(0, 3 * _HOUR, size=count)
    weeks_ahead = (ordered_at // DAY_SECONDS + rng.choice((14, 21, 28, 35), size=count)) * DAY_SECONDS + 8 * _HOUR
    same_day = kind < _SHIP_SOON_SHARE
    due_at = np.where(same_day, soon, np.where(kind < _SHIP_SOON_SHARE + _SHIP_TOMORROW_SHARE, tomorrow, weeks_ahead))
    return due_at, same_day


def _write_orders(
    truth: Connection, rng: np.random.Generator, order_ids: _Array, ordered_at: Seconds, lines: _Lines
) -> None:
    inside = rng.random(len(order_ids)) < _INSIDE_SALES_SHARE
    create_lags = rng.integers(45, 240, size=len(order_ids))
    due_at = lines.due_at[np.searchsorted(lines.order, np.arange(len(order_ids)))]
    agreed = order_terms(rng, lines.customer, ordered_at, due_at, lines.priority)
    rows = []
    for order_id, at, customer, by_hand, lag, terms in zip(
        order_ids.tolist(),
        ordered_at.tolist(),
        lines.customer.tolist(),
        inside.tolist(),
        create_lags.tolist(),
        agreed,
        strict=True,
    ):
        order_no, portal_id, customer_po = order_numbers(order_id)
        rows.append(
            {
                "order_id": order_id,
                "order_no": order_no,
                "portal_id": None
                if by_hand
                else channel_order_id(CUSTOMERS[customer], portal_id=portal_id, customer_po=customer_po),
                "customer_no": CUSTOMERS[customer],
                "customer_po": customer_po,
                "ordered_at": at,
                "create_lag": lag,
                **terms,
            }
        )
    truth.execute(insert(true_orders), rows)
    schedule(truth, Kind.PLACE_ORDER, ((row["ordered_at"], row["order_id"]) for row in rows if row["portal_id"]))
    schedule(truth, Kind.CREATE_ORDER, ((row["ordered_at"], row["order_id"]) for row in rows if not row["portal_id"]))


def _write_lines(truth: Connection, rng: np.random.Generator, order_ids: _Array, lines: _Lines) -> None:
    count = len(lines.order)
    line_ids = next_id(truth, true_lines) + np.arange(count)
    discount = rng.integers(0, 11, size=len(order_ids))
    price = line_prices(rng, lines.customer[lines.order], discount[lines.order], lines.item)
    columns = {
        "line_id": line_ids,
        "order_id": order_ids[lines.order],
        "line_no": lines.line_no,
        "qty": lines.qty,
        "cancel_qty": lines.cancel_qty,
        "unit_price": price,
        "release_due_at": lines.due_at,
        "promised_at": lines.due_at + PROMISE_SECONDS,
        "release_lag": rng.integers(60, 480, size=count),
        "ack_lag": rng.integers(20, 110, size=count),
        "pick_lag": rng.integers(20 * 60, 120 * 60, size=count),
    }
    rows = _rows(columns)
    for row, item, node, cancel_at, allocate_at, substitute in zip(
        rows,
        lines.item.tolist(),
        lines.node.tolist(),
        lines.cancel_at.tolist(),
        lines.allocate_at.tolist(),
        substitutes(rng, lines.item),
        strict=True,
    ):
        row["sku"], row["node"] = ITEMS[item].sku, NODES[node].value
        row["cancel_at"] = cancel_at if row["cancel_qty"] else None
        row["allocate_at"], row["substitute_sku"] = allocate_at or None, substitute
    truth.execute(insert(true_lines), rows)
    _write_legs(truth, rng, line_ids, lines, price)


def _write_legs(
    truth: Connection, rng: np.random.Generator, line_ids: _Array, lines: _Lines, unit_price: _Array
) -> None:
    factor = _FACTORS[lines.item, lines.node]
    to_ship = lines.qty - lines.cancel_qty
    units = to_ship // factor
    split = (rng.random(len(line_ids)) < _SPLIT_SHARE) & (units >= _FEWEST_UNITS_TO_SPLIT)
    first = np.where(split, np.maximum(1, units * 2 // 3), units) * factor
    legs_of_line = np.where(to_ship == 0, 0, np.where(split, 2, 1))
    line = np.repeat(np.arange(len(line_ids)), legs_of_line)
    second = np.concatenate([[False], line[1:] == line[:-1]]) if len(line) else np.zeros(0, dtype=bool)
    leg_ids = next_id(truth, true_legs) + np.arange(len(line))
    ship_lag = rng.integers(30 * 60, 3 * _HOUR, size=len(line)) + second * rng.integers(
        4 * _HOUR, 20 * _HOUR, size=len(line)
    )
    columns = {
        "leg_id": leg_ids,
        "line_id": line_ids[line],
        "qty": np.where(second, to_ship[line] - first[line], first[line]),
        "ship_lag": ship_lag,
        "confirm_lag": np.where(
            lines.node[line] == NODES.index(Node.NORTH),
            rng.integers(60, 300, size=len(line)),
            rng.integers(60, 540, size=len(line)),
        ),
        "invoice_lag": rng.integers(10 * 60, 75 * 60, size=len(line)),
        "post_lag": rng.integers(2 * 60, 40 * 60, size=len(line)),
        **billing_noise(rng, unit_price[line]),
    }
    rows = [{**row, "shipment_no": f"SH-{row['leg_id']:06d}"} for row in _rows(columns)]
    if rows:
        truth.execute(insert(true_legs), rows)


def _write_holds(
    truth: Connection, rng: np.random.Generator, order_ids: _Array, ordered_at: Seconds, lines: _Lines
) -> None:
    held = np.flatnonzero(rng.random(len(order_ids)) < _HELD_SHARE)
    lasts = hold_seconds(rng, ordered_at[held] + _HOLD_PLACED_AFTER_SECONDS, lines.priority[held])
    first_hold = next_id(truth, true_holds)
    holds = [
        {
            "hold_id": first_hold + position,
            "hold_no": f"HD-{first_hold + position:05d}",
            "order_id": int(order_ids[order]),
            "place_lag": int(rng.integers(30, 60)),
            "resolve_lag": int(lasts[position]),
        }
        for position, order in enumerate(held.tolist())
    ]
    views = [
        {
            "hold_id": hold["hold_id"],
            "order_id": hold["order_id"],
            "system": system,
            "publish_lag": int(rng.integers(30, 110)),
        }
        for hold, order in zip(holds, held.tolist(), strict=True)
        for system in ("ERP", *sorted({NODES[node].value for node in lines.node[lines.order == order].tolist()}))
    ]
    if holds:
        truth.execute(insert(true_holds), holds)
        truth.execute(insert(hold_views), views)


def _write_movements(truth: Connection, rng: np.random.Generator, day: int, lines: _Lines) -> None:
    factor = _FACTORS[lines.item, lines.node]
    ordered = np.zeros((len(ITEMS), len(NODES)), dtype=np.int64)
    np.add.at(ordered, (lines.item, lines.node), -(-lines.qty // factor) * factor)
    items, nodes = np.nonzero(ordered)
    next_day = day + 1
    while not is_business_day(next_day * DAY_SECONDS):
        next_day += 1
    arrives = next_day * DAY_SECONDS + rng.integers(7 * _HOUR + 900, 10 * _HOUR, size=len(items))
    counted_items = rng.integers(0, len(ITEMS), size=_COUNT_ADJUSTMENTS_A_DAY)
    counted_nodes = rng.integers(0, len(NODES), size=_COUNT_ADJUSTMENTS_A_DAY)
    found = rng.choice((-1, 1), size=_COUNT_ADJUSTMENTS_A_DAY) * _FACTORS[counted_items, counted_nodes]
    counted = day * DAY_SECONDS + rng.integers(10 * _HOUR, 16 * _HOUR, size=_COUNT_ADJUSTMENTS_A_DAY)
    all_items, all_nodes = np.concatenate([items, counted_items]), np.concatenate([nodes, counted_nodes])
    first = next_id(truth, true_movements)
    columns = {
        "movement_id": first + np.arange(len(all_items)),
        "qty": np.concatenate([ordered[items, nodes], found]),
        "publish_lag": rng.integers(20, 100, size=len(all_items)),
    }
    rows = _rows(columns)
    for position, (row, item, node) in enumerate(zip(rows, all_items.tolist(), all_nodes.tolist(), strict=True)):
        row |= {
            "movement_no": f"MV-{row['movement_id']:06d}",
            "sku": ITEMS[item].sku,
            "node": NODES[node].value,
            "movement_type": "RECEIPT" if position < len(items) else "ADJUSTMENT",
        }
    truth.execute(insert(true_movements), rows)
    moments = np.concatenate([arrives, counted]).tolist()
    schedule(truth, Kind.MOVE_STOCK, zip(moments, (row["movement_id"] for row in rows), strict=True))


def _rows(columns: dict[str, _Array]) -> list[dict[str, Any]]:
    values = [column.tolist() for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]

"""One piece of a standing distributor: its orders, lines and shipment legs, with the moment of every step.

What is true belongs here; what a system says of it belongs to `answers`, what is broken to `faults`. Every array of one
group has one element for each of its rows; steps later than the reading have not happened yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from fulfillment_pipelines.twin.volume.shape import Shape
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS

Whole: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

PORTAL, EDI, INSIDE_SALES = 0, 1, 2
_CHANNEL_SHARES = (0.6, 0.25, 0.15)
_NODE_COUNT = 3
_RETURN_SHARE = 0.01
_HELD_SHARE = 0.02
_MOST_CENTS = 12_000
_HOUR = 3_600
PROMISED_AFTER_SECONDS: Final = 6 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders of a piece. `no` is unique in the distributor; moments are epoch seconds."""

    no: Whole
    channel: Whole
    customer: Whole
    node: Whole
    ordered_at: Whole
    promised_at: Whole
    is_held: Flags
    is_ahead: Flags


@dataclass(frozen=True, slots=True)
class Lines:
    """The order lines of a piece; `order` is the position of the line's order in the piece."""

    order: Whole
    line_no: Whole
    item: Whole
    qty: Whole
    price_cents: Whole
    released_at: Whole
    acked_at: Whole
    picked_at: Whole
    packed_at: Whole


@dataclass(frozen=True, slots=True)
class Legs:
    """The legs of a piece; `line` is the position of the leg's line in the piece, `shipment_no` unique over all."""

    line: Whole
    shipment_no: Whole
    qty: Whole
    shipped_at: Whole
    confirmed_at: Whole
    posted_at: Whole
    delivered_at: Whole
    returned_qty: Whole


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of the distributor."""

    number: int
    orders: Orders
    lines: Lines
    legs: Legs


def deal_piece(shape: Shape, number: int, line_count: int) -> Piece:
    """Return a piece of the distributor; the same shape and number give the same piece."""
    dealt = shape.randomness(number)
    order_of_line, line_no = _lines_of_orders(shape, dealt, line_count)
    orders = _orders(shape, dealt, number, int(order_of_line[-1]) + 1)
    lines = _lines(shape, dealt, orders, order_of_line, line_no)
    return Piece(number, orders, lines, _legs(shape, dealt, orders, lines))


def price_cents(item: Whole) -> Whole:
    """Return the price of one base unit of each item, in cents."""
    return 190 + (item * 37) % _MOST_CENTS


def _lines_of_orders(shape: Shape, dealt: np.random.Generator, line_count: int) -> tuple[Whole, Whole]:
    sizes = dealt.integers(1, shape.most_order_lines + 1, line_count)
    ends = np.cumsum(sizes)
    sizes = sizes[: int(np.searchsorted(ends, line_count)) + 1]
    order_of_line = np.repeat(np.arange(sizes.size), sizes)[:line_count]
    starts = np.cumsum(sizes) - sizes
    return order_of_line, np.arange(line_count) - starts[order_of_line] + 1


def _orders(shape: Shape, dealt: np.random.Generator, number: int, count: int) -> Orders:
    no = np.arange(count) + number * 1_000_000 + 1
    channel = dealt.choice(3, count, p=_CHANNEL_SHARES)
    customer = dealt.integers(0, shape.customer_count, count)
    node = dealt.integers(0, _NODE_COUNT, count)
    ordered_at = shape.begins_at + dealt.integers(0, shape.day_count * DAY_SECONDS, count)
    is_held = dealt.random(count) < _HELD_SHARE
    is_ahead = dealt.random(count) < shape.ahead_share if shape.ahead_share else np.zeros(count, bool)
    return Orders(
        no=no,
        channel=channel,
        customer=customer,
        node=node,
        ordered_at=ordered_at,
        promised_at=ordered_at + PROMISED_AFTER_SECONDS + is_ahead * shape.day_count * DAY_SECONDS,
        is_held=is_held,
        is_ahead=is_ahead,
    )


def _lines(shape: Shape, dealt: np.random.Generator, orders: Orders, order: Whole, line_no: Whole) -> Lines:
    """Deal out lines; within an order no item stands twice, since items of one order follow each other."""
    count = order.size
    first_item = dealt.integers(0, shape.item_count, orders.no.size)
    item = (first_item[order] + (line_no - 1) * 7) % shape.item_count
    due_at = orders.ordered_at[order] + 2 * _HOUR + orders.is_held[order] * 2 * _HOUR
    due_at = due_at + orders.is_ahead[order] * shape.day_count * DAY_SECONDS
    released_at = due_at + dealt.integers(30, 600, orders.no.size)[order]
    acked_at = released_at + dealt.integers(5, 120, count)
    picked_at = acked_at + dealt.integers(600, 2 * _HOUR, count)
    return Lines(
        order=order,
        line_no=line_no,
        item=item,
        qty=dealt.integers(1, 48, count),
        price_cents=price_cents(item),
        released_at=released_at,
        acked_at=acked_at,
        picked_at=picked_at,
        packed_at=picked_at + dealt.integers(300, _HOUR, count),
    )


def _legs(shape: Shape, dealt: np.random.Generator, orders: Orders, lines: Lines) -> Legs:
    """Deal out one leg a line, or two with a day between; the legs of an order that leave together are one shipment.

    They stand in the order of their shipments, as a system's own table has them.
    """
    count = lines.order.size
    is_split = (dealt.random(count) < shape.split_share) & (lines.qty > 1)
    line = np.concatenate([np.arange(count), np.flatnonzero(is_split)])
    is_second = np.arange(line.size) >= count
    by_shipment = np.lexsort((line, is_second, lines.order[line]))
    line, is_second = line[by_shipment], is_second[by_shipment]
    half = lines.qty[line] // 2
    qty = np.where(is_split[line], np.where(is_second, lines.qty[line] - half, half), lines.qty[line])
    order = lines.order[line]
    ready_at = np.zeros(orders.no.size, np.int64)
    np.maximum.at(ready_at, lines.order, lines.packed_at)
    shipped_at = ready_at[order] + _HOUR + is_second * DAY_SECONDS
    confirmed_at = shipped_at + 60 + dealt.integers(0, 400, orders.no.size)[order]
    delivered_at = shipped_at + DAY_SECONDS + dealt.integers(0, DAY_SECONDS, orders.no.size)[order]
    comes_back = dealt.random(line.size) < _RETURN_SHARE
    return Legs(
        line=line,
        shipment_no=orders.no[order] * 2 + is_second,
        qty=qty,
        shipped_at=shipped_at,
        confirmed_at=confirmed_at,
        posted_at=confirmed_at + 600 + dealt.integers(0, _HOUR, orders.no.size)[order],
        delivered_at=delivered_at,
        returned_qty=np.where(comes_back, np.maximum(qty // 3, 1), 0),
    )

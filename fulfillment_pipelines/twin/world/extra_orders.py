"""Orders beside the daily demand: the ones that faults need. Written like demand, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, insert

from fulfillment_pipelines.twin.world.catalogue import CUSTOMERS, ITEM_BY_SKU, ITEMS, NODES
from fulfillment_pipelines.twin.world.demand import next_id, order_numbers
from fulfillment_pipelines.twin.world.master_data import agreed_price_cents
from fulfillment_pipelines.twin.world.order_terms import terms_of
from fulfillment_pipelines.twin.world.timing import PROMISE_SECONDS
from fulfillment_pipelines.twin.world.trading_partners import channel_order_id
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders

_LINES = 2


@dataclass(frozen=True, slots=True)
class NewLine:
    """What an extra order asks for, in base units."""

    sku: str
    node: str
    qty: int
    unit_price: int
    release_due_at: int


def some_lines(rng: np.random.Generator, at: int) -> list[NewLine]:
    """Deal the lines of an order that is due soon."""
    node = NODES[int(rng.integers(len(NODES)))]
    items = [ITEMS[int(index)] for index in rng.choice(len(ITEMS), size=_LINES, replace=False)]
    return [
        NewLine(
            sku=item.sku,
            node=node,
            qty=int(rng.integers(1, 4)) * max(item.factor_at(node), 4),
            unit_price=item.unit_price_cents,
            release_due_at=at + 1_800,
        )
        for item in items
    ]


def write_order(
    truth: Connection,
    rng: np.random.Generator,
    lines: Sequence[NewLine],
    *,
    at: int,
    like: Row[Any] | None = None,
    customer_no: str | None = None,
    create_lost: bool = False,
) -> tuple[int, str, str]:
    """Write an order into the truth; nothing is planned for it.

    Args:
        truth: The truth's connection.
        rng: Chance.
        lines: What it asks for.
        at: When it is placed.
        like: An order whose customer and purchase order it repeats, entered by inside sales.
        customer_no: Whose it is, where that is not left to chance.
        create_lost: Whether the ERP is never told.

    Returns:
        Its identifier, order number and channel number.
    """
    order_id = next_id(truth, true_orders)
    order_no, portal_id, customer_po = order_numbers(order_id)
    if customer_no is None:
        customer_no = like.customer_no if like else CUSTOMERS[int(rng.integers(len(CUSTOMERS)))]
    portal_id = channel_order_id(customer_no, portal_id=portal_id, customer_po=customer_po)
    terms = terms_of(customer_no, 0, lines[0].release_due_at)
    if like:
        terms = {name: getattr(like, name) for name in terms}
    truth.execute(
        insert(true_orders).values(
            order_id=order_id,
            order_no=order_no,
            portal_id=None if like else portal_id,
            customer_no=customer_no,
            customer_po=like.customer_po if like else customer_po,
            ordered_at=at,
            create_lag=0,
            create_lost=create_lost,
            **terms,
        )
    )
    for line_no, line in enumerate(lines, start=1):
        agreed = line if like else replace(line, unit_price=agreed_price_cents(customer_no, ITEM_BY_SKU[line.sku]))
        _write_line(truth, rng, order_id, line_no, agreed)
    return order_id, order_no, portal_id


def _write_line(truth: Connection, rng: np.random.Generator, order_id: int, line_no: int, line: NewLine) -> None:
    line_id, leg_id = next_id(truth, true_lines), next_id(truth, true_legs)
    truth.execute(
        insert(true_lines).values(
            line_id=line_id,
            order_id=order_id,
            line_no=line_no,
            sku=line.sku,
            node=line.node,
            qty=line.qty,
            cancel_qty=0,
            unit_price=line.unit_price,
            release_due_at=line.release_due_at,
            promised_at=line.release_due_at + PROMISE_SECONDS,
            release_lag=int(rng.integers(60, 480)),
            ack_lag=int(rng.integers(20, 110)),
            pick_lag=int(rng.integers(20 * 60, 120 * 60)),
        )
    )
    truth.execute(
        insert(true_legs).values(
            leg_id=leg_id,
            line_id=line_id,
            shipment_no=f"SH-{leg_id:06d}",
            qty=line.qty,
            ship_lag=int(rng.integers(30 * 60, 3 * 3_600)),
            confirm_lag=int(rng.integers(60, 300)),
            invoice_lag=int(rng.integers(10 * 60, 75 * 60)),
            post_lag=int(rng.integers(2 * 60, 40 * 60)),
        )
    )

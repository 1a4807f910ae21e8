"""Orders that come as X12 documents: they are with the distributor when the partners' run has brought them.

Writing the documents belongs to `edi_flow`; what happens to an order once it is created is the same for every channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.trading_partners import is_edi, next_run
from fulfillment_pipelines.twin.world.truth_tables import true_lines

_EARLIEST_RELEASE_SECONDS = 900


def received_at(order: Row[Any]) -> int:
    """Return when the distributor has a placed order; `order.at` is when it was placed."""
    return next_run(order.at) if is_edi(order.customer_no) else int(order.at)


def date_releases(books: Books, orders: Sequence[Row[Any]]) -> None:
    """Let the ERP date releases that are wanted too soon from the moment it has the order, its `at`."""
    if orders:
        books.truth.execute(
            update(true_lines)
            .where(true_lines.c.order_id == bindparam("key"))
            .values(release_due_at=func.max(true_lines.c.release_due_at, bindparam("earliest"))),
            [{"key": order.order_id, "earliest": order.at + _EARLIEST_RELEASE_SECONDS} for order in orders],
        )

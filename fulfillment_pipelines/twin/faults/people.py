"""What a person at the distributor does about a difference that no machine may settle, in a system's own screens.

Each code that can be settled so has one function here; the product sees nothing but the systems' next answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row, select, update

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import ITEM_BY_SKU
from fulfillment_pipelines.twin.world.commercial_tables import credit_accounts
from fulfillment_pipelines.twin.world.plan import Kind, schedule
from fulfillment_pipelines.twin.world.stock_flow import PositionChange, change_erp_positions
from fulfillment_pipelines.twin.world.system_tables import inventory, order_lines
from fulfillment_pipelines.twin.world.timing import NEVER_AT
from fulfillment_pipelines.twin.world.truth_tables import true_holds, true_lines, true_orders

_LIMIT_TIMES = 3
_RELEASED_AFTER_SECONDS = 120


def settle(books: Books, label: Label, at: int) -> None:
    """Let a person settle a difference.

    Args:
        books: The open books.
        label: The difference.
        at: Now, in epoch seconds.

    Raises:
        RejectedError: Nobody can settle the code by hand, or nothing is left to be done.
    """
    if label.code not in _SETTLED_BY:
        raise RejectedError(
            f"Nobody at the distributor settles {label.code} by hand.", expected=f"one of {', '.join(_SETTLED_BY)}"
        )
    _SETTLED_BY[label.code](books, label, at)


def _reallocate(books: Books, label: Label, at: int) -> None:
    """Serve the lines that no stock of their site covers from the site that has most."""
    lines = books.truth.execute(
        select(true_lines, true_orders.c.order_no)
        .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
        .where(
            true_lines.c.sku == label.business_key,
            true_lines.c.node == label.node,
            true_lines.c.allocate_at == NEVER_AT,
            true_lines.c.released_at.is_(None),
            true_orders.c.created_at.is_not(None),
        )
    ).all()
    if not lines:
        raise _nothing_to_do("a line that nothing is allocated to")
    for line in lines:
        site = _site_with_most(books, line)
        of_line = (order_lines.c.order_no == line.order_no) & (order_lines.c.line_no == line.line_no)
        moved = {"site": site, "qty_allocated": line.qty, "release_due_at": at, "updated_at": at}
        books.erp.execute(update(order_lines).where(of_line).values(**moved))
        change_erp_positions(books.erp, [PositionChange(site, line.sku, promised=line.qty)], at)
        of_truth = update(true_lines).where(true_lines.c.line_id == line.line_id)
        books.truth.execute(of_truth.values(node=site, allocate_at=at, release_due_at=at))
        schedule(books.truth, Kind.RELEASE_LINE, [(at + _RELEASED_AFTER_SECONDS, line.line_id)])


def _site_with_most(books: Books, line: Row[Any]) -> str:
    positions = books.erp.execute(
        select(inventory)
        .where(inventory.c.sku == line.sku, inventory.c.site != line.node, inventory.c.atp >= line.qty)
        .order_by(inventory.c.atp.desc(), inventory.c.site)
    ).all()
    for position in positions:
        if line.qty % ITEM_BY_SKU[line.sku].factor_at(position.site) == 0:
            return str(position.site)
    raise _nothing_to_do(f"another site with {line.qty} of {line.sku}")


def _decide_on_hold(books: Books, label: Label, at: int) -> None:
    """Finance releases the hold."""
    hold_id = books.truth.execute(
        select(true_holds.c.hold_id).where(
            true_holds.c.hold_no == label.business_key, true_holds.c.resolved_at.is_(None)
        )
    ).scalar()
    if hold_id is None:
        raise _nothing_to_do("a hold that nobody has decided on")
    schedule(books.truth, Kind.RESOLVE_HOLD, [(at, hold_id)])


def _raise_limit(books: Books, label: Label, _: int) -> None:
    """Finance raises the limit above what is owed."""
    of_customer = credit_accounts.c.customer_no == label.business_key
    owed = books.finance.execute(select(credit_accounts.c.open_receivable).where(of_customer)).scalar_one()
    books.finance.execute(update(credit_accounts).where(of_customer).values(credit_limit=owed * _LIMIT_TIMES))


def _nothing_to_do(expected: str) -> RejectedError:
    return RejectedError("There is nothing to be settled.", expected=expected, remedy="see `fulfillment twin truth`")


_SETTLED_BY: Mapping[str, Callable[[Books, Label, int], None]] = MappingProxyType(
    {"INV-06": _reallocate, "CRD-01": _decide_on_hold, "CRD-04": _raise_limit}
)

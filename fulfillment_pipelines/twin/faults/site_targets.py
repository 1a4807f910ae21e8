"""Lines and positions that faults at the sites strike: cancelled, shipped, or just taken in, and touched by no fault.

Choosing and preparing them belongs here; what is then broken belongs to `faults_site`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Row, exists, func, select, update

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.twin.faults.targets import FaultContext, due_now
from fulfillment_pipelines.twin.world.catalogue import ITEM_BY_SKU, NODES
from fulfillment_pipelines.twin.world.plan import Kind
from fulfillment_pipelines.twin.world.system_tables import confirmations, inventory, order_lines
from fulfillment_pipelines.twin.world.truth_tables import (
    hold_views,
    plan,
    true_legs,
    true_lines,
    true_orders,
    true_returns,
)
from fulfillment_pipelines.twin.world.warehouse_flow import release_lines_due, take_in_releases

_FREE_STOCK_QTY = 60
_RECENT_SECONDS = 3 * 86_400


def untouched(context: FaultContext, lines: Iterable[Row[Any]], expected: str, *, turn: int) -> Row[Any]:
    """Return a line whose order and position no fault has touched, of the site whose turn it is if there is one.

    Args:
        context: The injection.
        lines: Candidates.
        expected: What is missing when there is none, in words.
        turn: Turns the choice from site to site.

    Raises:
        RejectedError: There is none.
    """
    wanted = NODES[turn % len(NODES)]
    free = [
        line
        for line in context.targets.shuffled(lines)
        if context.targets.untouched_order(line.order_no) and context.targets.untouched_position(line.node, line.sku)
    ]
    for line in sorted(free, key=lambda line: line.node != wanted):
        context.targets.touch(order_no=line.order_no, position=(line.node, line.sku))
        return line
    raise nothing_left(expected)


def shipped_lines(context: FaultContext) -> list[Row[Any]]:
    """Return recent lines that left whole and were confirmed, without a hold, a cancellation or a return."""
    legs = true_legs.alias("legs")
    waiting = exists().where(legs.c.line_id == true_lines.c.line_id, legs.c.confirmed_at.is_(None))
    returned = exists().where(true_returns.c.line_id == true_lines.c.line_id)
    return list(
        context.books.truth.execute(
            select(true_lines, true_orders.c.order_no, func.max(true_legs.c.shipped_at).label("shipped_at"))
            .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
            .join(true_legs, true_legs.c.line_id == true_lines.c.line_id)
            .where(
                true_lines.c.picked_at > context.at - _RECENT_SECONDS,
                true_lines.c.cancel_qty == 0,
                true_lines.c.pick_short_qty == 0,
                ~waiting,
                ~returned,
                ~_held(),
            )
            .group_by(true_lines.c.line_id, true_orders.c.order_no)
            .order_by(true_lines.c.line_id)
        )
    )


def cancelled_lines(context: FaultContext) -> list[Row[Any]]:
    """Return lines that were cancelled whole before their release."""
    return list(
        context.books.truth.execute(
            select(true_lines, true_orders.c.order_no)
            .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
            .where(
                true_lines.c.cancelled_at.is_not(None),
                true_lines.c.cancel_qty == true_lines.c.qty,
                true_lines.c.released_at.is_(None),
                ~_held(),
            )
            .order_by(true_lines.c.line_id)
        )
    )


def has_free_stock(context: FaultContext) -> Callable[[Row[Any]], bool]:
    """Return the condition that the position of a line has stock to spare."""

    def condition(line: Row[Any]) -> bool:
        atp: int = context.books.erp.execute(
            select(inventory.c.atp).where(inventory.c.site == line.node, inventory.c.sku == line.sku)
        ).scalar_one()
        return atp >= _FREE_STOCK_QTY

    return condition


def taken_in(context: FaultContext, line: Row[Any], *, picked_after_seconds: int) -> Row[Any]:
    """Let a site take a line in now and pick it later, and return it as it is then."""
    books = context.books
    due_now(books, line, context.at)
    of_line = plan.c.subject == line.line_id
    if line.released_at is None:
        books.truth.execute(update(plan).where(of_line, plan.c.kind == Kind.RELEASE_LINE).values(at=context.at))
        release_lines_due(books, context.at)
    if line.acked_at is None:
        books.truth.execute(update(plan).where(of_line, plan.c.kind == Kind.TAKE_IN_RELEASE).values(at=context.at))
        take_in_releases(books, context.at)
    picked_at = context.at + picked_after_seconds
    books.truth.execute(update(plan).where(of_line, plan.c.kind == Kind.PICK_LINE).values(at=picked_at))
    books.truth.execute(update(plan).where(of_line, plan.c.kind == Kind.PICK_PART).values(at=picked_at))
    return books.truth.execute(
        select(true_lines, true_orders.c.order_no)
        .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
        .where(true_lines.c.line_id == line.line_id)
    ).one()


def promised_position(context: FaultContext, at_least: int) -> Row[Any]:
    """Return and touch an ERP position that promises so much; no other fault and no line that waits for stock is there.

    Raises:
        RejectedError: There is none.
    """
    positions = context.books.erp.execute(
        select(inventory).where(inventory.c.allocated >= at_least, inventory.c.atp > 0).order_by(inventory.c.row_id)
    ).all()
    confirmed = exists().where(
        confirmations.c.order_no == order_lines.c.order_no, confirmations.c.line_no == order_lines.c.line_no
    )
    waiting = {
        (line.site, line.sku)
        for line in context.books.erp.execute(
            select(order_lines.c.site, order_lines.c.sku).where(
                order_lines.c.qty_allocated == 0, order_lines.c.qty_cancelled < order_lines.c.qty_ordered, ~confirmed
            )
        )
    }
    wanted = NODES[context.serial % len(NODES)]
    for row in sorted(context.targets.shuffled(positions), key=lambda row: row.site != wanted):
        if context.targets.untouched_position(row.site, row.sku) and (row.site, row.sku) not in waiting:
            context.targets.touch(position=(row.site, row.sku))
            return row
    raise nothing_left("an untouched position with promised stock")


def first_leg(context: FaultContext, line: Row[Any]) -> Row[Any]:
    """Return the first leg a line leaves in: the largest."""
    return context.books.truth.execute(
        select(true_legs).where(true_legs.c.line_id == line.line_id).order_by(true_legs.c.leg_id).limit(1)
    ).one()


def units(line: Row[Any]) -> int:
    """Return the quantity of a line in the unit its site counts in."""
    quantity: int = line.qty // ITEM_BY_SKU[line.sku].factor_at(line.node)
    return quantity


def nothing_left(expected: str) -> RejectedError:
    """Return the error for a fault that finds nothing to strike."""
    return RejectedError(
        "There is nothing left that the fault could strike.",
        expected=expected,
        remedy="advance the twin until new orders have come in",
    )


def _held() -> Any:
    return exists().where(hold_views.c.order_id == true_lines.c.order_id)

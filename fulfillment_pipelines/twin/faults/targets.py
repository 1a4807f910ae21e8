"""Where faults may strike: orders and positions that no other fault has touched, and lines that can be hurried.

Choosing and preparing targets belongs here; what is then broken belongs to the fault modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Row, exists, select, update

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.twin.faults.defects import Defects
from fulfillment_pipelines.twin.faults.write_backs import WriteBacks
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import ITEM_BY_SKU, NODES, Node
from fulfillment_pipelines.twin.world.master_data import CONSOLIDATED_CUSTOMERS
from fulfillment_pipelines.twin.world.plan import Kind
from fulfillment_pipelines.twin.world.return_flow import coming_back
from fulfillment_pipelines.twin.world.system_tables import order_lines
from fulfillment_pipelines.twin.world.timing import instant, next_cycle
from fulfillment_pipelines.twin.world.truth_tables import hold_views, plan, true_legs, true_lines, true_orders

_Candidate = TypeVar("_Candidate")

_SMALLEST_FAULTED_QTY = 4
_UNTIL_DEPARTURE = (Kind.RELEASE_LINE, Kind.TAKE_IN_RELEASE, Kind.PICK_LINE)
_DEPARTURE = (Kind.PACK_LEG, Kind.SHIP_LEG)


class Targets:
    """What is still untouched.

    Args:
        rng: Deals the order in which candidates are taken.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._orders: set[str] = set()
        self._positions: set[tuple[str, str]] = set()
        self._customers: set[str] = set()

    def untouched_order(self, order_no: str) -> bool:
        """Return whether no fault has touched an order."""
        return order_no not in self._orders

    def untouched_position(self, node: str, sku: str) -> bool:
        """Return whether no fault has touched a position."""
        return (node, sku) not in self._positions

    def untouched_customer(self, customer_no: str) -> bool:
        """Return whether no fault has touched what a customer may owe."""
        return customer_no not in self._customers

    def touch(
        self,
        *,
        order_no: str | None = None,
        position: tuple[str, str] | None = None,
        customer_no: str | None = None,
    ) -> None:
        """Keep later faults away from an order, a position or a customer's credit."""
        if customer_no is not None:
            self._customers.add(customer_no)
        if order_no is not None:
            self._orders.add(order_no)
        if position is not None:
            self._positions.add(position)

    def shuffled(self, candidates: Iterable[_Candidate]) -> list[_Candidate]:
        """Return candidates in a dealt order."""
        listed = list(candidates)
        return [listed[index] for index in self._rng.permutation(len(listed))]

    def line(
        self,
        books: Books,
        at: int,
        serial: int,
        *,
        unreleased: bool = False,
        wanted: Callable[[Row[Any]], bool] = lambda _: True,
    ) -> Row[Any]:
        """Choose and touch an order line of which nothing has left yet.

        Args:
            books: The open books.
            at: Now.
            serial: Turns the choice from site to site.
            unreleased: Whether the ERP must not have released it.
            wanted: Further condition.

        Raises:
            RejectedError: No line is left.
        """
        lines = [
            line
            for line in self.shuffled(_open_lines(books))
            if self.untouched_order(line.order_no)
            and self.untouched_position(line.node, line.sku)
            and not (unreleased and line.released_at is not None)
            and wanted(line)
        ]
        # orders ahead of their time stay open demand, which other faults need: they come last
        lines.sort(key=lambda line: (line.release_due_at > at + 86_400 * 3, line.node != NODES[serial % len(NODES)]))
        if not lines:
            raise RejectedError(
                "There is no order line left for the fault.",
                expected="an open line of an order without a hold, a cancellation or another fault",
                remedy="advance the twin until new orders have come in",
            )
        chosen: Row[Any] = lines[0]
        self.touch(order_no=chosen.order_no, position=(chosen.node, chosen.sku))
        return chosen


@dataclass(frozen=True, slots=True)
class FaultContext:
    """What an injection works with.

    Attributes:
        books: The open books.
        targets: What is still untouched.
        defects: Where broken rows are brought in.
        write_backs: Where it is arranged that corrections fail.
        rng: The desk's chance.
        serial: How many faults of this code came before: turns variants and sites.
        at: Now, in epoch seconds.
    """

    books: Books
    targets: Targets
    defects: Defects
    write_backs: WriteBacks
    rng: np.random.Generator
    serial: int
    at: int

    def label(
        self,
        code: str,
        business_key: str,
        *,
        node: str,
        system: str,
        since: int,
        note: str,
        secondary: tuple[str, ...] = (),
    ) -> Label:
        """Return the label of what was just broken; `since` is in epoch seconds."""
        return Label(
            code=code,
            business_key=business_key,
            node=str(node),
            system=system,
            injected_at=instant(self.at),
            condition_since=instant(since),
            note=note,
            secondary=secondary,
        )


def hurry(books: Books, line: Row[Any], at: int) -> int:
    """Let a line leave its site as soon as the site can, and return when that is.

    The modern sites take in, pick and ship at once; the legacy site does so with its next cycle.
    """
    due_now(books, line, at)
    key = true_lines.c.line_id == line.line_id
    books.truth.execute(update(true_lines).where(key).values(release_lag=0, ack_lag=0, pick_lag=0, any_hour=True))
    books.truth.execute(update(true_legs).where(true_legs.c.line_id == line.line_id).values(ship_lag=0))
    acked = line.acked_at is not None
    leaves_at = at if acked or line.node != Node.NORTH else next_cycle(at)
    planned = plan.c.subject == line.line_id
    books.truth.execute(update(plan).where(planned, plan.c.kind == Kind.RELEASE_LINE).values(at=at))
    books.truth.execute(update(plan).where(planned, plan.c.kind.in_(_UNTIL_DEPARTURE[1:])).values(at=leaves_at))
    legs = select(true_legs.c.leg_id).where(true_legs.c.line_id == line.line_id)
    books.truth.execute(update(plan).where(plan.c.kind.in_(_DEPARTURE), plan.c.subject.in_(legs)).values(at=leaves_at))
    return leaves_at


def due_now(books: Books, line: Row[Any], at: int) -> None:
    """Let the customer ask for a line now, if its release lies ahead."""
    if line.released_at is not None or line.release_due_at <= at:
        return
    books.truth.execute(update(true_lines).where(true_lines.c.line_id == line.line_id).values(release_due_at=at))
    books.erp.execute(
        update(order_lines)
        .where(order_lines.c.order_no == line.order_no, order_lines.c.line_no == line.line_no)
        .values(release_due_at=at, updated_at=at)
    )


def nothing_left(expected: str) -> RejectedError:
    """Return the error for a fault that finds nothing to strike; `expected` says what it looked for."""
    return RejectedError(
        "There is nothing left that the fault could strike.",
        expected=expected,
        remedy="advance the twin until new orders have come in",
    )


def last_leg(books: Books, line: Row[Any]) -> Row[Any]:
    """Return the last leg a line leaves in."""
    return books.truth.execute(
        select(true_legs).where(true_legs.c.line_id == line.line_id).order_by(true_legs.c.leg_id.desc()).limit(1)
    ).one()


def in_whole_units(quantity: int, node: str, sku: str) -> int:
    """Return a quantity of base units rounded up to the unit a site counts in."""
    factor = ITEM_BY_SKU[sku].factor_at(node)
    return -(-quantity // factor) * factor


def _open_lines(books: Books) -> list[Row[Any]]:
    held = exists().where(hold_views.c.order_id == true_lines.c.order_id)
    left = exists().where(true_legs.c.line_id == true_lines.c.line_id, true_legs.c.shipped_at.is_not(None))
    unallocated = exists().where(plan.c.kind == Kind.ALLOCATE_LINE, plan.c.subject == true_lines.c.line_id)
    query = (
        select(
            true_lines,
            true_orders.c.order_no,
            true_orders.c.portal_id,
            true_orders.c.customer_no,
            true_orders.c.created_at,
        )
        .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
        .where(
            true_orders.c.created_at.is_not(None),
            true_lines.c.cancel_qty == 0,
            true_lines.c.qty >= _SMALLEST_FAULTED_QTY,
            true_orders.c.customer_no.not_in(CONSOLIDATED_CUSTOMERS),  # whose documents name no order
            true_lines.c.allocate_at.is_(None),
            ~true_lines.c.ack_lost,
            ~held,
            ~left,
            ~unallocated,
        )
        .order_by(true_lines.c.line_id)
    )
    legs = books.truth.execute(select(true_legs.c.leg_id, true_legs.c.line_id)).all()
    line_of = {leg.leg_id: leg.line_id for leg in legs}
    returned = {line_of[leg_id] for leg_id in coming_back(list(line_of))}  # what comes back would blur the fault
    return [line for line in books.truth.execute(query) if line.line_id not in returned]

"""What a process remembers of the queue for some seconds, so that many readers cost little: counts and customers.

A number here is at most as old as said; the rows of a page are never remembered.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Generic, TypeVar

from fulfillment_pipelines.domain.case import CaseState
from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.explanation.questions import Questions, Row
from fulfillment_pipelines.ledger.case_queue import (
    MOST_FOUND,
    QueueFilter,
    QueueGroup,
    count_cases,
    count_groups,
)
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

COUNT_SECONDS: Final = 5.0
"""How old a count may be, where counting is not dear."""

_CUSTOMER_SECONDS: Final = 60.0
_FOUND_SECONDS: Final = 20.0
_SILENT_SECONDS: Final = 10.0
_MOST_KEPT: Final = 20_000
# Of the time of one processor, at most so large a part goes into counting everything.
_COUNTING_SHARE: Final = 0.05

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Values by key, each for some seconds; those asked for longest ago go first.

    Args:
        seconds: How long a value holds.
        most: How many are kept.
    """

    def __init__(self, seconds: float, most: int = _MOST_KEPT) -> None:
        self._seconds, self._most = seconds, most
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, key: K) -> V | None:
        """Return a value that still holds; None where there is none."""
        with self._guard:
            kept = self._kept.get(key)
        return kept[1] if kept and time.monotonic() - kept[0] < self._seconds else None

    def keep(self, key: K, value: V) -> V:
        """Keep a value, and return it."""
        with self._guard:
            self._kept[key] = (time.monotonic(), value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True)
class Count:
    """How many cases, and what they are worth by currency."""

    cases: int
    amounts: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Customer:
    """Whose an order is; the name is empty where no system tells it."""

    customer_id: str
    name: str


class QueueMemory:
    """What one process remembers of the queue."""

    def __init__(self) -> None:
        self._groups: tuple[float, list[QueueGroup]] | None = None
        self._groups_hold_seconds = COUNT_SECONDS
        self._counting = threading.Lock()
        self._counts: Remembered[QueueFilter, Count] = Remembered(COUNT_SECONDS, most=1000)
        self._customers: Remembered[str, Customer | bool] = Remembered(_CUSTOMER_SECONDS)
        self._found: Remembered[str, frozenset[str]] = Remembered(_FOUND_SECONDS, most=1000)
        self._silence: Remembered[str, FulfillmentError] = Remembered(_SILENT_SECONDS)

    def groups(self, reading: Callable[[], AbstractContextManager[UnitOfWork]]) -> list[QueueGroup]:
        """Return how many open cases there are of each kind, at most some seconds old.

        While one request counts anew, others get what was counted before.
        """
        known = self._groups
        is_fresh = known is not None and time.monotonic() - known[0] < self._groups_hold_seconds
        if known is not None and (is_fresh or not self._counting.acquire(blocking=False)):
            return known[1]
        if known is None:
            self._counting.acquire()
        try:
            if self._groups is None or self._groups is known:
                began = time.monotonic()
                with reading() as work:
                    counted = count_groups(work)
                self._groups_hold_seconds = max(COUNT_SECONDS, (time.monotonic() - began) / _COUNTING_SHARE)
                self._groups = (time.monotonic(), counted)
            return self._groups[1]
        finally:
            self._counting.release()

    def count(self, wanted: QueueFilter, reading: Callable[[], AbstractContextManager[UnitOfWork]]) -> Count:
        """Return how many cases a filter means, at most some seconds old."""
        if is_grouped(wanted):
            return _sum(group for group in self.groups(reading) if holds(group, wanted))
        known = self._counts.get(wanted)
        if known is not None:
            return known
        with reading() as work:
            return self._counts.keep(wanted, Count(*count_cases(work, wanted)))

    def customers(self, questions: Questions, order_ids: Collection[str]) -> Mapping[str, Customer]:
        """Return whose these orders are, as far as the lake knows.

        Raises:
            FulfillmentError: The lake does not answer, or did not some seconds ago.
        """
        known = {order_id: self._customers.get(order_id) for order_id in order_ids if order_id}
        missing = sorted(order_id for order_id, customer in known.items() if customer is None)
        if missing:
            rows = self._ask(questions, "queue_customers", {"order_ids": missing})
            told = {row["order_id"]: Customer(row["customer_id"], row["customer_name"] or "") for row in rows}
            known |= {order_id: self._customers.keep(order_id, told.get(order_id, False)) for order_id in missing}
        return {order_id: customer for order_id, customer in known.items() if isinstance(customer, Customer)}

    def orders_found(self, questions: Questions, text: str) -> frozenset[str]:
        """Return the orders that a text stands for, by whatever number or name.

        Raises:
            FulfillmentError: The lake does not answer, or did not some seconds ago.
        """
        known = self._found.get(text)
        if known is not None:
            return known
        rows = self._ask(questions, "find_orders", {"text": text, "most": MOST_FOUND})
        return self._found.keep(text, frozenset(row["order_id"] for row in rows))

    def _ask(self, questions: Questions, name: str, parameters: Mapping[str, object]) -> list[Row]:
        if (silent := self._silence.get(name)) is not None:
            raise silent
        try:
            return questions.ask(name, parameters)
        except FulfillmentError as error:
            self._silence.keep(name, error)
            raise


def is_grouped(wanted: QueueFilter) -> bool:
    """Return whether a filter asks for nothing but what cases are counted by."""
    return not (
        wanted.cause
        or wanted.only_causes
        or wanted.order_id
        or wanted.due_before
        or wanted.waits_for
        or wanted.case_ids is not None
    )


def holds(group: QueueGroup, wanted: QueueFilter, *, but: str = "") -> bool:
    """Return whether a filter means the cases of a group, whatever it demands of the field named."""
    demands: tuple[tuple[str, str, Collection[str]], ...] = (
        ("severity", group.severity, wanted.severities),
        ("owner", group.owner, wanted.owners),
        ("node", group.node, wanted.nodes),
        ("code", group.code, wanted.codes),
        ("assignee", group.assignee, {wanted.assignee} - {""}),
    )
    if not all(name == but or not values or value in values for name, value, values in demands):
        return False
    return but == "state" or (group.state in wanted.states if wanted.states else group.state != CaseState.SUPPRESSED)


def _sum(groups: Iterable[QueueGroup]) -> Count:
    cases, amounts = 0, dict[str, Decimal]()
    for group in groups:
        cases += group.cases
        amounts[group.currency] = amounts.get(group.currency, Decimal(0)) + group.value_at_risk_amount
    return Count(cases, amounts)

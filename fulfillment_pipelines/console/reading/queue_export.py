"""A view of the queue as a table for a spreadsheet: all its cases, in its order, some at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.queue_asked import QueueAsked, Seeker
from fulfillment_pipelines.console.reading.queue_memory import Customer
from fulfillment_pipelines.console.reading.queue_rows import names_of, roles_of, titles_of, wanted_of, zone_of
from fulfillment_pipelines.corrections.approving.people import Person
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.ledger.case_queue import position_of, read_page

_AT_ONCE: Final = 1000
_COLUMNS: Final = (
    "case_id",
    "severity",
    "code",
    "title",
    "business_key",
    "state",
    "owner",
    "assignee",
    "site",
    "order_id",
    "customer_id",
    "customer_name",
    "expected",
    "found",
    "value_at_risk",
    "currency",
    "since",
    "due",
    "cause",
)
# Where one of these begins a cell, a spreadsheet takes the rest for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_MARK: Final = "\ufeff"


def csv_of(console: Console, asked: QueueAsked, person: Person) -> Iterator[str]:
    """Return the lines of the table, some at a time.

    Raises:
        BadDataError: What is asked for cannot be.
        RetryableError: The ledger does not answer.
    """
    now = console.now()
    with console.reading() as work:
        seeker = Seeker(person, roles_of(work, person, now), now, zone_of(console))
        wanted, _ = wanted_of(console, work, asked, seeker)
        page = read_page(work, wanted, asked.by, reverse=asked.is_reverse, limit=_AT_ONCE)
    titles, names = titles_of(console), names_of(console)

    def lines() -> Iterator[str]:
        # Spreadsheets tell by this mark in what letters the file is written.
        yield _MARK + _written([_COLUMNS])
        shown = page
        while shown.cases:
            customers = _customers(console, shown.cases)
            yield _written(_cells(case, titles, names, customers.get(case.order_id)) for case in shown.cases)
            if shown.is_last:
                return
            behind = position_of(shown.cases[-1], asked.by)
            with console.reading() as work:
                shown = read_page(work, wanted, asked.by, reverse=asked.is_reverse, limit=_AT_ONCE, after=behind)

    return lines()


def harmless(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _customers(console: Console, cases: Sequence[Case]) -> Mapping[str, Customer]:
    try:
        return console.queue.customers(console.questions, {case.order_id for case in cases})
    except FulfillmentError:
        return {}


def _cells(case: Case, titles: Mapping[str, str], names: Mapping[str, str], customer: Customer | None) -> Sequence[str]:
    texts = (
        case.case_id,
        case.severity,
        case.code,
        titles.get(case.code, ""),
        case.business_key,
        case.state,
        case.owner,
        names.get(case.assignee, case.assignee) if case.assignee else "",
        case.node,
        case.order_id,
        customer.customer_id if customer else "",
        customer.name if customer else "",
        case.expected_value,
        case.actual_value,
    )
    numbers = (
        f"{case.value_at_risk_amount:.2f}",
        case.currency,
        f"{case.condition_since:%Y-%m-%dT%H:%M:%SZ}",
        f"{case.fix_due_at:%Y-%m-%dT%H:%M:%SZ}",
        case.parent_case_id or "",
    )
    return (*map(harmless, texts), *numbers)


def _written(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()

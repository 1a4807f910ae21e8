"""One page of the queue: its rows with everything that is shown of them, its filters, views and neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from fulfillment_pipelines.console.api.cursors import behind, cursor_of
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.queue_asked import QueueAsked, Seeker
from fulfillment_pipelines.console.reading.queue_facets import (
    Chip,
    Facet,
    assignee_choices,
    chips_of,
    due_choices,
    facets_of,
)
from fulfillment_pipelines.console.reading.queue_memory import Count, Customer
from fulfillment_pipelines.console.reading.queue_views import ViewLink, standing_views, view_links
from fulfillment_pipelines.corrections.approving.people import Person
from fulfillment_pipelines.domain.case import Case, CaseState
from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.ledger.approvals import standing_delegations
from fulfillment_pipelines.ledger.case_queue import (
    MOST_FOUND,
    Position,
    QueueFilter,
    QueuePage,
    QueueSort,
    effects_of,
    find_cases,
    last_events_of,
    position_from,
    position_of,
    read_page,
)
from fulfillment_pipelines.ledger.saved_views import views_of
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

PAGE_ROWS: Final = 50
"""Cases on a page."""

_LISTED: Final = "queue"
_HEADS: Final = {QueueSort.SEVERITY: "Sev", QueueSort.DUE: "Due", QueueSort.VALUE: "At risk", QueueSort.AGE: "Age"}


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One case in the queue.

    Attributes:
        case: The case.
        title: What its code means.
        name: The same in two or three words.
        customer: Whose order it is; None where that is not known.
        assignee: Who has it, by name; empty for nobody.
        effects: How many open cases it causes.
        seen: What happened to it last, by number.
        age: For how long the difference has been there.
        is_paused: Whether its clock stands still.
    """

    case: Case
    title: str
    name: str
    customer: Customer | None
    assignee: str
    effects: int
    seen: int
    age: timedelta
    is_paused: bool


@dataclass(frozen=True, slots=True)
class Head:
    """A column by which the queue can be sorted.

    Attributes:
        label: Its head.
        query: What sorts by it, or the other way round.
        order: `ascending` or `descending` as it is sorted now; empty where it is not sorted by this.
    """

    label: str
    query: str
    order: str


@dataclass(frozen=True, slots=True)
class Queue:
    """One page of the queue.

    Attributes:
        asked: What is shown.
        rows: The cases.
        now: The moment it speaks of.
        total: How many there are in all, and what they are worth.
        heads: The columns it can be sorted by.
        views: Where else to look.
        facets: What it can be narrowed to.
        chips: What it is narrowed to.
        previous: What asks for the page before; None on the first.
        following: What asks for the next page; None on the last.
        problem: What the lake did not tell, and what to do; empty where it told all.
        is_cut: Whether more was found than is shown.
        people: Who a case can be assigned to, by name.
        teams: One's own teams.
    """

    asked: QueueAsked
    rows: tuple[QueueRow, ...]
    now: datetime
    total: Count
    heads: Mapping[str, Head]
    views: tuple[ViewLink, ...]
    facets: tuple[Facet, ...]
    chips: tuple[Chip, ...]
    previous: str | None
    following: str | None
    problem: str
    is_cut: bool
    people: Mapping[str, str]
    teams: tuple[str, ...]

    @property
    def here(self) -> str:
        """What asks for this page."""
        return self.asked.query()


def read_queue(console: Console, asked: QueueAsked, person: Person) -> Queue:
    """Return a page of the queue, as one person sees it.

    Raises:
        BadDataError: What is asked for cannot be.
        RetryableError: The ledger does not answer.
    """
    now, memory = console.now(), console.queue
    titles, names = titles_of(console), names_of(console)
    with console.reading() as work:
        seeker = Seeker(person, roles_of(work, person, now), now, zone_of(console))
        wanted, problem = wanted_of(console, work, asked, seeker)
        page = page_of(work, asked, wanted)
        identities = [case.case_id for case in page.cases]
        effects, seen = effects_of(work, identities), last_events_of(work, identities)
        saved = views_of(work, person.id, person.teams)
    customers, unknown = _customers(console, page)
    known = _Known(now, titles, names, customers, effects, seen)

    def count(view: QueueAsked) -> int:
        # A search is not counted before it is asked.
        return memory.count(view.wanted(seeker), console.reading).cases if not view.find else 0

    return Queue(
        asked=asked,
        rows=tuple(known.row(case) for case in page.cases),
        now=now,
        total=memory.count(wanted, console.reading),
        heads={sort.value: _head(asked, sort) for sort in QueueSort},
        views=view_links(asked, standing_views(person, titles), saved, count),
        facets=(
            *facets_of(asked, wanted, memory.groups(console.reading), titles),
            assignee_choices(asked, names),
            due_choices(asked),
        ),
        chips=chips_of(asked, names),
        previous=None if page.is_first or not page.cases else beside(asked, page.cases[0], "before"),
        following=None if page.is_last or not page.cases else beside(asked, page.cases[-1], "after"),
        problem=problem or unknown,
        is_cut=wanted.case_ids is not None and len(wanted.case_ids) >= MOST_FOUND,
        people=names,
        teams=tuple(sorted(person.teams)),
    )


def wanted_of(console: Console, work: UnitOfWork, asked: QueueAsked, seeker: Seeker) -> tuple[QueueFilter, str]:
    """Return what is asked of the ledger, with what a search has found, and what the lake did not tell."""
    wanted = asked.wanted(seeker)
    if not asked.find:
        return wanted, ""
    problem, orders = "", frozenset[str]()
    try:
        orders = console.queue.orders_found(console.questions, asked.find)
    except FulfillmentError as error:
        problem = f"Customers, items and tracking numbers are not searched: {error.what} {error.remedy}."
    return replace(wanted, case_ids=find_cases(work, asked.find, orders)), problem


def page_of(work: UnitOfWork, asked: QueueAsked, wanted: QueueFilter, *, limit: int = PAGE_ROWS) -> QueuePage:
    """Return the cases of the page that is asked for.

    Raises:
        BadDataError: Its place is none in this queue.
    """
    place = partial(_place, asked)
    return read_page(
        work,
        wanted,
        asked.by,
        reverse=asked.is_reverse,
        limit=limit,
        after=place(asked.after),
        before=place(asked.before),
    )


def titles_of(console: Console) -> Mapping[str, str]:
    """Return what each exception code means."""
    return {rule.code: rule.title for rule in console.platform.reconciler.rules}


def names_of(console: Console) -> Mapping[str, str]:
    """Return the names of the people who work here, by identity."""
    return {person.id: person.name for person in console.policies.people.everybody if person.active}


def roles_of(work: UnitOfWork, person: Person, now: datetime) -> frozenset[str]:
    """Return the roles in which somebody may decide now: one's own, and those that were lent."""
    lent = {one.role for one in standing_delegations(work, now) if one.delegate == person.id}
    return person.roles | lent


def zone_of(console: Console) -> ZoneInfo:
    """Return the zone in which a day of this distributor ends."""
    return ZoneInfo(console.platform.case_policy.routing.calendar_of("").zone)


def _customers(console: Console, page: QueuePage) -> tuple[Mapping[str, Customer], str]:
    try:
        return console.queue.customers(console.questions, {case.order_id for case in page.cases}), ""
    except FulfillmentError as error:
        return {}, f"Customers are not shown: {error.what} {error.remedy}."


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known beside the cases themselves, by code, person, order and case."""

    now: datetime
    titles: Mapping[str, str]
    names: Mapping[str, str]
    customers: Mapping[str, Customer]
    effects: Mapping[str, int]
    seen: Mapping[str, int]

    def row(self, case: Case) -> QueueRow:
        title = self.titles.get(case.code, case.code)
        return QueueRow(
            case=case,
            title=title,
            name=_short_of(title),
            customer=self.customers.get(case.order_id),
            assignee=self.names.get(case.assignee, case.assignee) if case.assignee else "",
            effects=self.effects.get(case.case_id, 0),
            seen=self.seen.get(case.case_id, 0),
            age=self.now - case.condition_since,
            is_paused=case.state in {CaseState.WAITING_EXTERNAL, CaseState.SUPPRESSED},
        )


def _short_of(title: str) -> str:
    return title.partition(",")[0].partition(";")[0]


def _head(asked: QueueAsked, sort: QueueSort) -> Head:
    is_here = asked.by is sort
    query = asked.query(sort=f"-{sort}" if is_here and not asked.is_reverse else sort.value)
    falls = (sort is QueueSort.VALUE) != asked.is_reverse
    return Head(_HEADS[sort], query, ("descending" if falls else "ascending") if is_here else "")


def beside(asked: QueueAsked, case: Case, direction: str) -> str:
    """Return what asks for the page `after` or `before` a case."""
    parts = [_text(part) for part in position_of(case, asked.by)]
    return asked.query(**{direction: cursor_of(_LISTED, _fingerprint(asked), parts)})


def _place(asked: QueueAsked, cursor: str) -> Position | None:
    if not cursor:
        return None
    return position_from(behind(cursor, _LISTED, _fingerprint(asked)), asked.by)


def _fingerprint(asked: QueueAsked) -> Mapping[str, object]:
    return {"query": replace(asked, after="", before="").query()}


def _text(part: datetime | Decimal | str) -> str:
    return part.isoformat() if isinstance(part, datetime) else str(part)

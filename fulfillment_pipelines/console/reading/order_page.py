"""Order 360: one order in all systems, the same for finance, operations and customer service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.case_evidence import RecordTable, read_snapshots, record_table
from fulfillment_pipelines.console.reading.case_timeline import Moment, moments_of
from fulfillment_pipelines.console.reading.case_timing import untried, without_tolerances
from fulfillment_pipelines.console.reading.case_words import sentence_of
from fulfillment_pipelines.console.reading.one_moment import asking
from fulfillment_pipelines.console.reading.order_picture import Lanes, Picture, lanes_of, picture_of
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.errors import BadDataError, FulfillmentError
from fulfillment_pipelines.explanation.questions import Questions
from fulfillment_pipelines.explanation.story import Edge, Judgement, MatchedDocument, tell
from fulfillment_pipelines.explanation.subjects import Subject, find_subject
from fulfillment_pipelines.explanation.verdicts import ExplainedFinding
from fulfillment_pipelines.ledger.readings import CaseFilter, list_cases
from fulfillment_pipelines.reconcile.matching.policy import read_matching_policy

_ASKED: Final = (
    "orders",
    "order_lines",
    "holds",
    "releases",
    "shipment_lines",
    "delivery_lines",
    "transports",
    "returns",
    "invoice_lines",
    "order_statuses",
    "customer_cases",
)
_SHOWN: Final = frozenset(_ASKED) - {"order_lines", "releases"}


@dataclass(frozen=True, slots=True)
class LineMilestones:
    """What was planned for one line, and what came of it; None for what is not known.

    Attributes:
        line_no: The line.
        late: How much later than promised it arrived or will, or is already; not positive for in time.
        is_delivered: Whether it has arrived.
    """

    line_no: int
    release_due_at: datetime | None
    released_at: datetime | None
    picked_at: datetime | None
    left_at: datetime | None
    promised_at: datetime | None
    eta_at: datetime | None
    delivered_at: datetime | None
    invoiced_at: datetime | None
    late: timedelta | None
    is_delivered: bool


@dataclass(frozen=True, slots=True)
class ToldCase:
    """A case of the order, open or past, in one sentence."""

    case: Case
    sentence: str


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One order.

    Attributes:
        subject: What was asked about.
        order_id: The number by which the ledger knows it.
        customer: Name and number, as far as they are known.
        header: What the ERP says of it, else the channel; empty where neither does.
        picture: Its quantities.
        milestones: Line by line, planned and actual.
        tables: Its records by kind, each system beside the others.
        cases: Open and past.
        net_amount: What its lines are worth by currency, in words.
        now: The moment it speaks of.
        lake_problem: Why the lake does not answer; None where it does.
    """

    subject: Subject
    order_id: str
    customer: str
    header: Mapping[str, Any]
    picture: Picture
    milestones: tuple[LineMilestones, ...]
    tables: Mapping[str, RecordTable]
    cases: tuple[ToldCase, ...]
    net_amount: str
    now: datetime
    lake_problem: FulfillmentError | None = None

    @property
    def open_cases(self) -> int:
        """How many of its cases are open."""
        return sum(one.case.closed_at is None for one in self.cases)


@dataclass(frozen=True, slots=True)
class OrderStory:
    """What the verdicts on an order rest on, and its whole life.

    Attributes:
        order_id: The order.
        edges: Edge by edge of its quantity ledger.
        findings: What the rules say of it.
        documents: Documents that name no order and were matched to it.
        lanes: Its life, system by system; None where nothing happened.
        moments: The same in words.
    """

    order_id: str
    edges: tuple[Edge, ...]
    findings: tuple[ExplainedFinding, ...]
    documents: tuple[MatchedDocument, ...]
    lanes: Lanes | None
    moments: tuple[Moment, ...]

    @property
    def edge_names(self) -> tuple[str, ...]:
        """The edges, in the order in which goods pass them."""
        return tuple(dict.fromkeys(edge.edge for edge in self.edges))

    @property
    def matrix(self) -> tuple[tuple[int, tuple[Edge | None, ...]], ...]:
        """Line by line: its number, and each edge."""
        by_place = {(edge.line_no, edge.edge): edge for edge in self.edges}
        lines = dict.fromkeys(edge.line_no for edge in self.edges)
        return tuple((line, tuple(by_place.get((line, name)) for name in self.edge_names)) for line in lines)


def require_subject(explanations: Questions, asked: str) -> Subject:
    """Return what a number stands for.

    Raises:
        NotThereError: Nothing has that number; the error names the nearest ones.
        BadDataError: The lake does not hold what a run makes.
    """
    try:
        return find_subject(explanations, asked)
    except BadDataError as unknown:
        if not unknown.what.startswith("Nothing is known"):
            raise
        raise NotThereError(
            unknown.what, expected=unknown.expected, found=unknown.found, remedy=unknown.remedy
        ) from unknown


def read_order_page(console: Console, asked: str) -> OrderPage:
    """Return everything that the page of an order shows.

    Raises:
        NotThereError: Nothing has that number.
        BadDataError: The lake does not hold what a run makes.
    """
    now = console.now()
    with asking(console) as lake:
        subject = require_subject(lake.explanations, asked)
        order_ids = list(subject.order_ids) or [subject.id]
        rows = _records(lake.questions, order_ids)
        read = read_snapshots(lake.questions, _snapshots(rows[name] for name in _SHOWN))
        ledger = lake.questions.ask("order_ledger", {"order_ids": order_ids})
        header = _header(rows["orders"])
        customer = _customer(lake.questions, header)
    with console.reading() as work:
        cases = [case for one in order_ids for case in list_cases(work, CaseFilter(order_id=one))]
    titles = {rule.code: rule.title for rule in console.platform.reconciler.rules}
    return OrderPage(
        subject=subject,
        order_id=order_ids[0],
        customer=customer,
        header=header,
        picture=picture_of(ledger),
        milestones=tuple(_milestones(row["line_no"], rows, now) for row in ledger),
        tables={name: record_table(name, rows[name], read) for name in _SHOWN if rows[name]},
        cases=tuple(
            ToldCase(case, sentence_of(case, titles.get(case.code, case.code)))
            for case in sorted(cases, key=lambda case: (case.closed_at is not None, case.fix_due_at))
        ),
        net_amount=_worth(ledger),
        now=now,
    )


def read_order_story(console: Console, asked: str) -> OrderStory:
    """Return what the verdicts on an order rest on, and its whole life.

    Raises:
        NotThereError: Nothing has that number.
        BadDataError: The lake does not hold what a run makes.
    """
    platform = console.platform
    judgement = Judgement(
        rules=[without_tolerances(rule) for rule in platform.reconciler.rules],
        trials=untried(platform.warehouse),
        matching=read_matching_policy(platform.distributor.seeds / "matching.yaml"),
    )
    with asking(console) as lake:
        subject = require_subject(lake.explanations, asked)
        with console.reading() as work:
            story = tell(lake.explanations, work, subject, judgement)
        order_ids = list(subject.order_ids) or [subject.id]
        lines = lake.questions.ask("evidence_order_lines", {"order_ids": order_ids, "line_no": None})
    return OrderStory(
        order_id=order_ids[0],
        edges=story.edges,
        findings=story.findings,
        documents=story.documents,
        lanes=lanes_of(story.events, _planned(lines)),
        moments=moments_of(story.events),
    )


def _records(questions: Questions, order_ids: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
    asked: dict[str, Any] = {"order_ids": list(order_ids), "line_no": None, "shipment_ids": [], "references": []}
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for name in _ASKED:
        rows[name] = questions.ask(f"evidence_{name}", asked)
        if name == "orders":
            named = {row["channel_order_id"] for row in rows[name] if row["channel_order_id"]}
            asked["order_ids"] = sorted({*order_ids, *named})
        if name == "shipment_lines":
            asked["shipment_ids"] = sorted({row["shipment_id"] for row in rows[name]})
    return rows


def _snapshots(groups: Iterable[Sequence[Mapping[str, Any]]]) -> set[str]:
    return {row["snapshot_id"] for rows in groups for row in rows if row["snapshot_id"]}


def _header(orders: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return an order as the ERP has it, else as a channel does."""
    return next((row for row in orders if row["role"] == "erp"), orders[0] if orders else {})


def _customer(questions: Questions, header: Mapping[str, Any]) -> str:
    customer_id = header.get("customer_id")
    if not customer_id:
        return ""
    rows = questions.ask("evidence_customers", {"customer_ids": [customer_id]})
    return f"{rows[0]['customer_name']} ({customer_id})" if rows and rows[0]["customer_name"] else customer_id


def _milestones(line_no: int, rows: Mapping[str, Sequence[Mapping[str, Any]]], now: datetime) -> LineMilestones:
    def of_line(name: str, role: str = "") -> list[Mapping[str, Any]]:
        return [row for row in rows[name] if row["line_no"] == line_no and role in {"", row["role"]}]

    legs = {row["shipment_id"] for row in of_line("shipment_lines")}
    plan = of_line("order_lines", "erp") or of_line("order_lines")
    etas = [row for row in rows["transports"] if row["shipment_id"] in legs]
    promised, delivered = _first(plan, "promised_at"), _last(of_line("delivery_lines"), "delivered_at")
    eta = _last(etas, "eta_at")
    arrives = delivered or max((at for at in (eta, now) if at), default=now)
    is_demanded = any((row["ordered_qty"] or 0) > (row["cancelled_qty"] or 0) for row in plan)
    return LineMilestones(
        line_no=line_no,
        release_due_at=_first(plan, "release_due_at"),
        released_at=_first(of_line("releases", "erp"), "released_at"),
        picked_at=_last(of_line("releases", "wms"), "picked_at"),
        left_at=_last(of_line("shipment_lines", "wms"), "shipped_at"),
        promised_at=promised,
        eta_at=eta,
        delivered_at=delivered,
        invoiced_at=_first(of_line("invoice_lines"), "posted_at"),
        late=arrives - promised if promised and is_demanded else None,
        is_delivered=delivered is not None,
    )


def _first(rows: Iterable[Mapping[str, Any]], name: str) -> datetime | None:
    return min((row[name] for row in rows if row[name]), default=None)


def _last(rows: Iterable[Mapping[str, Any]], name: str) -> datetime | None:
    return max((row[name] for row in rows if row[name]), default=None)


def _worth(ledger: Iterable[Mapping[str, Any]]) -> str:
    amounts: dict[str, Decimal] = {}
    for row in ledger:
        if row["unit_price"] is not None:
            worth = (row["ordered_qty"] - row["cancelled_qty"]) * row["unit_price"]
            amounts[row["currency"] or ""] = amounts.get(row["currency"] or "", Decimal(0)) + worth
    return ", ".join(f"{amount:,.2f} {currency}".rstrip() for currency, amount in sorted(amounts.items()))


def _planned(lines: Iterable[Mapping[str, Any]]) -> list[tuple[datetime, str]]:
    plan = {
        (row[name], words)
        for row in lines
        if row["role"] == "erp"
        for name, words in (("release_due_at", "release due"), ("promised_at", "promised"))
        if row[name]
    }
    return sorted(plan)

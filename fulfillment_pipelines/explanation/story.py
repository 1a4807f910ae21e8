"""The whole life of an order: events, quantities side by side, edges with their verdicts, documents, cases.

Read once from the lake and the ledger into plain values; how a finding is put into words belongs to `verdicts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from fulfillment_pipelines.domain.finding import Verdict
from fulfillment_pipelines.explanation.near_misses import NearMiss, near_misses
from fulfillment_pipelines.explanation.questions import Questions, Row
from fulfillment_pipelines.explanation.subjects import Subject
from fulfillment_pipelines.explanation.trials import RuleTrials
from fulfillment_pipelines.explanation.verdicts import ExplainedFinding, Feed, explain_findings
from fulfillment_pipelines.ledger import readings
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.reconcile.matching.policy import MatchingPolicy
from fulfillment_pipelines.reconcile.rules import Rule

_WORST_FIRST: Final = (Verdict.DIFFER, Verdict.UNKNOWN, Verdict.TIMING, Verdict.AGREE)
_SUPPORT: Final = {
    "ordered": {("channel", "ordered"), ("erp", "ordered")},
    "released": {("erp", "released"), ("wms", "released")},
    "shipped": {("wms", "shipped"), ("erp", "shipped")},
    "delivered": {("wms", "shipped"), ("erp", "shipped"), ("carrier", "delivered")},
    "billed": {("wms", "shipped"), ("wms", "returned"), ("finance", "invoiced"), ("finance", "credited")},
}
"""Which quantities an edge compares."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """By what an order is judged: rules, their tolerances and limits, as they are configured now."""

    rules: Sequence[Rule]
    trials: RuleTrials
    matching: MatchingPolicy


@dataclass(frozen=True, slots=True)
class OrderHeader:
    """An order as one system has it."""

    system: str
    role: str
    order_id: str
    channel: str | None
    channel_order_id: str | None
    customer_id: str | None
    customer_po: str | None
    status: str
    ordered_at: datetime
    snapshot_id: str


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """Something that happened, as one system tells it under its own order number; read in `snapshot_id`."""

    occurred_at: datetime
    event: str
    system: str
    order_id: str | None
    line_no: int | None
    subject_id: str | None
    quantity_qty: Decimal | None
    detail: str
    snapshot_id: str


@dataclass(frozen=True, slots=True)
class ToldQuantity:
    """A quantity of an order line in base units, as one system tells it."""

    order_id: str
    line_no: int
    quantity: str
    system: str
    role: str
    value_qty: Decimal
    snapshot_id: str


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge of the quantity ledger of a line.

    Attributes:
        residual_qty: What is left over between the systems.
        verdict: The worst of the findings that account for it; AGREE where nothing is left over.
        codes: Those findings.
        reason: Why, in words.
        supported_by: The quantities that were compared, each with its system and snapshot.
    """

    order_id: str
    line_no: int
    edge: str
    residual_qty: Decimal
    verdict: Verdict
    codes: tuple[str, ...]
    reason: str
    supported_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MatchedDocument:
    """A document line without an exact reference, and what it was matched to."""

    system: str
    invoice_id: str
    invoice_line_no: int
    document_type: str
    spelled_order_id: str | None
    order_id: str | None
    line_no: int | None
    shipment_id: str | None
    billed_qty: Decimal
    matched_qty: Decimal
    match_label: str
    match_score: Decimal
    match_reason: str
    snapshot_id: str


@dataclass(frozen=True, slots=True)
class LedgerCase:
    """A case of the order, open or past, and what was done about it.

    Attributes:
        last_note: What its history says last.
        corrections: Each as message, target and state.
    """

    case_id: str
    code: str
    business_key: str
    node: str
    state: str
    severity: str
    owner: str
    opened_at: datetime
    fix_due_at: datetime
    closed_at: datetime | None
    last_note: str
    corrections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is known of what was asked about."""

    subject: Subject
    orders: tuple[OrderHeader, ...]
    events: tuple[LifeEvent, ...]
    quantities: tuple[ToldQuantity, ...]
    edges: tuple[Edge, ...]
    findings: tuple[ExplainedFinding, ...]
    documents: tuple[MatchedDocument, ...]
    near_misses: tuple[NearMiss, ...]
    cases: tuple[LedgerCase, ...]


def tell(questions: Questions, work: UnitOfWork, subject: Subject, judgement: Judgement) -> Story:
    """Gather the life of what was asked about.

    Raises:
        BadDataError: The lake does not hold what a run makes.
    """
    keys = {"id": subject.id, "order_ids": list(subject.order_ids)}
    orders = tuple(OrderHeader(**_only(OrderHeader, row)) for row in questions.ask("explain_orders", keys))
    channel_ids = {order.order_id: order.channel_order_id for order in orders if order.channel_order_id}
    keys["channel_order_ids"] = sorted(channel_ids.values())
    feeds = tuple(Feed(**row) for row in questions.ask("explain_feeds", keys))
    rows = _of_line(questions.ask("explain_findings", keys), subject)
    findings = explain_findings(rows, judgement.rules, judgement.trials, feeds)
    own_ids = {channel_id: order_id for order_id, channel_id in channel_ids.items() if order_id in subject.order_ids}
    quantities = tuple(
        ToldQuantity(**{**row, "order_id": own_ids.get(row["order_id"], row["order_id"])})
        for row in _of_line(questions.ask("explain_quantities", keys), subject)
    )
    ledger = _of_line(questions.ask("explain_ledger", keys), subject)
    documents = questions.ask("explain_documents", keys)
    told = {edge for rule in judgement.rules for edge in rule.explains}
    candidates = () if "invoice" in subject.kind else subject.order_ids
    return Story(
        subject=subject,
        orders=orders,
        events=tuple(LifeEvent(**row) for row in _of_line(questions.ask("explain_events", keys), subject)),
        quantities=quantities,
        edges=tuple(_edge(row, findings, _compared(row, quantities)) for row in ledger if row["edge"] in told),
        findings=findings,
        documents=tuple(
            MatchedDocument(**_only(MatchedDocument, row)) for row in documents if row["match_label"] != "unmatched"
        ),
        near_misses=near_misses(questions, documents, judgement.matching, order_ids=candidates),
        cases=tuple(case for order_id in subject.order_ids for case in _cases(work, order_id)),
    )


def _only(kind: type, row: Row) -> dict[str, Any]:
    return {field.name: row[field.name] for field in fields(kind)}


def _of_line(rows: Iterable[Row], subject: Subject) -> list[Row]:
    """Keep what speaks of the line that was asked for, and what speaks of the whole order."""
    return [row for row in rows if subject.line_no is None or row["line_no"] in {None, subject.line_no}]


def _compared(row: Row, quantities: Iterable[ToldQuantity]) -> tuple[str, ...]:
    """Return the quantities that an edge compares, as each system tells them."""
    return tuple(
        f"{told.system}: {told.quantity} {told.value_qty.normalize():f} ({told.snapshot_id})"
        for told in quantities
        if (told.role, told.quantity) in _SUPPORT[row["edge"]]
        and told.line_no == row["line_no"]
        and told.order_id == row["order_id"]
    )


def _edge(row: Row, findings: Sequence[ExplainedFinding], supported_by: tuple[str, ...]) -> Edge:
    accounting = [
        finding
        for finding in findings
        if row["edge"] in finding.edges
        and finding.order_id == row["order_id"]
        and finding.line_no in {None, row["line_no"]}
    ]
    verdict, reason = Verdict.AGREE, "nothing is left over"
    if accounting:
        verdict = min((one.verdict for one in accounting), key=_WORST_FIRST.index)
        reason = "; ".join(f"{one.code} {one.verdict}: {one.reason}" for one in accounting)
    elif row["residual_qty"]:
        verdict, reason = Verdict.TIMING, "booked after the other system was read; the next reading settles it"
    return Edge(
        order_id=row["order_id"],
        line_no=row["line_no"],
        edge=row["edge"],
        residual_qty=row["residual_qty"],
        verdict=verdict,
        codes=tuple(sorted({one.code for one in accounting})),
        reason=reason,
        supported_by=supported_by,
    )


def _cases(work: UnitOfWork, order_id: str) -> Iterator[LedgerCase]:
    for case in readings.list_cases(work, readings.CaseFilter(order_id=order_id)):
        file = readings.show_case(work, case.case_id)
        corrections = [one.correction for one in file.corrections] if file else []
        yield LedgerCase(
            case_id=case.case_id,
            code=case.code,
            business_key=case.business_key,
            node=case.node,
            state=case.state.value,
            severity=case.severity.value,
            owner=case.owner,
            opened_at=case.opened_at,
            fix_due_at=case.fix_due_at,
            closed_at=case.closed_at,
            last_note=file.history[-1].note if file and file.history else "",
            corrections=tuple(f"{one.message} -> {one.target}: {one.state}" for one in corrections),
        )

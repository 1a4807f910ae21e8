"""What an operator looks at: lists of cases and corrections, one case with its history, totals by code.

Everything here only reads; use it within `Ledger.reading()`. How it is shown belongs in the command line and
the console.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, func, select

from fulfillment_pipelines.domain.case import Case, CaseEvent, CaseEventKind, CaseState
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.cases import case_of
from fulfillment_pipelines.ledger.corrections import CorrectionRecord, record_of
from fulfillment_pipelines.ledger.outbox import AttemptReceipt, DeliveryStep, Outcome
from fulfillment_pipelines.ledger.tables import case_event, correction, exception_case, receipt
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases to list. An empty condition holds for every case.

    Attributes:
        codes: Exception codes.
        states: States.
        owner: Owning team.
        node: Site.
        order_id: ERP order number.
        only_open: Leave out cases whose cure was proved.
        limit: At most so many, those due first.
    """

    codes: frozenset[str] = frozenset()
    states: frozenset[CaseState] = frozenset()
    owner: str = ""
    node: str = ""
    order_id: str = ""
    only_open: bool = False
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class CorrectionFilter:
    """Which corrections to list. An empty condition holds for every correction.

    Attributes:
        codes: Exception codes.
        states: States.
        target: Receiving system.
        case_id: One case.
        minimum_unproved_watermarks: Acknowledged, but still seen at so many later watermarks.
        limit: At most so many, newest first.
    """

    codes: frozenset[str] = frozenset()
    states: frozenset[CorrectionState] = frozenset()
    target: str = ""
    case_id: str = ""
    minimum_unproved_watermarks: int = 0
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class CorrectionFile:
    """A correction and every attempt to deliver it, oldest first."""

    correction: CorrectionRecord
    receipts: tuple[AttemptReceipt, ...]


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case with its history, its corrections and the cases that it causes; each oldest first."""

    case: Case
    history: tuple[CaseEvent, ...]
    corrections: tuple[CorrectionFile, ...]
    children: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class CodeTotal:
    """How many cases of one code and currency there are.

    Attributes:
        code: Exception code.
        currency: ISO 4217 code of the amount.
        open_cases: Cases whose cure is not proved.
        ended_cases: Cases whose cure is.
        value_at_risk_amount: Sum over the open ones.
    """

    code: str
    currency: str
    open_cases: int
    ended_cases: int
    value_at_risk_amount: Decimal


def list_cases(work: UnitOfWork, wanted: CaseFilter = CaseFilter()) -> list[Case]:
    """Return cases, those due first."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.codes:
        conditions.append(exception_case.c.code.in_(sorted(wanted.codes)))
    if wanted.states:
        conditions.append(exception_case.c.state.in_(sorted(wanted.states)))
    if wanted.owner:
        conditions.append(exception_case.c.owner == wanted.owner)
    if wanted.node:
        conditions.append(exception_case.c.node == wanted.node)
    if wanted.order_id:
        conditions.append(exception_case.c.order_id == wanted.order_id)
    if wanted.only_open:
        conditions.append(exception_case.c.closed_at.is_(None))
    query = select(exception_case).where(*conditions)
    ordered = query.order_by(exception_case.c.fix_due_at, exception_case.c.case_id).limit(wanted.limit)
    return [case_of(row) for row in work.rows(ordered)]


def list_corrections(
    work: UnitOfWork,
    wanted: CorrectionFilter = CorrectionFilter(),
) -> list[CorrectionRecord]:
    """Return corrections, newest first."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.codes:
        conditions.append(correction.c.code.in_(sorted(wanted.codes)))
    if wanted.states:
        conditions.append(correction.c.state.in_(sorted(wanted.states)))
    if wanted.target:
        conditions.append(correction.c.target == wanted.target)
    if wanted.case_id:
        conditions.append(correction.c.case_id == wanted.case_id)
    if wanted.minimum_unproved_watermarks:
        conditions.append(correction.c.unproved_watermarks >= wanted.minimum_unproved_watermarks)
    query = select(correction).where(*conditions)
    ordered = query.order_by(correction.c.proposed_at.desc(), correction.c.correction_id).limit(wanted.limit)
    return [record_of(row) for row in work.rows(ordered)]


def show_case(work: UnitOfWork, case_id: str) -> CaseFile | None:
    """Return one case with its history and corrections; None where there is no such case."""
    rows = work.rows(select(exception_case).where(exception_case.c.case_id == case_id))
    if not rows:
        return None
    history = work.rows(select(case_event).where(case_event.c.case_id == case_id).order_by(case_event.c.event_id))
    records = work.rows(_of_case(case_id))
    receipts = work.rows(
        select(receipt)
        .join(correction, correction.c.correction_id == receipt.c.correction_id)
        .where(correction.c.case_id == case_id)
        .order_by(receipt.c.receipt_id)
    )
    return CaseFile(
        case=case_of(rows[0]),
        history=tuple(_event_of(row) for row in history),
        corrections=tuple(
            CorrectionFile(
                correction=record_of(row),
                receipts=tuple(_receipt_of(entry) for entry in receipts if entry.correction_id == row.correction_id),
            )
            for row in records
        ),
        children=tuple(case_of(row) for row in work.rows(_children_of(case_id))),
    )


def show_correction(work: UnitOfWork, correction_id: str) -> CorrectionFile | None:
    """Return one correction with every attempt to deliver it; None where there is no such correction."""
    rows = work.rows(select(correction).where(correction.c.correction_id == correction_id))
    if not rows:
        return None
    of_correction = select(receipt).where(receipt.c.correction_id == correction_id).order_by(receipt.c.receipt_id)
    return CorrectionFile(record_of(rows[0]), tuple(_receipt_of(row) for row in work.rows(of_correction)))


def receipts_of(work: UnitOfWork, correction_id: str) -> list[AttemptReceipt]:
    """Return every attempt to deliver a correction, oldest first."""
    of_correction = select(receipt).where(receipt.c.correction_id == correction_id)
    return [_receipt_of(row) for row in work.rows(of_correction.order_by(receipt.c.receipt_id))]


def overdue_orders(work: UnitOfWork, now: datetime) -> list[str]:
    """Return the order of each open case whose deadline has passed, once for every such case."""
    columns = exception_case.c
    is_overdue = columns.closed_at.is_(None) & (columns.fix_due_at < now) & (columns.order_id != "")
    return [row.order_id for row in work.rows(select(columns.order_id).where(is_overdue))]


def totals_by_code(work: UnitOfWork) -> list[CodeTotal]:
    """Return how many cases there are and what the open ones are worth, one row per code and currency."""
    is_open = exception_case.c.closed_at.is_(None)
    # The stored amount is a whole number of hundredths; the sum is read as that and scaled once.
    hundredths = exception_case.c.value_at_risk_amount
    rows = work.rows(
        select(
            exception_case.c.code,
            exception_case.c.currency,
            func.sum(case((is_open, 1), else_=0)).label("open_cases"),
            func.sum(case((is_open, 0), else_=1)).label("ended_cases"),
            func.sum(case((is_open, hundredths), else_=None)).label("value_at_risk_amount"),
        )
        .group_by(exception_case.c.code, exception_case.c.currency)
        .order_by(exception_case.c.code, exception_case.c.currency)
    )
    return [
        CodeTotal(row.code, row.currency, row.open_cases, row.ended_cases, row.value_at_risk_amount or Decimal("0.00"))
        for row in rows
    ]


def _children_of(case_id: str) -> Select[Any]:
    children = select(exception_case).where(exception_case.c.parent_case_id == case_id)
    return children.order_by(exception_case.c.detected_at, exception_case.c.case_id)


def _of_case(case_id: str) -> Select[Any]:
    of_case = select(correction).where(correction.c.case_id == case_id)
    return of_case.order_by(correction.c.proposed_at, correction.c.correction_id)


def _event_of(row: Row[Any]) -> CaseEvent:
    values = {field.name: getattr(row, field.name) for field in fields(CaseEvent)}
    values["event"] = CaseEventKind(row.event)
    values["from_state"] = CaseState(row.from_state)
    values["to_state"] = CaseState(row.to_state)
    return CaseEvent(**values)


def _receipt_of(row: Row[Any]) -> AttemptReceipt:
    values = {field.name: getattr(row, field.name) for field in fields(AttemptReceipt)}
    values["step"] = DeliveryStep(row.step)
    values["outcome"] = Outcome(row.outcome)
    return AttemptReceipt(**values)

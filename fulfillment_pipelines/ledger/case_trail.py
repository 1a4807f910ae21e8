"""What was recorded of one case and its corrections, and which orders are in trouble: for who looks at one of them.

Everything here only reads; use it within `Ledger.reading()`. Searching the whole audit log belongs elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, select

from fulfillment_pipelines.domain.finding import Severity
from fulfillment_pipelines.ledger.tables import audit_log, exception_case
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row of the audit log, as a person reads it.

    Attributes:
        sequence: Its number.
        recorded_at: When.
        actor: Who did it.
        action: What was done.
        subject: To what.
        reason: Why, in words.
        detail: What else is known, without the identity of the request.
        request_id: The request in which it was done; empty where no person asked for it.
        row_hash: By which the chain is verified.
    """

    sequence: int
    recorded_at: datetime
    actor: str
    action: str
    subject: str
    reason: str
    detail: Mapping[str, Any]
    request_id: str
    row_hash: str


@dataclass(frozen=True, slots=True)
class TroubledOrder:
    """One order with open cases, in one currency.

    Attributes:
        order_id: ERP order number.
        open_cases: How many cases of it are open.
        worst: The severity of the worst of them.
        due_at: When the first of them must be solved.
        opened_at: When the last of them was opened.
        value_at_risk_amount: The largest of their values: cases of one order speak of the same goods.
        currency: Of that value.
    """

    order_id: str
    open_cases: int
    worst: Severity
    due_at: datetime
    opened_at: datetime
    value_at_risk_amount: Decimal
    currency: str


def audit_rows_of(work: UnitOfWork, subjects: Iterable[str], limit: int = 200) -> list[AuditRow]:
    """Return what the audit log says of these subjects, the latest first."""
    of_subjects = select(audit_log).where(audit_log.c.subject.in_(sorted(set(subjects))))
    return [_audit_row(row) for row in work.rows(of_subjects.order_by(audit_log.c.sequence.desc()).limit(limit))]


def troubled_orders(work: UnitOfWork, limit: int = 50) -> list[TroubledOrder]:
    """Return orders with open cases, the worst and then the latest first."""
    opened = func.max(exception_case.c.opened_at).label("opened_at")
    worst = func.min(exception_case.c.severity).label("worst")
    query = (
        select(
            exception_case.c.order_id,
            func.count().label("open_cases"),
            worst,
            func.min(exception_case.c.fix_due_at).label("due_at"),
            opened,
            func.max(exception_case.c.value_at_risk_amount).label("value_at_risk_amount"),
            func.min(exception_case.c.currency).label("currency"),
        )
        .where(exception_case.c.closed_at.is_(None), exception_case.c.order_id != "")
        .group_by(exception_case.c.order_id)
        .order_by(worst, opened.desc(), exception_case.c.order_id)
        .limit(limit)
    )
    return [TroubledOrder(**{**row._asdict(), "worst": Severity(row.worst)}) for row in work.rows(query)]


def _audit_row(row: Row[Any]) -> AuditRow:
    detail = json.loads(row.detail)
    request_id = str(detail.pop("request_id", ""))
    return AuditRow(
        sequence=row.sequence,
        recorded_at=row.recorded_at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        reason=row.reason,
        detail=detail,
        request_id=request_id,
        row_hash=row.row_hash,
    )

"""What the ledger knows of corrections and cases, as the rules about the platform itself read it.

Everything here only reads; use it within `Ledger.reading()`. How it becomes a table that rules can read belongs to
`reconcile.platform_records`; what an operator looks at, to `readings`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, and_, exists, func, literal, or_, select

from fulfillment_pipelines.ledger.switches import RELEASED, SwitchScope, subject_of
from fulfillment_pipelines.ledger.tables import audit_log, correction, exception_case, kill_switch, outbox
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class CorrectionHistory:
    """One correction with its case and its delivery: one row of `ops_corrections`.

    Attributes:
        correction_id: Identity.
        case_id: The case it would cure.
        code: Exception code of the case.
        business_key: Business key of the case.
        node: The site of the case.
        order_id: ERP order number of the case; empty for none.
        target: System that receives it.
        message: What it asks for.
        correction_class: Why it may be automatic, or J for a judgement.
        payload: JSON text of its content.
        precondition: JSON text of the values that had to stand in the target.
        state: Where it stands.
        decided_by: Who decided; `policy` where no person did.
        value_amount: Money at risk, in `currency`.
        currency: ISO 4217 code.
        proposed_at: When it was first proposed.
        sent_at: When it was first sent.
        acked_at: When the target said that it has the effect.
        verified_at: When a later snapshot proved the cure.
        unproved_watermarks: Watermarks after `acked_at` at which the difference still stood.
        attempts: Sends that were begun.
        read_backs: Read-backs in a row that showed nothing.
        last_error: What went wrong last.
        is_case_open: Whether the cure of the case is still to be proved.
        is_switched_off: Whether a switch keeps the case from being corrected without a person.
        resumed_at: When a person last let it be corrected without one again; None for never.
    """

    correction_id: str
    case_id: str
    code: str
    business_key: str
    node: str
    order_id: str
    target: str
    message: str
    correction_class: str
    payload: str
    precondition: str
    state: str
    decided_by: str
    value_amount: Decimal
    currency: str
    proposed_at: datetime
    sent_at: datetime | None
    acked_at: datetime | None
    verified_at: datetime | None
    unproved_watermarks: int
    attempts: int
    read_backs: int
    last_error: str
    is_case_open: bool
    is_switched_off: bool
    resumed_at: datetime | None


@dataclass(frozen=True, slots=True)
class CaseHistory:
    """One case, as far as models read it: one row of `ops_cases`.

    Attributes:
        case_id: Identity.
        code: Exception code.
        node: The site, or an empty string.
        order_id: ERP order number, or an empty string.
        condition_since: When the difference became true.
        first_breaks_at: When it stopped being a matter of timing.
        detected_at: When it was first seen as a break.
        closed_at: When its cure was proved; None while it is open.
        state: Where it stands: AUTO_CLEARED where it went without anybody acting.
        parent_case_id: The case that caused it.
        was_acted_on: Whether anything was sent for it.
    """

    case_id: str
    code: str
    node: str
    order_id: str
    condition_since: datetime
    first_breaks_at: datetime
    detected_at: datetime
    closed_at: datetime | None
    state: str
    parent_case_id: str | None
    was_acted_on: bool


_CORRECTION_COLUMNS = tuple(field.name for field in fields(CorrectionHistory))
_CASE_COLUMNS = tuple(field.name for field in fields(CaseHistory))


def correction_history(work: UnitOfWork, *, since: datetime) -> list[CorrectionHistory]:
    """Return the corrections that still matter: of open cases, of cases switched off, and those sent since a moment."""
    rows = work.rows(_corrections(since).order_by(correction.c.case_id, correction.c.correction_id))
    return [CorrectionHistory(**{name: getattr(row, name) for name in _CORRECTION_COLUMNS}) for row in rows]


def case_history(work: UnitOfWork) -> list[CaseHistory]:
    """Return all cases there ever were."""
    acted = exists().where(correction.c.case_id == exception_case.c.case_id, correction.c.sent_at.is_not(None))
    known = [exception_case.c[name] for name in _CASE_COLUMNS if name != "was_acted_on"]
    rows = work.rows(select(*known, acted.label("was_acted_on")).order_by(exception_case.c.case_id))
    return [CaseHistory(**{name: getattr(row, name) for name in _CASE_COLUMNS}) for row in rows]


def _corrections(since: datetime) -> Select[Any]:
    is_open = exception_case.c.closed_at.is_(None)
    switched_off = exists().where(
        kill_switch.c.scope == SwitchScope.CASE, kill_switch.c.name == exception_case.c.case_id
    )
    resumed = (
        select(func.max(audit_log.c.recorded_at))
        .where(
            audit_log.c.subject == literal(subject_of(SwitchScope.CASE, "")) + exception_case.c.case_id,
            audit_log.c.action == RELEASED,
        )
        .scalar_subquery()
    )
    of_case = ("business_key", "order_id")
    of_delivery = ("attempts", "read_backs", "last_error")
    computed = {"is_case_open", "is_switched_off", "resumed_at", *of_case, *of_delivery}
    return (
        select(
            *(correction.c[name] for name in _CORRECTION_COLUMNS if name not in computed),
            *(exception_case.c[name] for name in of_case),
            func.coalesce(outbox.c.attempts, 0).label("attempts"),
            func.coalesce(outbox.c.read_backs, 0).label("read_backs"),
            func.coalesce(outbox.c.last_error, "").label("last_error"),
            is_open.label("is_case_open"),
            switched_off.label("is_switched_off"),
            resumed.label("resumed_at"),
        )
        .join(exception_case, exception_case.c.case_id == correction.c.case_id)
        .join(outbox, outbox.c.correction_id == correction.c.correction_id, isouter=True)
        .where(or_(is_open, switched_off, and_(correction.c.sent_at.is_not(None), correction.c.sent_at >= since)))
    )

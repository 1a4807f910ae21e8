"""Reading and writing corrections, many at a time.

What is still to be done to deliver them belongs in `outbox`; whether one is made, in `corrections.proposing.policy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Row, bindparam, cast, func, insert, select, type_coerce, update

from fulfillment_pipelines.domain.correction import CorrectionClass, CorrectionState
from fulfillment_pipelines.ledger.tables import correction, exception_case
from fulfillment_pipelines.ledger.types import AMOUNT_STEP
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

POLICY_ACTOR = "policy"
"""Who decided, where no person did."""


@dataclass(frozen=True, slots=True)
class CorrectionRecord:
    """One row of `correction`: one effect on one system, and how far it has come.

    Attributes:
        correction_id: Identity; derived from the idempotency key.
        case_id: The case it would cure.
        code: Exception code of the case.
        node: The site of the case.
        target: Declared name of the system that receives it.
        message: What it asks for.
        correction_class: Why it may be automatic, or J for a judgement.
        payload: JSON text of its content.
        precondition: JSON text of the values that must still stand in the target.
        idempotency_key: The same for every attempt at the same effect.
        state: Where it stands.
        rule_version: Hash of the rule that proposed it.
        judgement_reason: Why a person must decide; empty where the rule book allows automation.
        value_amount: Money at risk, in `currency`.
        currency: ISO 4217 code.
        watermark_at: Watermark of the finding it rests on.
        proposed_at: When it was first proposed.
        decided_at: When it got its present decision; None while it waits.
        decided_by: Who decided; empty while it waits.
        clause_id: The clause of the policy that was applied.
        decision_reason: Why it was decided so, or what it waits for.
        sent_at: When it was first sent; None before.
        acked_at: When the target said that it has the effect.
        reference: The target's own identifier for the effect.
        verified_at: When a later snapshot proved the cure.
        proving_watermark_at: The watermark of that snapshot.
        unproved_watermarks: Watermarks after `acked_at` at which the difference still stood.
        last_unproved_watermark_at: The last of them.
        superseded_by: The correction that took its place.
        version: 1 for what a rule proposed; one more with every edit by a person.
        replaces: The correction of which this is an edit; None for what a rule proposed.
        proposed_by: `policy`, or the person who edited it; nobody approves what they proposed.
        policy_version: Hash of the policy files under which it was decided.
        evidence: JSON text: which systems, which rows, which snapshots it rests on.
        evidence_hash: SHA-256 of `evidence`.
        content_hash: SHA-256 of everything that is sent; an approval is bound to it, and so is the delivery.
        diff: JSON list of what would change in the target: attribute, before, after.
        inverse: JSON text: the message that would undo it, or why there is none.
        impact: JSON text: orders, lines, customers, quantity and money it touches.
        approver_role: The role a person needs to approve it; empty where none is asked.
        approvals_needed: How many people must approve it.
        expires_at: When an approval that was not given lapses; None for never.
    """

    correction_id: str
    case_id: str
    code: str
    node: str
    target: str
    message: str
    correction_class: CorrectionClass
    payload: str
    precondition: str
    idempotency_key: str
    state: CorrectionState
    rule_version: str
    judgement_reason: str
    value_amount: Decimal
    currency: str
    watermark_at: datetime
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: str
    clause_id: str
    decision_reason: str
    sent_at: datetime | None = None
    acked_at: datetime | None = None
    reference: str = ""
    verified_at: datetime | None = None
    proving_watermark_at: datetime | None = None
    unproved_watermarks: int = 0
    last_unproved_watermark_at: datetime | None = None
    superseded_by: str | None = None
    version: int = 1
    replaces: str | None = None
    proposed_by: str = POLICY_ACTOR
    policy_version: str = ""
    evidence: str = "{}"
    evidence_hash: str = ""
    content_hash: str = ""
    diff: str = "[]"
    inverse: str = "{}"
    impact: str = "{}"
    approver_role: str = ""
    approvals_needed: int = 1
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApprovalTotal:
    """How much the policy has approved for one target, by one rule, in one currency.

    Attributes:
        target: Declared name of the system.
        code: Exception code.
        currency: ISO 4217 code.
        corrections: How many.
        value_amount: Sum of their values at risk, in `currency`.
    """

    target: str
    code: str
    currency: str
    corrections: int
    value_amount: Decimal


@dataclass(frozen=True, slots=True)
class EndedCorrection:
    """A correction whose case was proved cured, and the watermark that proved it."""

    record: CorrectionRecord
    proving_watermark_at: datetime


_RECORD_COLUMNS = tuple(field.name for field in fields(CorrectionRecord))
ALL_OF_A_CORRECTION = tuple(correction.c[name] for name in _RECORD_COLUMNS)
"""The columns of a `CorrectionRecord`, for queries."""


def corrections_of(work: UnitOfWork, case_ids: Iterable[str]) -> dict[str, list[CorrectionRecord]]:
    """Return the corrections of these cases, by case, oldest first."""
    staged = work.stage(case_ids)
    rows = work.rows(
        select(*ALL_OF_A_CORRECTION)
        .join(staged, staged.c.key == correction.c.case_id)
        .order_by(correction.c.proposed_at, correction.c.correction_id)
    )
    found: dict[str, list[CorrectionRecord]] = {}
    for row in rows:
        found.setdefault(row.case_id, []).append(record_of(row))
    return found


def insert_corrections(work: UnitOfWork, records: Sequence[CorrectionRecord]) -> None:
    """Insert new corrections.

    Raises:
        RetryableError: Another process proposed the same effect first.
    """
    work.change(insert(correction), [_values(record, _RECORD_COLUMNS) for record in records])


def update_corrections(work: UnitOfWork, records: Sequence[CorrectionRecord]) -> None:
    """Write everything that may change of corrections that exist."""
    changing = [name for name in _RECORD_COLUMNS if name not in {"correction_id", "case_id", "idempotency_key"}]
    statement = update(correction).where(correction.c.correction_id == bindparam("the_correction_id"))
    work.change(
        statement.values({name: bindparam(name) for name in changing}),
        [{"the_correction_id": record.correction_id} | _values(record, changing) for record in records],
    )


def approvals_by_policy(work: UnitOfWork, since: datetime) -> list[ApprovalTotal]:
    """Return how much the policy has approved since a moment, by target, code and currency."""
    of = (correction.c.target, correction.c.code, correction.c.currency)
    # A sum of whole hundredths is a whole number, but PostgreSQL gives it as a decimal that the column's type misreads.
    hundredths = cast(func.sum(type_coerce(correction.c.value_amount, BigInteger)), BigInteger)
    rows = work.rows(
        select(*of, func.count().label("corrections"), hundredths.label("hundredths"))
        .where(correction.c.decided_by == POLICY_ACTOR, correction.c.decided_at > since)
        .group_by(*of)
    )
    return [
        ApprovalTotal(row.target, row.code, row.currency, row.corrections, row.hundredths * AMOUNT_STEP) for row in rows
    ]


def record_of(row: Row[Any]) -> CorrectionRecord:
    """Return a row of `correction` as the value it stands for."""
    values = {name: getattr(row, name) for name in _RECORD_COLUMNS}
    values["correction_class"] = CorrectionClass(row.correction_class)
    values["state"] = CorrectionState(row.state)
    return CorrectionRecord(**values)


def _values(value: object, names: Iterable[str]) -> dict[str, object]:
    return {name: getattr(value, name) for name in names}


def corrections_of_ended_cases(work: UnitOfWork, states: Iterable[CorrectionState]) -> list[EndedCorrection]:
    """Return the corrections in these states whose case was proved cured."""
    rows = work.rows(
        select(*ALL_OF_A_CORRECTION, exception_case.c.proving_watermark_at.label("case_proving_watermark_at"))
        .join(exception_case, exception_case.c.case_id == correction.c.case_id)
        .where(
            exception_case.c.closed_at.is_not(None),
            exception_case.c.proving_watermark_at.is_not(None),
            correction.c.state.in_(sorted(states)),
        )
        .order_by(correction.c.correction_id)
    )
    return [EndedCorrection(record_of(row), row.case_proving_watermark_at) for row in rows]


def count_unproved_watermarks(work: UnitOfWork) -> list[CorrectionRecord]:
    """Count, on every acknowledged correction, a watermark at which its case was still seen after the acknowledgement.

    Returns:
        The corrections that were counted up, as they stand then; a watermark counts once.
    """
    rows = work.rows(
        select(*ALL_OF_A_CORRECTION, exception_case.c.last_seen_watermark_at)
        .join(exception_case, exception_case.c.case_id == correction.c.case_id)
        .where(
            exception_case.c.closed_at.is_(None),
            correction.c.state == CorrectionState.ACKED,
            exception_case.c.last_seen_watermark_at > correction.c.acked_at,
            exception_case.c.last_seen_watermark_at
            > func.coalesce(correction.c.last_unproved_watermark_at, correction.c.acked_at),
        )
    )
    statement = (
        update(correction)
        .where(correction.c.correction_id == bindparam("the_correction_id"))
        .values(
            unproved_watermarks=correction.c.unproved_watermarks + 1,
            last_unproved_watermark_at=bindparam("watermark_at_which_it_stood"),
        )
    )
    work.change(
        statement,
        [
            {"the_correction_id": row.correction_id, "watermark_at_which_it_stood": row.last_seen_watermark_at}
            for row in rows
        ],
    )
    return [
        replace(
            record_of(row),
            unproved_watermarks=row.unproved_watermarks + 1,
            last_unproved_watermark_at=row.last_seen_watermark_at,
        )
        for row in rows
    ]

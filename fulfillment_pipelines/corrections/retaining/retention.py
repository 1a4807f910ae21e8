"""Apply the retention policy: what is old enough goes, unless a legal hold keeps it, and the audit log says so.

All is one transaction: rows of the audit log move to a file, ended cases and receipts are erased, and what was done is
recorded. What is old enough, and what a hold covers, belongs in `retention_policy`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from fulfillment_pipelines.corrections.approving.stakes import stakes_of
from fulfillment_pipelines.corrections.retaining.retention_policy import KeptCase, LegalHold, RetentionPolicy
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.audit_archive import Archive, archive_rows, archiving, rows_before
from fulfillment_pipelines.ledger.corrections import CorrectionRecord, corrections_of
from fulfillment_pipelines.ledger.retention import (
    Erased,
    cases_ended_before,
    causes_of_others,
    erase_cases,
    erase_receipts,
)
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class HoldKept:
    """What one hold kept that would else have gone.

    Attributes:
        hold_id: The hold.
        reason: Why it is there.
        by: Who ordered it.
        case_ids: The cases it kept, in order.
    """

    hold_id: str
    reason: str
    by: str
    case_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """What was let go of, and what was not.

    Attributes:
        archived_rows: Rows of the audit log that were, or would be, moved to a file.
        archive: The file; None where nothing was moved.
        erased: What was, or would be, erased.
        held: What legal holds kept.
        causes: Cases that stay because they are the cause of one that stays.
    """

    archived_rows: int
    archive: Archive | None
    erased: Erased
    held: tuple[HoldKept, ...]
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Retention:
    """What decides on retention, and where archives go.

    Attributes:
        policy: How long what is kept.
        policy_version: Of all policies, for the audit log.
        folder: The folder of archives.
    """

    policy: RetentionPolicy
    policy_version: str
    folder: Path


def retain(work: UnitOfWork, retention: Retention, *, actor: str, now: datetime, dry_run: bool) -> RetentionResult:
    """Let go of what is old enough, within the running transaction; the caller commits.

    Args:
        work: The transaction. The caller rolls a dry run back.
        retention: The policy and the folder of archives.
        actor: Who does it.
        now: The moment.
        dry_run: Whether no file is to be written; nothing of a dry run may be committed.

    Raises:
        RetryableError: The ledger is busy, or the archive cannot be written.
    """
    work.take_turn("intake")
    policy = retention.policy
    old = cases_ended_before(work, now - timedelta(days=policy.receipt_days))
    records = corrections_of(work, (case.case_id for case in old))
    held_by = {case.case_id: policy.holds_on(_known(case, records.get(case.case_id, ()))) for case in old}
    ended_by = now - timedelta(days=policy.ended_case_days)
    due = [case for case in old if case.closed_at is not None and case.closed_at < ended_by]
    free = {case.case_id: case for case in due if not held_by[case.case_id]}
    causes = causes_of_others(work, free)
    going = [case for case_id, case in free.items() if case_id not in causes]
    erased = _erase(work, going, held_by, receipts_before=now - timedelta(days=policy.receipt_days))
    result = RetentionResult(
        archived_rows=rows_before(work, now - timedelta(days=policy.audit_log_days)),
        archive=None,
        erased=erased,
        held=_kept(policy.legal_holds, held_by),
        causes=tuple(sorted(causes)),
    )
    if dry_run:
        return result
    archive = archive_rows(work, result.archived_rows, retention.folder, actor=actor, now=now)
    result = replace(result, archive=archive)
    corrections = {case.case_id: len(records.get(case.case_id, ())) for case in going}
    entry_of = partial(_entry, actor=actor, policy_version=retention.policy_version, now=now)
    audit.append(work, _entries(result, going, corrections, entry_of))
    return result


def kept_cases(work: UnitOfWork, ended_before: datetime) -> list[KeptCase]:
    """Return what holds must know of the cases that ended before a moment."""
    ended = cases_ended_before(work, ended_before)
    records = corrections_of(work, (case.case_id for case in ended))
    return [_known(case, records.get(case.case_id, ())) for case in ended]


def _known(case: Case, records: Sequence[CorrectionRecord]) -> KeptCase:
    customers = frozenset[str]().union(*(stakes_of(record).customer_ids for record in records))
    return KeptCase(
        case_id=case.case_id,
        code=case.code,
        order_id=case.order_id,
        customer_ids=customers,
        detected_on=case.detected_at.astimezone(UTC).date(),
    )


def _erase(
    work: UnitOfWork, going: Sequence[Case], held_by: Mapping[str, Sequence[LegalHold]], *, receipts_before: datetime
) -> Erased:
    with archiving(work):
        gone = erase_cases(work, [case.case_id for case in going])
        held = [case_id for case_id, holds in held_by.items() if holds]
        receipts = erase_receipts(work, receipts_before, kept=held)
    return replace(gone, receipts=gone.receipts + receipts)


def _kept(holds: Sequence[LegalHold], held_by: Mapping[str, Sequence[LegalHold]]) -> tuple[HoldKept, ...]:
    kept = {
        hold.hold_id: tuple(sorted(case_id for case_id, keeping in held_by.items() if hold in keeping))
        for hold in holds
    }
    return tuple(HoldKept(hold.hold_id, hold.reason, hold.by, kept[hold.hold_id]) for hold in holds)


def _entry(
    action: str,
    subject: str,
    detail: Mapping[str, audit.JsonScalar],
    *,
    actor: str,
    policy_version: str,
    now: datetime,
    reason: str = "the retention policy",
) -> audit.AuditEntry:
    return audit.AuditEntry(now, actor, action, subject, detail, reason, policy_version)


def _entries(
    result: RetentionResult,
    going: Sequence[Case],
    corrections: Mapping[str, int],
    entry_of: Callable[..., audit.AuditEntry],
) -> list[audit.AuditEntry]:
    """Return a row for each case that is gone, one for each hold that kept something, and one that sums up."""
    gone = [
        entry_of(
            "exception.erased",
            case.case_id,
            {"code": case.code, "state": case.state, "corrections": corrections[case.case_id]},
        )
        for case in going
    ]
    held = [
        entry_of(
            "legal_hold.kept",
            hold.hold_id,
            {"cases": len(hold.case_ids), "ordered_by": hold.by},
            reason=hold.reason,
        )
        for hold in result.held
        if hold.case_ids
    ]
    erased = result.erased
    if not gone and not held and not erased.receipts and result.archive is None:
        return []
    counts = {"cases": erased.cases, "corrections": erased.corrections, "receipts": erased.receipts}
    return [*gone, *held, entry_of("retention.applied", "ledger", {**counts, "rows": result.archived_rows})]

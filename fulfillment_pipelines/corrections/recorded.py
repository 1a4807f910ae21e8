"""What the audit log says of a correction: the same grounds in every row, whoever acts on it.

Use it for every decision, edit, send, read-back and proof, in the transaction that changes the correction. How rows
are chained and verified belongs in `ledger.audit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from fulfillment_pipelines.domain.correction import Scalar
from fulfillment_pipelines.ledger.audit import AuditEntry
from fulfillment_pipelines.ledger.corrections import CorrectionRecord


def correction_entry(
    record: CorrectionRecord,
    actor: str,
    action: str,
    now: datetime,
    detail: Mapping[str, Scalar] | None = None,
    *,
    reason: str | None = None,
) -> AuditEntry:
    """Return the audit row of one thing that was done to a correction; `audit.append` writes it.

    Args:
        record: The correction as it stands afterwards.
        actor: Who did it: a person's name, or the part of the platform.
        action: What was done, `correction.` and a verb in the past tense.
        now: When.
        detail: What this action adds to what every row says; a name of its own wins.
        reason: Why; what the correction says of its decision unless given.
    """
    always: dict[str, Scalar] = {
        "case_id": record.case_id,
        "target": record.target,
        "message": record.message,
        "correction_class": record.correction_class,
        "state": record.state,
        "version": record.version,
        "clause_id": record.clause_id,
        "rule_version": record.rule_version,
        "content_hash": record.content_hash,
        "idempotency_key": record.idempotency_key,
    }
    return AuditEntry(
        recorded_at=now,
        actor=actor,
        action=action,
        subject=record.correction_id,
        detail={**always, **(detail or {})},
        reason=record.decision_reason if reason is None else reason,
        policy_version=record.policy_version,
        evidence_hash=record.evidence_hash,
    )

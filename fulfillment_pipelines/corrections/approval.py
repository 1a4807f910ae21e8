"""A person approves a correction that waits for one: decision, outbox row and audit row are one transaction.

What waits for a person is decided by the policy, in `proposals`; who may approve what belongs to the caller.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from fulfillment_pipelines.corrections import lifecycle
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposals import first_delivery
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.corrections import (
    POLICY_ACTOR,
    CorrectionRecord,
    corrections_of,
    update_corrections,
)
from fulfillment_pipelines.ledger.outbox import deliveries_of, insert_deliveries, update_deliveries
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


def approve(
    work: UnitOfWork, case_id: str, *, by: str, reason: str, policies: Policies, now: datetime
) -> CorrectionRecord:
    """Approve the correction of a case that waits for a person, within the running transaction; the caller commits.

    Args:
        work: The transaction.
        case_id: The case.
        by: The person; the policy proposed it, so the policy cannot approve it.
        reason: Why, in the person's words.
        policies: How it is delivered.
        now: The moment of the decision.

    Returns:
        The correction as it stands now: approved, and in the outbox.

    Raises:
        RejectedError: Nothing of the case waits for a person, or no person approves.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    if by in {"", POLICY_ACTOR}:
        raise RejectedError(
            "A correction that waits for a person is approved by one.", expected="a name", found=by or "nothing"
        )
    work.take_turn("intake")
    waiting = [record for record in corrections_of(work, [case_id]).get(case_id, ()) if _waits(record)]
    if not waiting:
        raise RejectedError(
            f"No correction of {case_id} waits for a person.",
            expected="a correction in the state PENDING",
            remedy="`fulfillment exceptions show` tells where its corrections stand",
        )
    approved = replace(
        lifecycle.move(waiting[-1], CorrectionState.APPROVED), decided_at=now, decided_by=by, decision_reason=reason
    )
    update_corrections(work, [approved])
    delivery = first_delivery(approved, policies.delivery, now)
    known = approved.correction_id in deliveries_of(work, [case_id])
    (update_deliveries if known else insert_deliveries)(work, [delivery])
    detail = {"case_id": case_id, "target": approved.target, "message": approved.message, "reason": reason}
    audit.append(work, [audit.AuditEntry(now, by, "correction.approved", approved.correction_id, detail)])
    return approved


def _waits(record: CorrectionRecord) -> bool:
    return record.state is CorrectionState.PENDING

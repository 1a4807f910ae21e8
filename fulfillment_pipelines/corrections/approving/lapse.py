"""Approvals that nobody gave in time lapse: the correction is withdrawn, and the next snapshot proposes it anew.

Old evidence is thereby never acted on because somebody found it in a queue later. By when, is in `approval_policy`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from fulfillment_pipelines.corrections import lifecycle
from fulfillment_pipelines.corrections.case_moves import CaseMoves
from fulfillment_pipelines.corrections.recorded import correction_entry
from fulfillment_pipelines.domain.case import CaseState
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.approvals import Waiting, waiting_corrections
from fulfillment_pipelines.ledger.cases import cases_by_id
from fulfillment_pipelines.ledger.corrections import POLICY_ACTOR, CorrectionRecord, update_corrections
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

LAPSED: Final = "approval lapsed"
"""How the reason of a correction begins that nobody approved in time."""


def lapse(work: UnitOfWork, *, now: datetime) -> tuple[str, ...]:
    """Withdraw the corrections whose time for approval is up, within the running transaction; the caller commits.

    Call it before `propose`: a finding that still stands at a newer watermark is then proposed anew, with all its time.

    Returns:
        The corrections, sorted.

    Raises:
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    work.take_turn("intake")
    lapsed = [_withdrawn(record, now) for record in waiting_corrections(work, Waiting(lapsed_at=now))]
    moves = CaseMoves(POLICY_ACTOR, now)
    cases = cases_by_id(work, (record.case_id for record in lapsed))
    for record in lapsed:
        moves.follow(cases[record.case_id], CaseState.OPEN, note=record.decision_reason)
    update_corrections(work, lapsed)
    moves.write(work)
    audit.append(work, [correction_entry(record, POLICY_ACTOR, "correction.expired", now) for record in lapsed])
    return tuple(sorted(record.correction_id for record in lapsed))


def _withdrawn(record: CorrectionRecord, now: datetime) -> CorrectionRecord:
    when = f"{record.expires_at:%Y-%m-%d %H:%M}Z" if record.expires_at else ""
    return replace(
        lifecycle.move(record, CorrectionState.SUPERSEDED),
        decided_at=now,
        decided_by=POLICY_ACTOR,
        decision_reason=f"{LAPSED}: nobody with the role {record.approver_role} approved it by {when}",
    )

"""A target tells later, without being asked, what became of a message: by webhook, by mail, by file.

A notice has its effect once, however often and in whatever order it comes. It may acknowledge a message that was
sent; it never lets one that was not sent count as done: that is looked at. How notices arrive belongs to whoever
receives them.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Final

from fulfillment_pipelines.corrections.delivering import progress
from fulfillment_pipelines.corrections.delivering.attempt import noticed
from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryPolicy
from fulfillment_pipelines.corrections.delivering.outcomes import Sheet
from fulfillment_pipelines.corrections.delivering.progress import Pace, Progress
from fulfillment_pipelines.corrections.recorded import correction_entry
from fulfillment_pipelines.domain.correction import CorrectionState, Observed, Scalar
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.claims import Claim, claim_of_key
from fulfillment_pipelines.ledger.notices import Notice, record_notice
from fulfillment_pipelines.ledger.outbox import AttemptReceipt, DeliveryStatus, DeliveryStep
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

ACTOR: Final = "notice"
"""Who moves corrections in the audit log when a target tells something."""

_UNDER_WAY: Final = frozenset({CorrectionState.SENT, CorrectionState.UNKNOWN_OUTCOME})
_UNSENT: Final = frozenset({CorrectionState.APPROVED, CorrectionState.RETRYING})


class NoticeEffect(StrEnum):
    """What a notice has led to.

    MOVED: the correction stands elsewhere now. LOOK: the target is looked at next. KEPT: it says nothing new, or a
    worker has the message in hand and is told when it looks. REPEATED: it was there before. UNMATCHED: no message to
    that target has such a key; the audit log tells it.
    """

    MOVED = "MOVED"
    LOOK = "LOOK"
    KEPT = "KEPT"
    REPEATED = "REPEATED"
    UNMATCHED = "UNMATCHED"


def take_notice(work: UnitOfWork, notice: Notice, policy: DeliveryPolicy) -> NoticeEffect:
    """Take in what a target tells of a message, within the running transaction; the caller commits.

    Raises:
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    if not record_notice(work, notice):
        return NoticeEffect.REPEATED
    claim = claim_of_key(work, notice.target, notice.idempotency_key)
    if claim is None:
        said: dict[str, Scalar] = {
            "idempotency_key": notice.idempotency_key,
            "observed": notice.observed,
            "reference": notice.reference,
        }
        subject = f"{notice.target}/{notice.notice_id}"
        reason = "no message to this target has that key"
        unmatched = audit.AuditEntry(notice.received_at, ACTOR, "notice.unmatched", subject, said, reason=reason)
        audit.append(work, [unmatched])
        return NoticeEffect.UNMATCHED
    effect, after = _consequence(claim, notice, policy)
    sheet = Sheet()
    if after is not None:
        sheet.move(after, f"{after.record.message}: told by {notice.target}: {notice.observed}", notice.received_at)
    if effect is NoticeEffect.MOVED:
        sheet.receipts.append(_receipt(claim, notice))
    record = claim.correction if after is None else after.record
    detail: dict[str, Scalar] = {
        "notice_id": notice.notice_id,
        "observed": notice.observed,
        "reference": notice.reference,
    }
    sheet.entries.append(
        correction_entry(record, ACTOR, "correction.noticed", notice.received_at, {**detail, "effect": effect})
    )
    sheet.write(work)
    return effect


def _consequence(claim: Claim, notice: Notice, policy: DeliveryPolicy) -> tuple[NoticeEffect, Progress | None]:
    before = Progress(claim.correction, claim.delivery)
    if claim.delivery.status is not DeliveryStatus.READY:
        return NoticeEffect.KEPT, None
    if claim.correction.state in _UNSENT or notice.observed in {Observed.ABSENT, Observed.UNKNOWN}:
        look = replace(claim.delivery, next_step=DeliveryStep.READ_BACK, due_at=notice.received_at)
        return NoticeEffect.LOOK, replace(before, delivery=look)
    if claim.correction.state not in _UNDER_WAY:
        return NoticeEffect.KEPT, None
    # Without jitter: what is taken in here waits for its time to be polled, which has none.
    pace = Pace(policy.limits_for(claim.delivery.via), lambda: 0.0)
    return NoticeEffect.MOVED, progress.after(before, _receipt(claim, notice), pace)


def _receipt(claim: Claim, notice: Notice) -> AttemptReceipt:
    answer = noticed(notice.observed)
    return AttemptReceipt(
        correction_id=claim.correction.correction_id,
        attempt=claim.delivery.attempts,
        step=DeliveryStep.READ_BACK,
        outcome=answer.outcome,
        reference=notice.reference,
        detail=answer.detail,
        worker=ACTOR,
        received_at=notice.received_at,
        system=notice.target,
    )

"""A person lets a dead letter be delivered once more: the same content and key, looked for before it is sent.

Other content is an edit, in `editing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from fulfillment_pipelines.corrections.approving.approval import correction_of, refused, require_grounds
from fulfillment_pipelines.corrections.approving.decisions import Decisions
from fulfillment_pipelines.corrections.approving.mandate import Refusal
from fulfillment_pipelines.corrections.approving.obstacles import why_it_waits_no_more
from fulfillment_pipelines.corrections.delivering.delivery import first_delivery
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.outbox import Delivery, DeliveryStep
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


def replay(
    work: UnitOfWork, identity: str, *, by: str, reason: str, policies: Policies, now: datetime
) -> CorrectionRecord:
    """Put a dead letter back into the outbox, within the running transaction; the caller commits.

    Its content was approved and stays as it is, so that one person with the role is enough.

    Args:
        work: The transaction.
        identity: The correction.
        by: The person.
        reason: What has changed since it failed.
        policies: Which role it needs, and how it is delivered.
        now: The moment of the decision.

    Raises:
        RejectedError: It is no dead letter, this person may not, or a kill switch covers it; says what to do.
        BadDataError: There is no such correction.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    require_grounds(by, reason, policies)
    work.take_turn("intake")
    record = correction_of(work, identity)
    decisions = Decisions.prepared(work, [record], by=by, reason=reason, policies=policies, now=now)
    refusal = (
        decisions.replay(record, _looked_for_first(record, decisions.deliveries, policies, now))
        if record.state is CorrectionState.DEAD_LETTER
        else _no_dead_letter(record)
    )
    if refusal is not None:
        raise refused(by, "replay", record, refusal)
    decisions.write(work)
    return decisions.decided[0]


def _looked_for_first(
    record: CorrectionRecord, deliveries: Mapping[str, Delivery], policies: Policies, now: datetime
) -> Delivery:
    """Return an outbox row that looks before it sends, by the way it went before, with nearly all its attempts."""
    before = deliveries[record.correction_id]
    most = policies.delivery.limits_for(record.target).attempts
    return replace(
        first_delivery(record, policies.delivery, now),
        next_step=DeliveryStep.READ_BACK,
        # What was sent before counts as one attempt: something of it may be in the target.
        attempts=min(before.attempts, 1, most - 1),
        via=before.via,
    )


def _no_dead_letter(record: CorrectionRecord) -> Refusal:
    if record.state is CorrectionState.PENDING:
        return Refusal(
            "it waits for people and was never sent", f"`fulfillment approvals approve {record.correction_id}`"
        )
    return why_it_waits_no_more(record)

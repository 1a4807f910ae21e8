"""Outbox rows that nobody looks after: of workers that never reported, out of time, or of a target that stays down.

They are taken over, given up, or sent another way before a worker claims anything. Delivering belongs in `dispatch`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from fulfillment_pipelines.corrections.delivering import progress
from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryPolicy
from fulfillment_pipelines.corrections.delivering.outcomes import ACTOR, Sheet
from fulfillment_pipelines.corrections.delivering.progress import Pace, Progress
from fulfillment_pipelines.corrections.recorded import correction_entry
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.claims import (
    Claim,
    Neglect,
    abandoned_claims,
    any_neglected,
    overdue_claims,
    untouched_claims,
)
from fulfillment_pipelines.ledger.outbox import AttemptReceipt, Outcome
from fulfillment_pipelines.ledger.target_health import Circuit, TargetHealth, read_health
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

_NEVER_REPORTED: Final = "the worker that had it never reported"


def needs_care(work: UnitOfWork, neglect: Neglect, policy: DeliveryPolicy) -> bool:
    """Whether there is anything to take over, to give up or to send another way."""
    return any_neglected(work, neglect) or bool(_targets_with_fallback(work, policy, neglect.now))


def care(
    work: UnitOfWork, neglect: Neglect, policy: DeliveryPolicy, *, jitter: Callable[[], float]
) -> Counter[CorrectionState]:
    """Look after what nobody does, within the running transaction; the caller commits.

    Returns:
        How many corrections were given up.
    """
    work.take_turn("audit")
    sheet = Sheet()
    for claim in abandoned_claims(work, neglect):
        _take_over(sheet, claim, neglect, policy, jitter)
    for claim in overdue_claims(work, neglect):
        _give_up(sheet, claim, neglect.now)
    for target, system in _targets_with_fallback(work, policy, neglect.now).items():
        for claim in untouched_claims(work, target):
            _send_another_way(sheet, claim, system, neglect.now)
    sheet.write(work)
    return Counter(state.record.state for state in sheet.states if state.record.state is CorrectionState.DEAD_LETTER)


def _take_over(
    sheet: Sheet, claim: Claim, neglect: Neglect, policy: DeliveryPolicy, jitter: Callable[[], float]
) -> None:
    delivery = claim.delivery
    receipt = AttemptReceipt(
        correction_id=claim.correction.correction_id,
        attempt=delivery.attempts + 1,
        step=delivery.next_step,
        outcome=Outcome.UNKNOWN_OUTCOME,
        reference="",
        detail=_NEVER_REPORTED,
        worker=delivery.leased_by,
        received_at=neglect.now,
        system=delivery.via,
    )
    limits = policy.limits_for(delivery.via)
    # The worker may be gone, but not what it sent: a slow target may still be at it.
    look_at = neglect.now + timedelta(seconds=limits.settle_seconds)
    before = Progress(claim.correction, delivery)
    sheet.add(progress.abandoned(before, receipt, Pace(limits, jitter), look_at=look_at), [receipt])


def _give_up(sheet: Sheet, claim: Claim, now: datetime) -> None:
    state = progress.overdue(Progress(claim.correction, claim.delivery), now)
    sheet.move(state, state.record.decision_reason, now)
    sheet.entries.append(correction_entry(state.record, ACTOR, "correction.dead_lettered", now))


def _send_another_way(sheet: Sheet, claim: Claim, system: str, now: datetime) -> None:
    state = progress.rerouted(Progress(claim.correction, claim.delivery), system, now)
    reason = f"{claim.delivery.target} is down; policy names {system} as the other way, and nothing has reached it"
    sheet.move(state, reason, now)
    detail = {"from": claim.delivery.via, "to": system}
    sheet.entries.append(correction_entry(state.record, ACTOR, "correction.rerouted", now, detail, reason=reason))


def _targets_with_fallback(work: UnitOfWork, policy: DeliveryPolicy, now: datetime) -> dict[str, str]:
    """Return the targets that have been down for long enough, and the systems that stand in for them."""
    fallbacks = {name: limits.fallback for name, limits in policy.targets.items() if limits.fallback is not None}
    if not fallbacks:
        return {}
    health = read_health(work)
    return {
        target: fallback.to
        for target, fallback in fallbacks.items()
        if target in health and _down_for(health[target], now) >= timedelta(seconds=fallback.after_seconds)
    }


def _down_for(health: TargetHealth, now: datetime) -> timedelta:
    if health.circuit is Circuit.CLOSED or health.opened_at is None:
        return timedelta(seconds=-1)
    return now - health.opened_at

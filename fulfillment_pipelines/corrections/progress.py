"""What follows from one attempt to deliver a correction: pure decisions, no database and no connection.

The one law: what may have had an effect is looked at before it is sent again. Carrying the decisions out belongs
in `dispatch`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from fulfillment_pipelines.corrections import lifecycle
from fulfillment_pipelines.corrections.delivery_policy import DeliveryLimits
from fulfillment_pipelines.domain.case import CaseState
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.outbox import AttemptReceipt, Delivery, DeliveryStatus, DeliveryStep, Outcome


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a delivery stands.

    Attributes:
        record: The correction.
        delivery: Its outbox row.
        case_states: States through which its case follows, as far as it may.
    """

    record: CorrectionRecord
    delivery: Delivery
    case_states: tuple[CaseState, ...] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait, and how often to try.

    Attributes:
        limits: Numbers of the policy.
        jitter: Returns a number from 0 up to 1, so that many deliveries do not return at the same moment.
    """

    limits: DeliveryLimits
    jitter: Callable[[], float]

    def backoff(self, tries: int) -> timedelta:
        """Return how long to wait after so many tries: doubling, capped, half of it by chance."""
        doubled = self.limits.first_backoff_seconds * 2 ** min(max(tries - 1, 0), 30)
        longest = min(doubled, self.limits.longest_backoff_seconds)
        return timedelta(seconds=longest * (0.5 + self.jitter() / 2))


def may_send(delivery: Delivery, limits: DeliveryLimits) -> bool:
    """Whether another send is allowed after a read-back showed no effect."""
    return delivery.attempts < limits.attempts


def after(before: Progress, receipt: AttemptReceipt, pace: Pace) -> Progress:
    """Return where a delivery stands after an attempt.

    Raises:
        LegalMoveError: The correction is in a state from which nothing is delivered.
    """
    attempts = max(before.delivery.attempts, receipt.attempt)
    delivery = replace(
        before.delivery,
        status=DeliveryStatus.READY,
        attempts=attempts,
        leased_by="",
        lease_until=None,
        last_error=receipt.detail,
    )
    return _AFTER[receipt.outcome](replace(before, delivery=delivery), receipt, pace)


def abandoned(before: Progress, receipt: AttemptReceipt, pace: Pace) -> Progress:
    """Return where a delivery stands whose worker never reported: it may have been sent, so look first.

    The row stays in the hands of the worker that has taken it over.
    """
    if before.delivery.attempts >= pace.limits.attempts:
        return _give_up(before, receipt)
    return Progress(
        record=_sent(lifecycle.move(before.record, CorrectionState.UNKNOWN_OUTCOME), receipt.received_at),
        delivery=replace(
            before.delivery,
            next_step=DeliveryStep.READ_BACK,
            attempts=max(before.delivery.attempts, receipt.attempt),
            last_error=receipt.detail,
        ),
        case_states=(CaseState.CORRECTION_SENT,),
    )


def _after_applied(before: Progress, receipt: AttemptReceipt, pace: Pace) -> Progress:
    del pace
    now = receipt.received_at
    record = replace(
        _sent(lifecycle.move(before.record, CorrectionState.ACKED), now), acked_at=now, reference=receipt.reference
    )
    done = replace(before.delivery, status=DeliveryStatus.DONE, read_backs=0, finished_at=now)
    return Progress(record, done, (CaseState.CORRECTION_SENT, CaseState.RESOLVED))


def _after_queued(before: Progress, receipt: AttemptReceipt, pace: Pace) -> Progress:
    record = _sent(lifecycle.move(before.record, CorrectionState.SENT), receipt.received_at)
    if receipt.reference:
        record = replace(record, reference=receipt.reference)
    poll = timedelta(seconds=pace.limits.poll_seconds)
    waiting = replace(_look_again(before.delivery, receipt.received_at + poll), read_backs=0)
    return Progress(record, waiting, (CaseState.CORRECTION_SENT,))


def _after_absent(before: Progress, receipt: AttemptReceipt, pace: Pace) -> Progress:
    """Give up: a read-back that shows nothing ends an attempt only where no other send is allowed."""
    del pace
    return _give_up(before, receipt)


def _after_unseen(before: Progress, receipt: AttemptReceipt, pace: Pace) -> Progress:
    read_backs = before.delivery.read_backs + 1
    if read_backs >= pace.limits.read_backs:
        return _give_up(before, receipt)
    waiting = _look_again(before.delivery, receipt.received_at + pace.backoff(read_backs))
    return replace(before, delivery=replace(waiting, read_backs=read_backs))


def _after_retryable(before: Progress, receipt: AttemptReceipt, pace: Pace) -> Progress:
    if receipt.step is DeliveryStep.READ_BACK:
        return _after_unseen(before, receipt, pace)
    if before.delivery.attempts >= pace.limits.attempts:
        return _give_up(before, receipt)
    due_at = receipt.received_at + pace.backoff(before.delivery.attempts)
    again = replace(before.delivery, next_step=DeliveryStep.SEND, due_at=due_at, read_backs=0)
    return Progress(lifecycle.move(before.record, CorrectionState.RETRYING), again)


def _after_rejected(before: Progress, receipt: AttemptReceipt, pace: Pace) -> Progress:
    del pace
    return _give_up(before, receipt)


def _after_precondition(before: Progress, receipt: AttemptReceipt, pace: Pace) -> Progress:
    del pace
    record = replace(
        lifecycle.move(before.record, CorrectionState.SUPERSEDED),
        decision_reason=f"the target no longer holds what it was decided on: {receipt.detail}",
    )
    done = replace(before.delivery, status=DeliveryStatus.DONE, finished_at=receipt.received_at)
    return Progress(record, done, (CaseState.OPEN,))


def _after_unknown(before: Progress, receipt: AttemptReceipt, pace: Pace) -> Progress:
    record = _sent(lifecycle.move(before.record, CorrectionState.UNKNOWN_OUTCOME), receipt.received_at)
    due_at = receipt.received_at + pace.backoff(1)
    return Progress(record, replace(_look_again(before.delivery, due_at), read_backs=0), (CaseState.CORRECTION_SENT,))


def _give_up(before: Progress, receipt: AttemptReceipt) -> Progress:
    record = replace(
        lifecycle.move(before.record, CorrectionState.DEAD_LETTER),
        decision_reason=receipt.detail or "nothing of it shows in the target and every attempt is spent",
    )
    dead = replace(
        before.delivery,
        status=DeliveryStatus.DEAD,
        leased_by="",
        lease_until=None,
        last_error=receipt.detail,
        finished_at=receipt.received_at,
    )
    return Progress(record, dead, (CaseState.OPEN,))


def _look_again(delivery: Delivery, due_at: datetime) -> Delivery:
    return replace(delivery, next_step=DeliveryStep.READ_BACK, due_at=due_at)


def _sent(record: CorrectionRecord, now: datetime) -> CorrectionRecord:
    return record if record.sent_at else replace(record, sent_at=now)


_AFTER: Mapping[Outcome, Callable[[Progress, AttemptReceipt, Pace], Progress]] = MappingProxyType(
    {
        Outcome.APPLIED: _after_applied,
        Outcome.QUEUED: _after_queued,
        Outcome.ABSENT: _after_absent,
        Outcome.UNSEEN: _after_unseen,
        Outcome.RETRYABLE: _after_retryable,
        Outcome.REJECTED: _after_rejected,
        Outcome.PRECONDITION: _after_precondition,
        Outcome.UNKNOWN_OUTCOME: _after_unknown,
    }
)

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
from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryLimits
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


def after(
    before: Progress, receipt: AttemptReceipt, pace: Pace, *, retry_after_seconds: float | None = None
) -> Progress:
    """Return where a delivery stands after an attempt.

    Args:
        before: Where it stood.
        receipt: What was done, and what came of it.
        pace: How long to wait, and how often to try.
        retry_after_seconds: How long the target asks to be left alone; it is, even if every wait is shorter.

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
    reached = _AFTER[receipt.outcome](replace(before, delivery=delivery), receipt, pace)
    if retry_after_seconds is None or reached.delivery.status is not DeliveryStatus.READY:
        return reached
    rest = timedelta(seconds=min(retry_after_seconds, pace.limits.longest_retry_after_seconds))
    due_at = max(reached.delivery.due_at, receipt.received_at + rest)
    return replace(reached, delivery=replace(reached.delivery, due_at=due_at))


def abandoned(before: Progress, receipt: AttemptReceipt, pace: Pace, *, look_at: datetime) -> Progress:
    """Return where a delivery stands whose worker never reported: it may have been sent, so look first.

    Args:
        before: Where it stood.
        receipt: What can be said of the attempt.
        pace: How often to try.
        look_at: When what the worker may have sent has surely arrived.
    """
    if before.delivery.attempts >= pace.limits.attempts:
        return _give_up(before, receipt)
    return Progress(
        record=_sent(lifecycle.move(before.record, CorrectionState.UNKNOWN_OUTCOME), receipt.received_at),
        delivery=replace(
            _look_again(before.delivery, look_at),
            status=DeliveryStatus.READY,
            attempts=max(before.delivery.attempts, receipt.attempt),
            leased_by="",
            lease_until=None,
            last_error=receipt.detail,
        ),
        case_states=(CaseState.CORRECTION_SENT,),
    )


def held_back(before: Progress) -> Progress:
    """Return where a delivery stands that showed no effect and was not sent again: it is looked at anew, then sent."""
    waiting = replace(before.delivery, status=DeliveryStatus.READY, leased_by="", lease_until=None)
    return replace(before, delivery=waiting)


def overdue(before: Progress, now: datetime) -> Progress:
    """Return where a delivery stands whose time is spent: a person must look."""
    said = before.delivery.last_error or "it was not its turn, or its target was not to be written to"
    began_at = before.delivery.created_at.isoformat(timespec="seconds")
    return _ended(before, f"not delivered within its time, which began at {began_at}; last: {said}", now)


def rerouted(before: Progress, system: str, now: datetime) -> Progress:
    """Return where a delivery stands that goes another way from now on."""
    other_way = replace(before.delivery, via=system, due_at=now, read_backs=0)
    return replace(before, delivery=other_way)


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
    # What was given up waiting for may still arrive: a look before that would not show it.
    settled_at = receipt.received_at + timedelta(seconds=pace.limits.settle_seconds)
    due_at = max(settled_at, receipt.received_at + pace.backoff(1))
    return Progress(record, replace(_look_again(before.delivery, due_at), read_backs=0), (CaseState.CORRECTION_SENT,))


def _give_up(before: Progress, receipt: AttemptReceipt) -> Progress:
    said = receipt.detail or "nothing of it shows in the target and every attempt is spent"
    return _ended(before, said, receipt.received_at)


def _ended(before: Progress, reason: str, now: datetime) -> Progress:
    record = replace(lifecycle.move(before.record, CorrectionState.DEAD_LETTER), decision_reason=reason)
    dead = replace(
        before.delivery,
        status=DeliveryStatus.DEAD,
        leased_by="",
        lease_until=None,
        last_error=reason,
        finished_at=now,
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

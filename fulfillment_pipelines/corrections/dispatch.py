"""Deliver what is in the outbox: at least once, with one effect.

A row is claimed in one transaction, sent outside of any, and its outcome recorded in another. A process that ends
in between leaves a lease; whoever takes that row over looks before it sends. What follows from an outcome belongs
in `progress`, and whether something is sent at all was decided in `proposals`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from fulfillment_pipelines.corrections import progress
from fulfillment_pipelines.corrections.case_moves import CaseMoves
from fulfillment_pipelines.corrections.delivery_policy import DeliveryLimits
from fulfillment_pipelines.corrections.progress import Pace, Progress
from fulfillment_pipelines.corrections.worker import new_worker_name, worker_is_gone
from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.correction import Correction, CorrectionState, Observed
from fulfillment_pipelines.errors import (
    ConfigurationError,
    FulfillmentError,
    PreconditionError,
    RejectedError,
    RetryableError,
)
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.cases import cases_by_id
from fulfillment_pipelines.ledger.corrections import CorrectionRecord, update_corrections
from fulfillment_pipelines.ledger.outbox import (
    AttemptReceipt,
    Claim,
    DeliveryStatus,
    DeliveryStep,
    Lease,
    Outcome,
    append_receipts,
    claim_next,
    held_delivery,
    update_deliveries,
    workers_with_leases,
)
from fulfillment_pipelines.ledger.unit_of_work import Ledger, UnitOfWork
from fulfillment_pipelines.systems.port import CorrectionSink

SinkOf: TypeAlias = Callable[[str], CorrectionSink]
"""Returns the sink of a declared system."""

ACTOR = "dispatch"
"""Who moves corrections and cases in their histories when a target has answered."""

_PAST_TENSE = {DeliveryStep.SEND: "sent", DeliveryStep.READ_BACK: "read_back"}
_OF_AN_ANSWER = {Observed.APPLIED: Outcome.APPLIED, Observed.QUEUED: Outcome.QUEUED}
_OF_A_SIGHT = {
    Observed.APPLIED: Outcome.APPLIED,
    Observed.QUEUED: Outcome.QUEUED,
    Observed.ABSENT: Outcome.ABSENT,
    Observed.UNKNOWN: Outcome.UNSEEN,
}


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """How many corrections stand where, after a run; one that was tried twice is counted twice.

    Attributes:
        acked: The target says that it has the effect.
        queued: The target has taken the message in.
        retrying: Nothing was sent; it will be tried again.
        unknown: It may have had its effect; it will be looked at again.
        superseded: The target no longer holds what the correction was decided on.
        dead_lettered: A person must look at it.
        waiting: Nothing was sent yet, because the target could not be looked at first.
    """

    acked: int
    queued: int
    retrying: int
    unknown: int
    superseded: int
    dead_lettered: int
    waiting: int


class Dispatcher:
    """Delivers corrections, one at a time. Run one in each of several processes to deliver in parallel.

    Args:
        ledger: Where the outbox is.
        sink_of: The sink of each target.
        limits: Attempts, waits and leases.
        clock: The time of the deployment, by which rows fall due.
        machine_clock: The time of this machine, by which leases run; also where the deployment's time is simulated.
        jitter: Returns a number from 0 up to 1.
        worker: The name of this dispatcher.
        is_gone: Whether a worker of that name is known to have ended.
    """

    def __init__(
        self,
        ledger: Ledger,
        sink_of: SinkOf,
        limits: DeliveryLimits,
        *,
        clock: Clock,
        machine_clock: Clock,
        jitter: Callable[[], float],
        worker: str = "",
        is_gone: Callable[[str], bool] = worker_is_gone,
    ) -> None:
        self._ledger = ledger
        self._sink_of = sink_of
        self._pace = Pace(limits, jitter)
        self._clock = clock
        self._machine_clock = machine_clock
        self._worker = worker or new_worker_name()
        self._is_gone = is_gone

    def run(self, limit: int | None = None) -> DispatchResult:
        """Deliver everything that is due when it starts.

        Args:
            limit: Deliver no more rows than this; None for all.

        Raises:
            RetryableError: The ledger is busy; what was delivered so far is recorded.
        """
        due_by = self._clock.now()
        states: Counter[CorrectionState] = Counter()
        while limit is None or states.total() < limit:
            claim = self._claim(due_by)
            if claim is None:
                break
            states[claim.correction.state if _finished(claim) else self._deliver(claim)] += 1
        return DispatchResult(
            acked=states[CorrectionState.ACKED],
            queued=states[CorrectionState.SENT],
            retrying=states[CorrectionState.RETRYING],
            unknown=states[CorrectionState.UNKNOWN_OUTCOME],
            superseded=states[CorrectionState.SUPERSEDED],
            dead_lettered=states[CorrectionState.DEAD_LETTER],
            waiting=states[CorrectionState.APPROVED],
        )

    def _claim(self, due_by: datetime) -> Claim | None:
        with self._ledger.unit_of_work() as work:
            # A row that this dispatcher still holds at the start of a turn is one it was interrupted at.
            gone = {name for name in workers_with_leases(work) if name == self._worker or self._is_gone(name)}
            taken_at = self._machine_clock.now()
            until = taken_at + timedelta(seconds=self._pace.limits.lease_seconds)
            claim = claim_next(work, Lease(self._worker, due_by, taken_at, until, frozenset(gone)))
            if claim is not None and claim.abandoned_by:
                claim = self._take_over(work, claim)
            work.commit()
            return claim

    def _take_over(self, work: UnitOfWork, claim: Claim) -> Claim:
        receipt = AttemptReceipt(
            correction_id=claim.correction.correction_id,
            attempt=claim.delivery.attempts + 1,
            step=claim.delivery.next_step,
            outcome=Outcome.UNKNOWN_OUTCOME,
            reference="",
            detail="the worker that had it never reported",
            worker=claim.abandoned_by,
            received_at=self._clock.now(),
        )
        taken = progress.abandoned(Progress(claim.correction, claim.delivery), receipt, self._pace)
        _write(work, taken, [receipt])
        return Claim(taken.delivery, taken.record, abandoned_by="")

    def _deliver(self, claim: Claim) -> CorrectionState:
        receipts = list(self._attempts(claim))
        with self._ledger.unit_of_work() as work:
            held = held_delivery(work, claim.correction.correction_id, self._worker)
            if held is None:
                # Another worker took the row over and decides what follows; what happened here is still recorded.
                _record(work, claim.correction, receipts)
                work.commit()
                return claim.correction.state
            delivery, record = held
            state = progress.after(Progress(record, delivery), receipts[-1], self._pace)
            _write(work, state, receipts)
            work.commit()
            return state.record.state

    def _attempts(self, claim: Claim) -> Iterator[AttemptReceipt]:
        if claim.delivery.next_step is DeliveryStep.READ_BACK:
            outcome, detail = self._read_back(claim.correction)
            yield self._receipt(claim, DeliveryStep.READ_BACK, outcome, detail=detail)
            if outcome is not Outcome.ABSENT or not progress.may_send(claim.delivery, self._pace.limits):
                return
        outcome, reference, detail = self._send(claim.correction)
        yield self._receipt(claim, DeliveryStep.SEND, outcome, reference=reference, detail=detail)

    def _receipt(
        self, claim: Claim, step: DeliveryStep, outcome: Outcome, *, reference: str = "", detail: str = ""
    ) -> AttemptReceipt:
        return AttemptReceipt(
            correction_id=claim.correction.correction_id,
            attempt=claim.delivery.attempts + (1 if step is DeliveryStep.SEND else 0),
            step=step,
            outcome=outcome,
            reference=reference,
            detail=detail,
            worker=self._worker,
            received_at=self._clock.now(),
        )

    def _send(self, record: CorrectionRecord) -> tuple[Outcome, str, str]:
        try:
            answer = self._sink_of(record.target).apply(_correction(record))
        except PreconditionError as error:
            return Outcome.PRECONDITION, "", str(error)
        except RejectedError as error:
            return Outcome.REJECTED, "", str(error)
        except (RetryableError, ConfigurationError) as error:
            return Outcome.RETRYABLE, "", str(error)
        except FulfillmentError as error:
            # Also an answer that cannot be read: the request was sent, and its effect is not known.
            return Outcome.UNKNOWN_OUTCOME, "", str(error)
        outcome = _OF_AN_ANSWER.get(answer.observed, Outcome.UNKNOWN_OUTCOME)
        return outcome, answer.reference, ""

    def _read_back(self, record: CorrectionRecord) -> tuple[Outcome, str]:
        try:
            return _OF_A_SIGHT[self._sink_of(record.target).read_back(_correction(record))], ""
        except FulfillmentError as error:
            return Outcome.RETRYABLE, str(error)


def _finished(claim: Claim) -> bool:
    return claim.delivery.status is DeliveryStatus.DEAD


def _correction(record: CorrectionRecord) -> Correction:
    return Correction(
        correction_id=record.correction_id,
        target=record.target,
        message=record.message,
        payload=json.loads(record.payload),
        precondition=json.loads(record.precondition),
        idempotency_key=record.idempotency_key,
    )


def _write(work: UnitOfWork, state: Progress, receipts: Sequence[AttemptReceipt]) -> None:
    update_corrections(work, [state.record])
    update_deliveries(work, [state.delivery])
    if state.case_states:
        moves = CaseMoves(ACTOR, receipts[-1].received_at)
        for case in cases_by_id(work, [state.record.case_id]).values():
            note = f"{state.record.message} to {state.record.target}: {receipts[-1].outcome}"
            moves.follow(case, *state.case_states, note=note)
        moves.write(work)
    _record(work, state.record, receipts)


def _record(work: UnitOfWork, record: CorrectionRecord, receipts: Sequence[AttemptReceipt]) -> None:
    append_receipts(work, receipts)
    audit.append(
        work,
        [
            audit.AuditEntry(
                recorded_at=receipt.received_at,
                actor=ACTOR,
                action=f"correction.{_PAST_TENSE[receipt.step]}",
                subject=record.correction_id,
                detail={
                    "attempt": receipt.attempt,
                    "outcome": receipt.outcome,
                    "state": record.state,
                    "reference": receipt.reference,
                    "detail": receipt.detail,
                    "worker": receipt.worker,
                    "idempotency_key": record.idempotency_key,
                },
            )
            for receipt in receipts
        ],
    )

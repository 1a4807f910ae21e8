"""Deliver what is in the outbox: at least once, with one effect.

Rows are claimed in one transaction, sent outside of any, and their outcomes recorded in another. A process that ends
in between leaves a lease; whoever takes those rows over looks before it sends. What may be claimed belongs in
`claiming`, what follows from an outcome in `progress`, and whether something is sent at all was decided in `proposals`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import stamina

from fulfillment_pipelines.corrections.delivering import attempt, neglected, progress
from fulfillment_pipelines.corrections.delivering.attempt import Answer, SinkOf, SystemSign
from fulfillment_pipelines.corrections.delivering.claiming import claim_due
from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryPolicy
from fulfillment_pipelines.corrections.delivering.outcomes import Attempted, Step, record_attempts
from fulfillment_pipelines.corrections.delivering.worker import new_worker_name, worker_is_gone
from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.ledger.claims import Claim, Lease, Neglect, Permit, permit_of, release, workers_with_leases
from fulfillment_pipelines.ledger.outbox import AttemptReceipt, DeliveryStep, Outcome
from fulfillment_pipelines.ledger.target_health import Circuit
from fulfillment_pipelines.ledger.unit_of_work import Ledger, UnitOfWork

_T = TypeVar("_T")


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

    @property
    def total(self) -> int:
        """How many deliveries were worked on."""
        settled = self.acked + self.queued + self.superseded + self.dead_lettered
        return settled + self.retrying + self.unknown + self.waiting


class Dispatcher:
    """Delivers corrections, one at a time. Run one in each of several processes to deliver in parallel.

    Args:
        ledger: Where the outbox is.
        sink_of: The sink of each system.
        policy: Attempts, waits, rates and leases, by target.
        clock: The time of the deployment: by it rows fall due, and rates, caps and circuits run.
        machine_clock: The time of this machine, by which leases run; also where the deployment's time is simulated.
        jitter: Returns a number from 0 up to 1.
        worker: The name of this dispatcher.
        is_gone: Whether a worker of that name is known to have ended.
        leaves_out: Systems that others deliver to.
    """

    def __init__(
        self,
        ledger: Ledger,
        sink_of: SinkOf,
        policy: DeliveryPolicy,
        *,
        clock: Clock,
        machine_clock: Clock,
        jitter: Callable[[], float],
        worker: str = "",
        is_gone: Callable[[str], bool] = worker_is_gone,
        leaves_out: frozenset[str] = frozenset(),
    ) -> None:
        self._ledger = ledger
        self._sink_of = sink_of
        self._policy = policy
        self._jitter = jitter
        self._clock = clock
        self._machine_clock = machine_clock
        self._worker = worker or new_worker_name()
        self._is_gone = is_gone
        self._leaves_out = leaves_out

    def run(self, limit: int | None = None, *, should_stop: Callable[[], bool] = lambda: False) -> DispatchResult:
        """Deliver everything that is due when it starts and that its target may get now.

        Args:
            limit: Deliver no more rows than this; None for all.
            should_stop: Asked before each row; once it says so, the rows not begun are given back.

        Raises:
            RetryableError: The ledger is busy; what was delivered and could not be recorded is looked at again.
        """
        due_by = self._clock.now()
        states = self._care(due_by)
        while not should_stop() and (limit is None or states.total() < limit):
            rows = self._policy.workers.claim_rows
            claims = self._claim(due_by, rows if limit is None else min(rows, limit - states.total()))
            if not claims:
                break
            states.update(self._deliver(claims, should_stop))
        return DispatchResult(
            acked=states[CorrectionState.ACKED],
            queued=states[CorrectionState.SENT],
            retrying=states[CorrectionState.RETRYING],
            unknown=states[CorrectionState.UNKNOWN_OUTCOME],
            superseded=states[CorrectionState.SUPERSEDED],
            dead_lettered=states[CorrectionState.DEAD_LETTER],
            waiting=states[CorrectionState.APPROVED],
        )

    def _care(self, now: datetime) -> Counter[CorrectionState]:
        with self._ledger.reading() as work:
            # A row that this dispatcher still holds at the start of a run is one it was interrupted at.
            gone = {name for name in workers_with_leases(work) if name == self._worker or self._is_gone(name)}
            machine_now = self._machine_clock.now()
            longest_lease_at = machine_now + 2 * timedelta(seconds=self._policy.workers.lease_seconds)
            neglect = Neglect(now, machine_now, longest_lease_at, frozenset(gone))
            if not neglected.needs_care(work, neglect, self._policy):
                return Counter()
        return self._in_transaction(lambda work: neglected.care(work, neglect, self._policy, jitter=self._jitter))

    def _claim(self, due_by: datetime, wanted: int) -> list[Claim]:
        until = self._machine_clock.now() + timedelta(seconds=self._policy.workers.lease_seconds)
        asked = Lease(self._worker, due_by, until)
        now = self._clock.now()
        leaves_out = self._leaves_out
        return self._in_transaction(
            lambda work: claim_due(work, asked, self._policy, wanted=wanted, now=now, leaves_out=leaves_out)
        )

    def _deliver(self, claims: Sequence[Claim], should_stop: Callable[[], bool]) -> Counter[CorrectionState]:
        desk = _Desk(unsent={claim.correction.correction_id for claim in claims}, recorded_at=self._machine_clock.now())
        # The second half of a lease is kept for a slow answer, so that nobody takes over what is just being sent.
        begin_until = desk.recorded_at + timedelta(seconds=self._policy.workers.lease_seconds / 2)
        try:
            for claim in claims:
                if should_stop() or self._machine_clock.now() >= begin_until:
                    break
                steps = tuple(self._steps(claim, desk))
                if steps:
                    desk.keep(Attempted(claim, steps))
                if self._is_to_be_recorded(desk):
                    self._record(desk)
        finally:
            self._record(desk)
            if desk.unsent:
                self._in_transaction(lambda work: release(work, desk.unsent, self._worker))
        return desk.states

    def _steps(self, claim: Claim, desk: _Desk) -> Iterator[Step]:
        record, delivery = claim.correction, claim.delivery
        message = attempt.message_of(record)
        if delivery.next_step is DeliveryStep.READ_BACK:
            permit = self._permit(claim)
            if permit is None:
                return
            desk.unsent.discard(record.correction_id)
            # A message that was never sent is looked at all the same.
            told = permit.noticed if delivery.attempts else None
            seen = attempt.noticed(told) if told else attempt.look(self._sink_of, delivery.via, message)
            yield self._step(claim, DeliveryStep.READ_BACK, seen)
            if seen.outcome is not Outcome.ABSENT:
                return
            if not progress.may_send(delivery, self._policy.limits_for(delivery.via)):
                return
        if self._permit(claim) is None:
            return
        desk.unsent.discard(record.correction_id)
        if attempt.is_what_was_approved(record):
            yield self._step(claim, DeliveryStep.SEND, attempt.send(self._sink_of, delivery.via, message))
        else:
            yield self._step(claim, DeliveryStep.SEND, attempt.not_what_was_approved())

    def _permit(self, claim: Claim) -> Permit | None:
        """Ask the ledger at the last moment whether a claimed row may go; None where it may not."""
        with self._ledger.reading() as work:
            permit = permit_of(work, claim.correction.correction_id, self._worker)
        if permit.circuit is Circuit.CLOSED:
            rests = permit.rest_until is not None and permit.rest_until > self._clock.now()
        else:
            rests = not (claim.is_probe and permit.circuit is Circuit.HALF_OPEN)
        return permit if permit.is_held and not permit.is_stopped and not rests else None

    def _step(self, claim: Claim, step: DeliveryStep, answer: Answer) -> Step:
        receipt = AttemptReceipt(
            correction_id=claim.correction.correction_id,
            attempt=claim.delivery.attempts + (1 if step is DeliveryStep.SEND else 0),
            step=step,
            outcome=answer.outcome,
            reference=answer.reference,
            detail=answer.detail,
            worker=self._worker,
            received_at=self._clock.now(),
            system=claim.delivery.via,
        )
        return Step(receipt, answer)

    def _is_to_be_recorded(self, desk: _Desk) -> bool:
        """Whether others should know now: that a system is down, or what it asks for, at once; the rest soon."""
        if not desk.attempts:
            return False
        last = desk.attempts[-1]
        asks_for_rest = last.steps[-1].answer.retry_after_seconds is not None
        if asks_for_rest or last.claim.is_probe or desk.failures_in_a_row > 1:
            return True
        passed = self._machine_clock.now() - desk.recorded_at
        return abs(passed.total_seconds()) >= self._policy.workers.record_seconds

    def _record(self, desk: _Desk) -> None:
        if not desk.attempts:
            return
        recorded = self._in_transaction(
            lambda work: record_attempts(
                work, desk.attempts, worker=self._worker, policy=self._policy, jitter=self._jitter
            )
        )
        desk.states.update(recorded)
        desk.attempts.clear()
        desk.recorded_at = self._machine_clock.now()

    def _in_transaction(self, do: Callable[[UnitOfWork], _T]) -> _T:
        """Do something in a transaction of its own; again where the ledger was busy.

        Raises:
            RetryableError: The ledger stays busy.
        """
        for retry in stamina.retry_context(on=RetryableError, attempts=self._policy.workers.ledger_attempts):
            with retry, self._ledger.unit_of_work() as work:
                done = do(work)
                work.commit()
        return done


@dataclass
class _Desk:
    """The rows of one claim while they are worked on.

    Attributes:
        unsent: Corrections of which nothing was asked yet.
        recorded_at: When answers were last recorded, by the machine's clock.
        attempts: Answers that are not recorded yet.
        states: Where the recorded ones stand.
        failures_in_a_row: Failures of systems since the last answer.
    """

    unsent: set[str]
    recorded_at: datetime
    attempts: list[Attempted] = field(default_factory=list)
    states: Counter[CorrectionState] = field(default_factory=Counter)
    failures_in_a_row: int = 0

    def keep(self, attempted: Attempted) -> None:
        """Keep what was done with a row until it is recorded."""
        self.attempts.append(attempted)
        fails = attempted.steps[-1].answer.sign is SystemSign.FAILS
        self.failures_in_a_row = self.failures_in_a_row + 1 if fails else 0

"""Write down what came of attempts: correction, outbox row, case, receipts, audit rows and the system's health.

Many attempts are one transaction. What follows from each belongs in `progress` and `circuit`; here it is only written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from fulfillment_pipelines.corrections.case_moves import CaseMoves
from fulfillment_pipelines.corrections.delivering import circuit, progress
from fulfillment_pipelines.corrections.delivering.attempt import Answer, SystemSign
from fulfillment_pipelines.corrections.delivering.delivery_policy import DeliveryPolicy
from fulfillment_pipelines.corrections.delivering.progress import Pace, Progress
from fulfillment_pipelines.corrections.recorded import correction_entry
from fulfillment_pipelines.domain.correction import CorrectionState, Scalar
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.cases import cases_by_id
from fulfillment_pipelines.ledger.claims import Claim, held_claims
from fulfillment_pipelines.ledger.corrections import CorrectionRecord, update_corrections
from fulfillment_pipelines.ledger.outbox import (
    AttemptReceipt,
    DeliveryStep,
    Outcome,
    append_receipts,
    recorded_receipts,
    update_deliveries,
)
from fulfillment_pipelines.ledger.target_health import Circuit, TargetHealth, read_health, write_health
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

ACTOR: Final = "dispatch"
"""Who moves corrections and cases in their histories when a target has answered."""

_PAST_TENSE: Final = {DeliveryStep.SEND: "sent", DeliveryStep.READ_BACK: "read_back"}


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a system, as it is recorded and as it was answered."""

    receipt: AttemptReceipt
    answer: Answer


@dataclass(frozen=True, slots=True)
class Attempted:
    """A claimed row and what was done with it, in order; at least one step."""

    claim: Claim
    steps: tuple[Step, ...]


def record_attempts(
    work: UnitOfWork,
    attempts: Sequence[Attempted],
    *,
    worker: str,
    policy: DeliveryPolicy,
    jitter: Callable[[], float],
) -> Counter[CorrectionState]:
    """Record what a worker did with its rows, within the running transaction; the caller commits.

    A row that another worker has taken over is decided on by that worker; what happened here is still recorded.

    Returns:
        How many of the corrections stand where.
    """
    work.take_turn("audit")
    by_id = {attempted.claim.correction.correction_id: attempted for attempted in attempts}
    held = held_claims(work, by_id, worker)
    lost = set(by_id) - set(held)
    known = recorded_receipts(work, lost, worker) if lost else frozenset()
    sheet = Sheet()
    for correction_id, attempted in by_id.items():
        receipts = [step.receipt for step in attempted.steps]
        if correction_id in held:
            sheet.add(_after(held[correction_id], attempted.steps[-1], policy, jitter), receipts)
        else:
            # A commit whose confirmation was lost is tried again; its receipts are there already.
            unknown = [receipt for receipt in receipts if receipt not in known]
            sheet.note(attempted.claim.correction, unknown)
    sheet.write(work)
    _record_health(work, [step for attempted in attempts for step in attempted.steps], policy)
    return Counter(record.state for record in sheet.records)


def _after(held: Claim, last: Step, policy: DeliveryPolicy, jitter: Callable[[], float]) -> Progress:
    before = Progress(held.correction, held.delivery)
    limits = policy.limits_for(held.delivery.via)
    if last.receipt.outcome is Outcome.ABSENT and progress.may_send(held.delivery, limits):
        return progress.held_back(before)
    pace = Pace(limits, jitter)
    return progress.after(before, last.receipt, pace, retry_after_seconds=last.answer.retry_after_seconds)


@dataclass
class Sheet:
    """What is to be written of many deliveries, collected before it is written."""

    states: list[Progress] = field(default_factory=list)
    records: list[CorrectionRecord] = field(default_factory=list)
    receipts: list[AttemptReceipt] = field(default_factory=list)
    entries: list[audit.AuditEntry] = field(default_factory=list)
    notes: list[tuple[Progress, str, datetime]] = field(default_factory=list)

    def add(self, state: Progress, receipts: Sequence[AttemptReceipt]) -> None:
        """Add where a delivery stands after these attempts."""
        last = receipts[-1]
        self.move(state, f"{state.record.message} to {last.system}: {last.outcome}", last.received_at)
        self.note(state.record, receipts)

    def move(self, state: Progress, note: str, now: datetime) -> None:
        """Add where a delivery stands, and what its case is told."""
        self.states.append(state)
        self.notes.append((state, note, now))

    def note(self, record: CorrectionRecord, receipts: Iterable[AttemptReceipt]) -> None:
        """Add attempts that were made for a correction which stands like this afterwards."""
        self.records.append(record)
        for receipt in receipts:
            self.receipts.append(receipt)
            self.entries.append(_entry(record, receipt))

    def write(self, work: UnitOfWork) -> None:
        """Write all of it."""
        update_corrections(work, [state.record for state in self.states])
        update_deliveries(work, [state.delivery for state in self.states])
        self._write_cases(work)
        append_receipts(work, self.receipts)
        audit.append(work, self.entries)

    def _write_cases(self, work: UnitOfWork) -> None:
        followed = [told for told in self.notes if told[0].case_states]
        if not followed:
            return
        cases = cases_by_id(work, [state.record.case_id for state, _, _ in followed])
        moves = CaseMoves(ACTOR, followed[-1][2])
        for state, note, _ in followed:
            if state.record.case_id in cases:
                moves.follow(cases[state.record.case_id], *state.case_states, note=note)
        moves.write(work)


def _entry(record: CorrectionRecord, receipt: AttemptReceipt) -> audit.AuditEntry:
    detail: dict[str, Scalar] = {
        "attempt": receipt.attempt,
        "outcome": receipt.outcome,
        "system": receipt.system,
        "reference": receipt.reference,
        "detail": receipt.detail,
        "worker": receipt.worker,
    }
    action = f"correction.{_PAST_TENSE[receipt.step]}"
    return correction_entry(record, ACTOR, action, receipt.received_at, detail)


def _record_health(work: UnitOfWork, steps: Sequence[Step], policy: DeliveryPolicy) -> None:
    known = read_health(work)
    if not any(_tells_anything(step, known) for step in steps):
        return
    before = read_health(work, locked=True)
    after = dict(before)
    for step in steps:
        system = step.receipt.system
        if system in after:
            after[system] = _learnt(after[system], step, policy)
    write_health(work, [health for system, health in after.items() if health != before[system]])


def _tells_anything(step: Step, known: dict[str, TargetHealth]) -> bool:
    if step.answer.sign is SystemSign.FAILS or step.answer.retry_after_seconds is not None:
        return True
    health = known.get(step.receipt.system)
    return health is not None and (health.circuit is not Circuit.CLOSED or health.failures > 0)


def _learnt(health: TargetHealth, step: Step, policy: DeliveryPolicy) -> TargetHealth:
    limits, now = policy.limits_for(health.target), step.receipt.received_at
    if step.answer.sign is SystemSign.FAILS:
        health = circuit.failed(health, limits, now)
    elif step.answer.sign is SystemSign.ANSWERS:
        health = circuit.answered(health, now)
    if step.answer.retry_after_seconds is not None:
        health = circuit.resting(health, limits, step.answer.retry_after_seconds, now)
    return health

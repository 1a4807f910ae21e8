"""What a later snapshot says of corrections: proved, no longer needed, without effect, or with an effect that is gone.

Call it after `exceptions.intake`, in the same transaction. Ending cases belongs there; an acknowledgement of the
target does not count here, and a snapshot proves only what was acknowledged before it was taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from fulfillment_pipelines.corrections import lifecycle
from fulfillment_pipelines.corrections.recorded import correction_entry
from fulfillment_pipelines.domain.case import Case, RuleRun
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.exceptions.intake import findings_by_case
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.cases import cases_by_id
from fulfillment_pipelines.ledger.corrections import (
    CorrectionRecord,
    EndedCorrection,
    corrections_of,
    corrections_of_ended_cases,
    count_unproved_watermarks,
    update_corrections,
)
from fulfillment_pipelines.ledger.outbox import Delivery, DeliveryStatus, deliveries_of, update_deliveries
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

ACTOR = "confirmation"
"""Who moves corrections in the audit log when a snapshot does."""

_BECAUSE = {
    "correction.verified": "a later snapshot no longer shows the difference, or shows the effect",
    "correction.unproved": "a later snapshot still shows the difference",
    "correction.effect_lost": "a later snapshot no longer shows the effect that was proved",
}
_SENT = frozenset({CorrectionState.SENT, CorrectionState.ACKED, CorrectionState.UNKNOWN_OUTCOME})
_UNSENT = frozenset(
    {
        CorrectionState.PROPOSED,
        CorrectionState.PENDING,
        CorrectionState.APPROVED,
        CorrectionState.RETRYING,
        CorrectionState.DEAD_LETTER,
    }
)


@dataclass(frozen=True, slots=True)
class ConfirmResult:
    """What became of corrections. Correction identities, sorted.

    Attributes:
        verified: Sent, and their difference is gone in a later snapshot, or it shows the effect of their step.
        withdrawn: Not sent, and no longer needed because the difference is gone.
        unproved: How many acknowledged corrections have their difference still standing at a later watermark.
        lost: Proved before, and a later snapshot no longer shows the effect.
    """

    verified: tuple[str, ...]
    withdrawn: tuple[str, ...]
    unproved: int
    lost: tuple[str, ...] = ()


def confirm(
    work: UnitOfWork,
    findings: Iterable[Finding] = (),
    *,
    now: datetime,
    runs: Iterable[RuleRun] = (),
    reopened: Iterable[str] = (),
) -> ConfirmResult:
    """Bring corrections to what their cases have become, within the running transaction; the caller commits.

    A correction that a worker is delivering at this moment is left for the next call.

    Args:
        work: The transaction.
        findings: What the rules said; one that asks for a later step proves the steps before it.
        now: The moment of the confirmation.
        runs: Which rules were evaluated, at which watermark; they prove what was acknowledged after its case had ended.
        reopened: The cases that intake has reopened: what was proved of them is undone.

    Raises:
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    by_case = findings_by_case(findings)
    proofs = _Proofs({(run.code, run.node): run for run in runs if run.trustworthy}, by_case)
    ended = corrections_of_ended_cases(work, _SENT | _UNSENT)
    deliveries = deliveries_of(work, (found.record.case_id for found in ended))
    free = [found for found in ended if not _leased(deliveries.get(found.record.correction_id))]
    lost = [*_vanished_steps(work, by_case), *_undone(work, reopened)]
    settled = [*_settled(free, proofs, now), *_proved_steps(work, by_case, now)]
    update_corrections(work, [*settled, *lost])
    finished = (deliveries.get(record.correction_id) for record in settled)
    update_deliveries(
        work,
        [
            replace(delivery, status=DeliveryStatus.DONE, finished_at=now)
            for delivery in finished
            if delivery is not None and delivery.status is DeliveryStatus.READY
        ],
    )
    unproved = count_unproved_watermarks(work)
    audit.append(
        work,
        [
            *(_entry(record, f"correction.{record.state.lower()}", now) for record in settled),
            *(_entry(record, "correction.effect_lost", now) for record in lost),
            *(_entry(record, "correction.unproved", now) for record in unproved),
        ],
    )
    return ConfirmResult(
        verified=tuple(record.correction_id for record in settled if record.state is CorrectionState.VERIFIED),
        withdrawn=tuple(record.correction_id for record in settled if record.state is CorrectionState.SUPERSEDED),
        unproved=len(unproved),
        lost=tuple(record.correction_id for record in lost),
    )


@dataclass(frozen=True, slots=True)
class _Proofs:
    """Which watermark proves a correction of an ended case."""

    runs: Mapping[tuple[str, str | None], RuleRun]
    findings: Mapping[str, Finding]

    def of(self, found: EndedCorrection) -> datetime | None:
        """Return the watermark of a snapshot that is later than what is known of the effect; None for none yet."""
        record = found.record
        effective_at = record.acked_at or record.sent_at
        if effective_at is None or found.proving_watermark_at > effective_at:
            return found.proving_watermark_at
        run = self.runs.get((record.code, record.node)) or self.runs.get((record.code, None))
        if run is None or record.case_id in self.findings or run.watermark_at <= effective_at:
            return None
        return run.watermark_at


def _proved_steps(work: UnitOfWork, by_case: Mapping[str, Finding], now: datetime) -> list[CorrectionRecord]:
    """Verify the acknowledged steps whose effect a later snapshot shows: the rule asks for the next."""
    asking = {
        case_id: finding
        for case_id, finding in by_case.items()
        if finding.steps_done and finding.verdict is Verdict.DIFFER
    }
    if not asking:
        return []
    return [
        replace(
            lifecycle.move(record, CorrectionState.VERIFIED),
            verified_at=now,
            proving_watermark_at=asking[case_id].watermark_at,
        )
        for case_id, records in corrections_of(work, asking).items()
        for record in records
        if record.state is CorrectionState.ACKED
        and record.acked_at is not None
        and record.acked_at < asking[case_id].watermark_at
        and record.message in asking[case_id].steps_done.split(",")
    ]


def _vanished_steps(work: UnitOfWork, by_case: Mapping[str, Finding]) -> list[CorrectionRecord]:
    """Return the steps that were proved and that the rule asks for again: acknowledged as before, and unproved."""
    asking = {
        case_id: finding
        for case_id, finding in by_case.items()
        if finding.message and finding.verdict is Verdict.DIFFER
    }
    cases = cases_by_id(work, asking)
    return [
        replace(
            lifecycle.move(record, CorrectionState.ACKED),
            verified_at=None,
            proving_watermark_at=None,
            unproved_watermarks=record.unproved_watermarks + 1,
            last_unproved_watermark_at=asking[case_id].watermark_at,
        )
        for case_id, records in corrections_of(work, asking).items()
        for record in records
        if case_id in cases and _is_asked_again(record, asking[case_id], cases[case_id])
    ]


def _is_asked_again(record: CorrectionRecord, finding: Finding, case: Case) -> bool:
    """Whether a correction of this opening of a case was proved, and a later snapshot asks for the same again."""
    return (
        record.state is CorrectionState.VERIFIED
        and record.proving_watermark_at is not None
        and record.proving_watermark_at < finding.watermark_at
        and record.acked_at is not None
        and record.proposed_at >= case.opened_at
        and record.message == finding.message
        and json.loads(record.payload) == json.loads(finding.payload or "{}")
    )


def _undone(work: UnitOfWork, reopened: Iterable[str]) -> list[CorrectionRecord]:
    """Return, of each case that came back, the correction that was proved last; what it was stays as it is."""
    proved = (
        [record for record in records if record.state is CorrectionState.VERIFIED and record.verified_at is not None]
        for records in corrections_of(work, reopened).values()
    )
    return [
        max(records, key=lambda record: (record.verified_at, record.correction_id)) for records in proved if records
    ]


def _leased(delivery: Delivery | None) -> bool:
    return delivery is not None and delivery.status is DeliveryStatus.LEASED


def _settled(ended: Iterable[EndedCorrection], proofs: _Proofs, now: datetime) -> Iterator[CorrectionRecord]:
    """Return what corrections of ended cases become; what no later snapshot has shown yet stays as it is."""
    for found in ended:
        if found.record.state not in _SENT:
            yield _withdrawn(found)
        elif (proof := proofs.of(found)) is not None:
            verified = lifecycle.move(found.record, CorrectionState.VERIFIED)
            yield replace(verified, verified_at=now, proving_watermark_at=proof)


def _withdrawn(found: EndedCorrection) -> CorrectionRecord:
    # A dead letter may have had its effect: nobody could tell, and now nobody needs to.
    sent = found.record.sent_at is not None
    return replace(
        lifecycle.move(found.record, CorrectionState.SUPERSEDED),
        decision_reason="the difference is gone, by it or not"
        if sent
        else "the difference was gone before it was sent",
        proving_watermark_at=found.proving_watermark_at,
    )


def _entry(record: CorrectionRecord, action: str, now: datetime) -> audit.AuditEntry:
    proof = record.proving_watermark_at.isoformat() if record.proving_watermark_at else None
    unproved = {"unproved_watermarks": record.unproved_watermarks} if record.unproved_watermarks else {}
    detail = {"proving_watermark_at": proof, **unproved}
    return correction_entry(record, ACTOR, action, now, detail, reason=_BECAUSE.get(action))

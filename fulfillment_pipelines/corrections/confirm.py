"""What a later snapshot says of corrections: proved, no longer needed, or acknowledged and still without effect.

Call it after `exceptions.intake`, in the same transaction. Ending cases belongs there; an acknowledgement of the
target does not count here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from fulfillment_pipelines.corrections import lifecycle
from fulfillment_pipelines.corrections.recorded import correction_entry
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.exceptions.intake import findings_by_case
from fulfillment_pipelines.ledger import audit
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
    """

    verified: tuple[str, ...]
    withdrawn: tuple[str, ...]
    unproved: int


def confirm(work: UnitOfWork, findings: Iterable[Finding] = (), *, now: datetime) -> ConfirmResult:
    """Bring corrections to what their cases have become, within the running transaction; the caller commits.

    A correction that a worker is delivering at this moment is left for the next call.

    Args:
        work: The transaction.
        findings: What the rules said; one that asks for a later step proves the steps before it.
        now: The moment of the confirmation.

    Raises:
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    ended = corrections_of_ended_cases(work, _SENT | _UNSENT)
    deliveries = deliveries_of(work, (found.record.case_id for found in ended))
    free = [found for found in ended if not _leased(deliveries.get(found.record.correction_id))]
    settled = [*(_settle(found, now) for found in free), *_proved_steps(work, findings, now)]
    update_corrections(work, settled)
    finished = (deliveries.get(record.correction_id) for record in settled)
    update_deliveries(
        work,
        [
            replace(delivery, status=DeliveryStatus.DONE, finished_at=now)
            for delivery in finished
            if delivery is not None and delivery.status is DeliveryStatus.READY
        ],
    )
    audit.append(work, [_entry(record, now) for record in settled])
    return ConfirmResult(
        verified=tuple(record.correction_id for record in settled if record.state is CorrectionState.VERIFIED),
        withdrawn=tuple(record.correction_id for record in settled if record.state is CorrectionState.SUPERSEDED),
        unproved=count_unproved_watermarks(work),
    )


def _proved_steps(work: UnitOfWork, findings: Iterable[Finding], now: datetime) -> list[CorrectionRecord]:
    """Verify the acknowledged steps whose effect a later snapshot shows: the rule asks for the next."""
    asking = {
        case_id: finding
        for case_id, finding in findings_by_case(findings).items()
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


def _leased(delivery: Delivery | None) -> bool:
    return delivery is not None and delivery.status is DeliveryStatus.LEASED


def _settle(found: EndedCorrection, now: datetime) -> CorrectionRecord:
    if found.record.state in _SENT:
        return replace(
            lifecycle.move(found.record, CorrectionState.VERIFIED),
            verified_at=now,
            proving_watermark_at=found.proving_watermark_at,
        )
    return replace(
        lifecycle.move(found.record, CorrectionState.SUPERSEDED),
        decision_reason="the difference was gone before it was sent",
        proving_watermark_at=found.proving_watermark_at,
    )


def _entry(record: CorrectionRecord, now: datetime) -> audit.AuditEntry:
    proof = record.proving_watermark_at.isoformat() if record.proving_watermark_at else None
    return correction_entry(
        record,
        ACTOR,
        f"correction.{record.state.lower()}",
        now,
        {"proving_watermark_at": proof},
    )

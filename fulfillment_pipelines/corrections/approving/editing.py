"""A person changes what a correction would send: a new version, which needs an approval of its own.

Nothing is ever changed in place. The new version has its own identity, key and hash; it names the one it replaces,
and who edited any version approves none of them. Any active person may say what should be sent instead; who lets it
go, is decided as for every other correction, in `approval`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from fulfillment_pipelines.corrections import lifecycle
from fulfillment_pipelines.corrections.approving.approval import correction_of, refused, require_grounds
from fulfillment_pipelines.corrections.approving.approval_policy import awaiting_people
from fulfillment_pipelines.corrections.approving.mandate import Refusal
from fulfillment_pipelines.corrections.approving.obstacles import why_it_waits_no_more
from fulfillment_pipelines.corrections.approving.versions import next_version
from fulfillment_pipelines.corrections.case_moves import CaseMoves
from fulfillment_pipelines.corrections.content import content_hash_of
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposing.dossier import Subject, canonical_json, dossier_of
from fulfillment_pipelines.corrections.recorded import correction_entry
from fulfillment_pipelines.domain.case import CaseState
from fulfillment_pipelines.domain.correction import CorrectionClass, CorrectionState, Scalar
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.cases import cases_by_id
from fulfillment_pipelines.ledger.corrections import (
    CorrectionRecord,
    corrections_of,
    insert_corrections,
    update_corrections,
)
from fulfillment_pipelines.ledger.outbox import DeliveryStep, Outcome
from fulfillment_pipelines.ledger.readings import receipts_of
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.messages.catalogue import message_type, read_message
from fulfillment_pipelines.messages.message import MessageType

_EDITABLE: Final = frozenset({CorrectionState.PENDING, CorrectionState.DEAD_LETTER, CorrectionState.REJECTED})
_HAD_NO_EFFECT: Final = frozenset({Outcome.REJECTED, Outcome.PRECONDITION, Outcome.RETRYABLE})


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person wants sent instead.

    Attributes:
        changes: New values of payload fields, by their names.
        by: The person.
        reason: Why, in the person's words.
        target_role: What the receiving system is to the distributor; the decision rights speak of roles.
        taken: Messages that the receiving system takes; None where that is not known.
    """

    changes: Mapping[str, Scalar]
    by: str
    reason: str
    target_role: str
    taken: Sequence[str] | None = None


def edit(work: UnitOfWork, identity: str, wanted: Edit, *, policies: Policies, now: datetime) -> CorrectionRecord:
    """Make a new version of a correction, within the running transaction; the caller commits.

    Args:
        work: The transaction.
        identity: The correction: one that waits for people, was rejected, or could not be delivered.
        wanted: What is to be sent instead, who says so, and why.
        policies: Who must approve it.
        now: The moment of the edit.

    Returns:
        The new version, which waits for people; the one before it is withdrawn.

    Raises:
        RejectedError: It cannot be edited any more, nothing changes, a changed field says of what it speaks, or the
            decision rights do not allow the new content, whoever approves it.
        BadDataError: There is no such correction, or the content does not fit its message.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    require_grounds(wanted.by, wanted.reason, policies)
    work.take_turn("intake")
    before = correction_of(work, identity)
    of_case = corrections_of(work, [before.case_id])[before.case_id]
    case = cases_by_id(work, [before.case_id])[before.case_id]
    refusal = _obstacle(work, before, cured=case.closed_at is not None)
    if refusal is not None:
        raise refused(wanted.by, "edit", before, refusal)
    after = _edited(before, wanted, next_version(before, of_case), now)
    _require_allowed(after, wanted, policies)
    after = replace(_with_dossier(after, case.order_id, wanted.taken), policy_version=policies.version)
    after = awaiting_people(after, policies.approvals, now)
    withdrawn = _withdrawn(before, after, wanted)
    insert_corrections(work, [after])
    update_corrections(work, [withdrawn])
    moves = CaseMoves(wanted.by, now)
    moves.follow(case, CaseState.PENDING_APPROVAL, note=f"edited: {wanted.reason}")
    moves.write(work)
    audit.append(work, _entries(withdrawn, after, wanted, now))
    return after


def typed_changes(record: CorrectionRecord, texts: Mapping[str, str]) -> dict[str, Scalar]:
    """Return changes that were typed as text, each in the type its field has now; decimals and instants stay text."""
    present = json.loads(record.payload)
    return {name: _typed(text, present.get(name)) for name, text in texts.items()}


def _obstacle(work: UnitOfWork, record: CorrectionRecord, *, cured: bool) -> Refusal | None:
    if record.state not in _EDITABLE:
        return why_it_waits_no_more(record)
    if cured:
        return Refusal("the difference is gone: a later snapshot has proved the cure", "nothing is to be corrected")
    if record.state is CorrectionState.DEAD_LETTER and not _surely_without_effect(work, record):
        return Refusal(
            "nobody knows whether it has had its effect, and another content would come on top of it",
            f"`fulfillment approvals replay {record.correction_id}` looks first; settle by hand what stays unknown",
        )
    return None


def _surely_without_effect(work: UnitOfWork, record: CorrectionRecord) -> bool:
    """Whether every send is known to have failed: refused, never reached, or looked for and not found."""
    sure = True
    for receipt in receipts_of(work, record.correction_id):
        if receipt.step is DeliveryStep.SEND:
            sure = receipt.outcome in _HAD_NO_EFFECT
        else:
            sure = receipt.outcome is Outcome.ABSENT or (sure and receipt.outcome is not Outcome.QUEUED)
    return sure


def _edited(before: CorrectionRecord, wanted: Edit, version: int, now: datetime) -> CorrectionRecord:
    payload = {**json.loads(before.payload), **wanted.changes}
    message = message_type(before.message)
    _require_change(before, message, wanted.changes)
    read_message(message, payload, json.loads(before.precondition))
    text = canonical_json(payload)
    key = hashlib.sha256("\n".join((before.idempotency_key, str(version), text)).encode()).hexdigest()
    after = replace(
        _without_history(before),
        correction_id=f"COR-{key[:16]}",
        idempotency_key=key,
        payload=text,
        # What a person writes is that person's judgement, whatever the rule's message would have been.
        correction_class=CorrectionClass.JUDGEMENT,
        state=CorrectionState.PENDING,
        judgement_reason=f"edited by {wanted.by}: {wanted.reason}",
        decision_reason=f"edited by {wanted.by}: {wanted.reason}",
        proposed_at=now,
        proposed_by=wanted.by,
        version=version,
        replaces=before.correction_id,
    )
    return replace(after, content_hash=content_hash_of(after))


def _require_allowed(after: CorrectionRecord, wanted: Edit, policies: Policies) -> None:
    grant = policies.authority.require(after.message, wanted.target_role, after.correction_class)
    misfit = grant.misfit(json.loads(after.payload), json.loads(after.precondition))
    if misfit:
        raise RejectedError(
            f"{grant.clause_id} does not allow the edit of {after.replaces}: {misfit}.",
            remedy="reject the correction, and let a newer snapshot propose it anew",
        )


def _with_dossier(record: CorrectionRecord, order_id: str, taken: Sequence[str] | None) -> CorrectionRecord:
    subject = Subject(
        message=record.message,
        payload=json.loads(record.payload),
        precondition=json.loads(record.precondition),
        amount=record.value_amount,
        currency=record.currency,
        order_id=order_id,
        evidence=json.loads(record.evidence),
    )
    dossier = dossier_of(subject, taken)
    return replace(record, diff=dossier.diff, inverse=dossier.inverse, impact=dossier.impact)


def _without_history(record: CorrectionRecord) -> CorrectionRecord:
    """Return a correction as if nothing had been decided on it or done with it yet."""
    return replace(
        record,
        decided_at=None,
        decided_by="",
        sent_at=None,
        acked_at=None,
        reference="",
        verified_at=None,
        proving_watermark_at=None,
        unproved_watermarks=0,
        last_unproved_watermark_at=None,
        superseded_by=None,
        clause_id="",
        approver_role="",
        expires_at=None,
    )


def _require_change(before: CorrectionRecord, message: MessageType, changes: Mapping[str, Scalar]) -> None:
    present = json.loads(before.payload)
    fixed = sorted(set(changes) - set(message.sets)) if message.sets else []
    if fixed:
        raise RejectedError(
            f"{', '.join(fixed)} cannot be edited in {message.name}.",
            expected=f"one of {', '.join(message.sets)}: what the target shall hold afterwards",
            found="a field that says of what the message speaks, for which there is no evidence",
            remedy="reject the correction; a difference elsewhere is a case of its own",
        )
    if all(present.get(name) == value for name, value in changes.items()):
        raise RejectedError(
            f"The edit of {before.correction_id} changes nothing.",
            expected="another value of at least one field",
            found=", ".join(f"{name}={value}" for name, value in sorted(changes.items())) or "no change",
            remedy=f"`fulfillment approvals replay {before.correction_id}` sends a dead letter again as it is",
        )


def _withdrawn(before: CorrectionRecord, after: CorrectionRecord, wanted: Edit) -> CorrectionRecord:
    if before.state is CorrectionState.REJECTED:
        return replace(before, superseded_by=after.correction_id)
    return replace(
        lifecycle.move(before, CorrectionState.SUPERSEDED),
        superseded_by=after.correction_id,
        decision_reason=f"edited by {wanted.by}: {wanted.reason}",
    )


def _entries(
    withdrawn: CorrectionRecord, after: CorrectionRecord, wanted: Edit, now: datetime
) -> Sequence[audit.AuditEntry]:
    said = {"payload": after.payload, "replaces": withdrawn.correction_id, "payload_before": withdrawn.payload}
    return [
        correction_entry(
            withdrawn,
            wanted.by,
            "correction.superseded",
            now,
            {"superseded_by": after.correction_id},
            reason=wanted.reason,
        ),
        correction_entry(after, wanted.by, "correction.edited", now, said, reason=wanted.reason),
        correction_entry(after, wanted.by, "correction.pending", now, {"approver_role": after.approver_role}),
    ]


def _typed(text: str, present: Scalar) -> Scalar:
    if isinstance(present, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(present, int) and text.lstrip("-").isdigit():
        return int(text)
    return text

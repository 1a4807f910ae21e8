"""Turn findings that propose a message into corrections, decided by policy, with their outbox rows.

Decision, outbox row, case move and audit row are one transaction: a correction that is approved will be
delivered, and one that is delivered was approved. Delivering belongs in `dispatch`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from fulfillment_pipelines.corrections import lifecycle
from fulfillment_pipelines.corrections.approving.approval_policy import awaiting_people
from fulfillment_pipelines.corrections.approving.versions import lives_on_in_an_edit
from fulfillment_pipelines.corrections.case_moves import CaseMoves
from fulfillment_pipelines.corrections.content import content_hash_of
from fulfillment_pipelines.corrections.delivering.delivery import first_delivery
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposing.caps import HourlyApprovals
from fulfillment_pipelines.corrections.proposing.dossier import (
    Dossier,
    Subject,
    canonical_json,
    dossier_of,
    json_object,
)
from fulfillment_pipelines.corrections.proposing.gate import Circumstances, Decision, GateClause, decide
from fulfillment_pipelines.corrections.recorded import correction_entry
from fulfillment_pipelines.domain.case import Case, CaseState
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.exceptions.intake import findings_by_case
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.cases import cases_by_id
from fulfillment_pipelines.ledger.corrections import (
    POLICY_ACTOR,
    CorrectionRecord,
    approvals_by_policy,
    corrections_of,
    insert_corrections,
    update_corrections,
)
from fulfillment_pipelines.ledger.outbox import (
    Delivery,
    DeliveryStatus,
    deliveries_of,
    insert_deliveries,
    update_deliveries,
)
from fulfillment_pipelines.ledger.switches import KillSwitch, engaged_switches
from fulfillment_pipelines.ledger.types import to_amount
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

TargetOf: TypeAlias = Callable[[str, str, str, str], str]
"""Returns the declared name of the system that plays a role at a node, takes a message and holds an order."""

MessagesOf: TypeAlias = Callable[[str], Sequence[str] | None]
"""Returns the messages that a system takes; None where that is not known."""

_SEPARATOR = "\n"
_WAITING = frozenset({CorrectionState.PROPOSED, CorrectionState.PENDING})
_UNSENT = frozenset({CorrectionState.APPROVED, CorrectionState.RETRYING})
_SENT = frozenset({CorrectionState.SENT, CorrectionState.UNKNOWN_OUTCOME})


@dataclass(frozen=True, slots=True)
class ProposalResult:
    """What became of the proposals. Correction identities, in order of their cases.

    Attributes:
        approved: Approved by policy now, and in the outbox.
        pending: Waiting for a person.
        proposed: Waiting for time: a second snapshot, or the target's next hour.
        superseded: Withdrawn before they were sent, because the finding has changed.
        held: Findings for which nothing was proposed, because an earlier correction of the case is on its way or
            was acknowledged later than the finding was seen. Case identities.
        unchanged: Corrections that stand as they did.
    """

    approved: tuple[str, ...]
    pending: tuple[str, ...]
    proposed: tuple[str, ...]
    superseded: tuple[str, ...]
    held: tuple[str, ...]
    unchanged: tuple[str, ...]


def idempotency_key_of(case: Case, target: str, finding: Finding) -> str:
    """Return the key of an effect: hash of exception, target, payload and rule version.

    A difference that comes back after its cure was proved is another exception in this sense: the target must
    not take the correction for a repetition of the first.
    """
    said = _SEPARATOR.join(
        (
            case.case_id,
            str(case.times_opened),
            target,
            finding.message,
            canonical_json(json_object(finding.payload)),
            finding.rule_version,
        )
    )
    return hashlib.sha256(said.encode()).hexdigest()


def propose(
    work: UnitOfWork,
    findings: Iterable[Finding],
    *,
    policies: Policies,
    target_of: TargetOf,
    now: datetime,
    messages_of: MessagesOf = lambda _: None,
) -> ProposalResult:
    """Decide on the corrections that findings propose, within the running transaction; the caller commits.

    Call it after `intake` of the same findings: it works on the cases that intake has opened.

    Args:
        work: The transaction.
        findings: Those without a message, or not DIFFER, are passed over.
        policies: What may be automatic, and how it is delivered.
        target_of: Resolves the role a rule names, at the finding's node and for its order.
        now: The moment of the decision.
        messages_of: Says whether a target takes the message that would undo a correction.

    Raises:
        ConfigurationError: No system plays the role.
        BadDataError: A payload, a precondition or the evidence is not a JSON object.
        RetryableError: The ledger is busy; repeat the whole transaction.
    """
    work.take_turn("intake")
    by_case = _proposing(findings)
    cases = cases_by_id(work, by_case)
    desk = _Desk(
        policies=policies,
        messages_of=messages_of,
        now=now,
        earlier=corrections_of(work, by_case),
        deliveries=deliveries_of(work, by_case),
        switches=engaged_switches(work),
        approvals=HourlyApprovals(approvals_by_policy(work, now - timedelta(hours=1))),
    )
    for case_id, finding in sorted(by_case.items()):
        case = cases.get(case_id)
        if case is None or case.closed_at is not None or case.state is CaseState.SUPPRESSED:
            continue
        if finding.watermark_at >= case.last_seen_watermark_at:
            target = target_of(finding.target_role, finding.node, finding.message, finding.order_id)
            desk.consider(finding, case, target)
    desk.write(work)
    return desk.result()


def _proposing(findings: Iterable[Finding]) -> dict[str, Finding]:
    by_case = findings_by_case(findings).items()
    return {case_id: finding for case_id, finding in by_case if finding.message and finding.verdict is Verdict.DIFFER}


@dataclass
class _Desk:
    """The decisions of one transaction, collected before they are written."""

    policies: Policies
    messages_of: MessagesOf
    now: datetime
    earlier: Mapping[str, Sequence[CorrectionRecord]]
    deliveries: Mapping[str, Delivery]
    switches: frozenset[KillSwitch]
    approvals: HourlyApprovals
    moves: CaseMoves = field(init=False)
    inserts: list[CorrectionRecord] = field(default_factory=list)
    updates: list[CorrectionRecord] = field(default_factory=list)
    new_deliveries: list[Delivery] = field(default_factory=list)
    changed_deliveries: list[Delivery] = field(default_factory=list)
    entries: list[audit.AuditEntry] = field(default_factory=list)
    outcome: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.moves = CaseMoves("corrections", self.now)

    def consider(self, finding: Finding, case: Case, target: str) -> None:
        """Decide on the correction one finding proposes."""
        key = idempotency_key_of(case, target, finding)
        earlier = self.earlier.get(case.case_id, ())
        same = next((record for record in earlier if record.idempotency_key == key), None)
        if same is not None and not self._may_be_decided(same, earlier, finding):
            self._note("unchanged", same.correction_id)
            return
        others = [record for record in earlier if record is not same]
        if any(self._binds(record, finding) for record in others):
            self._note("held", case.case_id)
            return
        dossier = dossier_of(_subject(finding), self.messages_of(target))
        decision = decide(finding, self._circumstances(case, finding, target), self.policies)
        decision = _unless_unfit(decision, dossier.problem)
        fresh = _record(case, target, finding, key=key, decision=decision, dossier=dossier, now=self.now)
        fresh = self._with_requirement(fresh)
        for record in others:
            if record.state in _WAITING | _UNSENT:
                self._supersede(record, fresh.correction_id)
        if same is None:
            self.inserts.append(fresh)
            self._carry_out(fresh, case)
        else:
            self._decide_anew(same, fresh, case)

    def write(self, work: UnitOfWork) -> None:
        """Write everything that was decided."""
        insert_corrections(work, self.inserts)
        update_corrections(work, self.updates)
        insert_deliveries(work, self.new_deliveries)
        update_deliveries(work, self.changed_deliveries)
        self.moves.write(work)
        audit.append(work, self.entries)

    def result(self) -> ProposalResult:
        """Return what was decided."""
        of = {name: tuple(ids) for name, ids in self.outcome.items()}
        return ProposalResult(
            approved=of.get("approved", ()),
            pending=of.get("pending", ()),
            proposed=of.get("proposed", ()),
            superseded=of.get("superseded", ()),
            held=of.get("held", ()),
            unchanged=of.get("unchanged", ()),
        )

    def _circumstances(self, case: Case, finding: Finding, target: str) -> Circumstances:
        since = self.now - timedelta(hours=self.policies.gate.limits.loop_hours)
        sent = [
            record
            for record in self.earlier.get(case.case_id, ())
            if record.decided_by == POLICY_ACTOR and record.sent_at is not None and record.sent_at > since
        ]
        used = self.approvals.use(target, finding.code)
        return Circumstances(target, self.switches, used, len(sent), case.case_id)

    def _may_be_decided(self, same: CorrectionRecord, earlier: Sequence[CorrectionRecord], finding: Finding) -> bool:
        """Whether an effect that was proposed before waits for a decision, or may be proposed again."""
        if lives_on_in_an_edit(same, earlier):
            return False
        return same.state in _WAITING or _may_be_revived(same, finding)

    def _binds(self, record: CorrectionRecord, finding: Finding) -> bool:
        """Whether an earlier correction forbids another one: its effect may still come, or came after the finding."""
        if record.state in _UNSENT:
            return not self.deliveries[record.correction_id].untouched
        if record.state is CorrectionState.ACKED and record.acked_at is not None:
            return finding.watermark_at <= record.acked_at
        return record.state in _SENT

    def _supersede(self, record: CorrectionRecord, successor: str) -> None:
        withdrawn = replace(
            lifecycle.move(record, CorrectionState.SUPERSEDED),
            superseded_by=successor,
            decision_reason="the finding has changed",
        )
        self.updates.append(withdrawn)
        delivery = self.deliveries.get(record.correction_id)
        if delivery is not None and delivery.status is DeliveryStatus.READY:
            self.changed_deliveries.append(replace(delivery, status=DeliveryStatus.DONE, finished_at=self.now))
        self._note("superseded", record.correction_id)
        self._audit("correction.superseded", withdrawn)

    def _decide_anew(self, same: CorrectionRecord, fresh: CorrectionRecord, case: Case) -> None:
        waits_on = same.state is fresh.state
        state = same.state if waits_on else lifecycle.move(_waiting_again(same), fresh.state).state
        renewed = replace(
            fresh,
            state=state,
            proposed_at=same.proposed_at,
            proposed_by=same.proposed_by,
            version=same.version,
            replaces=same.replaces,
            sent_at=same.sent_at,
            acked_at=same.acked_at,
            reference=same.reference,
            verified_at=same.verified_at,
            proving_watermark_at=same.proving_watermark_at,
            unproved_watermarks=same.unproved_watermarks,
            last_unproved_watermark_at=same.last_unproved_watermark_at,
            # What waits on lapses when it would have, however often a snapshot refreshes it.
            expires_at=same.expires_at or fresh.expires_at if waits_on else fresh.expires_at,
        )
        renewed = replace(renewed, content_hash=content_hash_of(renewed))
        if renewed != same:
            self.updates.append(renewed)
        if not waits_on:
            self._carry_out(renewed, case)
            return
        self._note("unchanged", same.correction_id)
        if renewed != same:
            self._audit("correction.renewed", renewed)

    def _with_requirement(self, record: CorrectionRecord) -> CorrectionRecord:
        if record.state is not CorrectionState.PENDING:
            return record
        return awaiting_people(record, self.policies.approvals, self.now)

    def _carry_out(self, record: CorrectionRecord, case: Case) -> None:
        if record.state is CorrectionState.APPROVED:
            self.approvals.add(record.target, record.code, record.value_amount, record.currency)
            delivery = first_delivery(record, self.policies.delivery, self.now)
            known = record.correction_id in self.deliveries
            (self.changed_deliveries if known else self.new_deliveries).append(delivery)
        elif record.state is CorrectionState.PENDING:
            self.moves.follow(case, CaseState.PENDING_APPROVAL, note=record.decision_reason)
        name = str(record.state).lower()
        self._note(name, record.correction_id)
        self._audit(f"correction.{name}", record)

    def _audit(self, action: str, record: CorrectionRecord) -> None:
        self.entries.append(
            correction_entry(
                record,
                record.decided_by or "corrections",
                action,
                self.now,
                {"payload": record.payload, "precondition": record.precondition},
            )
        )

    def _note(self, outcome: str, identity: str) -> None:
        self.outcome.setdefault(outcome, []).append(identity)


def _may_be_revived(record: CorrectionRecord, finding: Finding) -> bool:
    """Whether an effect that was given up before it happened may be proposed again: only on newer evidence."""
    return record.state is CorrectionState.SUPERSEDED and finding.watermark_at > record.watermark_at


def _waiting_again(record: CorrectionRecord) -> CorrectionRecord:
    return lifecycle.move(record, CorrectionState.PROPOSED)


def _subject(finding: Finding) -> Subject:
    return Subject(
        message=finding.message,
        payload=json_object(finding.payload),
        precondition=json_object(finding.precondition),
        amount=to_amount(finding.value_at_risk_amount),
        currency=finding.currency,
        order_id=finding.order_id,
        evidence=json_object(finding.evidence),
    )


def _unless_unfit(decision: Decision, problem: str) -> Decision:
    """Leave to a person what no target could read, so that the mistake of one rule stops no other."""
    if not problem:
        return decision
    if decision.state is CorrectionState.PENDING:
        return replace(decision, reason=f"{decision.reason}; {problem}")
    return replace(decision, state=CorrectionState.PENDING, decided_by="", clause_id=GateClause.CONTENT, reason=problem)


def _record(
    case: Case, target: str, finding: Finding, *, key: str, decision: Decision, dossier: Dossier, now: datetime
) -> CorrectionRecord:
    record = CorrectionRecord(
        correction_id=f"COR-{key[:16]}",
        case_id=case.case_id,
        code=finding.code,
        node=finding.node,
        target=target,
        message=finding.message,
        correction_class=decision.correction_class,
        payload=canonical_json(json_object(finding.payload)),
        precondition=canonical_json(json_object(finding.precondition)),
        idempotency_key=key,
        state=decision.state,
        rule_version=finding.rule_version,
        judgement_reason=finding.judgement_reason,
        value_amount=to_amount(finding.value_at_risk_amount),
        currency=finding.currency,
        watermark_at=finding.watermark_at,
        proposed_at=now,
        decided_at=now if decision.state is CorrectionState.APPROVED else None,
        decided_by=decision.decided_by,
        clause_id=decision.clause_id,
        policy_version=decision.policy_version,
        decision_reason=decision.reason,
        diff=dossier.diff,
        inverse=dossier.inverse,
        impact=dossier.impact,
        evidence=dossier.evidence,
        evidence_hash=dossier.evidence_hash,
    )
    return replace(record, content_hash=content_hash_of(record))

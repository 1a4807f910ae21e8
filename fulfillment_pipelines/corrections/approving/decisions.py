"""What one person decides on corrections within one transaction: judged one by one, written together.

Which corrections are decided on belongs in `approval` (one) and `bulk` (many); who may, in `mandate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from fulfillment_pipelines.corrections import lifecycle
from fulfillment_pipelines.corrections.approving.approval_policy import awaiting_people
from fulfillment_pipelines.corrections.approving.mandate import Authority, Mandate, Refusal
from fulfillment_pipelines.corrections.approving.obstacles import Circumstances, obstacle_to
from fulfillment_pipelines.corrections.approving.people import People
from fulfillment_pipelines.corrections.approving.versions import proposers_of
from fulfillment_pipelines.corrections.case_moves import CaseMoves
from fulfillment_pipelines.corrections.content import content_hash_of
from fulfillment_pipelines.corrections.delivering.delivery import first_delivery
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.recorded import correction_entry
from fulfillment_pipelines.domain.case import Case, CaseState
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.approvals import (
    Approval,
    ApprovalDecision,
    approvals_given,
    insert_approvals,
    standing_delegations,
)
from fulfillment_pipelines.ledger.cases import cases_by_id
from fulfillment_pipelines.ledger.corrections import CorrectionRecord, corrections_of, update_corrections
from fulfillment_pipelines.ledger.outbox import Delivery, deliveries_of, insert_deliveries, update_deliveries
from fulfillment_pipelines.ledger.switches import KillSwitch, engaged_switches
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

GIVEN: Final = "approval.given"
"""How the audit log calls an approval after which another is still needed."""


@dataclass
class Decisions:
    """The decisions of one person, collected before they are written.

    Args:
        by: The person.
        reason: Why, in the person's words.
        policies: Who must approve, and how it is delivered.
        now: The moment.
        authority: Who may act in which role.
        switches: Kill switches that are engaged.
        cases: The cases of the corrections.
        earlier: All corrections of these cases.
        given: The approvals they have had.
        deliveries: Their outbox rows.
    """

    by: str
    reason: str
    policies: Policies
    now: datetime
    authority: Authority
    switches: frozenset[KillSwitch]
    cases: Mapping[str, Case]
    earlier: Mapping[str, Sequence[CorrectionRecord]]
    given: Mapping[str, Sequence[Approval]]
    deliveries: Mapping[str, Delivery]
    decided: list[CorrectionRecord] = field(default_factory=list)
    _approvals: list[Approval] = field(default_factory=list)
    _new_deliveries: list[Delivery] = field(default_factory=list)
    _changed_deliveries: list[Delivery] = field(default_factory=list)
    _entries: list[audit.AuditEntry] = field(default_factory=list)
    _moves: CaseMoves = field(init=False)

    def __post_init__(self) -> None:
        self._moves = CaseMoves(self.by, self.now)

    @classmethod
    def prepared(
        cls,
        work: UnitOfWork,
        records: Sequence[CorrectionRecord],
        *,
        by: str,
        reason: str,
        policies: Policies,
        now: datetime,
    ) -> Decisions:
        """Read everything that decisions on these corrections need to know."""
        case_ids = {record.case_id for record in records}
        return cls(
            by=by,
            reason=reason,
            policies=policies,
            now=now,
            authority=Authority(policies.people, standing_delegations(work, now), now),
            switches=engaged_switches(work),
            cases=cases_by_id(work, case_ids),
            earlier=corrections_of(work, case_ids),
            given=approvals_given(work, (record.correction_id for record in records)),
            deliveries=deliveries_of(work, case_ids),
        )

    def approve(self, record: CorrectionRecord) -> Refusal | None:
        """Approve a correction, or say why this person may not, or not now.

        It is approved only when as many people have approved its content as it needs; until then it waits on.
        """
        asked = self._asked(record)
        mandate = self._obstacle_to(asked) or self.may_approve(asked)
        if isinstance(mandate, Refusal):
            return mandate
        given = [*self.standing_approvals(asked), self._recorded(asked, mandate, ApprovalDecision.APPROVED)]
        self._approvals.append(given[-1])
        number = {"approvals": f"{len(given)} of {asked.approvals_needed}"}
        if len(given) < asked.approvals_needed:
            waiting = replace(asked, decision_reason=f"approved by {self.by}; needs one more {asked.approver_role}")
            self._note(waiting, GIVEN, mandate, number)
            return None
        approved = replace(
            lifecycle.move(asked, CorrectionState.APPROVED),
            decided_at=self.now,
            decided_by=", ".join(approval.actor for approval in given),
            decision_reason=self.reason,
        )
        delivery = first_delivery(approved, self.policies.delivery, self.now)
        self._deliver(delivery)
        self._moves.follow(self.cases[approved.case_id], CaseState.IN_PROGRESS, note=f"approved: {self.reason}")
        self._note(approved, "correction.approved", mandate, number)
        return None

    def reject(self, record: CorrectionRecord) -> Refusal | None:
        """Reject a correction, or say why this person may not; its case goes back to people."""
        asked = self._asked(record)
        mandate = self.authority.to_decide(self.by, asked.approver_role)
        if isinstance(mandate, Refusal):
            return mandate
        rejected = replace(
            lifecycle.move(asked, CorrectionState.REJECTED),
            decided_at=self.now,
            decided_by=self.by,
            decision_reason=self.reason,
        )
        self._approvals.append(self._recorded(asked, mandate, ApprovalDecision.REJECTED))
        case = self.cases[rejected.case_id]
        back_to = CaseState.IN_PROGRESS if case.assignee else CaseState.OPEN
        self._moves.follow(case, back_to, note=f"rejected: {self.reason}")
        self._note(rejected, "correction.rejected", mandate, {})
        return None

    def replay(self, record: CorrectionRecord, delivery: Delivery) -> Refusal | None:
        """Let a dead letter be delivered once more, as it is and under its key, or say why this person may not."""
        asked = self._asked(record)
        mandate = self._obstacle_to(asked) or self.authority.to_decide(self.by, asked.approver_role)
        if isinstance(mandate, Refusal):
            return mandate
        replayed = replace(
            lifecycle.move(asked, CorrectionState.APPROVED),
            decided_at=self.now,
            decided_by=self.by,
            decision_reason=self.reason,
        )
        self._approvals.append(self._recorded(asked, mandate, ApprovalDecision.APPROVED))
        self._deliver(delivery)
        self._moves.follow(self.cases[asked.case_id], CaseState.IN_PROGRESS, note=f"replayed: {self.reason}")
        self._note(replayed, "correction.replayed", mandate, {})
        return None

    def may_approve(self, record: CorrectionRecord) -> Mandate | Refusal:
        """Return how this person may approve a correction, or why not."""
        return self.authority.to_approve(
            self.by,
            record.approver_role,
            proposers=proposers_of(record, self.earlier.get(record.case_id, ())),
            given=self.standing_approvals(record),
        )

    def standing_approvals(self, record: CorrectionRecord) -> list[Approval]:
        """Return the approvals of a correction that count."""
        return standing_approvals(record, self.given.get(record.correction_id, ()), self.policies.people)

    def write(self, work: UnitOfWork) -> None:
        """Write everything that was decided: decisions, corrections, outbox, cases and audit, in one transaction."""
        insert_approvals(work, self._approvals)
        update_corrections(work, self.decided)
        insert_deliveries(work, self._new_deliveries)
        update_deliveries(work, self._changed_deliveries)
        self._moves.write(work)
        audit.append(work, self._entries)

    def _obstacle_to(self, record: CorrectionRecord) -> Refusal | None:
        circumstances = Circumstances(self.switches, self.policies.authority, self.now)
        return obstacle_to(record, self.cases[record.case_id], circumstances)

    def _asked(self, record: CorrectionRecord) -> CorrectionRecord:
        """Return the correction with what it needs, where it was decided on before that was written down."""
        asked = record if record.approver_role else awaiting_people(record, self.policies.approvals, self.now)
        return replace(asked, content_hash=asked.content_hash or content_hash_of(asked))

    def _recorded(self, record: CorrectionRecord, mandate: Mandate, decision: ApprovalDecision) -> Approval:
        return Approval(
            correction_id=record.correction_id,
            version=record.version,
            content_hash=record.content_hash,
            decision=decision,
            actor=mandate.actor,
            on_behalf_of=mandate.on_behalf_of,
            role=mandate.role,
            reason=self.reason,
            decided_at=self.now,
        )

    def _deliver(self, delivery: Delivery) -> None:
        known = delivery.correction_id in self.deliveries
        (self._changed_deliveries if known else self._new_deliveries).append(delivery)

    def _note(self, record: CorrectionRecord, action: str, mandate: Mandate, detail: Mapping[str, str]) -> None:
        decided = replace(record, policy_version=self.policies.version)
        self.decided.append(decided)
        acted = {"role": mandate.role, "on_behalf_of": mandate.on_behalf_of, **detail}
        self._entries.append(correction_entry(decided, self.by, action, self.now, acted, reason=self.reason))


def standing_approvals(record: CorrectionRecord, given: Iterable[Approval], people: People) -> list[Approval]:
    """Return the approvals that count: of this very content, in the role it needs now, by people who still have it."""
    return [
        approval
        for approval in given
        if (approval.version, approval.content_hash) == (record.version, content_hash_of(record))
        and approval.role == record.approver_role
        and people.is_active(approval.actor)
        and people.holds(approval.on_behalf_of, approval.role)
    ]

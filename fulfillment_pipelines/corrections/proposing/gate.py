"""The gate: may the correction that a finding proposes be made without a person (domain book §2.5)?

It may only if nothing speaks against it. Each thing that may speak against it is one function in `_OBJECTIONS`, and
has a clause; the first that does decides whether a person must decide (PENDING) or time (PROPOSED). What lies outside
the decision rights is PENDING too, so that it is seen and is decided anew when they change; approving it helps
nothing, since the door refuses it (`guarded_sink`). The numbers are in `policy`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposing.caps import HourlyUse
from fulfillment_pipelines.corrections.proposing.policy import Clause
from fulfillment_pipelines.corrections.rights.authority import OUTSIDE, Grant
from fulfillment_pipelines.domain.correction import CorrectionClass, CorrectionState
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.ledger.corrections import POLICY_ACTOR
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope


class GateClause(StrEnum):
    """What may speak against a correction without a person; the value of `asks` says what each one asks for."""

    RIGHTS = OUTSIDE
    JUDGEMENT = "GATE-JUDGEMENT"
    CLASS = "GATE-CLASS"
    CONTENT = "GATE-CONTENT"
    CERTIFIED = "GATE-CERTIFIED"
    SWITCH = "GATE-SWITCH"
    UNCHANGED = "GATE-UNCHANGED"
    VALUE = "GATE-VALUE"
    LOOP = "GATE-LOOP"
    INPUTS = "GATE-INPUTS"
    CONFIRMED = "GATE-CONFIRMED"
    CAPS = "GATE-CAPS"

    @property
    def asks(self) -> str:
        """What must be so, in words."""
        return _ASKS[self]

    @property
    def decides(self) -> str:
        """Who decides where it is not so: a person, or time."""
        return "time" if self in {GateClause.INPUTS, GateClause.CONFIRMED, GateClause.CAPS} else "a person"


_ASKS = {
    GateClause.RIGHTS: "the decision rights let the message go to the role under its class",
    GateClause.JUDGEMENT: "the rule gives no reason why a person must decide",
    GateClause.CLASS: "the class is one of those that may be automatic; J never is",
    GateClause.CONTENT: "the content fits the published schema of its message",
    GateClause.CERTIFIED: "the code is certified by back-test, and was not demoted",
    GateClause.SWITCH: "no kill switch is engaged for the platform, the target, the rule or the case",
    GateClause.UNCHANGED: "what the target held was read, and is as the decision rights ask",
    GateClause.VALUE: "the value at risk is within the limit of its currency",
    GateClause.LOOP: "the case was not corrected again and again already",
    GateClause.INPUTS: "every input is fresh and met its contract, and the slowest system has had its time",
    GateClause.CONFIRMED: "a second source or successive snapshots confirm the difference",
    GateClause.CAPS: "the hour's share of the target, of the rule and of the platform is not used up",
}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the gate must know beside the finding.

    Attributes:
        target: The system that would receive the correction.
        switches: Kill switches that are engaged.
        used: What the policy approved within the last hour.
        corrected_for_case: Automatic corrections sent for the same case within the loop guard's window.
        case_id: The case that would be corrected.
    """

    target: str
    switches: frozenset[KillSwitch]
    used: HourlyUse
    corrected_for_case: int
    case_id: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says.

    Attributes:
        state: APPROVED, PENDING (a person decides) or PROPOSED (time decides).
        correction_class: P, G, R, N or J.
        decided_by: The actor; empty where nothing is decided yet.
        clause_id: The clause that allowed it, or the one that objects.
        rights_clause_id: The row of the decision rights within which it lies; empty where it lies outside.
        reason: Why, in words for a person.
        policy_version: Hash of the policy files by which it was decided.
    """

    state: CorrectionState
    correction_class: CorrectionClass
    decided_by: str
    clause_id: str
    rights_clause_id: str
    reason: str
    policy_version: str


@dataclass(frozen=True, slots=True)
class _Question:
    finding: Finding
    circumstances: Circumstances
    policies: Policies
    clause: Clause
    grant: Grant | None


@dataclass(frozen=True, slots=True)
class _Objection:
    clause: GateClause
    reason: str

    @property
    def state(self) -> CorrectionState:
        return CorrectionState.PROPOSED if self.clause.decides == "time" else CorrectionState.PENDING


def decide(finding: Finding, circumstances: Circumstances, policies: Policies) -> Decision:
    """Return whether the correction that a finding proposes may be made without a person."""
    clause = policies.gate.clause_for(finding.code)
    grant = policies.authority.grant_for(finding.message, finding.target_role, finding.correction_class)
    question = _Question(finding, circumstances, policies, clause, grant)
    objection = next((found for object_to in _OBJECTIONS if (found := object_to(question)) is not None), None)
    return Decision(
        state=CorrectionState.APPROVED if objection is None else objection.state,
        correction_class=CorrectionClass(finding.correction_class),
        decided_by=POLICY_ACTOR if objection is None else "",
        clause_id=clause.clause_id if objection is None else objection.clause.value,
        rights_clause_id="" if grant is None else grant.clause_id,
        reason=objection.reason if objection is not None else _reason_for(clause, grant),
        policy_version=policies.version,
    )


def _reason_for(clause: Clause, grant: Grant | None) -> str:
    """Return why it may be done: which clause lets it be automatic, and which lets it be written at all."""
    return clause.because if grant is None else f"{clause.because}; within {grant.clause_id}"


def _is_outside_the_rights(question: _Question) -> _Objection | None:
    if question.grant is not None:
        return None
    finding = question.finding
    return _Objection(
        GateClause.RIGHTS,
        f"outside the decision rights, so that it is not sent even if it is approved: {finding.message} to the role "
        f"'{finding.target_role}' under class {finding.correction_class}",
    )


def _needs_judgement(question: _Question) -> _Objection | None:
    reason = question.finding.judgement_reason
    return _Objection(GateClause.JUDGEMENT, f"needs a person's judgement: {reason}") if reason else None


def _class_is_not_automatic(question: _Question) -> _Objection | None:
    correction_class = CorrectionClass(question.finding.correction_class)
    if correction_class in question.policies.gate.automatic.classes:
        return None
    return _Objection(GateClause.CLASS, f"corrections of class {correction_class} are never automatic")


def _is_not_certified(question: _Question) -> _Objection | None:
    shortcoming = question.policies.gate.certification.shortcoming(question.finding.code)
    return _Objection(GateClause.CERTIFIED, shortcoming) if shortcoming else None


def _switch_is_engaged(question: _Question) -> _Objection | None:
    if not question.circumstances.switches:
        return None
    covering = {
        KillSwitch(SwitchScope.EVERYTHING),
        KillSwitch(SwitchScope.TARGET, question.circumstances.target),
        KillSwitch(SwitchScope.RULE, question.finding.code),
        KillSwitch(SwitchScope.CASE, question.circumstances.case_id),
    }
    engaged = sorted(f"{switch.scope} {switch.name}".strip() for switch in covering & question.circumstances.switches)
    return _Objection(GateClause.SWITCH, f"kill switch engaged for {', '.join(engaged)}") if engaged else None


def _may_change_unnoticed(question: _Question) -> _Objection | None:
    if question.grant is None:
        return None
    finding = question.finding
    misfit = question.grant.misfit(json.loads(finding.payload or "{}"), json.loads(finding.precondition or "{}"))
    return _Objection(GateClause.UNCHANGED, f"{question.grant.clause_id}: {misfit}") if misfit else None


def _value_is_too_high(question: _Question) -> _Objection | None:
    finding = question.finding
    if finding.value_at_risk_amount == 0:
        return None
    limit = question.policies.gate.automatic.value_limits.get(finding.currency)
    if limit is None:
        return _Objection(GateClause.VALUE, f"no value limit is set for currency '{finding.currency}'")
    if finding.value_at_risk_amount <= limit:
        return None
    return _Objection(
        GateClause.VALUE,
        f"value at risk {finding.value_at_risk_amount} {finding.currency} is above the limit of {limit}",
    )


def _goes_in_circles(question: _Question) -> _Objection | None:
    done, limits = question.circumstances.corrected_for_case, question.policies.gate.limits
    if done < limits.loop_corrections:
        return None
    return _Objection(GateClause.LOOP, f"corrected {done} times within {limits.loop_hours} h and still there")


def _is_not_certain(question: _Question) -> _Objection | None:
    verdict = question.finding.verdict
    return None if verdict is Verdict.DIFFER else _Objection(GateClause.INPUTS, f"the verdict is {verdict}")


def _is_not_confirmed(question: _Question) -> _Objection | None:
    seen, needed = question.finding.snapshots_seen, question.clause.minimum_snapshots
    if seen >= needed:
        return None
    return _Objection(GateClause.CONFIRMED, f"seen in {seen} of {needed} successive snapshots")


def _hour_is_used_up(question: _Question) -> _Objection | None:
    finding, circumstances, limits = question.finding, question.circumstances, question.policies.gate.limits
    capped = (
        (circumstances.target, circumstances.used.target, limits.cap_of_target(circumstances.target)),
        (finding.code, circumstances.used.rule, limits.each_rule),
        ("the platform", circumstances.used.platform, limits.platform),
    )
    for name, use, cap in capped:
        excess = use.excess(cap, finding.value_at_risk_amount, finding.currency)
        if excess:
            return _Objection(GateClause.CAPS, f"{name}: {excess}")
    return None


_OBJECTIONS: Sequence[Callable[[_Question], _Objection | None]] = (
    _is_outside_the_rights,
    _needs_judgement,
    _class_is_not_automatic,
    _is_not_certified,
    _switch_is_engaged,
    _may_change_unnoticed,
    _value_is_too_high,
    _goes_in_circles,
    _is_not_certain,
    _is_not_confirmed,
    _hour_is_used_up,
)

"""The gate for automatic correction (domain book §2.5). Numbers are in `data/seeds/corrections.yaml`.

A correction is approved by policy only if nothing speaks against it. Each thing that may speak against it is one
function in `_OBJECTIONS`; the first that does decides whether a person must decide (PENDING) or time (PROPOSED).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pydantic import NonNegativeInt, PositiveInt

from fulfillment_pipelines.domain.correction import CorrectionClass, CorrectionState
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.exceptions.seeds import Seed
from fulfillment_pipelines.ledger.corrections import POLICY_ACTOR
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope

DEFAULT_CLAUSE_ID = "AUTO-DEFAULT"
"""The clause of the codes that have none of their own."""


class Clause(Seed):
    """What holds for one exception code in place of the defaults."""

    clause_id: str
    code: str
    minimum_snapshots: PositiveInt
    because: str


class Automatic(Seed):
    """What must hold for a correction to be made without a person."""

    classes: frozenset[CorrectionClass]
    minimum_snapshots: PositiveInt
    value_limits: Mapping[str, Decimal]
    clauses: Sequence[Clause]


class Limits(Seed):
    """How far automation may go before a person must look."""

    approvals_per_target_and_hour: NonNegativeInt
    loop_corrections: PositiveInt
    loop_hours: PositiveInt


class CorrectionPolicy(Seed):
    """The content of `corrections.yaml`."""

    version: PositiveInt
    automatic: Automatic
    limits: Limits

    def clause_for(self, code: str) -> Clause:
        """Return what holds for a code."""
        own = next((clause for clause in self.automatic.clauses if clause.code == code), None)
        return own or Clause(
            clause_id=DEFAULT_CLAUSE_ID,
            code=code,
            minimum_snapshots=self.automatic.minimum_snapshots,
            because="successive snapshots confirm each other",
        )


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the gate must know beside the finding.

    Attributes:
        target: The system that would receive the correction.
        switches: Kill switches that are engaged.
        approved_for_target: Corrections the policy approved for the target within the last hour.
        corrected_for_case: Automatic corrections sent for the same case within the loop guard's window.
        case_id: The case that would be corrected.
    """

    target: str
    switches: frozenset[KillSwitch]
    approved_for_target: int
    corrected_for_case: int
    case_id: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says.

    Attributes:
        state: APPROVED, PENDING (a person decides) or PROPOSED (time decides).
        decided_by: The actor; empty where nothing is decided yet.
        clause_id: The clause that was applied.
        reason: Why, in words for a person.
    """

    state: CorrectionState
    decided_by: str
    clause_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Question:
    finding: Finding
    circumstances: Circumstances
    policy: CorrectionPolicy
    clause: Clause


@dataclass(frozen=True, slots=True)
class _Objection:
    state: CorrectionState
    reason: str


def decide(finding: Finding, circumstances: Circumstances, policy: CorrectionPolicy) -> Decision:
    """Return whether the correction that a finding proposes may be made without a person."""
    clause = policy.clause_for(finding.code)
    question = _Question(finding, circumstances, policy, clause)
    objection = next((found for object_to in _OBJECTIONS if (found := object_to(question)) is not None), None)
    if objection is not None:
        return Decision(objection.state, "", clause.clause_id, objection.reason)
    return Decision(CorrectionState.APPROVED, POLICY_ACTOR, clause.clause_id, clause.because)


def _needs_judgement(question: _Question) -> _Objection | None:
    reason = question.finding.judgement_reason
    return _Objection(CorrectionState.PENDING, f"needs a person's judgement: {reason}") if reason else None


def _class_is_not_automatic(question: _Question) -> _Objection | None:
    correction_class = CorrectionClass(question.finding.correction_class)
    if correction_class in question.policy.automatic.classes:
        return None
    return _Objection(CorrectionState.PENDING, f"corrections of class {correction_class} are never automatic")


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
    return _Objection(CorrectionState.PENDING, f"kill switch engaged for {', '.join(engaged)}") if engaged else None


def _value_is_too_high(question: _Question) -> _Objection | None:
    finding = question.finding
    if finding.value_at_risk_amount == 0:
        return None
    limit = question.policy.automatic.value_limits.get(finding.currency)
    if limit is None:
        return _Objection(CorrectionState.PENDING, f"no value limit is set for currency '{finding.currency}'")
    if finding.value_at_risk_amount <= limit:
        return None
    return _Objection(
        CorrectionState.PENDING,
        f"value at risk {finding.value_at_risk_amount} {finding.currency} is above the limit of {limit}",
    )


def _goes_in_circles(question: _Question) -> _Objection | None:
    done, limits = question.circumstances.corrected_for_case, question.policy.limits
    if done < limits.loop_corrections:
        return None
    return _Objection(CorrectionState.PENDING, f"corrected {done} times within {limits.loop_hours} h and still there")


def _is_not_certain(question: _Question) -> _Objection | None:
    if question.finding.verdict is Verdict.DIFFER:
        return None
    return _Objection(CorrectionState.PROPOSED, f"the verdict is {question.finding.verdict}")


def _is_not_confirmed(question: _Question) -> _Objection | None:
    seen, needed = question.finding.snapshots_seen, question.clause.minimum_snapshots
    if seen >= needed:
        return None
    return _Objection(CorrectionState.PROPOSED, f"seen in {seen} of {needed} successive snapshots")


def _target_has_had_enough(question: _Question) -> _Objection | None:
    approved, limit = question.circumstances.approved_for_target, question.policy.limits.approvals_per_target_and_hour
    if approved < limit:
        return None
    return _Objection(CorrectionState.PROPOSED, f"{approved} approvals for {question.circumstances.target} this hour")


_OBJECTIONS: Sequence[Callable[[_Question], _Objection | None]] = (
    _needs_judgement,
    _class_is_not_automatic,
    _switch_is_engaged,
    _value_is_too_high,
    _goes_in_circles,
    _is_not_certain,
    _is_not_confirmed,
    _target_has_had_enough,
)

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from fulfillment_pipelines.corrections.policies import read_policies
from fulfillment_pipelines.corrections.policy import (
    DEFAULT_CLAUSE_ID,
    Circumstances,
    CorrectionPolicy,
    decide,
)
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.ledger.corrections import POLICY_ACTOR
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope

FindingMaker = Callable[..., Finding]
CALM = Circumstances("finance", frozenset(), approved_for_target=0, corrected_for_case=0)


def test_nothing_against_it_is_approved_by_policy_under_its_clause(
    correction_policy: CorrectionPolicy, make_finding: FindingMaker
) -> None:
    decision = decide(make_finding(), CALM, correction_policy)
    assert decision.state is CorrectionState.APPROVED
    assert (decision.decided_by, decision.clause_id) == (POLICY_ACTOR, "AUTO-FIN-01")


@pytest.mark.parametrize("correction_class", ["P", "G", "R", "N"])
def test_the_four_automatic_classes_are_approved(
    correction_policy: CorrectionPolicy, make_finding: FindingMaker, correction_class: str
) -> None:
    decision = decide(make_finding(correction_class=correction_class), CALM, correction_policy)
    assert decision.state is CorrectionState.APPROVED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"correction_class": "J"}, "never automatic"),
        ({"judgement_reason": "the invoice is posted"}, "judgement: the invoice is posted"),
        ({"value_at_risk_amount": Decimal("50000.01")}, "above the limit of 50000.00"),
        ({"currency": "BRL"}, "no value limit is set for currency 'BRL'"),
    ],
)
def test_what_needs_a_person_waits_for_one_and_says_why(
    correction_policy: CorrectionPolicy, make_finding: FindingMaker, changes: dict[str, object], reason: str
) -> None:
    decision = decide(make_finding(**changes), CALM, correction_policy)
    assert (decision.state, decision.decided_by) == (CorrectionState.PENDING, "")
    assert reason in decision.reason


def test_a_value_at_the_limit_is_within_it(correction_policy: CorrectionPolicy, make_finding: FindingMaker) -> None:
    decision = decide(make_finding(value_at_risk_amount=Decimal("50000.00")), CALM, correction_policy)
    assert decision.state is CorrectionState.APPROVED


def test_where_no_money_is_at_risk_the_currency_does_not_matter(
    correction_policy: CorrectionPolicy, make_finding: FindingMaker
) -> None:
    decision = decide(make_finding(value_at_risk_amount=Decimal(0), currency=""), CALM, correction_policy)
    assert decision.state is CorrectionState.APPROVED


def test_a_code_without_a_second_source_waits_for_a_second_snapshot(
    correction_policy: CorrectionPolicy, make_finding: FindingMaker
) -> None:
    once, twice = make_finding(code="SHP-02"), make_finding(code="SHP-02", snapshots_seen=2)
    assert decide(once, CALM, correction_policy).state is CorrectionState.PROPOSED
    decision = decide(twice, CALM, correction_policy)
    assert (decision.state, decision.clause_id) == (CorrectionState.APPROVED, DEFAULT_CLAUSE_ID)


@pytest.mark.parametrize("verdict", [Verdict.TIMING, Verdict.UNKNOWN])
def test_what_is_not_certain_is_not_corrected(
    correction_policy: CorrectionPolicy, make_finding: FindingMaker, verdict: Verdict
) -> None:
    assert decide(make_finding(verdict=verdict), CALM, correction_policy).state is CorrectionState.PROPOSED


@pytest.mark.parametrize(
    "switch",
    [
        KillSwitch(SwitchScope.EVERYTHING),
        KillSwitch(SwitchScope.TARGET, "finance"),
        KillSwitch(SwitchScope.RULE, "FIN-01"),
    ],
)
def test_an_engaged_switch_leaves_the_decision_to_a_person(
    correction_policy: CorrectionPolicy, make_finding: FindingMaker, switch: KillSwitch
) -> None:
    decision = decide(make_finding(), replace(CALM, switches=frozenset({switch})), correction_policy)
    assert (decision.state, "kill switch" in decision.reason) == (CorrectionState.PENDING, True)


def test_the_switch_of_another_target_stops_nothing(
    correction_policy: CorrectionPolicy, make_finding: FindingMaker
) -> None:
    elsewhere = frozenset({KillSwitch(SwitchScope.TARGET, "erp"), KillSwitch(SwitchScope.RULE, "FIN-02")})
    assert (
        decide(make_finding(), replace(CALM, switches=elsewhere), correction_policy).state is CorrectionState.APPROVED
    )


def test_a_target_that_has_had_its_share_this_hour_waits(
    correction_policy: CorrectionPolicy, make_finding: FindingMaker
) -> None:
    full = replace(CALM, approved_for_target=correction_policy.limits.approvals_per_target_and_hour)
    assert decide(make_finding(), full, correction_policy).state is CorrectionState.PROPOSED


def test_a_case_that_goes_in_circles_is_handed_to_a_person(
    correction_policy: CorrectionPolicy, make_finding: FindingMaker
) -> None:
    looping = replace(CALM, corrected_for_case=3)
    decision = decide(make_finding(), looping, correction_policy)
    assert (decision.state, decision.reason) == (
        CorrectionState.PENDING,
        "corrected 3 times within 24 h and still there",
    )


def test_an_error_in_the_policy_file_is_told_by_line(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[3] / "data" / "seeds"
    shutil.copytree(shipped, tmp_path, dirs_exist_ok=True)
    broken = tmp_path / "corrections.yaml"
    broken.write_text(broken.read_text(encoding="utf-8").replace("classes: [P,", "classes: [X,"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"corrections\.yaml:5"):
        read_policies(tmp_path)

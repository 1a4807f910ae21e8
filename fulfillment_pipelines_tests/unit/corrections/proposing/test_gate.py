from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from fulfillment_pipelines.corrections.policies import Policies, read_policies
from fulfillment_pipelines.corrections.proposing.caps import HourlyUse, Use
from fulfillment_pipelines.corrections.proposing.gate import Circumstances, Decision, GateClause, decide
from fulfillment_pipelines.corrections.proposing.policy import DEFAULT_CLAUSE_ID, Demotion, HourlyCap
from fulfillment_pipelines.corrections.rights.authority import OUTSIDE
from fulfillment_pipelines.domain.correction import CorrectionClass, CorrectionState
from fulfillment_pipelines.domain.finding import Finding, Verdict
from fulfillment_pipelines.domain.snapshot import Role
from fulfillment_pipelines.ledger.corrections import POLICY_ACTOR
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope
from fulfillment_pipelines.messages.catalogue import CATALOGUE

FindingMaker = Callable[..., Finding]
CALM = Circumstances("finance", frozenset(), HourlyUse(), corrected_for_case=0)

OF_CLASS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "P": {},
        "G": {"code": "FIN-03", "message": "invoice.hold", "precondition": '{"status": "POSTED"}'},
        "R": {"code": "INT-03", "message": "order.create", "target_role": "erp"}
        | {"precondition": '{"channel_order_id": "P-1"}'},
        "N": {"code": "SHP-03", "message": "case.create", "target_role": "crm", "snapshots_seen": 2},
    }
)
"""A finding of each automatic class that lies within the decision rights."""

AMENDS = MappingProxyType(
    {
        "code": "FIN-02",
        "message": "invoice.amend",
        "snapshots_seen": 2,
        "precondition": '{"invoiced_qty": "10", "status": "DRAFT"}',
    }
)


def test_nothing_against_it_is_approved_by_policy_under_its_clause(
    policies: Policies, make_finding: FindingMaker
) -> None:
    assert decide(make_finding(), CALM, policies) == Decision(
        state=CorrectionState.APPROVED,
        correction_class=CorrectionClass.PUBLISH,
        decided_by=POLICY_ACTOR,
        clause_id="AUTO-FIN-01",
        rights_clause_id="AUTH-INVOICE-REQUEST",
        reason="WMS and ERP confirm the shipment independently of each other; within AUTH-INVOICE-REQUEST",
        policy_version=policies.version,
    )


@pytest.mark.parametrize("correction_class", OF_CLASS)
def test_the_four_automatic_classes_are_approved(
    policies: Policies, make_finding: FindingMaker, correction_class: str
) -> None:
    decision = decide(make_finding(correction_class=correction_class, **OF_CLASS[correction_class]), CALM, policies)
    assert (decision.state, decision.correction_class) == (CorrectionState.APPROVED, correction_class)


@pytest.mark.parametrize(
    ("changes", "clause", "reason"),
    [
        ({"correction_class": "J"}, GateClause.CLASS, "never automatic"),
        ({"judgement_reason": "the invoice is posted"}, GateClause.JUDGEMENT, "judgement: the invoice is posted"),
        ({"value_at_risk_amount": Decimal("50000.01")}, GateClause.VALUE, "above the limit of 50000.00"),
        ({"currency": "BRL"}, GateClause.VALUE, "no value limit is set for currency 'BRL'"),
        ({"code": "FIN-04"}, GateClause.CERTIFIED, "FIN-04 is not certified"),
        ({"target_role": "crm"}, GateClause.RIGHTS, "outside the decision rights"),
        ({"correction_class": "G"}, GateClause.RIGHTS, "under class G"),
        ({"precondition": "{}"}, GateClause.UNCHANGED, "'shipment_id' was not read from the target"),
        ({"precondition": '{"shipment_id": null}'}, GateClause.UNCHANGED, "was not read"),
    ],
)
def test_what_needs_a_person_waits_for_one_and_says_why_and_under_which_clause(
    policies: Policies, make_finding: FindingMaker, changes: dict[str, object], clause: GateClause, reason: str
) -> None:
    decision = decide(make_finding(**changes), CALM, policies)
    assert (decision.state, decision.decided_by, decision.clause_id) == (CorrectionState.PENDING, "", clause.value)
    assert reason in decision.reason


def test_a_posted_invoice_is_not_amended_without_a_person(policies: Policies, make_finding: FindingMaker) -> None:
    assert decide(make_finding(**AMENDS), CALM, policies).state is CorrectionState.APPROVED
    posted = make_finding(**{**AMENDS, "precondition": '{"invoiced_qty": "10", "status": "POSTED"}'})
    decision = decide(posted, CALM, policies)
    assert (decision.state, decision.clause_id) == (CorrectionState.PENDING, GateClause.UNCHANGED.value)
    assert "written only while it is DRAFT" in decision.reason


@pytest.mark.parametrize(
    ("available", "state"),
    [("9", CorrectionState.APPROVED), ("10.0", CorrectionState.PENDING), ("11", CorrectionState.PENDING)],
)
def test_a_protective_stop_lowers_what_can_be_promised_and_never_raises_it(
    policies: Policies, make_finding: FindingMaker, available: str, state: CorrectionState
) -> None:
    finding = make_finding(
        code="INV-02",
        message="atp.set",
        target_role="erp",
        correction_class="G",
        payload=json.dumps({"available_qty": available}),
        precondition='{"available_qty": "10"}',
        snapshots_seen=2,
    )
    assert decide(finding, replace(CALM, target="erp"), policies).state is state


def test_a_demoted_code_waits_for_a_person_and_says_who_demoted_it(
    policies: Policies, make_finding: FindingMaker
) -> None:
    certification = policies.gate.certification
    demotion = Demotion(demoted_on=date(2026, 12, 1), demoted_by="ines", because="it billed a return")
    certificates = [
        one.model_copy(update={"demoted": demotion}) if one.code == "FIN-01" else one
        for one in certification.certificates
    ]
    changed = certification.model_copy(update={"certificates": certificates})
    decision = decide(make_finding(), CALM, _with(policies, certification=changed))
    assert (decision.state, decision.clause_id) == (CorrectionState.PENDING, GateClause.CERTIFIED.value)
    assert decision.reason == "FIN-01 was demoted on 2026-12-01 by ines: it billed a return"


def test_a_certificate_below_the_precision_that_is_asked_for_does_not_count(
    policies: Policies, make_finding: FindingMaker
) -> None:
    certification = policies.gate.certification
    worse = [one.model_copy(update={"precision": Decimal("0.98")}) for one in certification.certificates]
    changed = certification.model_copy(update={"certificates": worse})
    decision = decide(make_finding(), CALM, _with(policies, certification=changed))
    assert decision.reason == "FIN-01 is certified at a precision of 0.98, below 0.99"


def test_a_value_at_the_limit_is_within_it(policies: Policies, make_finding: FindingMaker) -> None:
    decision = decide(make_finding(value_at_risk_amount=Decimal("50000.00")), CALM, policies)
    assert decision.state is CorrectionState.APPROVED


def test_where_no_money_is_at_risk_the_currency_does_not_matter(policies: Policies, make_finding: FindingMaker) -> None:
    decision = decide(make_finding(value_at_risk_amount=Decimal(0), currency=""), CALM, policies)
    assert decision.state is CorrectionState.APPROVED


def test_a_code_without_a_second_source_waits_for_a_second_snapshot(
    policies: Policies, make_finding: FindingMaker
) -> None:
    once, twice = make_finding(code="SHP-02"), make_finding(code="SHP-02", snapshots_seen=2)
    decision = decide(once, CALM, policies)
    assert (decision.state, decision.clause_id) == (CorrectionState.PROPOSED, GateClause.CONFIRMED.value)
    decision = decide(twice, CALM, policies)
    assert (decision.state, decision.clause_id) == (CorrectionState.APPROVED, DEFAULT_CLAUSE_ID)


@pytest.mark.parametrize("verdict", [Verdict.TIMING, Verdict.UNKNOWN])
def test_what_is_not_certain_is_not_corrected(policies: Policies, make_finding: FindingMaker, verdict: Verdict) -> None:
    decision = decide(make_finding(verdict=verdict), CALM, policies)
    assert (decision.state, decision.clause_id) == (CorrectionState.PROPOSED, GateClause.INPUTS.value)


@pytest.mark.parametrize(
    "switch",
    [
        KillSwitch(SwitchScope.EVERYTHING),
        KillSwitch(SwitchScope.TARGET, "finance"),
        KillSwitch(SwitchScope.RULE, "FIN-01"),
        KillSwitch(SwitchScope.CASE, "EXC-1"),
    ],
)
def test_an_engaged_switch_leaves_the_decision_to_a_person(
    policies: Policies, make_finding: FindingMaker, switch: KillSwitch
) -> None:
    engaged = replace(CALM, switches=frozenset({switch}), case_id="EXC-1")
    decision = decide(make_finding(), engaged, policies)
    assert (decision.state, decision.clause_id) == (CorrectionState.PENDING, GateClause.SWITCH.value)


def test_the_switch_of_another_target_stops_nothing(policies: Policies, make_finding: FindingMaker) -> None:
    elsewhere = frozenset({KillSwitch(SwitchScope.TARGET, "erp"), KillSwitch(SwitchScope.RULE, "FIN-02")})
    assert decide(make_finding(), replace(CALM, switches=elsewhere), policies).state is CorrectionState.APPROVED


@pytest.mark.parametrize(
    ("used", "name"),
    [
        (HourlyUse(target=Use(1000)), "finance: 1000 corrections"),
        (HourlyUse(rule=Use(1000)), "FIN-01: 1000 corrections"),
        (HourlyUse(platform=Use(5000)), "the platform: 5000 corrections"),
        (HourlyUse(target=Use(1, {"USD": Decimal(2_000_000)})), "finance: with it 2000120.50 USD"),
        (HourlyUse(rule=Use(1, {"USD": Decimal(1_000_000)})), "FIN-01: with it 1000120.50 USD"),
        (HourlyUse(platform=Use(1, {"USD": Decimal(5_000_000)})), "the platform: with it 5000120.50 USD"),
    ],
)
def test_what_exceeds_the_share_of_the_hour_waits_for_the_next(
    policies: Policies, make_finding: FindingMaker, used: HourlyUse, name: str
) -> None:
    decision = decide(make_finding(), replace(CALM, used=used), policies)
    assert (decision.state, decision.clause_id) == (CorrectionState.PROPOSED, GateClause.CAPS.value)
    assert decision.reason.startswith(name)


def test_a_target_can_have_a_cap_of_its_own(policies: Policies, make_finding: FindingMaker) -> None:
    own = HourlyCap(corrections=1, amounts={"USD": Decimal(50_000)})
    limits = policies.gate.limits.model_copy(update={"targets": {"finance": own}})
    changed = _with(policies, limits=limits)
    used = replace(CALM, used=HourlyUse(target=Use(1)))
    assert decide(make_finding(), used, changed).state is CorrectionState.PROPOSED
    assert decide(make_finding(), replace(used, target="erp"), changed).state is CorrectionState.APPROVED


def test_a_case_that_goes_in_circles_is_handed_to_a_person(policies: Policies, make_finding: FindingMaker) -> None:
    decision = decide(make_finding(), replace(CALM, corrected_for_case=3), policies)
    assert (decision.state, decision.clause_id) == (CorrectionState.PENDING, GateClause.LOOP.value)
    assert decision.reason == "corrected 3 times within 24 h and still there"


def test_a_judgement_never_passes_whatever_the_policy_says(policies: Policies, make_finding: FindingMaker) -> None:
    everything = policies.gate.automatic.model_copy(update={"classes": frozenset(CorrectionClass)})
    judged = make_finding(correction_class="J", judgement_reason="a price")
    assert decide(judged, CALM, _with(policies, automatic=everything)).state is CorrectionState.PENDING


_GRANTED = st.sampled_from(
    [
        (grant.message, role.value, one.value)
        for grant in read_policies(Path(__file__).parents[4] / "data" / "seeds").authority.grants
        for role in grant.receivers
        for one in grant.classes
    ]
)
_ANY = st.tuples(
    st.sampled_from([*sorted(CATALOGUE), "price.set"]),
    st.sampled_from([role.value for role in Role]),
    st.sampled_from([one.value for one in CorrectionClass]),
)


@settings(
    max_examples=500,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the maker keeps nothing
)
@given(
    changes=st.just({"snapshots_seen": 2})
    | st.fixed_dictionaries(
        {
            "code": st.sampled_from(["FIN-01", "FIN-04", "SHP-05", "CRD-03", "INT-02", "INV-02"]),
            "judgement_reason": st.sampled_from(["", "a price"]),
            "verdict": st.sampled_from(Verdict),
            "snapshots_seen": st.integers(1, 3),
            "value_at_risk_amount": st.sampled_from([Decimal(0), Decimal(50_000), Decimal(50_001)]),
        }
    ),
    use=st.one_of(_GRANTED, _ANY),
    done=st.tuples(
        st.sampled_from(["DRAFT", "CREATED", "POSTED", None]), st.sampled_from([0, 1000]), st.integers(0, 4)
    ),
)
@example(changes={}, use=("invoice.request", "finance", "P"), done=("DRAFT", 999, 2))
def test_whatever_is_proposed_only_what_the_rule_book_allows_is_done_without_a_person(
    policies: Policies,
    make_finding: FindingMaker,
    changes: dict[str, Any],
    use: tuple[str, str, str],
    done: tuple[str | None, int, int],
) -> None:
    message, role, correction_class = use
    status, used, corrected = done
    names = CATALOGUE[message].precondition.model_fields if message in CATALOGUE else ()
    read = {name: status if name == "status" else "2" for name in names}
    route = {"message": message, "target_role": role, "correction_class": correction_class}
    finding = make_finding(**changes, **route, precondition=json.dumps(read), payload='{"available_qty": "1"}')
    circumstances = replace(CALM, used=HourlyUse(target=Use(used)), corrected_for_case=corrected)
    decision = decide(finding, circumstances, policies)
    grant = policies.authority.grant_for(*use)
    event(decision.state)
    assert changes or decision.state is CorrectionState.APPROVED
    assert decision.clause_id
    if decision.state is not CorrectionState.APPROVED:
        assert decision.decided_by == ""
        return
    assert grant is not None
    assert grant.misfit(json.loads(finding.payload), read) == ""
    assert (finding.judgement_reason, finding.verdict) == ("", Verdict.DIFFER)
    assert decision.correction_class is not CorrectionClass.JUDGEMENT
    assert policies.gate.certification.shortcoming(finding.code) == ""
    assert finding.value_at_risk_amount <= 50_000
    assert finding.snapshots_seen >= policies.gate.clause_for(finding.code).minimum_snapshots
    assert (used < 1000, corrected < 3) == (True, True)


def test_every_clause_says_what_it_asks_for_and_is_told_apart_from_the_policys_own(policies: Policies) -> None:
    own = {clause.clause_id for clause in policies.gate.automatic.clauses} | {DEFAULT_CLAUSE_ID}
    rights = {grant.clause_id for grant in policies.authority.grants}
    assert all(clause.asks for clause in GateClause)
    assert not {clause.value for clause in GateClause} & (own | rights)
    assert GateClause.RIGHTS.value == OUTSIDE


def _with(policies: Policies, **changes: object) -> Policies:
    return replace(policies, gate=policies.gate.model_copy(update=changes))

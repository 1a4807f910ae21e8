from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.corrections.proposing.caps import HourlyApprovals, Use
from fulfillment_pipelines.corrections.proposing.policy import HourlyCap
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.ledger.corrections import ApprovalTotal, approvals_by_policy

FindingMaker = Callable[..., Finding]
CAP = HourlyCap(corrections=2, amounts={"USD": Decimal("100.00")})


@pytest.mark.parametrize(
    ("use", "amount", "currency", "words"),
    [
        (Use(), "100.00", "USD", ""),
        (Use(), "100.01", "USD", "with it 100.01 USD this hour, and the cap is 100.00"),
        (Use(1, {"USD": Decimal(60)}), "40.00", "USD", ""),
        (Use(1, {"USD": Decimal(60)}), "40.01", "USD", "with it 100.01 USD this hour, and the cap is 100.00"),
        (Use(1, {"USD": Decimal(60)}), "40.01", "EUR", "with it 40.01 EUR this hour, and the cap is 0"),
        (Use(1, {"USD": Decimal(100)}), "0", "XXX", ""),
        (Use(2), "0", "USD", "2 corrections this hour, and the cap is 2"),
    ],
)
def test_one_more_is_within_the_cap_or_it_is_told_what_it_would_exceed(
    use: Use, amount: str, currency: str, words: str
) -> None:
    assert use.excess(CAP, Decimal(amount), currency) == words


def test_an_approval_counts_for_its_target_its_rule_and_the_platform() -> None:
    approvals = HourlyApprovals([ApprovalTotal("erp", "SHP-01", "USD", 3, Decimal("30.00"))])
    approvals.add("erp", "SHP-02", Decimal("5.00"), "USD")
    approvals.add("finance", "FIN-01", Decimal("7.00"), "EUR")
    used = approvals.use("erp", "SHP-01")
    assert used.target == Use(4, {"USD": Decimal("35.00")})
    assert used.rule == Use(3, {"USD": Decimal("30.00")})
    assert used.platform == Use(5, {"USD": Decimal("35.00"), "EUR": Decimal("7.00")})
    assert approvals.use("crm", "SHP-03").target == Use()


def test_what_the_policy_approved_within_the_hour_is_added_up_exactly(
    both_desk: Any, make_finding: FindingMaker
) -> None:
    both_desk.take_in(
        make_finding(value_at_risk_amount=Decimal("0.10")),
        make_finding(business_key="SO-2", value_at_risk_amount=Decimal("0.20")),
        make_finding(business_key="SO-3", value_at_risk_amount=Decimal("7.00"), currency="EUR"),
        make_finding(business_key="SO-4", value_at_risk_amount=Decimal("9.00"), judgement_reason="a price"),
    )
    with both_desk.ledger.reading() as work:
        found = approvals_by_policy(work, both_desk.clock.now() - timedelta(hours=1))
        later = approvals_by_policy(work, both_desk.clock.now())
    assert sorted(found, key=lambda total: total.currency) == [
        ApprovalTotal("finance", "FIN-01", "EUR", 1, Decimal("7.00")),
        ApprovalTotal("finance", "FIN-01", "USD", 2, Decimal("0.30")),
    ]
    assert later == []


def test_the_sum_of_an_hour_is_not_exceeded_by_one_transaction_or_by_several(
    desk: Any, make_finding: FindingMaker
) -> None:
    limits = desk.policies.gate.limits
    small = limits.each_rule.model_copy(update={"amounts": {"USD": Decimal("300.00")}})
    changed = desk.policies.gate.model_copy(update={"limits": limits.model_copy(update={"each_rule": small})})
    desk.policies = replace(desk.policies, gate=changed)
    findings = [
        make_finding(business_key=f"SO-{number}", value_at_risk_amount=Decimal("100.00")) for number in range(5)
    ]
    _, first = desk.take_in(*findings[:2])
    _, second = desk.take_in(*findings)
    assert (len(first.approved), len(second.approved), len(second.proposed)) == (2, 1, 2)
    waiting = [record for record in desk.corrections() if record.state is CorrectionState.PROPOSED]
    assert {record.clause_id for record in waiting} == {"GATE-CAPS"}

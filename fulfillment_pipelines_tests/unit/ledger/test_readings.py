from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from fulfillment_pipelines.domain.case import CaseState, RuleRun
from fulfillment_pipelines.domain.finding import Finding, Severity
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger.readings import CaseFilter, list_cases, show_case, totals_by_code
from fulfillment_pipelines.ledger.unit_of_work import Ledger


@pytest.fixture
def three_cases(
    ledger: Ledger, case_policy: CasePolicy, make_finding: Callable[..., Finding], noon: datetime
) -> Ledger:
    """A ledger with two open cases and one that was cured an hour ago."""
    cured = make_finding(code="INV-01", business_key="SKU-1", node="west", owner="inventory", order_id="")
    grave = make_finding(business_key="SO-1", order_id="SO-1", severity=Severity.S1)
    other = make_finding(business_key="SO-2", order_id="SO-2", severity=Severity.S3)
    with ledger.unit_of_work() as work:
        intake(work, [cured, grave, other], [], policy=case_policy, now=noon)
        later = noon.replace(hour=13)
        intake(work, [], [RuleRun("INV-01", None, later, trustworthy=True)], policy=case_policy, now=later)
        work.commit()
    return ledger


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        (CaseFilter(), {"SO-1", "SO-2", "SKU-1"}),
        (CaseFilter(only_open=True), {"SO-1", "SO-2"}),
        (CaseFilter(codes=frozenset({"INV-01"})), {"SKU-1"}),
        (CaseFilter(states=frozenset({CaseState.AUTO_CLEARED})), {"SKU-1"}),
        (CaseFilter(owner="inventory"), {"SKU-1"}),
        (CaseFilter(node="west"), {"SKU-1"}),
        (CaseFilter(order_id="SO-2"), {"SO-2"}),
        (CaseFilter(order_id="SO-2", node="west"), set()),
    ],
)
def test_cases_are_listed_by_what_they_are_filtered_by(three_cases: Ledger, wanted: CaseFilter, keys: set[str]) -> None:
    with three_cases.reading() as work:
        assert {case.business_key for case in list_cases(work, wanted)} == keys


def test_what_is_due_first_comes_first_and_the_limit_cuts_the_rest(three_cases: Ledger) -> None:
    with three_cases.reading() as work:
        (first,) = list_cases(work, CaseFilter(only_open=True, limit=1))
    assert first.business_key == "SO-1"


def test_a_case_that_does_not_exist_is_none(three_cases: Ledger) -> None:
    with three_cases.reading() as work:
        assert show_case(work, "EXC-none") is None


def test_a_code_without_open_cases_has_nothing_at_risk(three_cases: Ledger) -> None:
    with three_cases.reading() as work:
        totals = {total.code: total for total in totals_by_code(work)}
    assert (totals["INV-01"].open_cases, totals["INV-01"].ended_cases) == (0, 1)
    assert str(totals["INV-01"].value_at_risk_amount) == "0.00"
    assert str(totals["FIN-01"].value_at_risk_amount) == "241.00"

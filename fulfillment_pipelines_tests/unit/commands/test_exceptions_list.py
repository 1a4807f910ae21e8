"""The list of cases: a table that a terminal has room for, and everything of a case as JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.commands.opening import opened_platform
from fulfillment_pipelines.domain.case import case_id_of
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import intake

Fulfillment = Callable[..., Any]
MakeFinding = Callable[..., Finding]
TITLES = ["case id", "code", "key", "node", "state", "severity", "owner", "value", "fix due"]


@pytest.fixture
def open_cases(lake: object, noon: datetime) -> Callable[..., None]:
    """Open a case for each finding."""
    del lake

    def open_them(*findings: Finding) -> None:
        with opened_platform(None) as platform, platform.ledger.unit_of_work() as work:
            intake(work, findings, [], policy=platform.case_policy, now=noon)
            work.commit()

    return open_them


def _cells(stdout: str, mark: str) -> list[list[str]]:
    lines = [line for line in stdout.splitlines() if line.startswith(mark)]
    return [[cell.strip() for cell in line.strip(mark).split(mark)] for line in lines]


def test_the_table_has_nine_columns_and_the_json_all(
    fulfillment: Fulfillment, open_cases: Callable[..., None], make_finding: MakeFinding
) -> None:
    finding = make_finding(value_at_risk_amount=Decimal("1234.50"), currency="EUR")
    open_cases(finding)
    said = fulfillment("exceptions", "list").stdout
    assert _cells(said, "┃") == [TITLES]
    (row,) = _cells(said, "│")
    assert row[:4] == [
        case_id_of(finding.code, finding.business_key, finding.node),
        finding.code,
        finding.business_key,
        finding.node,
    ]
    assert row[7] == "1,234.50 EUR"
    (case,) = fulfillment("exceptions", "list", "--json").json()
    assert (case["value_at_risk_amount"], case["currency"]) == ("1234.50", "EUR")
    assert {"expected_value", "actual_value", "condition_since", "parent_case_id"} < set(case)


def test_where_no_money_is_meant_the_value_is_empty(
    fulfillment: Fulfillment, open_cases: Callable[..., None], make_finding: MakeFinding
) -> None:
    open_cases(make_finding(value_at_risk_amount=Decimal(0), currency="XXX"))
    (row,) = _cells(fulfillment("exceptions", "list").stdout, "│")
    assert not row[7]
    assert not fulfillment("exceptions", "list", "--json").json()[0]["currency"]


def test_the_parent_is_shown_where_a_case_has_one(
    fulfillment: Fulfillment, open_cases: Callable[..., None], make_finding: MakeFinding
) -> None:
    cause = make_finding(code="SHP-02", business_key="SO-1/1", node="east")
    child = make_finding(
        code="FIN-02",
        business_key="SO-1/1",
        node="east",
        parent_code="SHP-02",
        parent_business_key="SO-1/1",
        parent_node="east",
    )
    open_cases(cause, child)
    said = fulfillment("exceptions", "list").stdout
    assert _cells(said, "┃") == [[*TITLES, "parent case id"]]
    parent = case_id_of("SHP-02", "SO-1/1", "east")
    assert {row[1]: row[9] for row in _cells(said, "│")} == {"SHP-02": "", "FIN-02": parent}
    shown = fulfillment("exceptions", "show", parent).stdout
    assert shown.count(case_id_of("FIN-02", "SO-1/1", "east")) == 1

"""The summaries say what the tables behind them say."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row

SqlRunner = Callable[..., Any]


@pytest.fixture
def kinds(run_sql: SqlRunner) -> SqlRunner:
    def run(*findings: Row) -> list[tuple[str, str, int]]:
        rows = run_sql("40_marts/mart_difference_kinds.sql", {"rec_findings": list(findings)})
        return sorted((row["code"], row["kind"], row["finding_count"]) for row in rows)

    return run


def test_a_number_below_the_authority_s_is_less_and_one_above_is_more(kinds: SqlRunner) -> None:
    less = {"business_key": "a", "expected_value": "10.0000", "actual_value": "9.5", "verdict": "DIFFER"}
    more = {"business_key": "b", "expected_value": "9", "actual_value": "10", "verdict": "DIFFER"}
    assert kinds(less, more) == [("SHP-01", "less than expected", 1), ("SHP-01", "more than expected", 1)]


def test_what_is_no_number_is_told_as_it_was_found(kinds: SqlRunner) -> None:
    gap = {"code": "CRD-03", "expected_value": "RESOLVED", "actual_value": "CREATED", "verdict": "DIFFER"}
    assert kinds({**gap, "business_key": "a"}, {**gap, "business_key": "b"}) == [("CRD-03", "CREATED", 2)]


@pytest.mark.parametrize("verdict", ["TIMING", "UNKNOWN"])
def test_only_what_differs_is_counted(kinds: SqlRunner, verdict: str) -> None:
    assert kinds({"verdict": verdict}) == []


def test_a_summary_adds_up_the_value_at_risk_of_its_findings(run_sql: SqlRunner) -> None:
    findings = [
        {"business_key": key, "verdict": "DIFFER", "value_at_risk_amount": Decimal(amount)}
        for key, amount in (("a", "0.10"), ("b", "0.20"))
    ]
    (row,) = run_sql("40_marts/mart_exception_summary.sql", {"rec_findings": findings})
    assert (row["code"], row["finding_count"], row["value_at_risk_amount"]) == ("SHP-01", 2, Decimal("0.30"))

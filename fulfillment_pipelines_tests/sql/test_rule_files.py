"""What every rule file owes: a test beside it, the columns of a finding, and SQL that another engine can read."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from sqlglot.errors import ErrorLevel

from fulfillment_pipelines.domain.finding import Severity
from fulfillment_pipelines.reconcile.example_lake import ExampleLake
from fulfillment_pipelines.reconcile.rule_tests import RuleTester
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.reconcile.tolerances import Tolerances
from fulfillment_pipelines.sql_models import read_models
from fulfillment_pipelines.warehouse import query_rows

ROOT = Path(__file__).parent.parent.parent


_SQL = ROOT / "sql"
_RULES = read_rules(read_models(_SQL / "30_reconcile" / "rules"))
_MODELS = [
    path
    for folder in ("20_canonical", "30_reconcile", "30_reconcile/rules", "40_marts", "checks")
    for path in sorted((_SQL / folder).glob("*.sql"))
]
_FINDING_COLUMNS = [
    "business_key",
    "node",
    "scope_key",
    "order_id",
    "line_no",
    "expected_value",
    "actual_value",
    "delta_qty",
    "value_at_risk_amount",
    "currency",
    "condition_since",
    "breaks_at",
    "message",
    "target_role",
    "payload",
    "precondition",
    "judgement_reason",
    "evidence",
]
"""Of `rec_differences`, apart from the code, which the runner adds."""

_CODES = pytest.mark.parametrize("code", [rule.code for rule in _RULES])


def test_no_test_file_is_without_its_rule() -> None:
    tested = {path.stem for path in (_SQL / "30_reconcile" / "rules").glob("*.yaml")}
    assert tested == {rule.model.name for rule in _RULES}


@_CODES
def test_a_rule_is_shown_in_at_least_four_cases_both_speaking_and_silent(rule_tester: RuleTester, code: str) -> None:
    cases = rule_tester.cases(code)
    assert len(cases) >= 4
    assert any(case.expect for case in cases)
    assert any(not case.expect for case in cases)
    assert len({case.case for case in cases}) == len(cases)


@_CODES
def test_a_rule_gives_exactly_the_columns_of_a_finding(
    example_lake: ExampleLake, tolerances: Tolerances, code: str
) -> None:
    rule = next(rule for rule in _RULES if rule.code == code)
    with example_lake.showing({}, example=code) as cursor:
        rows = query_rows(cursor, rule.model.body, dict(tolerances.values(rule.tolerances)))
    assert rows.column_names in (_FINDING_COLUMNS, [*_FINDING_COLUMNS, "severity"])


@_CODES
def test_a_rule_with_severities_of_its_own_is_shown_with_the_usual_one_and_another(
    rule_tester: RuleTester, code: str
) -> None:
    rule = next(rule for rule in _RULES if rule.code == code)
    if "severity" in rule.model.columns:
        shown = {row["severity"] for case in rule_tester.cases(code) for row in case.expect if "severity" in row}
        assert rule.severity in shown
        assert len(shown) > 1
        assert shown <= set(Severity)


@_CODES
def test_the_messages_a_rule_is_shown_to_propose_are_in_its_header(rule_tester: RuleTester, code: str) -> None:
    rule = next(rule for rule in _RULES if rule.code == code)
    declared = {(route.message, route.role.value) for route in rule.routes}
    rows = [row for result in rule_tester.run(code) for row in result.found]
    proposed = {(row["message"], row["target_role"]) for row in rows}
    assert proposed - {("", "")} == declared


@pytest.mark.parametrize("path", _MODELS, ids=lambda path: path.stem)
def test_a_model_can_be_written_for_spark(path: Path) -> None:
    written = sqlglot.transpile(
        path.read_text(encoding="utf-8"), read="duckdb", write="spark", unsupported_level=ErrorLevel.RAISE
    )
    assert len(written) == 1
    assert sqlglot.parse_one(written[0], read="spark") is not None

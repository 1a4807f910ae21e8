"""Each rule says the same on Spark as in DuckDB, on the rows of its own test file."""

from __future__ import annotations

from pathlib import Path

import pytest

from fulfillment_pipelines.canonical.reference import ReferenceData
from fulfillment_pipelines.engines import as_it_stands
from fulfillment_pipelines.reconcile.example_lake import ExampleLake
from fulfillment_pipelines.reconcile.rule_tests import EXAMPLE_NOW, RuleTester, derive_tables
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.reconcile.tolerances import Tolerances
from fulfillment_pipelines.sql_models import read_models
from fulfillment_pipelines_tests.spark.comparing import ComparingEngine

_RECONCILE = Path(__file__).parents[2] / "sql" / "30_reconcile"
_RULES = {rule.code: rule for rule in read_rules(read_models(_RECONCILE / "rules"))}
_MODELS = read_models(_RECONCILE)


@pytest.fixture(scope="module")
def rule_tester(sql_folder: Path, reference: ReferenceData, tolerances: Tolerances) -> RuleTester:
    """Reads the cases; the rules run elsewhere."""
    return RuleTester(sql_folder, reference=reference, tolerances=tolerances)


@pytest.fixture(scope="module")
def example_lake(sql_folder: Path, reference: ReferenceData, tolerances: Tolerances) -> ExampleLake:
    return ExampleLake(sql_folder, reference=reference, tolerances=tolerances, now=EXAMPLE_NOW)


@pytest.mark.parametrize("code", _RULES)
def test_a_case_in_which_the_rule_speaks_reads_the_same_on_both(
    code: str,
    rule_tester: RuleTester,
    example_lake: ExampleLake,
    tolerances: Tolerances,
    comparing: ComparingEngine,
) -> None:
    rule = _RULES[code]
    case = max(rule_tester.cases(code), key=lambda one: len(one.expect))
    with example_lake.showing(case.given, example=case.case) as cursor:
        derive_tables(cursor, rule.model, _MODELS, given=case.given, selecting=as_it_stands)
        with comparing.running(cursor) as selecting:
            selecting(rule.model, dict(tolerances.values(rule.tolerances)))
    assert comparing.differences == []
    assert comparing.rows[rule.model.name] == len(case.expect)


@pytest.mark.slow
@pytest.mark.parametrize("code", _RULES)
def test_every_case_and_every_table_derived_for_it_reads_the_same_on_both(
    code: str, sql_folder: Path, reference: ReferenceData, tolerances: Tolerances, comparing: ComparingEngine
) -> None:
    with RuleTester(sql_folder, reference=reference, tolerances=tolerances, engine=comparing) as tester:
        results = list(tester.run(code))
    assert comparing.differences == []
    assert all(result.passed for result in results)
    assert comparing.rows[_RULES[code].model.name] == sum(len(result.expected) for result in results)

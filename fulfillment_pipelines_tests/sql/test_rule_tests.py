"""The harness itself: it tells what differs, and refuses a case that cannot mean what it says."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.canonical.reference import ReferenceData
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.rule_tests import RuleTestCase, RuleTester, RuleTestResult
from fulfillment_pipelines.reconcile.tolerances import Tolerance, Tolerances

_LEFT = {"canon_shipment_lines": [{"role": "wms"}]}


def _run(tester: RuleTester, expect: list[dict[str, Any]], given: Mapping[str, Any] = _LEFT) -> RuleTestResult:
    return tester.run_case("SHP-01", RuleTestCase(case="a leg left", given=dict(given), expect=expect))


@pytest.fixture
def rules_folder(tmp_path: Path, sql_folder: Path) -> Path:
    """The folder of rules in a copy of the SQL folders, which a test may spoil."""
    copied = shutil.copytree(sql_folder, tmp_path / "sql")
    return copied / "30_reconcile" / "rules"


@pytest.fixture
def run_copied(
    rules_folder: Path, reference: ReferenceData, tolerances: Tolerances
) -> Callable[[], list[RuleTestResult]]:
    """Return a function that runs the tests of SHP-01 as the copied folders stand."""

    def run() -> list[RuleTestResult]:
        with RuleTester(rules_folder.parent.parent, reference=reference, tolerances=tolerances) as tester:
            return list(tester.run("SHP-01"))

    return run


def test_a_case_that_is_met_has_no_difference(rule_tester: RuleTester) -> None:
    result = _run(rule_tester, [{"business_key": "SH-1/SO-1/1", "delta_qty": 10, "payload": {"line_no": 1}}])
    assert result.passed
    assert result.difference == ""
    assert result.found[0]["delta_qty"] == Decimal(10)


def test_a_value_that_differs_is_told_with_both_values(rule_tester: RuleTester) -> None:
    result = _run(rule_tester, [{"business_key": "SH-1/SO-1/1", "delta_qty": 9}])
    assert not result.passed
    assert result.difference == "SH-1/SO-1/1: delta_qty should be 9, is '10.0000'"


def test_an_entry_of_a_json_column_that_differs_is_told(rule_tester: RuleTester) -> None:
    assert "payload should be {'line_no': 2}" in _run(rule_tester, [{"payload": {"line_no": 2}}]).difference


def test_an_entry_that_a_json_column_lacks_is_a_difference(rule_tester: RuleTester) -> None:
    assert not _run(rule_tester, [{"payload": {"colour": None}}]).passed


def test_a_row_that_is_missing_is_told(rule_tester: RuleTester) -> None:
    result = _run(rule_tester, [{"line_no": 1}, {"line_no": 2}])
    assert result.difference == "missing: line_no=2"


def test_a_row_that_nobody_expects_is_told(rule_tester: RuleTester) -> None:
    assert _run(rule_tester, []).difference.startswith("not expected: business_key='SH-1/SO-1/1', node='EAST'")


def test_a_row_is_expected_as_often_as_it_is_written(rule_tester: RuleTester) -> None:
    assert not _run(rule_tester, [{"line_no": 1}, {"line_no": 1}]).passed


def test_a_row_that_names_little_does_not_take_the_row_of_one_that_names_more(rule_tester: RuleTester) -> None:
    legs = {"canon_shipment_lines": [{"role": "wms", "line_no": 1}, {"role": "wms", "line_no": 2}]}
    assert _run(rule_tester, [{"node": "EAST"}, {"node": "EAST", "line_no": 1}], legs).passed
    assert _run(rule_tester, [{"node": "EAST"}, {"node": "EAST", "line_no": 2}], legs).passed


def test_a_column_that_a_rule_does_not_give_is_a_difference(rule_tester: RuleTester) -> None:
    assert "colour should be 'red', is None" in _run(rule_tester, [{"colour": "red"}]).difference


def test_null_is_expected_by_name(rule_tester: RuleTester) -> None:
    assert not _run(rule_tester, [{"order_id": None}]).passed
    assert _run(rule_tester, [{"evidence": {"departed": None}}]).passed


def test_cases_leave_nothing_to_each_other(rule_tester: RuleTester) -> None:
    assert _run(rule_tester, [{}]).passed
    assert _run(rule_tester, [], {}).passed


def test_the_stock_ledger_is_computed_unless_the_case_gives_it(rule_tester: RuleTester) -> None:
    levels = {"canon_stock_levels": [{"role": "erp", "on_hand_qty": 200}, {"role": "wms", "on_hand_qty": 100}]}
    computed = RuleTestCase(case="computed", given=levels, expect=[{"delta_qty": -100}])
    ledger = {"rec_stock_ledger": [{"residual_on_hand_qty": 7}]}
    given = RuleTestCase(case="given", given={**levels, **ledger}, expect=[{"delta_qty": -7}])
    assert rule_tester.run_case("INV-01", computed).difference == ""
    assert rule_tester.run_case("INV-01", given).difference == ""


def test_the_configured_tolerances_decide(sql_folder: Path, reference: ReferenceData, tolerances: Tolerances) -> None:
    wider = {**tolerances.tolerances, "fin_04_tolerance_amount": Tolerance(value=Decimal(5), unit="USD", about="wide")}
    with RuleTester(
        sql_folder, reference=reference, tolerances=tolerances.model_copy(update={"tolerances": wider})
    ) as tester:
        passed = [result.passed for result in tester.run("FIN-04")]
    assert True in passed
    assert False in passed


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"canon_shipments": [{}]}, "there is no table canon_shipments"),
        ({"canon_shipment_lines": [{"qty": 1}]}, "canon_shipment_lines has no column qty"),
        ({"canon_shipment_lines": [{"shipped_qty": "ten"}]}, "a value does not fit canon_shipment_lines.shipped_qty"),
        ({"canon_shipment_lines": [{"shipped_qty": 0.00001}]}, "a value does not fit canon_shipment_lines.shipped_qty"),
        ({"canon_shipment_lines": [{"line_no": "one"}]}, "a value does not fit canon_shipment_lines.line_no"),
        ({"canon_shipment_lines": [{"order_id": 7}]}, "a value does not fit canon_shipment_lines.order_id"),
        ({"canon_shipment_lines": [{"shipped_at": "2026-03-02"}]}, "does not fit canon_shipment_lines.shipped_at"),
    ],
    ids=["table", "column", "number", "too fine", "integer", "text", "instant"],
)
def test_a_row_that_does_not_fit_is_refused_with_its_case(
    rule_tester: RuleTester, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"shp_01\.yaml, 'a leg left'") as refused:
        _run(rule_tester, [], given)
    assert words in str(refused.value)


def test_an_instant_without_a_zone_is_refused(rules_folder: Path, run_copied: Callable[[], object]) -> None:
    given = "{canon_shipment_lines: [{role: wms, shipped_at: 2026-03-02 09:00:00}]}"
    (rules_folder / "shp_01.yaml").write_text(f"- {{case: a leg left, given: {given}, expect: []}}\n")
    with pytest.raises(ConfigurationError, match="the instant has no zone"):
        run_copied()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- case: a leg left\n  expect: []\n- case: [\n", 4),
        ("- case: a leg left\n  expect: []\n- case: another\n  expects: []\n", 3),
        ("- case: a leg left\n  expect: []\n- case: ''\n  expect: []\n", 3),
    ],
    ids=["not YAML", "misspelt key", "no sentence"],
)
def test_a_malformed_file_is_told_by_its_line(
    rules_folder: Path, run_copied: Callable[[], object], text: str, line: int
) -> None:
    (rules_folder / "shp_01.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=rf"shp_01\.yaml:{line}: this rule test"):
        run_copied()


def test_a_rule_without_a_test_file_is_told(rules_folder: Path, run_copied: Callable[[], object]) -> None:
    (rules_folder / "shp_01.yaml").unlink()
    with pytest.raises(ConfigurationError, match=r"shp_01\.yaml cannot be read"):
        run_copied()


def test_a_code_that_is_no_rule_is_told(rule_tester: RuleTester) -> None:
    with pytest.raises(ConfigurationError, match="There is no rule 'ABC-99'"):
        list(rule_tester.run("ABC-99"))


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("where role = 'wms'", "where rolle = 'wms'", "rolle"),
        ("'0' as actual_value", "cast(shipment_id as integer) as actual_value", "SH-1"),
    ],
    ids=["on no rows", "on the rows of a case"],
)
def test_a_rule_that_does_not_run_is_told(
    rules_folder: Path, run_copied: Callable[[], object], right: str, wrong: str, words: str
) -> None:
    path = rules_folder / "shp_01.sql"
    body = path.read_text()
    assert right in body
    path.write_text(body.replace(right, wrong))
    with pytest.raises(ConfigurationError, match=rf"shp_01\.sql does not run.*{words}"):
        run_copied()


def test_a_rule_that_says_something_else_fails_its_cases(
    rules_folder: Path, run_copied: Callable[[], list[RuleTestResult]]
) -> None:
    path = rules_folder / "shp_01.sql"
    path.write_text(path.read_text().replace("shipped_qty > 0", "shipped_qty >= 0"))
    failed = [result.case for result in run_copied() if not result.passed]
    assert failed == ["a leg without units has nothing to confirm"]

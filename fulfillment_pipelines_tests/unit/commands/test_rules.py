"""`fulfillment rules`: what is compared, and a rule that breaks its own test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
Fulfillment = Callable[..., Any]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's SQL and seeds, which the environment names."""
    copied = tmp_path / "project"
    for folder in ("sql", "data/seeds", "fulfillment_pipelines/systems/declared"):
        shutil.copytree(ROOT / folder, copied / folder)
    monkeypatch.setenv("FULFILLMENT_PROJECT_ROOT", str(copied))
    return copied


def test_rules_are_listed_with_what_they_compare_and_correct(fulfillment: Fulfillment) -> None:
    rows = {row["code"]: row for row in fulfillment("rules", "list", "--json").json()}
    codes = [path.stem.upper().replace("_", "-") for path in (ROOT / "sql/30_reconcile/rules").glob("*.sql")]
    assert sorted(rows) == sorted(codes)
    assert rows["FIN-01"] == {
        "code": "FIN-01",
        "name": "SHIPPED_NOT_INVOICED",
        "severity": "S2",
        "owner": "Billing",
        "compares": "wms.shipment_lines, erp.shipment_lines, finance.invoice_lines, wms.returns",
        "correction": "invoice.request -> finance",
    }


def test_a_rule_is_shown_with_its_sql_and_version(fulfillment: Fulfillment) -> None:
    shown = fulfillment("rules", "show", "fin-01", "--json").json()
    source = (ROOT / "sql/30_reconcile/rules/fin_01.sql").read_text(encoding="utf-8")
    assert shown["sql"].strip() in source
    assert shown["rule"] == "FIN-01"
    text = fulfillment("rules", "show", "fin-01").stdout
    assert shown["version"] in text
    assert "as business_key" in text


def test_a_rule_is_tried_on_its_own_rows(fulfillment: Fulfillment) -> None:
    said = fulfillment("rules", "test", "FIN-04", "--json")
    assert said.exit_code == 0
    cases = said.json()
    assert {case["code"] for case in cases} == {"FIN-04"}
    assert all(case["passed"] for case in cases)
    assert "one cent is rounding" in {case["case"] for case in cases}


def test_a_rule_that_says_something_else_than_its_test_ends_with_one(fulfillment: Fulfillment, project: Path) -> None:
    rule = project / "sql/30_reconcile/rules/fin_04.sql"
    text = rule.read_text(encoding="utf-8")
    changed = text.replace("> $fin_04_tolerance_amount", ">= $fin_04_tolerance_amount")
    assert changed != text
    rule.write_text(changed, encoding="utf-8")
    said = fulfillment("rules", "test", "FIN-04", "--json")
    assert said.exit_code == 1
    failed = [case for case in said.json() if not case["passed"]]
    assert [case["case"] for case in failed] == [
        "one cent is rounding",
        "a cent in all is rounding, however much of the price it is",
    ]
    assert failed[0]["difference"]
    assert "FAIL FIN-04  one cent is rounding" in fulfillment("rules", "test", "FIN-04").stdout


def test_the_declared_systems_are_listed_with_what_they_take(fulfillment: Fulfillment) -> None:
    said = fulfillment("systems", "list", "--json").json()
    assert len(said["feeds"]) == 51
    only_written = {row["system"] for row in said["messages"]} - {feed["system"] for feed in said["feeds"]}
    assert only_written == {"tms_drop"}
    takes = {row["system"]: row["takes"] for row in said["messages"]}
    assert "order.create" in takes["erp"]
    assert "invoice.request" in takes["finance"]


def test_the_versions_are_those_of_the_installed_packages(fulfillment: Fulfillment) -> None:
    versions = fulfillment("version", "--json").json()
    assert versions["duckdb"] == versions["duckdb-extension-ducklake"] == "1.5.5"
    table = fulfillment("version").stdout
    assert all(name in table and number in table for name, number in versions.items())

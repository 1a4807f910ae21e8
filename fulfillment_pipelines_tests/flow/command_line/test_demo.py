"""`fulfillment run --demo`, which is `make run`: what it finds, corrects and proves, and what it tells."""

from __future__ import annotations

from typing import Any

import pytest

FAULTS = {
    *("FIN-01", "FIN-02", "SHP-01", "SHP-02", "INV-01", "INV-02"),
    *("INT-02", "INT-03", "WHS-01", "CRD-03", "SYS-02"),
}
# A duplicate order is a judgement (only its protection is automatic), and broken rows are repaired by their source.
CURED_WITHOUT_A_PERSON = FAULTS - {"INT-02", "SYS-02"}
SYSTEMS = {"erp", "portal", "wms_east", "wms_west", "wms_north", "finance"}


@pytest.fixture(scope="module")
def demo_terminal(tmp_path_factory: pytest.TempPathFactory, terminal_at: Any) -> Any:
    return terminal_at(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def report(demo_terminal: Any) -> Any:
    said = demo_terminal.type("run", "--demo", "--seed", "2", "--no-expectations", "--json")
    assert said.exit_code == 0, said.told
    return said.json()


@pytest.fixture(scope="module")
def corrections(demo_terminal: Any, report: Any) -> Any:
    del report
    return demo_terminal.type("corrections", "list", "--limit", "1000", "--json").json()


def test_all_eleven_faults_are_found(report: Any) -> None:
    found = {total["code"]: total["found"] for total in report["exceptions"]}
    assert set(found) == FAULTS
    assert min(found.values()) > 0


def test_every_automatic_correction_has_a_proof(corrections: Any, report: Any) -> None:
    verified = {one["code"] for one in corrections if one["state"] == "VERIFIED"}
    assert verified == CURED_WITHOUT_A_PERSON
    cured = {total["code"] for total in report["exceptions"] if total["cured"]}
    assert cured >= CURED_WITHOUT_A_PERSON


def test_nothing_is_cured_that_needs_a_person(corrections: Any) -> None:
    judged = [one for one in corrections if one["class"] == "J"]
    assert judged
    assert {one["state"] for one in judged} == {"PENDING"}


def test_every_system_is_pulled_and_nothing_is_unexplained(report: Any) -> None:
    assert set(report["rows_by_system"]) == SYSTEMS
    assert min(report["rows_by_system"].values()) > 0
    assert report["unexplained"] == 0
    assert report["feed_problems"] == []
    assert report["quarantined_rows"] > 0
    assert report["verdicts"]["AGREE"] > report["verdicts"]["DIFFER"] > 0
    assert report["passes"] == 3
    assert report["proved"] == sum(total["cured"] for total in report["exceptions"])


def test_the_simulated_systems_end_with_the_demonstration(demo_terminal: Any, report: Any) -> None:
    del report
    assert not (demo_terminal.twin_home / "twin.env").exists()
    said = demo_terminal.type("twin", "stop")
    assert (said.exit_code, said.stdout.strip()) == (0, "No twin was running.")


def test_a_person_is_told_all_of_it(demonstration: Any) -> None:
    assert demonstration.exit_code == 0, demonstration.told
    told = demonstration.stdout
    parts = ("Rows pulled", "Verdicts", "Exceptions", "Corrections", "exceptions proved cured", "UNEXPLAINED = 0")
    positions = [told.index(part) for part in (*parts, "Results lie in", "Next:")]
    assert positions == sorted(positions)
    first_cells = {row[0] for row in demonstration.rows}
    assert first_cells >= SYSTEMS | FAULTS | {"invoice.request", "ship.confirm"}
    assert "value" in next(line for line in told.splitlines() if "found" in line)
    assert 'fulfillment query "select * from mart_exception_summary"' in told
    assert "Traceback" not in demonstration.stderr


def test_the_progress_of_each_stage_is_shown(demonstration: Any) -> None:
    for number in (1, 2, 3):
        for stage in ("pull", "check and merge", "reconcile", "decide", "deliver"):
            assert any(f"pass {number}" in line and stage in line for line in demonstration.stdout.splitlines()), stage


def test_the_value_at_risk_of_open_cases_is_told_by_code(report: Any) -> None:
    at_risk = {total["code"]: float(total["open_value_amount"]) for total in report["exceptions"]}
    assert at_risk["INT-02"] > 0
    assert {code for code, amount in at_risk.items() if amount > 0} <= {
        total["code"] for total in report["exceptions"] if total["open"]
    }

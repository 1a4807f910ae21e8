"""The reading commands beside a twin with two runs behind it: tables for people, the same rows as JSON."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

CASE_COLUMNS = (
    *("case_id", "code", "business_key", "node", "state", "severity", "owner", "value_at_risk_amount", "currency"),
    *("expected_value", "actual_value", "condition_since", "fix_due_at", "parent_case_id"),
)
SHOWN_COLUMNS = ("case id", "code", "key", "node", "state", "severity", "owner", "value", "fix due")
CORRECTION_COLUMNS = (
    *("correction_id", "case_id", "code", "target", "message", "class", "state", "clause_id", "decision_reason"),
)


def _cases(live: Any, *options: str) -> list[dict[str, Any]]:
    said = live.type("exceptions", "list", "--limit", "1000", "--json", *options)
    assert said.exit_code == 0, said.told
    rows: list[dict[str, Any]] = said.json()
    return rows


@pytest.fixture(scope="module")
def all_cases(live: Any) -> list[dict[str, Any]]:
    return _cases(live, "--all")


@pytest.fixture(scope="module")
def open_cases(live: Any) -> list[dict[str, Any]]:
    return _cases(live)


def test_the_readme_leads_here_line_by_line(line_before_live: str, walk: Any) -> None:
    """The walk in single steps, so that a step that fails or takes too long has its name."""
    said = walk.up_to(line_before_live)
    assert said.exit_code == 0, said.told


def test_cases_are_listed_with_owner_value_and_deadline_the_next_due_first(
    live: Any, open_cases: list[dict[str, Any]]
) -> None:
    cases = open_cases
    assert all(tuple(case) == CASE_COLUMNS for case in cases)
    due = [datetime.fromisoformat(case["fix_due_at"]) for case in cases]
    assert due == sorted(due)
    assert {case["state"] for case in cases}.isdisjoint({"CLOSED", "RESOLVED_AUTO"})
    table = live.type("exceptions", "list", "--limit", "1000")
    assert {row[0] for row in table.rows} == {case["case_id"] for case in cases}
    assert {len(row) for row in table.rows} == {len(SHOWN_COLUMNS) + any(case["parent_case_id"] for case in cases)}
    (titles,) = (line for line in table.stdout.splitlines() if "case id" in line)
    assert tuple(title.strip() for title in titles.strip("┃").split("┃"))[: len(SHOWN_COLUMNS)] == SHOWN_COLUMNS


def test_all_lists_the_ended_cases_too(open_cases: list[dict[str, Any]], all_cases: list[dict[str, Any]]) -> None:
    still_open = {case["case_id"] for case in open_cases}
    assert still_open < {case["case_id"] for case in all_cases}


def test_a_code_and_a_limit_narrow_the_list(live: Any, all_cases: list[dict[str, Any]]) -> None:
    fin_02 = {case["case_id"] for case in all_cases if case["code"] == "FIN-02"}
    assert {case["case_id"] for case in _cases(live, "--all", "--code", "fin-02")} == fin_02
    assert fin_02
    said = live.type("exceptions", "list", "--all", "--limit", "1", "--json")
    assert len(said.json()) == 1


def test_a_case_is_shown_with_evidence_history_and_corrections(live: Any, all_cases: list[dict[str, Any]]) -> None:
    case = next(one for one in all_cases if one["code"] == "FIN-01" and one["currency"])
    shown = live.type("exceptions", "show", case["case_id"], "--json")
    assert shown.exit_code == 0, shown.told
    file = shown.json()
    assert {name: file["case"][name] for name in ("case_id", "code", "business_key", "state")} == {
        name: case[name] for name in ("case_id", "code", "business_key", "state")
    }
    assert json.loads(file["case"]["evidence"])
    assert file["history"]
    assert {one["correction"]["message"] for one in file["corrections"]} == {"invoice.request"}
    table = live.type("exceptions", "show", case["case_id"])
    assert table.exit_code == 0, table.told
    assert table.stdout.startswith(case["case_id"])
    assert case["business_key"] in table.stdout
    assert "invoice.request" in table.stdout


def test_corrections_name_their_case_and_the_clause_that_decided(live: Any, all_cases: list[dict[str, Any]]) -> None:
    said = live.type("corrections", "list", "--limit", "1000", "--json")
    assert said.exit_code == 0, said.told
    corrections = said.json()
    assert corrections
    assert all(tuple(one) == CORRECTION_COLUMNS for one in corrections)
    assert {one["case_id"] for one in corrections} <= {case["case_id"] for case in all_cases}
    assert all(one["decision_reason"] or one["clause_id"] for one in corrections if one["state"] != "PROPOSED")
    narrowed = live.type("corrections", "list", "--code", "FIN-01", "--json").json()
    assert {one["message"] for one in narrowed} == {"invoice.request"}


def test_an_injected_fault_has_its_case_after_the_next_run(
    walk: Any, twin: Any, all_cases: list[dict[str, Any]]
) -> None:
    injected = walk.said["fulfillment twin fault SHP-01 --count 2"]
    keys = {label.business_key for label in twin.labels() if label.code == "SHP-01"}
    now = {row[1] for row in injected.rows}
    assert len(now) == 2
    assert now < keys
    # A confirmation that the ERP forgets is labelled SYS-03, and missing all the same.
    forgotten = {label.business_key.removeprefix("SHP-01/") for label in twin.labels() if label.code == "SYS-03"}
    found = {case["business_key"] for case in all_cases if case["code"] == "SHP-01"}
    assert found == keys | forgotten


def test_the_truth_is_told_as_labels(live: Any, twin: Any) -> None:
    said = live.type("twin", "truth", "--json")
    assert said.exit_code == 0, said.told
    assert [(row["code"], row["business_key"], row["node"]) for row in said.json()] == [
        (label.code, label.business_key, label.node) for label in twin.labels()
    ]


def test_time_passes_only_as_far_as_asked(live: Any, twin: Any) -> None:
    before = datetime.fromisoformat(twin.state().now)
    said = live.type("twin", "advance", "90s", "--json")
    assert said.exit_code == 0, said.told
    assert (datetime.fromisoformat(said.json()["now"]) - before).total_seconds() == 90


def test_the_lake_answers_the_same_as_table_and_as_json(live: Any) -> None:
    statement = "select code, count(*) as finding_count from rec_findings group by code order by code"
    as_json = live.type("query", statement, "--json")
    assert as_json.exit_code == 0, as_json.told
    table = live.type("query", statement)
    assert [[row["code"], str(row["finding_count"])] for row in as_json.json()] == table.rows
    assert len(table.rows) > 1


def test_the_lake_cannot_be_changed_by_a_query(live: Any) -> None:
    said = live.type("query", "delete from rec_findings")
    assert said.exit_code == 1
    assert "read-only" in said.stderr
    assert live.type("query", "select count(*) as n from rec_findings", "--json").json()[0]["n"] > 0


def test_an_edited_audit_row_is_named(live: Any, tmp_path: Path) -> None:
    intact = live.type("audit", "verify", "--json")
    assert intact.exit_code == 0, intact.told
    assert intact.json()["intact"] is True
    copy = tmp_path / "ledger.sqlite"
    original = sqlite3.connect(live.runtime / "twin" / "ledger.sqlite")
    edited = sqlite3.connect(copy)
    try:
        original.backup(edited)
        row = edited.execute("select max(sequence) - 3 from audit_log").fetchone()[0]
        # Somebody with the file is not stopped by what the database refuses.
        edited.execute("drop trigger audit_log_is_not_updated")
        edited.execute("update audit_log set actor = 'somebody else' where sequence = ?", (row,))
        edited.commit()
    finally:
        original.close()
        edited.close()
    url = f"sqlite:///{copy}"
    broken = live.type("audit", "verify", "--json", FULFILLMENT_LEDGER_URL=url)
    assert broken.exit_code == 1, broken.told
    assert [(one["kind"], one["sequence"]) for one in broken.json()["breaks"]] == [("EDITED", row)]
    table = live.type("audit", "verify", FULFILLMENT_LEDGER_URL=url)
    assert table.exit_code == 1
    assert [cells[:2] for cells in table.rows] == [["EDITED", str(row)]]


def test_a_second_world_is_refused_while_one_is_served(live: Any, twin: Any) -> None:
    said = live.type("twin", "init", "--seed", "8")
    assert said.exit_code == 2, said.told
    assert "fulfillment twin stop" in said.stderr
    assert twin.state().seed == 7
    assert (live.runtime / "twin" / "ledger.sqlite").exists()

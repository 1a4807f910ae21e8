"""`fulfillment policy`: the decision rights and the gate as they are in force, and in the document."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposing.gate import GateClause
from fulfillment_pipelines.corrections.rights.rights_table import BEGIN, END, with_tables
from fulfillment_pipelines.errors import ConfigurationError

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "decision-rights.md"
Fulfillment = Callable[..., Any]


def test_the_document_shows_the_decision_rights_in_force(policies: Policies) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert with_tables(document, policies) == document, "run `make docs`"


def test_every_row_stands_in_the_document_once(policies: Policies) -> None:
    document = with_tables(f"before\n{BEGIN}\nwhat stood here\n{END}\nafter\n", policies)
    rows = [row.clause_id for row in (*policies.authority.attributes.values(),)]
    rows += [grant.clause_id for grant in policies.authority.grants]
    assert [document.count(f"| {clause_id} |\n") for clause_id in rows] == [1] * len(rows)
    assert [document.count(f"| {clause.value} |") for clause in GateClause] == [1] * len(GateClause)
    assert "what stood here" not in document
    assert document.startswith("before\n")
    assert document.endswith("\nafter\n")


def test_a_document_without_a_place_for_them_is_refused(policies: Policies) -> None:
    with pytest.raises(ConfigurationError, match="no place"):
        with_tables("no marks here", policies)


def test_the_matrix_is_told_as_json_and_as_tables(fulfillment: Fulfillment, policies: Policies) -> None:
    told = fulfillment("policy", "matrix", "--json").json()
    assert told["policy_version"] == policies.version
    rows = {row["clause_id"]: row for row in told["grants"]}
    assert rows["AUTH-INVOICE-DRAFT"] == {
        "message": "invoice.amend",
        "classes": "P",
        "into": "finance",
        "writes": "ship.qty (wms)",
        "asks_for": "invoiced_qty, status (while DRAFT); compared when written",
        "because": "a draft follows what left; it is no document yet",
        "clause_id": "AUTH-INVOICE-DRAFT",
    }
    assert rows["AUTH-ATP-LOWER"]["asks_for"] == "available_qty, only lowers available_qty; compared when written"
    assert {row["attribute"]: row["authority"] for row in told["attributes"]}["ship.qty"] == "wms"
    assert "| `ship.confirm` | P, J | erp | ship.qty (wms) |" in fulfillment("policy", "matrix").stdout


def test_the_matrix_is_written_into_a_document(fulfillment: Fulfillment, tmp_path: Path) -> None:
    document = tmp_path / "rights.md"
    document.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    assert fulfillment("policy", "matrix", "--into", str(document)).exit_code == 0
    assert "AUTH-SHIP-CONFIRM" in document.read_text(encoding="utf-8")


def test_the_policy_is_told_with_its_clauses_codes_and_caps(fulfillment: Fulfillment, policies: Policies) -> None:
    told = fulfillment("policy", "show", "--json").json()
    assert told["policy_version"] == policies.version
    assert [row["clause_id"] for row in told["clauses"]] == [clause.value for clause in GateClause]
    codes = {row["code"]: row for row in told["codes"]}
    assert (codes["FIN-01"]["clause_id"], codes["FIN-01"]["snapshots"]) == ("AUTO-FIN-01", 1)
    assert codes["FIN-01"]["evidence"].startswith("29 rule cases; twin score of world 102: precision 1.00")
    assert [row["of"] for row in told["caps"]] == ["the platform", "each rule", "each target"]
    text = fulfillment("policy", "show").stdout
    assert policies.version in text
    assert "Classes G, N, P, R; value at risk of one correction up to 50,000.00 USD" in text


def test_a_demoted_code_is_told_with_its_reason(
    fulfillment: Fulfillment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("sql", "data/seeds", "fulfillment_pipelines/systems/declared"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    policy = tmp_path / "data" / "seeds" / "corrections.yaml"
    demoted = ", demoted: {demoted_on: 2026-12-01, demoted_by: ines, because: it billed a return}}"
    lines = policy.read_text(encoding="utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if "{code: FIN-01, certified_on" in line)
    lines[at] = lines[at].removesuffix("}") + demoted
    policy.write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setenv("FULFILLMENT_PROJECT_ROOT", str(tmp_path))
    codes = {row["code"]: row for row in fulfillment("policy", "show", "--json").json()["codes"]}
    assert codes["FIN-01"]["not_now_because"] == "FIN-01 was demoted on 2026-12-01 by ines: it billed a return"
    assert codes["FIN-02"]["not_now_because"] == ""

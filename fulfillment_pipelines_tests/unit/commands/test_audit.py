"""`fulfillment audit` and the history of policies, typed as an auditor would."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Fulfillment = Callable[..., Any]
DOCUMENT = Path(__file__).parents[3] / "docs" / "audit.md"


@pytest.fixture
def ledger_file(lake: Path) -> Path:
    """The file of a ledger in which the first start has recorded what policies are in force."""
    (path,) = lake.glob("*/ledger.sqlite")
    return path


@pytest.fixture
def exported(ledger_file: Path, fulfillment: Fulfillment, tmp_path: Path) -> Path:
    del ledger_file
    path = tmp_path / "audit.jsonl"
    assert fulfillment("audit", "export", "--out", str(path)).exit_code == 0
    return path


def _tamper(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.create_function("sha256", 1, lambda text: hashlib.sha256(text.encode()).hexdigest())
        for (name,) in connection.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            connection.execute(f'drop trigger "{name}"')
        connection.execute(statement)
    connection.close()


def test_the_first_start_records_who_found_which_policies_in_force(ledger_file: Path, fulfillment: Fulfillment) -> None:
    del ledger_file
    changes = fulfillment("policy", "history", "--json").json()
    assert {"corrections.yaml", "tolerances.yaml", "retention.yaml", "fin_01.sql"} <= {
        change["file_name"] for change in changes
    }
    assert all(change["actor"] and not change["previous_hash"] for change in changes)


def test_a_whole_log_is_told_with_the_head_to_publish(ledger_file: Path, fulfillment: Fulfillment) -> None:
    del ledger_file
    anchor = fulfillment("audit", "anchor").stdout.strip()
    told = fulfillment("audit", "verify", "--anchor", anchor)
    assert (told.exit_code, "intact" in told.stdout, anchor in told.stdout) == (0, True, True)


def test_a_tampered_row_is_told_with_its_number_and_ends_with_1(ledger_file: Path, fulfillment: Fulfillment) -> None:
    _tamper(ledger_file, "update audit_log set reason = 'because' where sequence = 3")
    told = fulfillment("audit", "verify", "--json")
    (found,) = told.json()["breaks"]
    assert (told.exit_code, found["kind"], found["sequence"], found["action"]) == (1, "EDITED", 3, "policy.changed")
    assert "EDITED" in fulfillment("audit", "verify").stdout
    assert fulfillment("audit", "verify", "--since", "3").exit_code == 0


def test_an_anchor_of_another_log_is_told(ledger_file: Path, fulfillment: Fulfillment) -> None:
    del ledger_file
    told = fulfillment("audit", "verify", "--anchor", f"2:{'f' * 64}", "--json")
    assert (told.exit_code, [found["sequence"] for found in told.json()["breaks"]]) == (1, [2])


@pytest.mark.parametrize("anchor", ["", "12", "x:y", ":"])
def test_what_is_no_anchor_is_refused_with_a_remedy(fulfillment: Fulfillment, anchor: str) -> None:
    told = fulfillment("audit", "verify", "--anchor", anchor)
    assert (told.exit_code, "audit anchor" in told.stderr) == (2, True)


def test_an_exported_file_is_verified_without_the_ledger(
    exported: Path, ledger_file: Path, fulfillment: Fulfillment
) -> None:
    ledger_file.unlink()
    assert fulfillment("audit", "verify", "--file", str(exported)).exit_code == 0
    lines = exported.read_text().splitlines(keepends=True)
    exported.write_text("".join([*lines[:4], *lines[5:]]))
    told = fulfillment("audit", "verify", "--file", str(exported), "--json")
    assert (told.exit_code, [found["kind"] for found in told.json()["breaks"]]) == (1, ["REMOVED"])
    assert fulfillment("audit", "verify", "--file", str(exported), "--excerpt").exit_code == 0


def test_the_export_goes_to_the_output_and_takes_filters(ledger_file: Path, fulfillment: Fulfillment) -> None:
    del ledger_file
    lines = fulfillment("audit", "export", "--subject", "fin_01.sql").stdout.splitlines()
    assert [json.loads(line)["subject"] for line in lines] == ["fin_01.sql"]
    assert fulfillment("audit", "export", "--until", "2020-01-01").stdout == ""


def test_a_file_that_cannot_be_written_is_told(ledger_file: Path, fulfillment: Fulfillment, tmp_path: Path) -> None:
    del ledger_file
    told = fulfillment("audit", "export", "--out", str(tmp_path / "none" / "audit.jsonl"))
    assert (told.exit_code, "cannot be written" in told.stderr) == (1, True)


def test_the_program_of_the_document_verifies_an_export(
    exported: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    assert exported.name in program
    program = program.replace('open("audit.jsonl", encoding="utf-8")', "lines")
    lines = exported.read_text(encoding="utf-8").splitlines()
    exec(program, {"lines": lines})
    lines[3] = lines[3].replace("policy.changed", "policy.charged")
    with pytest.raises(AssertionError, match="4"):
        exec(program, {"lines": lines})


def test_retention_tells_that_nothing_is_old_enough(ledger_file: Path, fulfillment: Fulfillment) -> None:
    del ledger_file
    for words in (("--dry-run",), ()):
        told = fulfillment("audit", "retain", *words, "--json").json()
        assert (told["archived_rows"], told["archive"], told["erased"]["cases"]) == (0, None, 0)


def test_a_change_of_a_rule_is_shown_line_by_line(ledger_file: Path, fulfillment: Fulfillment) -> None:
    (version,) = {
        change["policy_version"] for change in fulfillment("policy", "history", "--file", "sla.yaml", "--json").json()
    }
    statement = """
        insert into policy_edition
        select 'another', file_name, sha256(changed), changed, recorded_at
        from (
            select *, replace(content, 'version: 1', 'version: 2') as changed
            from policy_edition where policy_version = '{}'
        )
    """
    _tamper(ledger_file, statement.format(version))
    changes = fulfillment("policy", "diff", version[:8], "another", "--json").json()
    assert "-version: 1" in changes["sla.yaml"]
    assert "+version: 2" in fulfillment("policy", "diff", version, "another").stdout
    assert fulfillment("policy", "diff", version, version).stdout.strip() == "Both say the same."
    assert fulfillment("policy", "diff", version, "nothing at all").exit_code == 1

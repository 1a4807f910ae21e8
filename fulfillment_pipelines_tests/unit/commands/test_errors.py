"""What a person is told when a command cannot do what was asked: four lines, an exit code, no traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Fulfillment = Callable[..., Any]
FAILED, CONFIGURATION = 1, 2
LABELS = ("Error", "Expected", "Found", "Remedy")


def _lines(said: Any) -> dict[str, str]:
    """Return the told lines by their label; every line has one, so nothing is folded."""
    lines = [line.partition(" ") for line in said.stderr.strip().splitlines()]
    assert [label for label, _, _ in lines] == [label for label in LABELS if label in {line[0] for line in lines}]
    return {label: text.strip() for label, _, text in lines}


def _assert_told(said: Any, exit_code: int) -> dict[str, str]:
    assert said.exit_code == exit_code, said
    assert said.stdout == ""
    told = _lines(said)
    assert tuple(told) == LABELS
    return told


def test_a_question_before_the_first_run_names_the_run(fulfillment: Fulfillment) -> None:
    told = _assert_told(fulfillment("query", "select 1"), FAILED)
    assert "fulfillment run" in told["Remedy"]


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize("statement", ["selekt 1", "select * from rec_nothing", "", "/* nothing */", "  ; "])
def test_a_statement_that_cannot_be_run_is_told_without_a_traceback(fulfillment: Fulfillment, statement: str) -> None:
    said = fulfillment("query", statement)
    assert said.exit_code == FAILED
    assert said.stdout == ""
    assert said.stderr.startswith("Error")
    assert "Found" in said.stderr
    assert "show tables" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(
    "statement", ["drop table ops_pulls", "delete from ops_pulls", "create table mine as select 1"]
)
def test_a_statement_that_would_change_the_lake_is_refused(fulfillment: Fulfillment, statement: str) -> None:
    said = fulfillment("query", statement)
    assert said.exit_code == FAILED
    assert "read-only" in said.stderr
    assert fulfillment("query", "select count(*) as n from ops_pulls", "--json").json() == [{"n": 0}]


def test_a_case_that_is_not_there_is_told_with_where_to_look(fulfillment: Fulfillment) -> None:
    told = _assert_told(fulfillment("exceptions", "show", "EXC-0000000000000000"), FAILED)
    assert "EXC-0000000000000000" in told["Error"]
    assert "exceptions list --all" in told["Remedy"]


def test_a_run_without_the_systems_addresses_names_the_reference(fulfillment: Fulfillment, runtime: Path) -> None:
    said = fulfillment("run", "--no-expectations", "--json")
    told = _assert_told(said, CONFIGURATION)
    assert "ERP_URL" in told["Error"]
    assert str(runtime / "twin_systems" / "twin.env") in told["Expected"]
    assert "export ERP_URL" in told["Remedy"]


def test_a_run_on_files_whose_folder_is_not_named_names_the_reference(fulfillment: Fulfillment) -> None:
    config = Path(__file__).parents[3] / "data" / "samples" / "olist" / "olist.yaml"
    told = _assert_told(fulfillment("run", "--no-expectations", "--json", "--config", str(config)), CONFIGURATION)
    assert "OLIST_DIRECTORY" in told["Error"]


def test_a_distributor_file_that_is_not_there_is_named(fulfillment: Fulfillment) -> None:
    said = fulfillment("run", "--config", "nowhere.yaml")
    assert said.exit_code == CONFIGURATION
    assert "nowhere.yaml" in said.stderr
    assert "--config" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_distributor_file_that_is_none_is_told_with_its_place(fulfillment: Fulfillment, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("distributor: mine\nsystems: [", encoding="utf-8")
    said = fulfillment("systems", "list", "--config", str(wrong))
    assert said.exit_code == CONFIGURATION
    assert "wrong.yaml" in _lines(said)["Error"]
    assert "Remedy" in said.stderr


@pytest.mark.parametrize("duration", ["soon", "10", "m", "", "1.5h", "-5m", "²m"])
def test_a_duration_that_is_none_is_told_with_examples(fulfillment: Fulfillment, duration: str) -> None:
    told = _assert_told(fulfillment("twin", "advance", "--", duration), CONFIGURATION)
    assert "31m" in told["Remedy"]


@pytest.mark.parametrize("words", [("advance", "1h"), ("truth",), ("fault", "FIN-01")])
def test_a_twin_that_is_not_served_is_told_with_how_to_start_it(
    fulfillment: Fulfillment, words: tuple[str, ...]
) -> None:
    told = _assert_told_loosely(fulfillment("twin", *words))
    assert "No twin is served" in told


def _assert_told_loosely(said: Any) -> str:
    assert said.exit_code == CONFIGURATION
    assert "Traceback" not in said.stderr
    assert "Remedy" in said.stderr
    text: str = said.stderr
    return text


def test_a_rule_that_is_not_there_is_told_with_those_there_are(fulfillment: Fulfillment) -> None:
    said = fulfillment("rules", "show", "FIN-99")
    assert said.exit_code == CONFIGURATION
    assert "FIN-01" in said.stderr
    assert fulfillment("rules", "test", "FIN-99").exit_code in {FAILED, CONFIGURATION}


def test_a_misspelt_setting_is_not_passed_over(fulfillment: Fulfillment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FULFILLMENT_RUNTIM_DIR", "/elsewhere")
    said = fulfillment("systems", "list")
    assert said.exit_code == CONFIGURATION
    assert "FULFILLMENT_RUNTIM_DIR" in said.stderr


def test_a_command_that_is_not_there_is_told_as_usage(fulfillment: Fulfillment) -> None:
    said = fulfillment("reconcile")
    assert said.exit_code == CONFIGURATION
    assert "reconcile" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_package_that_is_not_installed_is_told_with_the_extra(
    fulfillment: Fulfillment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fulfillment_pipelines.commands.twin", None)
    told = _assert_told(fulfillment("twin", "truth"), CONFIGURATION)
    assert "pip install" in told["Remedy"]

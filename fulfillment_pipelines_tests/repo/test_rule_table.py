"""The table of codes in the README is the one that the rules' headers give."""

from __future__ import annotations

from pathlib import Path

import pytest

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.rule_table import BEGIN, END, with_table
from fulfillment_pipelines.reconcile.rules import Rule, read_rules
from fulfillment_pipelines.sql_models import read_models


@pytest.fixture(scope="module")
def rules(project_root: Path) -> tuple[Rule, ...]:
    return read_rules(read_models(project_root / "sql" / "30_reconcile" / "rules"))


def test_readme_shows_the_table_that_the_headers_give(project_root: Path, rules: tuple[Rule, ...]) -> None:
    readme = (project_root / "README.md").read_text(encoding="utf-8")
    assert with_table(readme, rules) == readme, "run `make docs`"


def test_every_rule_stands_in_the_table_once(rules: tuple[Rule, ...]) -> None:
    table = with_table(f"before\n{BEGIN}\nwhat stood here\n{END}\nafter\n", rules)
    assert [table.count(f"| {rule.code} |") for rule in rules] == [1] * len(rules)
    assert "what stood here" not in table
    assert table.startswith("before\n")
    assert table.endswith("\nafter\n")


def test_document_without_a_place_for_the_table_is_refused(rules: tuple[Rule, ...]) -> None:
    with pytest.raises(ConfigurationError, match="no place"):
        with_table("no marks here", rules)

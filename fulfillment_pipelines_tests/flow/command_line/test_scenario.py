"""`fulfillment twin scenario`: an acceptance scenario is played step by step, and every expectation holds."""

from __future__ import annotations

from typing import Any

import pytest


def test_the_scenarios_are_listed_without_an_argument(terminal: Any) -> None:
    said = terminal.type("twin", "scenario", "--json")
    assert said.exit_code == 0, said.told
    assert [row["scenario_id"] for row in said.json()] == [f"SCN-{letter}" for letter in "ABCDEFGH"]
    assert all(row["title"] and row["steps"] > 3 for row in said.json())


def test_an_unknown_scenario_is_told_with_those_there_are(terminal: Any) -> None:
    said = terminal.type("twin", "scenario", "SCN-Z")
    assert said.exit_code == 2
    assert "SCN-A" in said.stderr


@pytest.mark.slow
def test_a_short_order_is_served_from_another_site(terminal: Any) -> None:
    said = terminal.type("twin", "scenario", "scn-d", "--seed", "2", "--json")
    assert said.exit_code == 0, said.told
    played = said.json()
    assert (played["scenario_id"], played["seed"], played["held"]) == ("SCN-D", 2, True)
    held = [step["held"] for step in played["steps"] if step["step"] == "Expect"]
    assert held
    assert all(held)
    assert all(step["held"] is None for step in played["steps"] if step["step"] != "Expect")
    assert list(terminal.runtime.iterdir()) == [], "the scenario left something in the runtime folder"

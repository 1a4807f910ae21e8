"""`fulfillment twin score`: every labelled fault of a world of its own is found, and nothing else is."""

from __future__ import annotations

from typing import Any

from fulfillment_pipelines.twin.faults.fault_desk import INJECTORS

# A correction that is undone is seen to loop in the sixth pass; one more shows that nothing comes after.
PASSES = 7


def test_every_fault_is_found_and_nothing_else(terminal: Any) -> None:
    said = terminal.type("twin", "score", "--seed", "102", "--faults", "all", "--passes", str(PASSES), "--json")
    score = said.json()
    wrong = {row["code"]: (row["missed"], row["false_alarms"]) for row in score["codes"]}
    assert {code: both for code, both in wrong.items() if both != ([], [])} == {}
    assert said.exit_code == 0, said.told
    assert [world["seed"] for world in score["seeds"]] == [102]
    assert (score["perfect"], score["unexplained"], score["false_green_rate"]) == (True, 0, 0.0)
    assert score["labelled_lines"] > 20
    codes = {row["code"]: row for row in score["codes"]}
    assert set(codes) == {*INJECTORS, "all"}
    assert {(row["precision"], row["recall"]) for row in codes.values()} == {(1.0, 1.0)}
    assert all(row["found"] == row["injected"] >= 2 for row in codes.values())
    assert all(row["detect_seconds"] >= 0 for row in codes.values())
    assert list(terminal.runtime.iterdir()) == [], "the score left something in the runtime folder"

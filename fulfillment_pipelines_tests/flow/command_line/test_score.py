"""`fulfillment twin score`: every labelled fault of a world of its own is found, and nothing else is."""

from __future__ import annotations

from typing import Any

FAULTS = {
    *("FIN-01", "FIN-02", "SHP-01", "SHP-02", "INV-01", "INV-02"),
    *("INT-02", "INT-03", "WHS-01", "CRD-03", "SYS-02"),
}


def test_every_fault_is_found_and_nothing_else(terminal: Any) -> None:
    said = terminal.type("twin", "score", "--seed", "3", "--json")
    assert said.exit_code == 0, said.told
    score = said.json()
    assert score["seed"] == 3
    assert score["perfect"] is True
    assert score["unexplained"] == 0
    codes = {row["code"]: row for row in score["codes"]}
    assert set(codes) == FAULTS
    assert {code: (row["precision"], row["recall"]) for code, row in codes.items()} == dict.fromkeys(FAULTS, (1.0, 1.0))
    assert all(row["found"] == row["injected"] > 0 for row in codes.values())
    assert all(row["detect_seconds"] >= 0 for row in codes.values())
    assert list(terminal.runtime.iterdir()) == [], "the score left something in the runtime folder"

"""What the commands say while a system is down: one row, one exit code, and JSON that stays JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

DOWN = "wms_west"
SYSTEM_COUNT = 10
ASKED_AGAIN_SECONDS = 1.5


@pytest.fixture
def outage(twin: Any) -> Iterator[None]:
    """One modern warehouse answers nobody."""
    twin.outage(DOWN, on=True)
    yield
    twin.outage(DOWN, on=False)


def _troubled(said: Any) -> dict[str, list[str]]:
    """What is wrong with whom; that a system is slow may be this machine's fault."""
    found = {
        report["system"]: [one for one in report["conditions"] if one != "SLOW"] for report in json.loads(said.stdout)
    }
    return {system: conditions for system, conditions in found.items() if conditions}


@pytest.mark.usefixtures("outage")
def test_a_system_that_is_down_is_named_and_the_others_are_checked(live: Any) -> None:
    said = live.type("systems", "check", "--no-read", "--json")
    assert said.exit_code == 1, said.told
    reports = {report["system"]: report for report in said.json()}
    assert _troubled(said) == {DOWN: ["DOWN"]}
    assert len(reports) == SYSTEM_COUNT
    (words,) = reports[DOWN]["said"]
    assert DOWN in words
    assert "Remedy:" in words
    assert "retry_scheduled" not in said.stdout


def _ended_within(running: subprocess.Popen[str], seconds: float) -> bool:
    """Wait so long for the end of a run, as a person does between two looks: each look takes from the run's time."""
    try:
        running.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


@pytest.fixture(scope="module")
def run_without_one_system(live: Any, twin: Any) -> tuple[Any, list[Any]]:
    """A run during the outage, and what the lake answered until it had ended."""
    twin.outage(DOWN, on=True)
    asked = []
    running = live.start("run", "--changes", "--json")
    try:
        while not _ended_within(running, ASKED_AGAIN_SECONDS):
            asked.append(live.type("query", "select count(*) as n from rec_line_verdicts", "--json"))
    finally:
        said = live.ended(running)
        twin.outage(DOWN, on=False)
    return said, asked


def test_a_run_without_one_system_goes_on_and_says_so_in_json(
    live: Any, run_without_one_system: tuple[Any, list[Any]]
) -> None:
    said, _ = run_without_one_system
    assert said.exit_code == 0, said.told
    report = said.json()
    assert {problem.partition("/")[0] for problem in report["feed_problems"]} == {DOWN}
    assert report["unexplained"] == 0
    assert report["verdicts"]["UNKNOWN"] > 0
    opened = live.type("exceptions", "list", "--code", "SYS-01", "--json").json()
    assert opened
    assert all(DOWN in case["business_key"] for case in opened)


def test_the_lake_answers_while_a_run_is_writing(run_without_one_system: tuple[Any, list[Any]]) -> None:
    said, asked = run_without_one_system
    assert said.exit_code == 0, said.told
    assert len(asked) > 1
    assert [answer.told for answer in asked if answer.exit_code != 0] == []
    assert min(answer.json()[0]["n"] for answer in asked) > 0


def test_every_system_answers_again_after_the_outage(live: Any, twin: Any) -> None:
    twin.outage(DOWN, on=False)
    said = live.type("systems", "check", "--no-read", "--json")
    assert len(said.json()) == SYSTEM_COUNT
    assert _troubled(said) == {}, said.told

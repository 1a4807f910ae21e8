"""Every command explains itself, with an example that its own parser takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from fulfillment_pipelines.cli import app

EXAMPLE = re.compile(r"Example: fulfillment (.+)")
ROOT = Path(__file__).parents[3]
COMMANDS = {
    *("explain", "causes", "timing"),
    *(
        "run",
        "up",
        "upkeep",
        "live run",
        "live status",
        "console serve",
        "console account",
        "console status",
        "query",
        "compare",
        "version",
        "audit verify",
        "audit anchor",
        "audit export",
        "audit retain",
        "config check",
        "config schemas",
    ),
    *("messages list", "messages show", "messages schemas"),
    *("policy show", "policy matrix", "policy history", "policy diff"),
    *("deliver status", "deliver dead"),
    *("corrections list", "corrections show", "corrections resume", "exceptions list", "exceptions show"),
    *("approvals list", "approvals approve", "approvals reject", "approvals edit", "approvals replay"),
    *("approvals delegate", "approvals revoke", "approvals delegations", "approvals people"),
    *("switches list", "switches engage", "switches release"),
    *("rules list", "rules show", "rules table", "rules test", "systems list", "systems check"),
    *("systems drift show", "systems drift accept", "systems certify"),
    *("systems new", "systems sql", "systems acknowledge", "systems listen"),
    *(
        "twin init",
        "twin stop",
        "twin advance",
        "twin fault",
        "twin scenario",
        "twin truth",
        "twin score",
        "twin volume",
    ),
}
# The first five tell nothing but that they ran; the results of the others are the files they write.
SPEAKS_NO_JSON = {
    "up",
    "live run",
    "console serve",
    "systems listen",
    "twin stop",
    "audit export",
    "config schemas",
    "messages schemas",
    "rules table",
    "twin volume",
    "systems sql",
}


def _leaves(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    context = group.make_context("fulfillment", [], resilient_parsing=True)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if hasattr(command, "list_commands"):
            yield from _leaves(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    return dict(_leaves(typer.main.get_command(app)))


def test_the_commands_are_these(commands: dict[str, Any]) -> None:
    assert set(commands) == COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_example_of_a_command_is_one_that_it_takes(
    name: str, commands: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    found = EXAMPLE.search(commands[name].help)
    assert found, f"{name} --help shows no example"
    words = shlex.split(found[1])
    assert words[: len(name.split())] == name.split()
    commands[name].make_context(name, words[len(name.split()) :])


@pytest.mark.parametrize("name", sorted(COMMANDS - SPEAKS_NO_JSON))
def test_a_command_that_tells_results_speaks_json(name: str, commands: dict[str, Any]) -> None:
    options = {option for parameter in commands[name].params for option in parameter.opts}
    assert "--json" in options


@pytest.mark.parametrize("words", [(), ("run",), ("twin", "score"), ("exceptions", "show")])
def test_help_is_shown(words: tuple[str, ...], fulfillment: Callable[..., Any]) -> None:
    said = fulfillment(*words, "--help")
    assert said.exit_code == 0
    assert "Usage:" in said.stdout
    assert not words or f"Example: fulfillment {' '.join(words)}" in said.stdout


def test_the_groups_are_listed_in_the_order_of_the_loop(fulfillment: Callable[..., Any]) -> None:
    shown = fulfillment("--help").stdout
    positions = [shown.index(f" {name} ") for name in ("run", "systems", "rules", "exceptions", "corrections", "query")]
    assert positions == sorted(positions)

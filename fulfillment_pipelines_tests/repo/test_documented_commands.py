"""The documents mention only commands and targets that exist, with options that they take."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fulfillment_pipelines.cli import app

DOCUMENTS = ("README.md", "CONTRIBUTING.md")
FENCED = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
# The command itself, with the subcommands and options that are written in full; placeholders are not.
COMMAND = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?(?P<program>fulfillment|make)(?P<rest>(?: [^|&#]*)?)$")
WORD = re.compile(r"^[a-z][a-z-]*$")


def _commands(text: str) -> set[tuple[str, str]]:
    lines = [line for block in FENCED.findall(text) for line in block.splitlines()]
    candidates = [*lines, *INLINE.findall(FENCED.sub("", text))]
    found = (COMMAND.match(re.split(r"\s+#", line.strip())[0].strip()) for line in candidates)
    return {(match["program"], match["rest"].strip()) for match in found if match}


def _documented(project_root: Path, program: str) -> list[str]:
    documents = [project_root / name for name in DOCUMENTS]
    absent = [path.name for path in documents if not path.exists()]
    if absent:
        pytest.skip(f"not written yet: {', '.join(absent)}")
    found = {command for path in documents for command in _commands(path.read_text(encoding="utf-8"))}
    return sorted(rest for name, rest in found if name == program)


def test_commands_are_found_in_blocks_and_in_running_text() -> None:
    text = "Type `make run` or `make`.\n```sh\n$ fulfillment twin init --seed 7   # a new world\nls\n```\n`made up`"
    assert _commands(text) == {("make", "run"), ("make", ""), ("fulfillment", "twin init --seed 7")}


def test_every_documented_target_exists(project_root: Path) -> None:
    commands = _documented(project_root, "make")
    assert commands
    unknown = []
    for command in commands:
        targets = [word for word in command.split() if WORD.match(word)]
        planned = subprocess.run(
            ["make", "--dry-run", *targets], cwd=project_root, capture_output=True, text=True, check=False
        )
        if planned.returncode != 0:
            unknown.append(f"make {command}: {planned.stderr.strip()}")
    assert unknown == []


def test_the_documented_program_is_installed() -> None:
    program = Path(sys.executable).with_name("fulfillment")
    asked = subprocess.run([str(program), "--help"], capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr
    assert "Usage: fulfillment" in asked.stdout


def test_every_documented_command_exists_and_takes_its_options(project_root: Path) -> None:
    commands = _documented(project_root, "fulfillment")
    assert commands
    wrong = [problem for command in commands for problem in _problems(command)]
    assert wrong == []


def test_a_command_or_an_option_that_is_not_there_is_told() -> None:
    assert _problems("run --full") == []
    assert _problems("run --fuller") == ["fulfillment run --fuller: no option --fuller"]
    (unknown,) = _problems("twin imagine --seed 7")
    assert "No such command 'imagine'" in unknown


def _problems(command: str) -> list[str]:
    """Return what the command's own help does not know of it."""
    words = command.split()
    subcommands = []
    for word in words:
        if not WORD.match(word):
            break
        subcommands.append(word)
    said, exit_code = _help(tuple(subcommands))
    if exit_code != 0:
        return [f"fulfillment {command}: {said.strip()}"]
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    known = set(re.findall(r"--[a-z][a-z-]*", said))
    return [f"fulfillment {command}: no option {option}" for option in sorted(options - known)]


@cache
def _help(subcommands: tuple[str, ...]) -> tuple[str, int]:
    """Return what a command says of itself, and how it ends; in this process, which imports each command once."""
    environment = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    asked = CliRunner().invoke(app, [*subcommands, "--help"], env=environment, prog_name="fulfillment")
    return asked.output, asked.exit_code

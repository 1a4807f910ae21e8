"""The command line as a person meets it: real processes, and the README's commands run in their order.

The README is walked once in a session, in one runtime folder. Its twin lives until the line that stops it; tests that
need a served twin with runs behind it take `live`, and stand in files that are collected before `test_olist.py`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.twin.control.control_client import TwinClient

_ROOT = Path(__file__).resolve().parents[3]
_OLIST = _ROOT.parent / "shared" / "data" / "olist"
_CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LONGEST_COMMAND_SECONDS = 280
_LAST_LINE_WITH_A_TWIN = "fulfillment twin truth"
# What the README shows and the walk leaves out, with the file that runs it.
_RUN_ELSEWHERE = {
    "make test": "Makefile",
    "make up": "Makefile",
    "fulfillment console serve": "fulfillment_pipelines_tests/console/test_console_command.py",
    "fulfillment live status": "fulfillment_pipelines_tests/unit/commands/test_live_status.py",
    "fulfillment twin score --seed 7": "fulfillment_pipelines_tests/flow/command_line/test_score.py",
    "fulfillment twin scenario SCN-D": "fulfillment_pipelines_tests/flow/command_line/test_scenario.py",
}
# What is shown at a size worth looking at is walked at one that is soon done; size is a matter of `make bench`.
_SHOWN_LINES, _WALKED_LINES = "--lines 100000 ", "--lines 2000 "
_SHOWN_RUNTIME = "data/runtime/"


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    command: str
    exit_code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Return what stdout says; it fails when anything but JSON stands there."""
        return json.loads(self.stdout)

    @property
    def rows(self) -> list[list[str]]:
        """The cells of the printed tables, without their headers and without what is folded into a second line."""
        lines = [line for line in self.stdout.splitlines() if line.startswith("│")]
        cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
        return [row for row in cells if row[0]]

    @property
    def told(self) -> str:
        """Both streams, for a failed assertion."""
        return f"{self.command} ended with {self.exit_code}\n{self.stdout[-2000:]}\n{self.stderr[-2000:]}"


class Terminal:
    """Types commands in the project's folder, with a runtime folder of its own."""

    def __init__(self, runtime: Path) -> None:
        self.runtime = runtime

    @property
    def twin_home(self) -> Path:
        """Where the simulated systems are served from."""
        return self.runtime / "twin_systems"

    def type(self, *words: str, **environment: str) -> Said:
        """Run `fulfillment` to its end."""
        ended = subprocess.run(
            self._command(words),
            cwd=_ROOT,
            env=self._environment(environment),
            capture_output=True,
            text=True,
            timeout=_LONGEST_COMMAND_SECONDS,
            check=False,
        )
        return Said(shlex.join(("fulfillment", *words)), ended.returncode, ended.stdout, ended.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `fulfillment` and return at once."""
        pipe = subprocess.PIPE
        environment = self._environment({})
        return subprocess.Popen(self._command(words), cwd=_ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)

    @staticmethod
    def ended(started: subprocess.Popen[str]) -> Said:
        """Wait for what was started."""
        stdout, stderr = started.communicate(timeout=_LONGEST_COMMAND_SECONDS)
        return Said("fulfillment run", started.returncode, stdout, stderr)

    @staticmethod
    def _command(words: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "fulfillment_pipelines.cli", *words]

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        # As many processes test as there are cores, so each has one; nearly all of them live for a second.
        own = {"FULFILLMENT_RUNTIME_DIR": str(self.runtime), "FULFILLMENT_DUCKDB_THREADS": "1"}
        own |= {"FULFILLMENT_DUCKDB_VERIFY_EXTENSIONS": "false"}
        own |= {"NO_COLOR": "1", "TERM": "dumb", "PYTHONUTF8": "1"}
        left_out = ("FULFILLMENT_", "OLIST_")
        return {**{name: value for name, value in os.environ.items() if not name.startswith(left_out)}, **own, **more}


class ReadmeWalk:
    """Runs the README's commands in their order, each once, as far as they are asked for."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.said: dict[str, Said] = {}

    def up_to(self, line: str) -> Said:
        """Run every line that was not yet run, up to and with this one; return what this one said."""
        lines = _walked_lines()
        for each in lines[: lines.index(line) + 1]:
            if each not in self.said:
                self.said[each] = self._run(each)
        return self.said[line]

    def _run(self, line: str) -> Said:
        typed = _recipe(line.removeprefix("make ")) if line.startswith("make ") else line
        words = shlex.split(typed.replace(_SHOWN_LINES, _WALKED_LINES))
        words = [word.replace(_SHOWN_RUNTIME, f"{self.terminal.runtime}/") for word in words]
        environment = {}
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            environment[name] = value
        assert words.pop(0) == "fulfillment", f"the README shows a command that no test can run: {line}"
        return self.terminal.type(*words, **environment)


def _readme_lines() -> list[str]:
    blocks = _CONSOLE.findall((_ROOT / "README.md").read_text(encoding="utf-8"))
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def _needs_olist(line: str) -> bool:
    return "data/samples/olist" in line


def _walked_lines() -> list[str]:
    lines = [line for line in _readme_lines() if line not in _RUN_ELSEWHERE]
    return [line for line in lines if _OLIST.is_dir() or not _needs_olist(line)]


def _recipe(target: str) -> str:
    """Return what a target of the Makefile runs, as it is typed where the commands are on the path."""
    found = re.search(rf"^{target}:[^\n]*\n((?:\t[^\n]*\n)+)", (_ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert found, f"the Makefile has no target {target}"
    return found[1].strip().replace("$(bin)/", "")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each line of the README that is run."""
    lines = _walked_lines()
    if "readme_line" in metafunc.fixturenames:
        metafunc.parametrize("readme_line", lines)
    if "line_before_live" in metafunc.fixturenames:
        metafunc.parametrize("line_before_live", lines[: lines.index(_LAST_LINE_WITH_A_TWIN) + 1])


@pytest.fixture(scope="session")
def project_root() -> Path:
    return _ROOT


@pytest.fixture(scope="session")
def readme_lines() -> list[str]:
    return _readme_lines()


@pytest.fixture(scope="session")
def run_elsewhere() -> dict[str, str]:
    return _RUN_ELSEWHERE


@pytest.fixture(scope="session")
def recipes() -> dict[str, str]:
    """What the Makefile's targets of the README run."""
    return {name: _recipe(name) for name in ("run", "up", "test")}


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal with an empty runtime folder."""
    return Terminal(tmp_path)


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadmeWalk]:
    """The walk through the README; its twin is stopped at the end, wherever the walk has ended."""
    terminal = Terminal(tmp_path_factory.mktemp("readme"))
    yield ReadmeWalk(terminal)
    terminal.type("twin", "stop")


@pytest.fixture(scope="module")
def live(walk: ReadmeWalk) -> Terminal:
    """A terminal beside a served twin of seed 7: two runs lie behind it, and faults that were injected in between."""
    walk.up_to(_LAST_LINE_WITH_A_TWIN)
    addresses = walk.terminal.twin_home / "twin.env"
    assert addresses.exists(), "the walk has stopped its twin: such tests come before test_olist.py"
    return walk.terminal


@pytest.fixture(scope="module")
def twin(live: Terminal) -> Iterator[TwinClient]:
    """The control interface of the served twin."""
    with TwinClient.of_home(live.twin_home) as client:
        yield client


@pytest.fixture(scope="session")
def olist_directory() -> Path:
    if not _OLIST.is_dir():
        pytest.skip(f"the Olist data set is not in {_OLIST}; its licence keeps it out of the repository")
    return _OLIST


@pytest.fixture(scope="session")
def olist(olist_directory: Path, walk: ReadmeWalk, readme_lines: list[str]) -> Said:
    """What the README's run of the Olist data said."""
    del olist_directory
    return walk.up_to(next(line for line in readme_lines if line.startswith("OLIST_DIRECTORY=")))


@pytest.fixture(scope="session")
def demonstration(walk: ReadmeWalk) -> Said:
    """What `make run` said."""
    return walk.up_to("make run")


@pytest.fixture(scope="session")
def terminal_at() -> type[Terminal]:
    """Return a terminal with a given runtime folder."""
    return Terminal

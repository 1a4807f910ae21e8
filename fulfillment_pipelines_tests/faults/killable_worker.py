"""Deliver in processes that kill themselves at the n-th line they execute; started by tests.

Each line of standard input is a JSON list of starts, made at once; the answer is a JSON list of their exit statuses.
The workers are forked from this process, which has imported everything and opened nothing. Lines are counted in the
modules that lie between the claim of a correction and its recorded receipt.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg  # noqa: F401 - SQLAlchemy imports it when it connects: here once for all workers
import sqlalchemy.dialects.postgresql.psycopg
import sqlalchemy.dialects.sqlite.pysqlite  # noqa: F401 - as above

import fulfillment_pipelines
from fulfillment_pipelines.corrections.policies import read_policies
from fulfillment_pipelines.domain.clock import FixedClock, WallClock
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines_tests.faults.delivering import connected, dispatcher_of

ROOT = Path(__file__).parents[2]
_PACKAGE = Path(fulfillment_pipelines.__file__).parent
_SENDING = ("sink", "delivery", "session", "outcomes")
_COUNTED = tuple(
    str(_PACKAGE / part)
    for part in ("corrections/", "ledger/", *(f"systems/transports/http/{module}.py" for module in _SENDING))
)


@dataclass(frozen=True)
class Start:
    """One worker.

    Attributes:
        ledger_url: Where the outbox is.
        target_url: Where the counting target listens.
        now: The time of the deployment, ISO 8601.
        dies_at_line: The number of the line before which it kills itself; 0 for never.
        lines_into: A file for the lines it has executed, one `module:line` each; empty for none.
    """

    ledger_url: str
    target_url: str
    now: str
    dies_at_line: int = 0
    lines_into: str = ""


class _LineCounter:
    """A trace function that counts lines of the counted modules, and kills the process at one of them."""

    def __init__(self, dies_at_line: int) -> None:
        self._dies_at_line = dies_at_line
        self.lines: list[tuple[str, int]] = []

    def __call__(self, frame: FrameType, _event: str, _argument: object) -> Any:
        return self._count if frame.f_code.co_filename.startswith(_COUNTED) else None

    def _count(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            self.lines.append((frame.f_code.co_filename, frame.f_lineno))
            if len(self.lines) == self._dies_at_line:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._count


def _work(start: Start) -> None:
    clock = FixedClock(datetime.fromisoformat(start.now))
    ledger, policies = Ledger(start.ledger_url), read_policies(ROOT / "data" / "seeds")
    counter = _LineCounter(start.dies_at_line)
    with connected(start.target_url, clock) as sink:
        # The machine's time stands still, so that every run executes the same lines.
        dispatcher = dispatcher_of(ledger, sink, policies, clock, machine_clock=FixedClock(WallClock().now()))
        if start.dies_at_line or start.lines_into:
            sys.settrace(counter)
        dispatcher.run()
        sys.settrace(None)
    if start.lines_into:
        places = [f"{Path(file).relative_to(_PACKAGE)}:{line}" for file, line in counter.lines]
        Path(start.lines_into).write_text("\n".join(places), encoding="utf-8")


def _fork(start: Start) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _work(start)
            status = 0
        except Exception:  # noqa: BLE001 - the process ends here, and says why
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return child


class Workers:
    """The process that starts workers, seen from a test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, *starts: Start) -> list[int]:
        """Run workers at once, each in its own process; return their exit statuses when all have ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([vars(start) for start in starts]) + "\n")
        self._process.stdin.flush()
        statuses: list[int] = json.loads(self._process.stdout.readline())
        return statuses


@contextmanager
def killable_workers() -> Iterator[Workers]:
    """Start the process that starts workers."""
    command = [sys.executable, "-m", "fulfillment_pipelines_tests.faults.killable_worker"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Workers(process)
        assert process.stdin is not None
        process.stdin.close()


def _serve() -> None:
    for line in sys.stdin:
        asked: list[Mapping[str, Any]] = json.loads(line)
        children = [_fork(Start(**start)) for start in asked]
        ended = [os.waitpid(child, 0)[1] for child in children]
        sys.stdout.write(json.dumps([os.waitstatus_to_exitcode(status) for status in ended]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()

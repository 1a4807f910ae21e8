"""Processes that live and die together: started in order, watched, stopped in reverse order with all their children.

What is run, and why, belongs to `live`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final, Literal, Self

from fulfillment_pipelines.errors import FulfillmentError, RetryableError
from fulfillment_pipelines.orchestration import guardian

LOOK_SECONDS: Final = 0.25
"""How often processes are looked at."""

_START_SECONDS: Final = 180.0
_GRACE_SECONDS: Final = 20.0
_RESTART_SECONDS: Final = 5.0
_LOG_TAIL_LINES: Final = 15


@dataclass(frozen=True, slots=True)
class Part:
    """One process of a deployment.

    Attributes:
        name: What it is called in messages and in the name of its log.
        command: What is run.
        ready_file: A file that exists once the part may be used; None where the part needs no waiting for.
        restarts: Whether it is started anew when it ends by itself, instead of everything being stopped.
    """

    name: str
    command: Sequence[str]
    ready_file: Path | None = None
    restarts: bool = False


@dataclass(frozen=True, slots=True)
class _Running:
    part: Part
    process: subprocess.Popen[bytes]
    log: Path
    started_at: float


class ProcessEndedError(FulfillmentError):
    """A process ended that should have gone on."""


class Supervisor:
    """Starts processes, each in a group of its own, and stops them in reverse order with all their children.

    Args:
        environment: The environment of all of them.
        folder: The folder they are started in.
        logs: The folder of their logs, one file each.
        interrupted: Set when everything is to stop.
        say: Told of a part, or of the guardian, that is started anew.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        folder: Path,
        logs: Path,
        interrupted: threading.Event,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._environment = dict(environment)
        self._folder = folder
        self._logs = logs
        self._interrupted = interrupted
        self._say = say
        self._running: list[_Running] = []
        self._guardian: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._guardian = _started_guardian()
        return self

    def __exit__(self, *_: object) -> None:
        for running in reversed(self._running):
            _interrupt(running.process)
        for running in reversed(self._running):
            _stop(running.process)
            self._guard(-running.process.pid)
        if self._guardian is not None:
            self._guardian.communicate()

    def start(self, part: Part) -> None:
        """Start a process and wait until it may be used.

        Raises:
            ProcessEndedError: This one or another ended meanwhile.
            RetryableError: It was not ready in time.
        """
        if self._interrupted.is_set():
            return
        ready_file = part.ready_file
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)  # one that was killed left it behind
        self._running.append(self._begun(part, mode="wb"))
        if ready_file is not None:
            self.until(ready_file.exists, f"the {part.name}")

    def _begun(self, part: Part, *, mode: Literal["wb", "ab"]) -> _Running:
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{part.name}.log"
        with log.open(mode) as output:
            process = subprocess.Popen(  # noqa: S603 - the command lines are built here or by the command line's author
                list(part.command),
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guard(process.pid)
        return _Running(part, process, log, time.monotonic())

    def _guard(self, group: int) -> None:
        """Let the guardian know of a group, or with a minus sign that it has ended."""
        if self._guardian is None or self._guardian.stdin is None:
            return
        # A guardian that is gone is replaced by the next look; it must not keep anything from being stopped.
        with suppress(BrokenPipeError):
            self._guardian.stdin.write(f"{group}\n")
            self._guardian.stdin.flush()

    def _require_guardian(self) -> None:
        """Start the guardian anew where it has ended, and name it every group again."""
        if self._guardian is None or self._guardian.poll() is None:
            return
        self._say(f"The guardian ended with exit code {self._guardian.returncode} and is started anew.")
        self._guardian.communicate()
        self._guardian = _started_guardian()
        for running in self._running:
            self._guard(running.process.pid)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something holds, or the deployment is interrupted.

        Raises:
            ProcessEndedError: A process ended meanwhile.
            RetryableError: It did not hold in time.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not self._interrupted.is_set() and not condition():
            self.require_all()
            if time.monotonic() > deadline:
                raise RetryableError(
                    f"{what[0].upper()}{what[1:]} did not start in time.",
                    expected=f"to be ready within {_START_SECONDS:g} s",
                    remedy=f"look into the logs in {self._logs}",
                )
            self._interrupted.wait(LOOK_SECONDS)

    def require_all(self) -> None:
        """Return while every process runs; one that may restart is started anew, not sooner than some seconds after.

        Raises:
            ProcessEndedError: One has ended.
        """
        self._require_guardian()
        for place, running in enumerate(self._running):
            code = running.process.poll()
            if code is None:
                continue
            if running.part.restarts:
                if time.monotonic() - running.started_at >= _RESTART_SECONDS:
                    self._guard(-running.process.pid)
                    self._say(f"The {running.part.name} ended with exit code {code} and is started anew: {running.log}")
                    self._running[place] = self._begun(running.part, mode="ab")
            else:
                raise ProcessEndedError(
                    f"The {running.part.name} ended, so everything is stopped.",
                    expected="it to run until it is stopped",
                    found=f"exit code {code}",
                    remedy=f"read its log {running.log}, which ends with:\n{_tail(running.log)}",
                )


def _started_guardian() -> subprocess.Popen[str]:
    """Start what ends all groups should this process be killed: then its input closes; it is in none of them."""
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-I", "-S", guardian.__file__], stdin=subprocess.PIPE, text=True, start_new_session=True
    )


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """Yield an event that SIGINT or SIGTERM sets; only the main thread may listen for them."""
    interrupted = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()

    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, as Ctrl-C would."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has ended, then end whatever of its group is left."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    for number in (signal.SIGTERM, signal.SIGKILL):
        _end_group(process, number)
    process.wait()


def _end_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the group and wait until it is empty; a code server or a run outlives the process that started it."""
    deadline = time.monotonic() + _GRACE_SECONDS
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
        while time.monotonic() < deadline:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(LOOK_SECONDS)


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_LOG_TAIL_LINES:])

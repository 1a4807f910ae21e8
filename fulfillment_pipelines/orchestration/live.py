"""Keep a live deployment running: the simulated distributor where there is one, Dagster's webserver and its daemon.

The processes are started, watched and stopped together: when one ends, all end. What they run is in `definitions`.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

from fulfillment_pipelines.errors import ConfigurationError, RetryableError
from fulfillment_pipelines.settings import Settings

_LOOPBACK: Final = "127.0.0.1"
_PREFIX: Final = "FULFILLMENT_"
_START_SECONDS: Final = 180.0
_GRACE_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.25
_LOG_TAIL_LINES: Final = 15
_READY: Final = """
    query Ready {
      workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
        __typename ... on PythonError { message }
      } } } }
      instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } }
    }
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One process of a deployment.

    Attributes:
        name: What it is called in messages and in the name of its log.
        command: What is run.
        ready_file: A file that exists once the part may be used; None where the part needs no waiting for.
    """

    name: str
    command: Sequence[str]
    ready_file: Path | None = None


@dataclass
class _Running:
    part: Part
    process: subprocess.Popen[bytes]
    log: Path
    stopped: bool = field(default=False)


def dagster_home(settings: Settings) -> Path:
    """Return the folder in which Dagster keeps its instance."""
    return settings.runtime_dir / "dagster"


def environment(settings: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of every process: the same settings, and Dagster's home."""
    own = {
        _PREFIX + name.upper(): os.pathsep.join(map(str, value)) if isinstance(value, tuple) else str(value)
        for name, value in settings
        if value is not None and value != ()
    }
    foreign = {name: value for name, value in inherited.items() if not name.upper().startswith(_PREFIX)}
    return {
        **foreign,
        **own,
        "DAGSTER_HOME": str(dagster_home(settings)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        # A tick asks every system, and one that is down is asked more than once.
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "180",
        "PYTHONUNBUFFERED": "1",
    }


def dagster_parts(settings: Settings, port: int) -> list[Part]:
    """Return Dagster's webserver, on loopback only, and its daemon."""
    workspace = str(settings.project_root / "workspace.yaml")
    webserver = ["-m", "dagster_webserver", "-w", workspace, "-h", _LOOPBACK, "-p", str(port)]
    daemon = ["-m", "dagster._daemon", "run", "-w", workspace]
    return [
        Part("webserver", [sys.executable, *webserver]),
        Part("daemon", [sys.executable, *daemon]),
    ]


def serve(
    settings: Settings,
    twin_command: Sequence[str] | None,
    port: int,
    on_ready: Callable[[str], None],
    *,
    twin_ready_file: Path | None = None,
    say: Callable[[str], None] = print,
) -> int:
    """Run a deployment until it is interrupted or one of its processes ends.

    Args:
        settings: What the environment says; its runtime folder takes Dagster's home and the logs.
        twin_command: Starts the simulated distributor; None where the systems are somebody else's.
        port: Where the webserver listens; 0 chooses a free one.
        on_ready: Told the webserver's address when code and daemon are loaded.
        twin_ready_file: Exists once the simulated distributor serves.
        say: Told, in one line each, what a person should know.

    Returns:
        0 after an interrupt, 1 when a process ended by itself.

    Raises:
        RetryableError: The deployment was not ready in time.
        ConfigurationError: The code location cannot be loaded.
    """
    port = port or _free_port()
    _install_instance(settings)
    twin = [Part("twin", twin_command, twin_ready_file)] if twin_command else []
    with _interrupts() as interrupted, _Supervisor(settings, interrupted) as supervisor:
        try:
            for part in (*twin, *dagster_parts(settings, port)):
                supervisor.start(part)
            supervisor.until(lambda: is_ready(port), "the webserver and the daemon")
            if not interrupted.is_set():
                on_ready(f"http://{_LOOPBACK}:{port}")
            while not interrupted.wait(_LOOK_SECONDS):
                supervisor.require_all()
        except _PartEndedError as error:
            say(str(error))
            return 1
    return 0


def is_ready(port: int) -> bool:
    """Return whether the webserver answers, its code is loaded and every required daemon is alive.

    Raises:
        ConfigurationError: The code cannot be loaded.
    """
    try:
        answer = ask(port, _READY)
    except (OSError, http.client.HTTPException, ValueError):
        return False
    entries = answer["workspaceOrError"].get("locationEntries", [])
    loaded = [entry["locationOrLoadError"] for entry in entries]
    for location in loaded:
        if location and location["__typename"] == "PythonError":
            raise ConfigurationError(
                "Dagster cannot load fulfillment_pipelines.definitions.",
                found=location["message"].strip().splitlines()[0],
                remedy="run `dagster definitions validate`, which prints the whole error",
            )
    daemons = answer["instance"]["daemonHealth"]["allDaemonStatuses"]
    return bool(loaded) and all(loaded) and all(one["healthy"] for one in daemons if one["required"])


def ask(port: int, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what the webserver's GraphQL says to a query.

    Raises:
        OSError: Nobody listens.
        ValueError: The answer is not GraphQL's, or names errors.
    """
    connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=30)
    try:
        body = json.dumps({"query": query, "variables": dict(variables or {})})
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if answer.get("errors"):
        raise ValueError(str(answer["errors"]))
    data: dict[str, Any] = answer["data"]
    return data


class _PartEndedError(Exception):
    """A process ended that should have gone on; the message is for a person."""


class _Supervisor:
    """Starts processes, each in a group of its own, and stops them in reverse order with all their children."""

    def __init__(self, settings: Settings, interrupted: threading.Event) -> None:
        self._environment = environment(settings, os.environ)
        self._folder = settings.project_root
        self._logs = dagster_home(settings) / "logs"
        self._interrupted = interrupted
        self._running: list[_Running] = []

    def __enter__(self) -> _Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        for running in reversed(self._running):
            _stop(running.process)

    def start(self, part: Part) -> None:
        """Start a process and wait until it may be used."""
        if self._interrupted.is_set():
            return
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{part.name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - the command lines are built here or by the command line's author
                list(part.command),
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(_Running(part, process, log))
        ready_file = part.ready_file
        if ready_file is not None:
            self.until(ready_file.exists, f"the {part.name}")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something holds, or the deployment is interrupted.

        Raises:
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
            self._interrupted.wait(_LOOK_SECONDS)

    def require_all(self) -> None:
        """Raise when a process has ended."""
        for running in self._running:
            code = running.process.poll()
            if code is not None:
                raise _PartEndedError(
                    f"The {running.part.name} ended with exit code {code}, so everything was stopped. "
                    f"Its log is {running.log}; it ends with:\n{_tail(running.log)}"
                )


def _install_instance(settings: Settings) -> None:
    home = dagster_home(settings)
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(settings.project_root / "dagster.yaml", home / "dagster.yaml")


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
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


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process as Ctrl-C would, then whatever of its group is left."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
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
            time.sleep(_LOOK_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_LOG_TAIL_LINES:])

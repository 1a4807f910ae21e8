"""Start and stop the simulated distributor as a process of its own, and reach the one that is served."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from fulfillment_pipelines.errors import ConfigurationError, RejectedError, SystemDownError
from fulfillment_pipelines.loop.platform import runtime_folder
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.systems.distributor import load_distributor
from fulfillment_pipelines.twin.control.control_client import TwinClient

_READY_SECONDS = 120.0
_STOP_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.05
_ADDRESSES_FILE = "twin.env"
_PROCESS_FILE = "process.id"


def twin_home(settings: Settings) -> Path:
    """Return the folder of the simulated systems: addresses, and the files of the legacy warehouse."""
    return settings.runtime_dir / "twin_systems"


def begin_world(settings: Settings) -> Path:
    """Forget the world simulated before, and all that was found in it: a new one would contradict it.

    Returns:
        The folder of the simulated systems.

    Raises:
        ConfigurationError: The settings name a distributor that is not simulated, or a twin is served.
    """
    home = twin_home(settings)
    distributor = load_distributor(settings.config, settings.runtime_dir)
    if (home / _ADDRESSES_FILE).resolve() not in distributor.references:
        raise ConfigurationError(
            f"The distributor '{distributor.distributor}' is not the simulated one, so it is left as it is.",
            expected=f"a distributor file whose references name {home / _ADDRESSES_FILE}",
            found=f"{settings.config}",
            remedy="unset FULFILLMENT_CONFIG, or set it to data/seeds/distributor.yaml",
        )
    if _is_served(home):
        raise ConfigurationError(
            f"A twin is served from {home} already.",
            expected="one simulated world at a time in a runtime folder",
            found="it answers",
            remedy="`fulfillment twin stop` or Ctrl-C ends it; `fulfillment twin advance` lets its time pass",
        )
    for folder in (runtime_folder(settings, distributor), home):
        shutil.rmtree(folder, ignore_errors=True)
    return home


def serve_command(
    home: Path, *, seed: int, speed: float = 0.0, parent: int | None = None, faults: bool = True
) -> list[str]:
    """Return the command line that serves a twin."""
    command = [sys.executable, "-m", "fulfillment_pipelines.twin.serve", "--home", str(home), "--seed", str(seed)]
    command += ["--speed", str(speed), *(() if faults else ("--no-faults",))]
    return command if parent is None else [*command, "--parent", str(parent)]


@contextmanager
def serving(home: Path, *, seed: int, speed: float = 0.0, faults: bool = True) -> Iterator[Callable[[], TwinClient]]:
    """Start a twin, and stop it at the end; what is yielded waits until it is served and returns its client."""
    process = _start(serve_command(home, seed=seed, speed=speed, parent=os.getpid(), faults=faults), home)
    clients: list[TwinClient] = []

    def ready() -> TwinClient:
        _wait_until_served(process, home)
        clients.append(TwinClient.of_home(home))
        return clients[-1]

    try:
        yield ready
    finally:
        for client in clients:
            client.close()
        _stop(process)


def start_detached(home: Path, *, seed: int) -> TwinClient:
    """Start a twin that outlives this process.

    Raises:
        SystemDownError: It did not come up.
    """
    process = _start(serve_command(home, seed=seed), home)
    try:
        _wait_until_served(process, home)
    except BaseException:
        _stop(process)
        raise
    (home / _PROCESS_FILE).write_text(str(process.pid), encoding="utf-8")
    return TwinClient.of_home(home)


def stop_detached(home: Path) -> bool:
    """Stop the twin that was started detached; return whether there was one."""
    path = home / _PROCESS_FILE
    if not path.exists():
        return False
    number = int(path.read_text(encoding="utf-8"))
    path.unlink()
    if not _is_served(home):  # it was killed, and its number may be another process's by now
        return False
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while (home / _ADDRESSES_FILE).exists() and time.monotonic() < deadline:
            time.sleep(_LOOK_AGAIN_SECONDS)
    return True


def _is_served(home: Path) -> bool:
    """Ask the twin itself: the addresses of one that was killed stay behind, and may be somebody else's by now."""
    if not (home / _ADDRESSES_FILE).exists():
        return False
    try:
        with TwinClient.of_home(home) as twin:
            twin.state()
    except (SystemDownError, RejectedError):
        return False
    return True


def _start(command: Sequence[str], home: Path) -> subprocess.Popen[bytes]:
    """Start in a session of its own, so that Ctrl-C reaches this process first and the twin is stopped in order."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "twin.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own module


def _wait_until_served(process: subprocess.Popen[bytes], home: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not (home / _ADDRESSES_FILE).exists():
        if process.poll() is not None or time.monotonic() > deadline:
            said = (home / "twin.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise SystemDownError(
                "The simulated distributor did not come up.",
                expected=f"its systems served within {_READY_SECONDS:g} s",
                found=said[-1] if said else "it said nothing",
                remedy=f"read {home / 'twin.log'}; install the extra with `pip install -e '.[twin]'`",
            )
        time.sleep(_LOOK_AGAIN_SECONDS)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

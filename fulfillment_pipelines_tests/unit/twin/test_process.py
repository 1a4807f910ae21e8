from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from fulfillment_pipelines.twin.control.control_client import TwinClient

_DEADLINE_SECONDS = 60.0


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "fulfillment_pipelines.twin.serve", "--home", str(tmp_path / "twin")]
    command += ["--seed", "31", "--orders-a-day", "20", "--no-faults", "--speed", "600", "--parent", str(os.getpid())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def _database_port(home: Path) -> int:
    lines = (home / "twin.env").read_text(encoding="utf-8").splitlines()
    url = next(line for line in lines if line.startswith("FINANCE_DATABASE_URL="))
    return int(url.rsplit(":", 1)[1].partition("/")[0])


def _listens(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}", timeout=2)
    except httpx.ConnectError:
        return False
    except httpx.HTTPError:
        return True
    return True


def _await_served(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert b"twin.env" in process.stdout.readline()


def test_a_served_twin_runs_on_its_clock_and_stops_in_order(served: subprocess.Popen[bytes], tmp_path: Path) -> None:
    home = tmp_path / "twin"
    _await_served(served)
    port = _database_port(home)
    with TwinClient.of_home(home) as client:
        start = datetime.fromisoformat("2026-03-09T14:05:00+00:00")
        _until(lambda: datetime.fromisoformat(client.state().now) > start)
    served.send_signal(signal.SIGTERM)
    assert served.wait(_DEADLINE_SECONDS) == 0
    assert not (home / "twin.env").exists()
    assert not _listens(port)


def test_the_database_server_ends_when_the_twin_is_killed(served: subprocess.Popen[bytes], tmp_path: Path) -> None:
    _await_served(served)
    port = _database_port(tmp_path / "twin")
    assert _listens(port)
    served.kill()
    _until(lambda: not _listens(port))

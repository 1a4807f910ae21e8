"""`fulfillment console`: it serves as a process of its own, gives out the first account once, and ends when asked."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

_COMMAND = [sys.executable, "-m", "fulfillment_pipelines.cli", "console"]
_FIRST = re.compile(r"Sign in as (\w+) with this secret, once: (\S+)")
_START_SECONDS = 90


@pytest.fixture
def environment(lived_runtime: Path, tmp_path: Path) -> Mapping[str, str]:
    """The lived distributor with a ledger of its own, on a free port."""
    ledger = shutil.copy(lived_runtime / "twin" / "ledger.sqlite", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    own = {"RUNTIME_DIR": str(lived_runtime), "LEDGER_URL": f"sqlite:///{ledger}", "CONSOLE_PORT": str(port)}
    return {**os.environ, **{f"FULFILLMENT_{name}": value for name, value in own.items()}, "PYTHONUNBUFFERED": "1"}


@contextmanager
def _served(environment: Mapping[str, str], log: Path) -> Iterator[str]:
    address = f"http://127.0.0.1:{environment['FULFILLMENT_CONSOLE_PORT']}"
    with log.open("wb") as output:
        process = subprocess.Popen([*_COMMAND, "serve"], env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(address):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _answers(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/healthz").text == "ok"
    except httpx2.TransportError:
        return False


def test_the_first_start_gives_out_one_account_and_a_second_start_none(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    with _served(environment, tmp_path / "first.log") as address:
        said = _FIRST.search((tmp_path / "first.log").read_text(encoding="utf-8"))
        assert said is not None
        person, secret = said.groups()
        answer = httpx2.post(
            f"{address}/sign-in", data={"person": person, "password": secret}, headers={"Origin": address}
        )
        assert answer.headers["location"] == "/password"
    with _served(environment, tmp_path / "second.log"):
        assert secret not in (tmp_path / "second.log").read_text(encoding="utf-8")
        assert "secret" not in (tmp_path / "second.log").read_text(encoding="utf-8")


def test_an_account_is_given_out_in_json(environment: Mapping[str, str]) -> None:
    command = [*_COMMAND, "account", "ada", "--by", "ines", "--json"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=_START_SECONDS)
    assert '"one_time_secret"' in done.stdout

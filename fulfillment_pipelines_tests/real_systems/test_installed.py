"""What real systems share: a cache that is whole or made anew, servers that are started and stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from scripts.real_systems.installed import (
    NotInstalledError,
    cache_folder,
    fingerprint,
    free_port,
    made_once,
    running,
    unpacked_from_debian,
)

_ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder()


def _answers(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return bool(answer.status == 200)


def test_what_was_begun_and_not_finished_is_made_anew(cache: Path) -> None:
    def break_off(folder: Path) -> None:
        (folder / "half").touch()
        raise NotInstalledError("the network is down")

    with pytest.raises(NotInstalledError):
        made_once("software", "1", break_off)
    folder = made_once("software", "1", lambda made: (made / "whole").touch())
    assert folder == cache / "software-1"
    assert not (folder / "half").exists()
    assert (folder / "whole").is_file()


def test_two_that_ask_at_once_share_what_one_of_them_makes() -> None:
    makings: list[Path] = []
    both_ask = threading.Barrier(2)

    def ask() -> None:
        both_ask.wait(timeout=10)
        made_once("software", "1", makings.append)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert len(makings) == 1


def test_a_changed_source_changes_the_fingerprint(tmp_path: Path) -> None:
    source = tmp_path / "seed.py"
    source.write_text("orders = 15\n", encoding="utf-8")
    before = fingerprint(tmp_path, "sale")
    source.write_text("orders = 16\n", encoding="utf-8")
    assert fingerprint(tmp_path, "sale") != before


def test_a_server_is_there_within_the_block_and_gone_after_it(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    with running(command, log=tmp_path / "log", is_ready=lambda: _answers(port), folder=tmp_path) as started:
        assert _answers(port)
    assert started.process.poll() is not None
    with pytest.raises(OSError, match="refused"):
        _answers(port)


def test_a_server_that_ends_at_once_is_told_with_what_it_said_last(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such database')"]
    with (
        pytest.raises(NotInstalledError, match="no such database"),
        running(command, log=tmp_path / "log", is_ready=lambda: False),
    ):
        pytest.fail("it never was ready")


def test_a_server_that_is_not_ready_in_time_is_stopped(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"import os, pathlib, time; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(60)"
    with (
        pytest.raises(NotInstalledError, match="not ready within 1 seconds"),
        running([sys.executable, "-c", script], log=tmp_path / "log", is_ready=lambda: False, seconds=1),
    ):
        pytest.fail("it never was ready")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text(encoding="utf-8")), 0)


def test_a_command_that_is_told_to_terminate_stops_its_server(tmp_path: Path) -> None:
    script = """
import signal, sys
from pathlib import Path
from scripts.real_systems.installed import ended_in_order, running
sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
with ended_in_order(), running(sleeper, log=Path(sys.argv[1]), is_ready=lambda: True) as started:
    print(started.process.pid, flush=True)
    signal.pause()
"""
    command = [sys.executable, "-c", script, str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        server = int(started.stdout.readline())
        os.kill(server, 0)
        started.terminate()
        assert started.wait(timeout=20) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


def test_a_machine_without_debian_packages_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotInstalledError, match="run this on Debian 12"):
        unpacked_from_debian("software", ["tryton-server"], release="6.0.")

"""Real processes: started in order, stopped together, and all of them when one ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fulfillment_pipelines.orchestration.processes import Part, ProcessEndedError, Supervisor

# Ended by an interrupt, also where whoever began the tests told its children to ignore one.
_SLEEPER = """
import pathlib, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
pathlib.Path(sys.argv[1]).touch()
time.sleep(600)
"""
_PARENT = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(600)
"""


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _runs(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(os.environ, folder=tmp_path, logs=tmp_path / "logs", interrupted=threading.Event()) as opened:
        yield opened


def test_a_part_is_waited_for_until_its_file_says_that_it_serves(supervisor: Supervisor, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ready.touch()  # of an earlier life
    supervisor.start(Part("sleeper", [sys.executable, "-c", _SLEEPER, str(ready)], ready))
    assert ready.exists()
    supervisor.require_all()


def test_a_part_that_ends_is_told_with_its_exit_code_and_the_end_of_its_log(supervisor: Supervisor) -> None:
    supervisor.start(Part("loser", [sys.executable, "-c", "print('no database here'); raise SystemExit(3)"]))
    with pytest.raises(ProcessEndedError, match=r"(?s)The loser ended.*exit code 3.*no database here"):
        supervisor.until(lambda: False, "the loser")


def test_a_process_and_its_children_are_gone_afterwards(tmp_path: Path) -> None:
    noted = tmp_path / "child"
    with Supervisor(os.environ, folder=tmp_path, logs=tmp_path / "logs", interrupted=threading.Event()) as supervisor:
        supervisor.start(Part("parent", [sys.executable, "-c", _PARENT, str(noted)]))
        _until(lambda: noted.exists() and noted.read_text(encoding="ascii") != "")
        child = int(noted.read_text(encoding="ascii"))
        assert _runs(child)
    assert not _runs(child)


def test_nothing_more_is_started_after_an_interrupt(tmp_path: Path) -> None:
    interrupted = threading.Event()
    interrupted.set()
    ready = tmp_path / "ready"
    with Supervisor(os.environ, folder=tmp_path, logs=tmp_path / "logs", interrupted=interrupted) as supervisor:
        supervisor.start(Part("sleeper", [sys.executable, "-c", _SLEEPER, str(ready)], ready))
    assert not ready.exists()


_SUPERVISING = """
import os, pathlib, sys, threading
from fulfillment_pipelines.orchestration.processes import Part, Supervisor
folder = pathlib.Path(sys.argv[1])
with Supervisor(os.environ, folder=folder, logs=folder / "logs", interrupted=threading.Event()) as supervisor:
    supervisor.start(Part("parent", [sys.executable, "-c", sys.argv[2], str(folder / "child")]))
    print(supervisor._running[0].process.pid, flush=True)
    threading.Event().wait(600)
"""


def test_a_supervisor_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _SUPERVISING, str(tmp_path), _PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervising:
        assert supervising.stdout is not None
        parent, noted = int(supervising.stdout.readline()), tmp_path / "child"
        _until(lambda: noted.exists() and noted.read_text(encoding="ascii") != "")
        child = int(noted.read_text(encoding="ascii"))
        assert _runs(parent)
        assert _runs(child)
        supervising.kill()
    _until(lambda: not _runs(parent) and not _runs(child))


_GUARDIAN_LOST = """
import os, pathlib, signal, sys, threading
from fulfillment_pipelines.orchestration.processes import Part, Supervisor
folder = pathlib.Path(sys.argv[1])
never, logs = threading.Event(), folder / "logs"
with Supervisor(os.environ, folder=folder, logs=logs, interrupted=never, say=print) as supervisor:
    supervisor.start(Part("parent", [sys.executable, "-c", sys.argv[2], str(folder / "first")]))
    supervisor._guardian.kill()
    supervisor._guardian.wait()
    supervisor.start(Part("parent", [sys.executable, "-c", sys.argv[2], str(folder / "second")]))
    supervisor.require_all()
    print(*(running.process.pid for running in supervisor._running), flush=True)
    threading.Event().wait(600)
"""


def test_a_guardian_that_is_lost_is_replaced_and_the_new_one_knows_all_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _GUARDIAN_LOST, str(tmp_path), _PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervising:
        assert supervising.stdout is not None
        assert "guardian ended" in supervising.stdout.readline()
        parents = [int(number) for number in supervising.stdout.readline().split()]
        assert [_runs(parent) for parent in parents] == [True, True]
        supervising.kill()
    _until(lambda: not any(_runs(parent) for parent in parents))


def test_a_guardian_that_is_lost_does_not_keep_the_parts_from_being_stopped(tmp_path: Path) -> None:
    with Supervisor(os.environ, folder=tmp_path, logs=tmp_path / "logs", interrupted=threading.Event()) as supervisor:
        for name in ("first", "second"):
            supervisor.start(Part(name, [sys.executable, "-c", _SLEEPER, str(tmp_path / name)], tmp_path / name))
        processes = [running.process for running in supervisor._running]
        assert supervisor._guardian is not None
        supervisor._guardian.kill()
        supervisor._guardian.wait()
    assert [process.returncode is not None for process in processes] == [True, True]


def test_a_part_that_may_restart_is_started_anew_and_the_others_go_on(tmp_path: Path) -> None:
    told: list[str] = []
    with Supervisor(
        os.environ, folder=tmp_path, logs=tmp_path / "logs", interrupted=threading.Event(), say=told.append
    ) as supervisor:
        supervisor.start(Part("sleeper", [sys.executable, "-c", _SLEEPER, str(tmp_path / "ready")]))
        supervisor.start(Part("loop", [sys.executable, "-c", "print('begun')"], restarts=True))
        log = tmp_path / "logs" / "loop.log"
        supervisor.until(lambda: log.read_text(encoding="ascii").count("begun") > 1, "the loop's second life")
    assert "The loop ended with exit code 0 and is started anew" in told[0]

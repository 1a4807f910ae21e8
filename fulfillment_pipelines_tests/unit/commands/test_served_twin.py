"""One simulated world at a time: what a killed twin leaves is no obstacle, and nobody else's process is stopped."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fulfillment_pipelines.commands.served_twin import begin_world, stop_detached, twin_home
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.settings import Settings, read_settings

OLIST = Path(__file__).parents[3] / "data" / "samples" / "olist" / "olist.yaml"


@pytest.fixture
def settings(runtime: Path) -> Settings:
    del runtime
    return read_settings()


@pytest.fixture
def left_behind(settings: Settings) -> Path:
    """The home of a twin that was killed: its addresses are there, and nobody listens."""
    home = twin_home(settings)
    home.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    lines = f"TWIN_CONTROL_URL=http://127.0.0.1:{port}\nTWIN_CONTROL_TOKEN=old\n"
    (home / "twin.env").write_text(lines, encoding="utf-8")
    return home


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has got the number of the killed twin."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_new_world_forgets_the_old_one_and_what_was_found_in_it(settings: Settings, left_behind: Path) -> None:
    found = settings.runtime_dir / "twin" / "ledger.sqlite"
    other = settings.runtime_dir / "olist" / "ledger.sqlite"
    for ledger in (found, other):
        ledger.parent.mkdir()
        ledger.touch()
    assert begin_world(settings) == left_behind
    assert not left_behind.exists()
    assert not found.exists()
    assert other.exists()


def test_a_distributor_that_is_not_simulated_is_never_forgotten(settings: Settings) -> None:
    found = settings.runtime_dir / "olist" / "ledger.sqlite"
    found.parent.mkdir(parents=True)
    found.touch()
    with pytest.raises(ConfigurationError, match="'olist' is not the simulated one"):
        begin_world(settings.model_copy(update={"config": OLIST}))
    assert found.exists()


def test_stopping_a_killed_twin_stops_nobody_else(left_behind: Path, bystander: subprocess.Popen[bytes]) -> None:
    (left_behind / "process.id").write_text(str(bystander.pid), encoding="utf-8")
    assert stop_detached(left_behind) is False
    assert bystander.poll() is None
    assert not (left_behind / "process.id").exists()


def test_stopping_where_nothing_was_started_says_so(settings: Settings) -> None:
    assert stop_detached(twin_home(settings)) is False

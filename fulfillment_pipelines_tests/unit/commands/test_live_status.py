"""Whether the live loop runs, for people and for what restarts it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.loop.live.charge import HEARTBEAT, in_charge
from fulfillment_pipelines.loop.live.status import LiveStatus, write_status
from fulfillment_pipelines.loop.platform import runtime_folder
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.distributor import load_distributor

Fulfillment = Callable[..., Any]
OPTIONS = pytest.mark.parametrize("options", [(), ("--json",)])


@pytest.fixture
def folder(runtime: Path) -> Path:
    settings = read_settings()
    made = runtime_folder(settings, load_distributor(settings.config, runtime))
    made.mkdir(parents=True)
    return made


def _beat(folder: Path, at: datetime) -> None:
    write_status(folder, LiveStatus(process_id=1, began_at=at, beat_at=at))


@OPTIONS
def test_a_loop_that_shows_itself_runs(fulfillment: Fulfillment, folder: Path, options: tuple[str, ...]) -> None:
    _beat(folder, datetime.now(UTC))
    with in_charge(folder):
        assert fulfillment("live", "status", *options).exit_code == 0


@OPTIONS
def test_a_loop_that_ended_or_hangs_is_shown_and_ends_the_command_with_a_failure(
    fulfillment: Fulfillment, folder: Path, options: tuple[str, ...]
) -> None:
    _beat(folder, datetime.now(UTC) - 2 * HEARTBEAT - timedelta(seconds=1))
    said = fulfillment("live", "status", *options)
    assert said.exit_code == 1
    assert "running" in said.stdout.lower()
    with in_charge(folder):
        assert fulfillment("live", "status", *options).exit_code == 1

"""The process of the live loop: it waits for what is busy, and works while it holds the lease."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.loop.live.engine import LiveLoop
from fulfillment_pipelines.loop.live.lease import is_held
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.orchestration import live_process
from fulfillment_pipelines.settings import Settings

_FILES = Path(__file__).parents[2] / "small_distributor" / "files.yaml"


def test_a_lake_that_is_busy_at_the_start_is_waited_for_and_the_loop_runs_under_the_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, begun, said = Settings(runtime_dir=tmp_path, duckdb_threads=1), list[str](), list[str]()

    def busy_once(platform: Platform) -> None:
        begun.append("prepare")
        if begun == ["prepare"]:
            raise RetryableError("Another process writes the lake.")
        platform.prepare_ledger()

    def run(_loop: LiveLoop) -> None:
        with build_platform(settings, config=_FILES) as another:
            begun.append("run, leased" if is_held(another.ledger, datetime.now(UTC)) else "run")

    monkeypatch.setattr(live_process, "AGAIN_SECONDS", 0)
    monkeypatch.setattr(Platform, "prepare", busy_once)
    monkeypatch.setattr(LiveLoop, "run", run)
    live_process.run_live(settings, config=_FILES, report=False, say=said.append)
    assert begun == ["prepare", "prepare", "run, leased"]
    assert said == ["Another process writes the lake.", "The live loop is in charge."]

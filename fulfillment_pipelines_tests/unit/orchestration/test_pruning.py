"""Old runs of Dagster go with all they left; what an asset or a check shows now stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from fulfillment_pipelines.orchestration.pruning import prune
from fulfillment_pipelines.upkeep.effects import Effect

DAYS = 14


@dg.multi_asset(specs=[dg.AssetSpec("feed")], check_specs=[dg.AssetCheckSpec("received", asset="feed")])
def pulled() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """An asset with a check."""
    yield dg.MaterializeResult(asset_key="feed")
    yield dg.AssetCheckResult(asset_key="feed", check_name="received", passed=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A Dagster home on SQLite."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with two runs, and two materialisations that were reported without a run."""
    with dg.DagsterInstance.from_config(str(home)) as opened:
        for _ in range(2):
            dg.materialize([pulled], instance=opened)
            opened.report_runless_asset_event(dg.AssetMaterialization("live"))
        yield opened


def _prune(instance: dg.DagsterInstance, *, days_later: int, dry_run: bool = False) -> Effect:
    return prune(instance, DAYS, now=datetime.now(UTC) + timedelta(days=days_later), dry_run=dry_run)


def _rows(home: Path, table: str) -> int:
    with sqlite3.connect(home / "history" / "runs" / "index.db") as connection:
        found: int = connection.execute(f"select count(*) from {table}").fetchone()[0]
        return found


def test_an_old_run_goes_with_its_events_logs_and_evaluations_but_the_last_of_a_job_stays(
    instance: dg.DagsterInstance, home: Path
) -> None:
    old, last = (run.run_id for run in reversed(instance.get_runs()))

    effect = _prune(instance, days_later=DAYS + 1)

    assert [run.run_id for run in instance.get_runs()] == [last]
    assert not list(home.rglob(f"*{old}*"))
    assert list(home.rglob(f"*{last}*"))
    assert _rows(home, "asset_check_executions") == 1
    assert effect.counts == {"runs_removed": 1, "runless_events_removed": 1, "evaluations_removed": 1}
    assert effect.bytes_freed > 0


def test_what_an_asset_and_a_check_show_now_stays(instance: dg.DagsterInstance) -> None:
    _prune(instance, days_later=1000)

    for name in ("feed", "live"):
        assert instance.get_latest_materialization_event(dg.AssetKey(name)) is not None
    assert instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(dg.AssetKey("feed"), "received"))


def test_what_is_recent_stays(instance: dg.DagsterInstance) -> None:
    effect = _prune(instance, days_later=DAYS - 1)

    assert len(instance.get_runs()) == 2
    assert effect.rows_removed == 0


def test_a_dry_run_says_which_runs_would_go(instance: dg.DagsterInstance) -> None:
    effect = _prune(instance, days_later=DAYS + 1, dry_run=True)

    assert effect.counts["runs_removed"] == 1
    assert len(instance.get_runs()) == 2
    assert effect.bytes_freed == 0


def test_an_instance_without_files_is_pruned_too() -> None:
    with dg.DagsterInstance.ephemeral() as memory:
        for _ in range(2):
            dg.materialize([pulled], instance=memory)

        effect = _prune(memory, days_later=DAYS + 1)

    assert (effect.counts["runs_removed"], effect.before.files) == (1, 0)

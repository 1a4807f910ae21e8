"""A run of the upkeep shows what each part did."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest


def test_each_part_of_the_upkeep_is_materialised_with_its_measured_effect(world: Any) -> None:
    world.run()

    assert world.run("upkeep").success

    for part in ("landing", "operations", "ledger", "lake", "dagster"):
        event = world.instance.get_latest_materialization_event(dg.AssetKey(f"upkeep_{part}"))
        shown = event.asset_materialization.metadata
        assert {"files_before", "files_after", "bytes_freed", "rows_removed", "seconds"} <= set(shown)
        assert shown["seconds"].value >= 0
    lake = world.instance.get_latest_materialization_event(dg.AssetKey("upkeep_lake")).asset_materialization.metadata
    assert lake["files_before"].value > 0


@pytest.mark.slow
def test_the_hourly_job_keeps_the_lake_and_nothing_else(world: Any) -> None:
    world.run()

    assert world.run("maintain_lake").success

    assert world.instance.get_latest_materialization_event(dg.AssetKey("upkeep_lake")) is not None
    assert world.instance.get_latest_materialization_event(dg.AssetKey("upkeep_landing")) is None

"""Put the definitions together: the one place that knows all of orchestration."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import dagster as dg

from fulfillment_pipelines.domain.clock import Clock, WallClock
from fulfillment_pipelines.loop.platform import build_platform
from fulfillment_pipelines.orchestration.assets.decisions import decision_assets
from fulfillment_pipelines.orchestration.assets.housekeeping import housekeeping_assets
from fulfillment_pipelines.orchestration.assets.reconcile import reconcile_assets
from fulfillment_pipelines.orchestration.catalogue import Catalogue
from fulfillment_pipelines.orchestration.jobs import (
    full_reconcile_job,
    maintain_lake_job,
    micro_batch_job,
    upkeep_job,
)
from fulfillment_pipelines.orchestration.resources import platform_resource
from fulfillment_pipelines.orchestration.schedules import (
    full_reconcile_schedule,
    maintain_lake_schedule,
    upkeep_schedule,
)
from fulfillment_pipelines.orchestration.sensors import source_changes_sensor
from fulfillment_pipelines.settings import Settings, read_settings
from fulfillment_pipelines.systems.port import System


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often the loop looks.

    Attributes:
        full_cron: When everything is reconciled, in UTC.
        maintain_cron: When the lake's small files are merged, in UTC.
        upkeep_cron: When everything that is old enough is let go of, in UTC.
        probe_seconds: How often the systems are asked for news.
        patience: After so long without news everything is revisited all the same.
    """

    full_cron: str = "*/30 * * * *"
    maintain_cron: str = "17 * * * *"
    upkeep_cron: str = "43 2 * * *"
    probe_seconds: int = 5
    patience: timedelta = timedelta(minutes=5)


def build_definitions(
    settings: Settings | None = None,
    *,
    config: Path | None = None,
    clock: Clock | None = None,
    ready_made: Sequence[System] = (),
    cadence: Cadence = Cadence(),
) -> dg.Definitions:
    """Return everything Dagster runs for one distributor. Files are read; nothing is connected.

    Args:
        settings: What the environment says; read from it when None.
        config: The distributor file, where it is not the one of the settings.
        clock: Replaces the clock the distributor file asks for.
        ready_made: Systems that replace the declared ones of the same name.
        cadence: How often the loop looks.

    Raises:
        ConfigurationError: A setting, a declaration or an SQL file is wrong.
    """
    settings = settings or read_settings()
    machine_clock = WallClock()
    make_platform = partial(build_platform, settings, config=config, clock=clock, ready_made=ready_made)
    with make_platform() as platform:
        catalogue = Catalogue.of(platform)
    sensor = source_changes_sensor(
        partial(make_platform, clock=clock or machine_clock),
        machine_clock,
        every_seconds=cadence.probe_seconds,
        patience=cadence.patience,
    )
    return dg.Definitions(
        assets=[reconcile_assets(catalogue), decision_assets(catalogue), housekeeping_assets()],
        jobs=[full_reconcile_job(), micro_batch_job(), maintain_lake_job(), upkeep_job()],
        schedules=[
            full_reconcile_schedule(cadence.full_cron),
            maintain_lake_schedule(cadence.maintain_cron),
            upkeep_schedule(cadence.upkeep_cron),
        ],
        sensors=[sensor],
        resources={"platform": platform_resource(make_platform)},
        executor=dg.in_process_executor,
    )

"""The jobs: the loop over everything, the loop over what changed, and the upkeep."""

from typing import Final

import dagster as dg

# Dagster gives the type that `define_asset_job` returns no public name.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from fulfillment_pipelines.orchestration.assets.housekeeping import GROUP, part_asset
from fulfillment_pipelines.orchestration.assets.reconcile import STEP
from fulfillment_pipelines.upkeep import lake

FULL_RECONCILE: Final = "full_reconcile"
MICRO_BATCH: Final = "micro_batch"
MAINTAIN_LAKE: Final = "maintain_lake"
UPKEEP: Final = "upkeep"

_EXTENT_TAG: Final = "extent"


def full_reconcile_job() -> UnresolvedAssetJobDefinition:
    """Return the job that pulls every system whole, validates every feed and revisits every key."""
    return dg.define_asset_job(
        FULL_RECONCILE,
        selection=_loop(),
        config=dg.RunConfig(ops={STEP: {"config": {"full": True}}}),
        tags={_EXTENT_TAG: "full"},
        description="Pull every system whole, validate every feed, revisit every key, decide and dispatch.",
        executor_def=dg.in_process_executor,
    )


def micro_batch_job() -> UnresolvedAssetJobDefinition:
    """Return the job that continues from the cursors and revisits what changed."""
    return dg.define_asset_job(
        MICRO_BATCH,
        selection=_loop(),
        config=dg.RunConfig(ops={STEP: {"config": {"full": False}}}),
        tags={_EXTENT_TAG: "changed"},
        description="Pull every system from its cursor, revisit the keys that changed, decide and dispatch.",
        executor_def=dg.in_process_executor,
    )


def maintain_lake_job() -> UnresolvedAssetJobDefinition:
    """Return the job that merges the lake's small files and lets go of its old history."""
    return dg.define_asset_job(
        MAINTAIN_LAKE,
        selection=dg.AssetSelection.assets(part_asset(lake.NAME)),
        description="Merge the small files that micro-batches leave, and let go of history nobody asks for any more.",
        executor_def=dg.in_process_executor,
    )


def upkeep_job() -> UnresolvedAssetJobDefinition:
    """Return the job that runs every part of the upkeep."""
    return dg.define_asset_job(
        UPKEEP,
        selection=dg.AssetSelection.groups(GROUP),
        description="Merge, archive and let go of what the platform leaves behind, as the retention policy has it.",
        executor_def=dg.in_process_executor,
    )


def _loop() -> dg.AssetSelection:
    return dg.AssetSelection.all() - dg.AssetSelection.groups(GROUP)

"""The jobs: the loop over everything, the loop over what changed, and the upkeep of the lake."""

from typing import Final

import dagster as dg

# Dagster gives the type that `define_asset_job` returns no public name.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.orchestration.assets.reconcile import STEP
from fulfillment_pipelines.orchestration.resources import LAKE_POOL, PATIENCE, failures_told

FULL_RECONCILE: Final = "full_reconcile"
MICRO_BATCH: Final = "micro_batch"
MAINTAIN_LAKE: Final = "maintain_lake"

_EXTENT_TAG: Final = "extent"


def full_reconcile_job() -> UnresolvedAssetJobDefinition:
    """Return the job that pulls every system whole, validates every feed and revisits every key."""
    return dg.define_asset_job(
        FULL_RECONCILE,
        selection=dg.AssetSelection.all(),
        config=dg.RunConfig(ops={STEP: {"config": {"full": True}}}),
        tags={_EXTENT_TAG: "full"},
        description="Pull every system whole, validate every feed, revisit every key, decide and dispatch.",
        executor_def=dg.in_process_executor,
    )


def micro_batch_job() -> UnresolvedAssetJobDefinition:
    """Return the job that continues from the cursors and revisits what changed."""
    return dg.define_asset_job(
        MICRO_BATCH,
        selection=dg.AssetSelection.all(),
        config=dg.RunConfig(ops={STEP: {"config": {"full": False}}}),
        tags={_EXTENT_TAG: "changed"},
        description="Pull every system from its cursor, revisit the keys that changed, decide and dispatch.",
        executor_def=dg.in_process_executor,
    )


def maintain_lake_job() -> dg.JobDefinition:
    """Return the job that merges the lake's small files and lets go of old history."""

    @dg.op(required_resource_keys={"platform"}, pool=LAKE_POOL, retry_policy=PATIENCE)
    def merge_files_and_expire_history(context: dg.OpExecutionContext) -> None:
        with failures_told():
            stages.maintain(context.resources.platform)

    @dg.job(
        name=MAINTAIN_LAKE,
        description="Merge the small files that micro-batches leave, and let go of history nobody asks for any more.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        merge_files_and_expire_history()

    return job

"""The step that pulls, admits and reconciles: every feed, table, rule and mart in one step.

It is one step because starting a step costs more than the work in it, and because a feed that gave no answer must
not keep what follows from running: a step is skipped when an output that it waits for is missing, while here the
verdicts that need the feed become UNKNOWN.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import dagster as dg

from fulfillment_pipelines.canonical.expectations import Validator
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.orchestration.assets.observed import LakeView
from fulfillment_pipelines.orchestration.assets.specs import reconcile_specs
from fulfillment_pipelines.orchestration.catalogue import Catalogue
from fulfillment_pipelines.orchestration.checks import (
    ContractVerdicts,
    invariants,
    received,
    reconcile_check_specs,
    standing_violations,
)
from fulfillment_pipelines.orchestration.resources import LAKE_POOL, PATIENCE, failures_told
from fulfillment_pipelines.snapshots.pulling import PullAttempt

StepEvent: TypeAlias = dg.MaterializeResult[None] | dg.AssetCheckResult

STEP = "pull_and_reconcile"


class Extent(dg.Config):
    """How much a run looks at.

    Attributes:
        full: Pull everything, let Great Expectations judge it and revisit every key; otherwise continue from the
            cursors and revisit what changed.
    """

    full: bool = True


def reconcile_assets(catalogue: Catalogue) -> dg.AssetsDefinition:
    """Return the step with all its assets and checks."""

    @dg.multi_asset(
        name=STEP,
        specs=reconcile_specs(catalogue),
        check_specs=reconcile_check_specs(catalogue),
        can_subset=True,
        pool=LAKE_POOL,
        retry_policy=PATIENCE,
    )
    def pull_and_reconcile(
        context: dg.AssetExecutionContext, config: Extent, platform: dg.ResourceParam[Platform]
    ) -> Iterator[StepEvent]:
        with failures_told():
            for stage in (_pulled, _reconciled):
                events = stage(context, catalogue, platform, full=config.full)
                yield from (event for event in events if _is_wanted(context, event))

    return pull_and_reconcile


def _pulled(
    context: dg.AssetExecutionContext, catalogue: Catalogue, platform: Platform, *, full: bool
) -> Iterator[StepEvent]:
    """Pull the systems of the selected feeds, whole systems at a time, so that their entities are of one moment."""
    selected = _selected(context)
    systems = list(dict.fromkeys(feed.system for feed in catalogue.feeds if feed.table in selected))
    if not systems:
        return
    attempts = stages.pull(platform, systems, whole=full)
    for attempt in attempts:
        context.log.info(_told(attempt))
    if full:
        with Validator(platform.warehouse) as validator:
            stages.admit(platform, validator=validator)
    else:
        stages.admit(platform)
    yield from _feed_events(catalogue, platform, [one for one in attempts if _table(one) in selected], full=full)


def _feed_events(
    catalogue: Catalogue, platform: Platform, attempts: Sequence[PullAttempt], *, full: bool
) -> Iterator[StepEvent]:
    """A feed that gave nothing is not materialized, so that its freshness shows it; its checks tell why."""
    snapshot_ids = [attempt.landed.manifest.snapshot_id for attempt in attempts if attempt.landed]
    view = LakeView(platform.warehouse, catalogue, with_samples=full)
    snapshots = view.snapshots(snapshot_ids)
    verdicts = ContractVerdicts(platform.warehouse, snapshot_ids)
    for attempt in attempts:
        asset, feed = _table(attempt), (attempt.system, attempt.entity)
        if attempt.landed:
            sums = {f"declared_{name}": total for name, total in attempt.landed.manifest.declared_sums.items()}
            metadata = {**view.table(asset), **snapshots[feed], **sums, "state": attempt.state.value}
            yield dg.MaterializeResult(asset_key=asset, metadata=metadata)
        yield received(asset, attempt)
        yield verdicts.of(asset, *feed)


def _reconciled(
    context: dg.AssetExecutionContext, catalogue: Catalogue, platform: Platform, *, full: bool
) -> Iterator[StepEvent]:
    """Run the stage when any of its tables is selected; it writes them all in one transaction.

    Where only checks are selected, they look at the lake as it stands.
    """
    selected = _selected(context)
    if not selected:
        yield from invariants(catalogue, standing_violations(platform.warehouse, catalogue.invariants))
    if not selected.intersection(catalogue.tables):
        return
    reconciliation = stages.reconcile(platform, full=full, progress=context.log.debug)
    view = LakeView(platform.warehouse, catalogue, with_samples=full)
    rules = dict(view.rules())
    shared = {"now_at": dg.MetadataValue.timestamp(reconciliation.now_at), "is_full": reconciliation.is_full}
    for table in catalogue.tables:
        if table in selected:
            yield dg.MaterializeResult(asset_key=table, metadata=(rules.get(table) or view.table(table)) | shared)
    yield from invariants(catalogue, reconciliation.violations)
    stages.require_invariants(reconciliation)


def _selected(context: dg.AssetExecutionContext) -> frozenset[str]:
    return frozenset(key.to_user_string() for key in context.selected_asset_keys)


def _is_wanted(context: dg.AssetExecutionContext, event: StepEvent) -> bool:
    if isinstance(event, dg.MaterializeResult):
        return True
    wanted = {(key.asset_key, key.name) for key in context.selected_asset_check_keys}
    return (event.asset_key, event.check_name) in wanted


def _table(attempt: PullAttempt) -> str:
    return f"snap_{attempt.system}__{attempt.entity}"


def _told(attempt: PullAttempt) -> str:
    return f"{attempt.system}/{attempt.entity}: {attempt.state} {attempt.problem}".rstrip()

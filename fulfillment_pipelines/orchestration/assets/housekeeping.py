"""The upkeep as assets, one for each part: what it merged, archived and let go of is plotted over time.

What the parts do belongs to `upkeep`, and to `pruning` for Dagster's own runs. Asset bodies only call them.
"""

from collections.abc import Iterator
from typing import Any, Final

import dagster as dg

from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.orchestration import pruning
from fulfillment_pipelines.orchestration.assets.specs import team
from fulfillment_pipelines.orchestration.resources import LAKE_POOL, PATIENCE, failures_told
from fulfillment_pipelines.upkeep import decided, lake, landed, operations
from fulfillment_pipelines.upkeep.effects import Effect
from fulfillment_pipelines.upkeep.parts import PARTS, run_part

GROUP: Final = "upkeep"
STEP: Final = "keep_house"

_PREFIX: Final = "upkeep_"
_VERSION: Final = "1"
_PERIOD: Final = " How long what is kept is laid down in `data/seeds/retention.yaml`."
_ABOUT: Final = {
    landed.NAME: "Landed snapshots that a later whole one has superseded go; what the lake is rebuilt from stays.",
    operations.NAME: "Old records of pulls, snapshots, expectations and quarantined rows go.",
    decided.NAME: "Old rows of the audit log move to files; ended cases, receipts and messages go. Legal holds count.",
    lake.NAME: "The small files that micro-batches leave are merged; history nobody asks for any more goes.",
    pruning.NAME: "Old runs of Dagster go, with their events, evaluations of checks and logs.",
}


def part_asset(part: str) -> str:
    """Return the asset name of a part of the upkeep."""
    return _PREFIX + part


def housekeeping_assets() -> dg.AssetsDefinition:
    """Return the step with one asset for each part; any of them may be run alone."""
    specs = [
        dg.AssetSpec(
            part_asset(part),
            group_name=GROUP,
            owners=[team("Integration")],
            kinds={"python"},
            description=about + _PERIOD,
            code_version=_VERSION,
            skippable=True,
        )
        for part, about in _ABOUT.items()
    ]

    @dg.multi_asset(name=STEP, specs=specs, can_subset=True, pool=LAKE_POOL, retry_policy=PATIENCE)
    def keep_house(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[None]]:
        wanted = {key.to_user_string() for key in context.selected_asset_keys}
        with failures_told():
            for part in (one for one in PARTS if part_asset(one) in wanted):
                effect = run_part(platform, part, dry_run=False)
                yield dg.MaterializeResult(asset_key=part_asset(part), metadata=shown(effect))
            if part_asset(pruning.NAME) in wanted:
                days = platform.policies.retention.platform.dagster_days
                effect = pruning.prune(context.instance, days, now=platform.machine_clock.now(), dry_run=False)
                yield dg.MaterializeResult(asset_key=part_asset(pruning.NAME), metadata=shown(effect))

    return keep_house


def shown(effect: Effect) -> dict[str, Any]:
    """Return what a materialization shows of an effect: numbers that Dagster plots, and what stayed."""
    numbers: dict[str, Any] = {
        "files_before": effect.before.files,
        "files_after": effect.after.files,
        "bytes_before": effect.before.content_bytes,
        "bytes_after": effect.after.content_bytes,
        "bytes_freed": effect.bytes_freed,
        "rows_removed": effect.rows_removed,
        "seconds": round(effect.seconds, 3),
        **effect.counts,
    }
    kept = {"kept": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in effect.kept))} if effect.kept else {}
    return numbers | kept

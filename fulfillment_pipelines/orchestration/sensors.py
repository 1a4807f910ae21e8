"""What sets off a micro-batch: a change in a system."""

from datetime import timedelta
from typing import Final

import dagster as dg

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.loop.live.charge import is_in_charge
from fulfillment_pipelines.loop.live.lease import is_held
from fulfillment_pipelines.loop.platform import Platform, runtime_folder
from fulfillment_pipelines.orchestration.jobs import MICRO_BATCH
from fulfillment_pipelines.orchestration.probing import Seen, probe
from fulfillment_pipelines.orchestration.resources import PlatformMaker

SOURCE_CHANGES: Final = "source_changes"

_UNDER_WAY: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def source_changes_sensor(
    make_platform: PlatformMaker, clock: Clock, *, every_seconds: int, patience: timedelta
) -> dg.SensorDefinition:
    """Return the sensor that asks the systems and requests a micro-batch when one has news; it is on from the start.

    The run pulls every system, not only those with news: what one says may rest on what another said since it was
    looked at, and rules that compare the two would see a break where there is none.

    While a live loop is in charge nothing is asked here: the loop hears of changes sooner. The sensor takes over when
    the loop is gone, or has not shown itself for a minute, on this host or another.

    While a run is under way nothing is asked, so that changes gather for the next one instead of queueing up. A run
    that failed is made good by the next change, or when the patience ends.

    Args:
        make_platform: Builds a platform whose clock does not need the lake; only its systems are used.
        clock: The time of this machine.
        every_seconds: How often the systems are asked.
        patience: After so long without a request everything is revisited, since deadlines pass by themselves.
    """

    @dg.sensor(
        name=SOURCE_CHANGES,
        job_name=MICRO_BATCH,
        minimum_interval_seconds=every_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks every system whether it has something new to say, and has that reconciled.",
    )
    def source_changes(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if context.instance.get_runs_count(dg.RunsFilter(statuses=_UNDER_WAY)):
            return dg.SkipReason("A run is under way; what changes meanwhile is for the next one.")
        seen = Seen.model_validate_json(context.cursor) if context.cursor else Seen()
        with make_platform() as platform:
            folder = runtime_folder(platform.settings, platform.distributor)
            if is_in_charge(folder, clock.now()) or is_held(platform.ledger, clock.now()):
                return dg.SkipReason("The live loop is in charge.")
            known = seen if _has_landed(platform) else Seen()
            return _evaluated(platform, known, clock, patience)

    return source_changes


def _evaluated(platform: Platform, seen: Seen, clock: Clock, patience: timedelta) -> dg.SensorResult | dg.SkipReason:
    sights = probe(platform.registry, platform.feeds)
    now = clock.now()
    news = ", ".join(seen.systems_with_news(sights, platform.registry))
    if not news and not seen.is_quiet_since(now, patience):
        return dg.SkipReason("No system has anything new to say.")
    request = dg.RunRequest(run_key=now.isoformat(), tags={"news": news or "time has passed"})
    return dg.SensorResult(run_requests=[request], cursor=Seen(requested_at=now, sights=sights).model_dump_json())


def _has_landed(platform: Platform) -> bool:
    """Return whether any snapshot is kept: what was seen of the systems counts for nothing once the lake is gone."""
    return any(True for feed in platform.feeds for _ in platform.landing.landed(feed.system, feed.entity))

"""What happens whether or not anything seems to have changed: the full run, and the upkeep."""

import dagster as dg

from fulfillment_pipelines.orchestration.jobs import FULL_RECONCILE, MAINTAIN_LAKE, UPKEEP


def full_reconcile_schedule(cron: str) -> dg.ScheduleDefinition:
    """Return the schedule of the full run; it is on from the start.

    Args:
        cron: When, in UTC.
    """
    return _running(
        FULL_RECONCILE, cron, "What a micro-batch cannot see, a full run does: deleted rows, grace periods that ended."
    )


def maintain_lake_schedule(cron: str) -> dg.ScheduleDefinition:
    """Return the schedule of the lake's upkeep; it is on from the start.

    Args:
        cron: When, in UTC.
    """
    return _running(MAINTAIN_LAKE, cron, "Every micro-batch leaves small files; merged, they are read faster.")


def upkeep_schedule(cron: str) -> dg.ScheduleDefinition:
    """Return the schedule of the whole upkeep; it is on from the start.

    Args:
        cron: When, in UTC.
    """
    return _running(
        UPKEEP, cron, "What the platform leaves behind would grow for ever; once a night what is old enough goes."
    )


def _running(job: str, cron: str, description: str) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=f"{job}_schedule",
        job_name=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )

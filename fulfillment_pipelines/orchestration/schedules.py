"""When everything is reconciled whether or not anything seems to have changed."""

import dagster as dg

from fulfillment_pipelines.orchestration.jobs import FULL_RECONCILE


def full_reconcile_schedule(cron: str) -> dg.ScheduleDefinition:
    """Return the schedule of the full run; it is on from the start.

    Args:
        cron: When, in UTC.
    """
    return dg.ScheduleDefinition(
        name="full_reconcile_schedule",
        job_name=FULL_RECONCILE,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="What a micro-batch cannot see, a full run does: deleted rows, grace periods that ended.",
    )

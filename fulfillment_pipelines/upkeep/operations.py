"""Let go of old records of the platform's own work: pulls, snapshots, expectations, quarantined rows.

What the rules look at stays: the last attempt of each feed and the latest that said nothing new. So does the record of
each snapshot that is still landed, since one without it would be admitted again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pyarrow as pa

from fulfillment_pipelines.upkeep.effects import Effect
from fulfillment_pipelines.warehouse import Connection, Warehouse

NAME: Final = "operations"

_DELETES: Final = {
    "pulls_removed": """
        delete from ops_pulls
        where attempted_at < $attempted_before
            and (system, entity, attempted_at) not in (
                select system, entity, max(attempted_at) from ops_pulls group by system, entity
            )
            and (system, entity, coalesce(as_of, timestamptz '1970-01-01')) not in (
                select system, entity, max(as_of) from ops_pulls where as_of is not null group by system, entity
            )
    """,
    "snapshots_removed": """
        delete from ops_snapshots
        where as_of < $before
            and (system, entity, snapshot_id) not in (select system, entity, snapshot_id from landed_ids)
            and (system, entity, as_of) not in (
                select system, entity, max(as_of) from ops_snapshots group by system, entity
            )
    """,
    "expectations_removed": """
        delete from ops_expectations
        where (system, entity, snapshot_id) not in (select system, entity, snapshot_id from ops_snapshots)
    """,
    "quarantined_rows_removed": """
        delete from ops_quarantine
        where (system, entity, snapshot_id) not in (select system, entity, snapshot_id from ops_snapshots)
    """,
}


class _RehearsedError(Exception):
    """Ends the transaction of a dry run, with what it would have done."""

    def __init__(self, counts: dict[str, int]) -> None:
        super().__init__()
        self.counts = counts


def let_go(
    warehouse: Warehouse, landed: pa.Table, *, before: datetime, attempted_before: datetime, dry_run: bool
) -> Effect:
    """Let go of what is old enough.

    Args:
        warehouse: The lake.
        landed: `system`, `entity` and `snapshot_id` of what is in the landing area.
        before: Snapshots that speak of a moment before it are old enough.
        attempted_before: Attempts to pull before it are; of this machine's time.
        dry_run: Whether to leave all as it is.

    Raises:
        RetryableError: Another writer held the lake for too long.
    """

    def work(transaction: Connection) -> dict[str, int]:
        transaction.register("landed_ids", landed)
        moments = {"before": before, "attempted_before": attempted_before}
        counts = {
            name: int(transaction.execute(statement, _named_in(statement, moments)).fetchall()[0][0])
            for name, statement in _DELETES.items()
        }
        if dry_run:
            raise _RehearsedError(counts)
        return counts

    try:
        counts = warehouse.write(work)
    except _RehearsedError as rehearsed:
        counts = rehearsed.counts
    return Effect(NAME, rows_removed=sum(counts.values()), counts=counts)


def _named_in(statement: str, moments: dict[str, datetime]) -> dict[str, datetime]:
    return {name: moment for name, moment in moments.items() if "$" + name in statement}

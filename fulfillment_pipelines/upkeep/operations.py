"""Let go of old records of the platform's own work: pulls, snapshots, expectations, quarantined rows.

What the rules look at stays: the last attempt of each feed and the latest that said nothing new. So does the record of
each snapshot that is still landed, since one without it would be admitted again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import pyarrow as pa

from fulfillment_pipelines.upkeep.effects import Effect
from fulfillment_pipelines.warehouse import Connection, Warehouse, delete_rows, scalar

NAME: Final = "operations"

_OF_GONE_SNAPSHOTS: Final = """
    select system, entity, snapshot_id
    from {table}
    where (system, entity, snapshot_id) not in (select system, entity, snapshot_id from ops_snapshots)
"""
_GONE: Final = {
    "ops_pulls": """
        select system, entity, attempted_at
        from ops_pulls
        where attempted_at < $attempted_before
            and (system, entity, attempted_at) not in (
                select system, entity, max(attempted_at) from ops_pulls group by system, entity
            )
            and (system, entity, coalesce(as_of, timestamptz '1970-01-01')) not in (
                select system, entity, max(as_of) from ops_pulls where as_of is not null group by system, entity
            )
    """,
    "ops_snapshots": """
        select system, entity, snapshot_id
        from ops_snapshots
        where as_of < $before
            and (system, entity, snapshot_id) not in (select system, entity, snapshot_id from landed_ids)
            and (system, entity, as_of) not in (
                select system, entity, max(as_of) from ops_snapshots group by system, entity
            )
    """,
    "ops_expectations": _OF_GONE_SNAPSHOTS.replace("{table}", "ops_expectations"),
    "ops_quarantine": _OF_GONE_SNAPSHOTS.replace("{table}", "ops_quarantine"),
}
_COUNTED_AS: Final = {
    "ops_pulls": "pulls_removed",
    "ops_snapshots": "snapshots_removed",
    "ops_expectations": "expectations_removed",
    "ops_quarantine": "quarantined_rows_removed",
}
_SNAPSHOT: Final = """
    (target.system, target.entity, target.snapshot_id) in (select system, entity, snapshot_id from gone)
"""
_IS_GONE: Final = {
    "ops_pulls": """
        (target.system, target.entity, target.attempted_at) in (select system, entity, attempted_at from gone)
    """,
    **dict.fromkeys(("ops_snapshots", "ops_expectations", "ops_quarantine"), _SNAPSHOT),
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
        counts = {_COUNTED_AS[table]: _delete(transaction, table, moments) for table in _GONE}
        if dry_run:
            raise _RehearsedError(counts)
        return counts

    try:
        counts = warehouse.write(work)
    except _RehearsedError as rehearsed:
        counts = rehearsed.counts
    return Effect(NAME, rows_removed=sum(counts.values()), counts=counts)


def _delete(transaction: Connection, table: str, moments: Mapping[str, datetime]) -> int:
    """Delete what is old enough from one table, and return how many rows it was."""
    query = _GONE[table]
    named = {name: moment for name, moment in moments.items() if "$" + name in query}
    transaction.execute("create or replace temp table gone_operations as " + query, named)
    count = scalar(transaction, "select count(*) from gone_operations")
    if count:
        delete_rows(transaction, table, _IS_GONE[table], "gone_operations")
    return count

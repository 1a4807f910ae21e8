"""Let go of Dagster's old runs with all they left: events, evaluations of checks, files of logs.

Dagster itself purges only the ticks of schedules and sensors (`retention` in dagster.yaml). Deleting a run through its
instance leaves the evaluations of checks, the captured logs and, on SQLite, the file of the run's events; and events
that were reported without a run belong to none. What an asset or a check shows now stays, however old it is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

import dagster as dg

# Dagster has no public names for its tables and storages, and no public way to let go of these rows.
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import delete, func, select

from fulfillment_pipelines.upkeep.effects import Effect, Stock

NAME: Final = "dagster"

_ENDED: Final = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_RUNLESS: Final = ""
_RUNS_AT_A_TIME: Final = 200

_Connection: TypeAlias = AbstractContextManager[Any]


def prune_home(home: Path, days: int, *, now: datetime, dry_run: bool) -> Effect:
    """Prune the instance of a Dagster home; the arguments are those of `prune`."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return prune(instance, days, now=now, dry_run=dry_run)


def prune(instance: dg.DagsterInstance, days: int, *, now: datetime, dry_run: bool) -> Effect:
    """Let go of what is older, and measure it.

    Args:
        instance: Of Dagster.
        days: How many days runs are kept.
        now: The moment, by the clock of this machine, which stamps runs.
        dry_run: Whether to leave all as it is.
    """
    began = time.monotonic()
    before = now.astimezone(UTC) - timedelta(days=days)
    pruning = _Pruning(instance, before)
    going = list(pruning.old_runs())
    stock = pruning.stock()
    effect = Effect(NAME, stock, stock, counts={"runs_removed": len(going)})
    if not dry_run:
        for run_id in going:
            pruning.remove(run_id)
        runless = pruning.remove_runless()
        evaluations = pruning.remove_evaluations(going)
        counts = {"runs_removed": len(going), "runless_events_removed": runless, "evaluations_removed": evaluations}
        effect = replace(effect, after=pruning.stock(), counts=counts, rows_removed=sum(counts.values()))
    return replace(effect, seconds=time.monotonic() - began)


class _Pruning:
    """What is done to one instance for one moment."""

    def __init__(self, instance: dg.DagsterInstance, before: datetime) -> None:
        self._instance = instance
        self._before = before
        self._storage = instance.event_log_storage

    def old_runs(self) -> Iterator[str]:
        """Return the runs that ended and are old, but the last of each job, the oldest first."""
        last: dict[str, str] = {}
        cursor: str | None = None
        while records := self._instance.get_run_records(
            dg.RunsFilter(statuses=_ENDED, created_before=self._before),
            limit=_RUNS_AT_A_TIME,
            cursor=cursor,
            ascending=True,
        ):
            for run in (record.dagster_run for record in records):
                if run.job_name not in last:
                    last[run.job_name] = self._last_run_of(run.job_name)
                if run.run_id != last[run.job_name]:
                    yield run.run_id
            cursor = records[-1].dagster_run.run_id

    def remove(self, run_id: str) -> None:
        """Remove a run with its events and logs."""
        self._instance.delete_run(run_id)
        self._instance.compute_log_manager.delete_logs(prefix=[run_id])
        if isinstance(self._storage, SqliteEventLogStorage):
            shard = Path(self._storage.path_for_shard(run_id))
            for path in shard.parent.glob(shard.name + "*"):
                path.unlink(missing_ok=True)

    def remove_runless(self) -> int:
        """Remove old events that were reported without a run, but the last of each kind of each asset."""
        events = SqlEventLogStorageTable.c
        newest = (
            select(func.max(events.id))
            .where(events.run_id == _RUNLESS)
            .group_by(events.asset_key, events.dagster_event_type)
        )
        old = (
            events.run_id == _RUNLESS,
            events.timestamp < self._before.replace(tzinfo=None),
            events.id.not_in(newest.scalar_subquery()),
        )
        removed = 0
        for opened in self._stores_of_runless():
            with opened as connection:
                gone = select(events.id).where(*old)
                connection.execute(delete(AssetEventTagsTable).where(AssetEventTagsTable.c.event_id.in_(gone)))
                removed = connection.execute(delete(SqlEventLogStorageTable).where(*old)).rowcount
        return removed

    def remove_evaluations(self, runs: list[str]) -> int:
        """Remove the evaluations of checks in these runs, and old ones without a run, but the last of each check."""
        if not isinstance(self._storage, SqlEventLogStorage):
            return 0
        rows = AssetCheckExecutionsTable.c
        newest = select(func.max(rows.id)).group_by(rows.asset_key, rows.check_name)
        stays = rows.id.in_(newest.scalar_subquery())
        conditions = [
            (rows.run_id == _RUNLESS, rows.create_timestamp < self._before.replace(tzinfo=None)),
            *(
                (rows.run_id.in_(runs[first : first + _RUNS_AT_A_TIME]),)
                for first in range(0, len(runs), _RUNS_AT_A_TIME)
            ),
        ]
        with self._storage.index_connection() as connection:
            statements = (delete(AssetCheckExecutionsTable).where(*condition, ~stays) for condition in conditions)
            return sum(connection.execute(statement).rowcount for statement in statements)

    def stock(self) -> Stock:
        """Count the files of an instance that keeps files on this machine."""
        if not isinstance(self._storage, SqliteEventLogStorage):
            return Stock()
        return Stock.of(Path(self._instance.root_directory))

    def _last_run_of(self, job_name: str) -> str:
        return self._instance.get_run_records(dg.RunsFilter(job_name=job_name), limit=1)[0].dagster_run.run_id

    def _stores_of_runless(self) -> Iterator[_Connection]:
        """SQLite keeps such events twice: in the index of all assets, and in the file of runs without a name."""
        if isinstance(self._storage, SqliteEventLogStorage):
            yield self._storage.run_connection(_RUNLESS)
        if isinstance(self._storage, SqlEventLogStorage):
            yield self._storage.index_connection()

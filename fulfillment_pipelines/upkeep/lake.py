"""Merge the small files that many small commits leave, and let go of history that nobody asks for any more.

Readers are not disturbed: a file is removed only when no version of the lake within the history needs it. Files that a
crash left behind, which no version has, go when they are older than any write takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

from fulfillment_pipelines.stores.lake_location import LakeLocation
from fulfillment_pipelines.upkeep.effects import Effect, Stock
from fulfillment_pipelines.warehouse import Warehouse

_Run: TypeAlias = Callable[[str, Mapping[str, Any]], list[Any]]

NAME: Final = "lake"

_LONGEST_WRITE: Final = timedelta(days=1)
_DATE: Final = timedelta(days=1)
# A file of which rows were deleted is merged with no other, however small it is, until it is written anew without them.
# A large one is not for a few deleted rows; many small ones, each with a few, cost every reader more than that.
_MOST_FILES_WITH_DELETED_ROWS: Final = 8
_TABLES_TO_REWRITE: Final = """
    select tables.table_name
    from {metadata}.ducklake_delete_file as deletes
    inner join {metadata}.ducklake_table as tables on deletes.table_id = tables.table_id
    where deletes.end_snapshot is null and tables.end_snapshot is null
    group by tables.table_name
    having count(*) > $most_files
    order by tables.table_name
"""
_REWRITE: Final = "call ducklake_rewrite_data_files($lake, $table, delete_threshold => 0)"
_MERGE: Final = ("call ducklake_rewrite_data_files($lake)", "call ducklake_merge_adjacent_files($lake)")
_OLD: Final = "select snapshot_id from ducklake_snapshots($lake) where snapshot_time < $before order by snapshot_id"
_EXPIRE: Final = "call ducklake_expire_snapshots($lake, versions => $versions, dry_run => $dry_run)"
_CLEAN_UP: Final = "call ducklake_cleanup_old_files($lake, older_than => $before, dry_run => $dry_run)"
_CLEAN_ORPHANS: Final = "call ducklake_delete_orphaned_files($lake, older_than => $before, dry_run => $dry_run)"


def keep_small(warehouse: Warehouse, *, history: timedelta, dry_run: bool) -> Effect:
    """Do it, and measure.

    Args:
        warehouse: The lake.
        history: How long it can be asked what it held then, by the clock of this machine, which stamps its versions.
        dry_run: Only say what would go; what merging would bring is not known before.

    Raises:
        RetryableError: Another writer held the lake for too long, or conflicts did not end.
    """
    before = stock_of(warehouse.location)
    merged = {"files_merged": 0, "files_written": 0} if dry_run else _merge(warehouse)
    with warehouse.maintaining() as run:
        let_go = _let_go(run, warehouse, history, dry_run=dry_run)
    return Effect(NAME, before, stock_of(warehouse.location), counts={**merged, **let_go})


def _merge(warehouse: Warehouse) -> Mapping[str, int]:
    """Merge files, table by table: a large one takes its time, and other writers come in between."""
    lake = warehouse.lake_name
    metadata = f'"__ducklake_metadata_{lake}"'
    many = {"most_files": _MOST_FILES_WITH_DELETED_ROWS}
    with warehouse.maintaining() as run:
        tables = [table for (table,) in run(_TABLES_TO_REWRITE.replace("{metadata}", metadata), many)]
    calls = [(_REWRITE, {"lake": lake, "table": table}) for table in tables]
    merged = []
    for statement, parameters in (*calls, *((statement, {"lake": lake}) for statement in _MERGE)):
        with warehouse.maintaining() as run:
            merged += [row[2:] for row in run(statement, parameters)]
    return {"files_merged": sum(read for read, _ in merged), "files_written": sum(written for _, written in merged)}


def _let_go(run: _Run, warehouse: Warehouse, history: timedelta, *, dry_run: bool) -> Mapping[str, int]:
    """Let go of old versions and of files that only they need.

    A catalogue in SQLite keeps moments as text, and DuckLake compares them by their date alone: all of a day would go
    with its first moment. So versions are named one by one, and files wait a day longer.
    """
    now, lake = datetime.now(UTC), warehouse.lake_name
    before = now - history
    versions = [version for (version,) in run(_OLD, {"lake": lake, "before": before})]
    expired = run(_EXPIRE, {"lake": lake, "versions": versions, "dry_run": dry_run}) if versions else []
    longer = _DATE if history and warehouse.location.embedded else timedelta()
    of_files = {"lake": lake, "before": before - longer, "dry_run": dry_run}
    of_orphans = {"lake": lake, "before": min(before, now - _LONGEST_WRITE), "dry_run": dry_run}
    return {
        "versions_expired": len(expired),
        "files_removed": len(run(_CLEAN_UP, of_files)),
        "orphans_removed": len(run(_CLEAN_ORPHANS, of_orphans)),
    }


def stock_of(location: LakeLocation) -> Stock:
    """Count the files of a lake and of its catalogue, as far as they lie on this machine."""
    stock = Stock() if "://" in location.data_path else Stock.of(Path(location.data_path))
    if not location.embedded:
        return stock
    catalog = Path(location.catalog.partition(":")[2])
    own = [path for path in catalog.parent.glob(catalog.name + "*") if path.is_file()]
    return stock + Stock(len(own), sum(path.stat().st_size for path in own))

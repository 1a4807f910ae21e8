"""Merge the small files that many small commits leave, and let go of history that nobody asks for any more.

Readers are not disturbed: a file is removed only when no version of the lake within the history needs it. Files that a
crash left behind, which no version has, go when they are older than any write takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from fulfillment_pipelines.stores.lake_location import LakeLocation
from fulfillment_pipelines.upkeep.effects import Effect, Stock
from fulfillment_pipelines.warehouse import Warehouse

NAME: Final = "lake"

_LONGEST_WRITE: Final = timedelta(days=1)
_MERGE: Final = ("call ducklake_rewrite_data_files('lake')", "call ducklake_merge_adjacent_files('lake')")
_EXPIRE: Final = "call ducklake_expire_snapshots('lake', older_than => $before, dry_run => $dry_run)"
_CLEAN_UP: Final = "call ducklake_cleanup_old_files('lake', older_than => $before, dry_run => $dry_run)"
_CLEAN_ORPHANS: Final = "call ducklake_delete_orphaned_files('lake', older_than => $before, dry_run => $dry_run)"


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
    counts = _maintain(warehouse, datetime.now(UTC) - history, dry_run=dry_run)
    return Effect(NAME, before, stock_of(warehouse.location), counts=counts)


def _maintain(warehouse: Warehouse, before: datetime, *, dry_run: bool) -> Mapping[str, int]:
    of_history = {"before": before, "dry_run": dry_run}
    of_orphans = {"before": min(before, datetime.now(UTC) - _LONGEST_WRITE), "dry_run": dry_run}
    with warehouse.maintaining() as run:
        merged = [] if dry_run else [row[2:] for statement in _MERGE for row in run(statement, {})]
        return {
            "files_merged": sum(read for read, _ in merged),
            "files_written": sum(written for _, written in merged),
            "versions_expired": len(run(_EXPIRE, of_history)),
            "files_removed": len(run(_CLEAN_UP, of_history)),
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

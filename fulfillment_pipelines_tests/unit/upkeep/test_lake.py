"""Small files are merged and old history goes, and nobody who reads within the history is disturbed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fulfillment_pipelines.stores.lake_location import LakeLocation
from fulfillment_pipelines.upkeep.lake import keep_small
from fulfillment_pipelines.warehouse import Warehouse

DAY = timedelta(days=1)
_TWO = "insert into numbers values ($first), ($second)"
_NOT_THE_SECOND = "delete from numbers where number = $second"


def _location(folder: Path) -> LakeLocation:
    return LakeLocation(f"sqlite:{folder / 'catalog.sqlite'}", str(folder / "lake"), folder / "lock", threads=1)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Warehouse]:
    """A lake with one table of numbers, in two files."""
    warehouse = Warehouse(_location(tmp_path))
    warehouse.write(lambda transaction: transaction.execute("create table numbers as select 1 as number"))
    _add(warehouse, 2)
    yield warehouse
    warehouse.close()


def _add(warehouse: Warehouse, number: int) -> None:
    warehouse.write(lambda transaction: transaction.execute("insert into numbers values ($number)", {"number": number}))


def _numbers(warehouse: Warehouse) -> list[int]:
    found: list[int] = warehouse.query("select number from numbers order by number").column(0).to_pylist()
    return found


def _parquet_files(folder: Path) -> list[Path]:
    return list((folder / "lake").rglob("*.parquet"))


def test_small_files_are_merged_and_no_row_is_lost(lake: Warehouse, tmp_path: Path) -> None:
    for number in range(3, 12):
        _add(lake, number)

    effect = keep_small(lake, history=timedelta(0), dry_run=False)

    assert _numbers(lake) == list(range(1, 12))
    assert (effect.counts["files_merged"], effect.counts["files_written"]) == (11, 1)
    assert len(_parquet_files(tmp_path)) == 1
    assert effect.before.files - effect.after.files == 10


def test_history_within_the_period_can_still_be_asked_for(lake: Warehouse) -> None:
    version = lake.query("select max(snapshot_id) as version from ducklake_snapshots('lake')").column(0)[0].as_py()
    _add(lake, 3)

    keep_small(lake, history=DAY, dry_run=False)

    then = lake.query(f"select number from numbers at (version => {version}) order by number")
    assert then.column(0).to_pylist() == [1, 2]


def test_what_was_written_earlier_today_can_be_asked_for_when_the_period_is_shorter_than_a_day(lake: Warehouse) -> None:
    version = lake.query("select max(snapshot_id) as version from ducklake_snapshots('lake')").column(0)[0].as_py()
    _add(lake, 3)

    effect = keep_small(lake, history=timedelta(minutes=10), dry_run=False)

    then = lake.query(f"select number from numbers at (version => {version}) order by number")
    assert then.column(0).to_pylist() == [1, 2]
    assert effect.counts["versions_expired"] == 0


def test_a_file_that_merging_made_needless_stays_for_the_period(lake: Warehouse, tmp_path: Path) -> None:
    keep_small(lake, history=timedelta(minutes=10), dry_run=False)

    assert len(_parquet_files(tmp_path)) == 3

    keep_small(lake, history=timedelta(0), dry_run=False)

    assert len(_parquet_files(tmp_path)) == 1


def test_many_small_files_of_which_rows_were_deleted_become_one(lake: Warehouse, tmp_path: Path) -> None:
    for number in range(10):
        values = {"first": 100 + number, "second": 200 + number}
        lake.write(lambda transaction, values=values: transaction.execute(_TWO, values))
        lake.write(
            lambda transaction, values=values: transaction.execute(_NOT_THE_SECOND, {"second": values["second"]})
        )

    effect = keep_small(lake, history=timedelta(0), dry_run=False)

    assert _numbers(lake) == [1, 2, *range(100, 110)]
    assert len(_parquet_files(tmp_path)) == 1
    assert effect.counts["files_merged"] >= 12


def test_a_few_deleted_rows_are_no_reason_to_write_a_table_anew(lake: Warehouse, tmp_path: Path) -> None:
    lake.write(lambda transaction: transaction.execute("create table wide as from range(1000) as rows (number)"))
    lake.write(lambda transaction: transaction.execute("delete from wide where number = 7"))
    before = {path for path in _parquet_files(tmp_path) if path.parent.name == "wide"}

    keep_small(lake, history=timedelta(0), dry_run=False)

    assert {path for path in _parquet_files(tmp_path) if path.parent.name == "wide"} == before


def test_a_reader_goes_on_with_what_it_began_with_while_house_is_kept(lake: Warehouse, tmp_path: Path) -> None:
    reader = Warehouse(_location(tmp_path), read_only=True)
    with reader.reading() as cursor:
        cursor.execute("begin transaction")
        cursor.execute("select count(*) from numbers").fetchall()
        for number in (3, 4):
            _add(lake, number)

        effect = keep_small(lake, history=DAY, dry_run=False)

        assert cursor.execute("select number from numbers order by number").fetchall() == [(1,), (2,)]
        cursor.execute("rollback")
    reader.close()
    assert effect.counts["files_merged"] > 0
    assert effect.counts["files_removed"] == 0


def test_what_a_crash_left_goes_and_what_may_still_be_written_stays(lake: Warehouse, tmp_path: Path) -> None:
    folder = _parquet_files(tmp_path)[0].parent
    orphan, young = folder / "orphan.parquet", folder / "young.parquet"
    for path, age in ((orphan, 2 * DAY), (young, timedelta(hours=1))):
        path.write_bytes(_parquet_files(tmp_path)[0].read_bytes())
        then = (datetime.now(UTC) - age).timestamp()
        os.utime(path, (then, then))

    effect = keep_small(lake, history=timedelta(0), dry_run=False)

    assert (orphan.exists(), young.exists()) == (False, True)
    assert effect.counts["orphans_removed"] == 1


def test_a_dry_run_touches_nothing(lake: Warehouse, tmp_path: Path) -> None:
    before = sorted(_parquet_files(tmp_path))

    effect = keep_small(lake, history=timedelta(0), dry_run=True)

    assert sorted(_parquet_files(tmp_path)) == before
    assert effect.counts["versions_expired"] > 0
    assert effect.counts["files_merged"] == 0

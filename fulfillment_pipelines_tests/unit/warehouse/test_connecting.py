from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from pyarrow import parquet
from sqlalchemy.engine import make_url

from fulfillment_pipelines.errors import BadDataError, RetryableError
from fulfillment_pipelines.stores.lake_location import LakeLocation
from fulfillment_pipelines.warehouse import (
    Connection,
    Warehouse,
    ensure_table,
    insert_rows,
    query_rows,
    replace_rows,
    scalar,
    scratch,
)


def _location(folder: Path) -> LakeLocation:
    return LakeLocation(f"sqlite:{folder / 'catalog.sqlite'}", str(folder / "lake"), folder / "lock", threads=1)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Warehouse]:
    """A lake with one table of numbers."""
    warehouse = Warehouse(_location(tmp_path))
    warehouse.write(lambda transaction: transaction.execute("create table numbers as select 1 as number"))
    yield warehouse
    warehouse.close()


def _numbers(warehouse: Warehouse) -> list[int]:
    found: list[int] = warehouse.query("select number from numbers order by number").column(0).to_pylist()
    return found


def test_what_is_written_is_there_after_reopening(lake: Warehouse, tmp_path: Path) -> None:
    lake.close()

    reopened = Warehouse(_location(tmp_path))
    assert _numbers(reopened) == [1]
    reopened.close()


def test_a_closed_warehouse_opens_again_at_its_next_use(lake: Warehouse) -> None:
    lake.close()

    assert _numbers(lake) == [1]


@pytest.mark.parametrize("verify", [True, False])
def test_signatures_of_extensions_are_checked_unless_the_location_says_otherwise(tmp_path: Path, verify: bool) -> None:
    asked = _location(tmp_path) if verify else replace(_location(tmp_path), verify_extensions=False)

    with closing(Warehouse(asked)) as warehouse:
        found = warehouse.query("select current_setting('allow_unsigned_extensions') as is_unsigned_allowed")

    assert found.column(0).to_pylist() == [not verify]


def test_a_transaction_that_fails_leaves_nothing(lake: Warehouse) -> None:
    def work(transaction: Connection) -> None:
        transaction.execute("insert into numbers values (2)")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        lake.write(work)
    assert _numbers(lake) == [1]


def test_a_conflict_is_run_again_from_its_beginning(lake: Warehouse) -> None:
    runs = []

    def work(transaction: Connection) -> None:
        runs.append(1)
        transaction.execute("insert into numbers values (2)")
        if len(runs) < 3:
            raise duckdb.TransactionException("Transaction conflict: try again")

    lake.write(work)

    assert len(runs) == 3
    assert _numbers(lake) == [1, 2]


def test_an_error_that_is_no_conflict_is_not_tried_again(lake: Warehouse) -> None:
    runs = []

    def work(transaction: Connection) -> None:
        runs.append(1)
        transaction.execute("select * from nowhere")

    with pytest.raises(duckdb.CatalogException):
        lake.write(work)
    assert runs == [1]


def test_a_query_that_cannot_be_run_says_why_and_what_can_be_asked(lake: Warehouse) -> None:
    with pytest.raises(BadDataError, match=r"nowhere does not exist.*show tables"):
        lake.query("select * from nowhere")
    assert _numbers(lake) == [1]


def test_parameters_are_bound(lake: Warehouse) -> None:
    assert lake.query("select $text as text", {"text": "'; drop table numbers"}).to_pylist() == [
        {"text": "'; drop table numbers"}
    ]


def test_time_is_utc_whatever_the_machine_says(lake: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")

    assert lake.query("select current_setting('timezone') as zone").to_pylist() == [{"zone": "UTC"}]


@pytest.mark.usefixtures("lake")
def test_a_reader_cannot_write(tmp_path: Path) -> None:
    reader = Warehouse(_location(tmp_path), read_only=True)

    assert _numbers(reader) == [1]
    with pytest.raises(duckdb.Error, match="read-only"):
        reader.write(lambda transaction: transaction.execute("insert into numbers values (2)"))
    reader.close()


def test_a_reader_of_a_lake_that_is_not_there_is_told_how_it_comes_to_be(tmp_path: Path) -> None:
    with pytest.raises(RetryableError, match=r"could not be attached.*fulfillment run"):
        Warehouse(_location(tmp_path), read_only=True).query("select 1")


def test_two_warehouses_of_one_process_see_each_others_commits(lake: Warehouse, tmp_path: Path) -> None:
    other = Warehouse(_location(tmp_path))
    other.write(lambda transaction: transaction.execute("insert into numbers values (2)"))

    assert _numbers(lake) == [1, 2]
    other.close()


def test_rows_are_inserted_by_the_names_of_their_columns() -> None:
    warehouse = scratch()

    def work(transaction: Connection) -> int:
        ensure_table(transaction, "pairs", "select 1 as a, 'x' as b")
        ensure_table(transaction, "pairs", "select 1 as other")
        insert_rows(transaction, "pairs", "select $b as b, 7 as a", {"b": "y"})
        replace_rows(transaction, "pairs", "select 'z' as b, 8 as a")
        return scalar(transaction, "select a from pairs where b = 'z'")

    assert warehouse.write(work) == 8
    assert warehouse.query("select count(*) as pairs from pairs").to_pylist() == [{"pairs": 1}]
    warehouse.close()


@pytest.mark.parametrize("made_anew_from_rows", [1, 100])
@pytest.mark.usefixtures("lake")
def test_a_reader_sees_the_rows_that_were_replaced_until_the_others_are_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_anew_from_rows: int
) -> None:
    monkeypatch.setattr("fulfillment_pipelines.warehouse.tables.MADE_ANEW_FROM_ROWS", made_anew_from_rows)
    with closing(Warehouse(_location(tmp_path))) as writer, closing(Warehouse(_location(tmp_path))) as reader:

        def work(transaction: Connection) -> None:
            replace_rows(transaction, "numbers", "select 2 as number union all select 3", existing={"numbers"})
            assert scalar(transaction, "select sum(number) from numbers") == 5
            assert _numbers(reader) == [1]

        writer.write(work)
        assert _numbers(reader) == [2, 3]


def _add(warehouse: Warehouse, number: int) -> None:
    warehouse.write(lambda transaction: transaction.execute("insert into numbers values ($number)", {"number": number}))


def test_a_lake_may_keep_its_catalogue_in_postgresql(postgres_database_url: str, tmp_path: Path) -> None:
    url = make_url(postgres_database_url)
    connection = f"dbname={url.database} host={url.host} port={url.port} user={url.username} password={url.password}"
    location = LakeLocation(f"postgres:{connection}", str(tmp_path / "lake"), tmp_path / "lock", threads=1)
    writer, reader = Warehouse(location), Warehouse(location, read_only=True)
    writer.write(lambda transaction: transaction.execute("create table numbers as select 1 as number"))
    _add(writer, 2)

    assert _numbers(reader) == [1, 2]
    assert not (tmp_path / "lock").exists(), "PostgreSQL serialises writers itself"
    writer.close()
    reader.close()


def test_questions_of_one_moment_see_nothing_of_what_is_written_meanwhile(lake: Warehouse, tmp_path: Path) -> None:
    with closing(Warehouse(_location(tmp_path))) as reader:
        with reader.reading_one_moment() as connection:
            before = scalar(connection, "select count(*) from numbers")
            lake.write(lambda transaction: transaction.execute("insert into numbers values (2)"))
            assert (before, scalar(connection, "select count(*) from numbers")) == (1, 1)
        assert _numbers(reader) == [1, 2]


def test_a_question_that_fails_leaves_no_moment_behind(lake: Warehouse) -> None:
    def ask_in_vain() -> None:
        with lake.reading_one_moment() as connection:
            query_rows(connection, "select number from nothing")

    with pytest.raises(BadDataError):
        ask_in_vain()
    lake.write(lambda transaction: transaction.execute("insert into numbers values (2)"))
    assert _numbers(lake) == [1, 2]


def test_large_tables_are_written_in_small_row_groups(tmp_path: Path) -> None:
    with closing(Warehouse(_location(tmp_path))) as warehouse:
        warehouse.write(lambda transaction: transaction.execute("create table numbers as from range(100_000)"))
    groups = [
        parquet.read_metadata(file).row_group(number).num_rows
        for file in (tmp_path / "lake").rglob("*.parquet")
        for number in range(parquet.read_metadata(file).num_row_groups)
    ]

    assert sorted(groups, reverse=True) == [32_768, 32_768, 32_768, 1_696]

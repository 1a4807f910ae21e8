"""The folder through which tables reach Spark: it holds what the transaction sees, and nothing afterwards."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from fulfillment_pipelines.engines import exchange_in
from fulfillment_pipelines.warehouse import Connection, SqlError, scratch


def test_a_table_is_shown_as_the_transaction_sees_it_and_removed_with_the_run(tmp_path: Path) -> None:
    exchange = exchange_in(str(tmp_path), fs.LocalFileSystem())
    warehouse = scratch()

    def show(transaction: Connection) -> list[int]:
        transaction.execute("create table lake.main.canon_orders as select unnest([1, 2, 3]) as line_no")
        transaction.execute("delete from canon_orders where line_no = 2")
        with exchange.opened() as folder:
            file = folder.put(transaction, "canon_orders")
            again = folder.put(transaction, "canon_orders")
            assert file != again
            numbers: list[int] = pq.read_table(file).column("line_no").to_pylist()
        return numbers

    assert warehouse.write(show) == [1, 3]
    warehouse.close()
    assert list((tmp_path / "exchange").iterdir()) == []


def test_a_run_that_fails_leaves_no_files(tmp_path: Path) -> None:
    exchange = exchange_in(str(tmp_path), fs.LocalFileSystem())
    warehouse = scratch()
    with warehouse.reading() as cursor:
        cursor.execute("create or replace temp table canon_orders as select 1 as line_no")

        def fail() -> None:
            with exchange.opened() as folder:
                folder.put(cursor, "canon_orders")
                folder.put(cursor, "canon_nowhere")

        with pytest.raises(SqlError):
            fail()
    warehouse.close()
    assert list((tmp_path / "exchange").iterdir()) == []


def test_both_sides_name_a_folder_of_an_object_store_alike() -> None:
    exchange = exchange_in("s3://bucket/lake/", fs.LocalFileSystem())
    assert (exchange.url, exchange.root) == ("s3://bucket/lake/exchange", "bucket/lake/exchange")

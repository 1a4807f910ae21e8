from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from fulfillment_pipelines.loop.operations import (
    admitted_snapshots,
    create_operations_tables,
    last_cursors,
    latest_as_of,
)
from fulfillment_pipelines.warehouse import Connection, Warehouse, scratch

SQL = Path(__file__).parents[3] / "sql" / "00_operations"


@pytest.fixture
def lake() -> Iterator[Warehouse]:
    """A lake with empty operations tables."""
    warehouse = scratch()
    warehouse.write(partial(create_operations_tables, SQL))
    yield warehouse
    warehouse.close()


def _admitted(lake: Warehouse, snapshot_id: str, hour: int, cursor: str | None, *, is_complete: bool = True) -> None:
    row = {
        "snapshot_id": snapshot_id,
        "as_of": datetime(2026, 3, 2, hour, tzinfo=UTC),
        "cursor_to": cursor,
        "is_complete": is_complete,
    }

    def insert(transaction: Connection) -> None:
        transaction.execute(
            """
            insert into ops_snapshots
            select
                $snapshot_id, 'erp', 'orders', 'orders', '1', $as_of, $as_of, 0, null, $cursor_to, true, $is_complete,
                '', 1, 0, '', null, 0, 0, 0, 0, 0, 0, 0, 0
            """,
            row,
        )

    lake.write(insert)


def test_creating_the_tables_again_keeps_what_is_in_them(lake: Warehouse) -> None:
    _admitted(lake, "S-1", 8, "5")
    lake.write(partial(create_operations_tables, SQL))

    assert admitted_snapshots(lake) == {("erp", "orders"): {"S-1"}}


def test_nothing_has_been_reported_before_the_first_snapshot(lake: Warehouse) -> None:
    assert latest_as_of(lake) is None


def test_the_latest_moment_is_the_latest_that_any_snapshot_speaks_of(lake: Warehouse) -> None:
    _admitted(lake, "S-2", 9, "6")
    _admitted(lake, "S-1", 8, "5")

    assert latest_as_of(lake) == datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_the_next_pull_continues_from_the_last_complete_answer(lake: Warehouse) -> None:
    _admitted(lake, "S-1", 8, "5")
    _admitted(lake, "S-2", 9, "6")
    _admitted(lake, "S-3", 10, "7", is_complete=False)
    _admitted(lake, "S-4", 11, None)

    assert last_cursors(lake) == {("erp", "orders"): "6"}


def test_a_table_of_an_earlier_version_is_given_the_columns_it_lacks_and_keeps_its_rows() -> None:
    warehouse = scratch()

    def older(transaction: Connection) -> None:
        transaction.execute("create table lake.main.ops_changed_keys (snapshot_id varchar, order_id varchar)")
        transaction.execute("insert into lake.main.ops_changed_keys values ('S-1', 'SO-1')")

    warehouse.write(older)
    warehouse.write(partial(create_operations_tables, SQL))
    (row,) = warehouse.query("select order_id, shipment_id, customer_id from ops_changed_keys").to_pylist()
    warehouse.close()
    assert row == {"order_id": "SO-1", "shipment_id": None, "customer_id": None}

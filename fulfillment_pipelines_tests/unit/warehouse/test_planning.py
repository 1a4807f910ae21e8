from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from fulfillment_pipelines.warehouse import Connection, SqlError, Warehouse, joining_as_written, scratch

FEW_WITH_MANY = "select few.number from few inner join many on few.number = many.number"


@pytest.fixture
def lake() -> Iterator[Warehouse]:
    with closing(scratch(threads=1)) as warehouse:

        def work(transaction: Connection) -> None:
            transaction.execute("create table few as select range as number from range(10)")
            transaction.execute("create table many as select range as number from range(100_000)")

        warehouse.write(work)
        yield warehouse


def _held(connection: Connection) -> str:
    """Which table the join keeps in memory: that of its second side."""
    found = connection.execute("explain (format json) " + FEW_WITH_MANY).fetchall()
    table: str = _join(json.loads(found[0][1])[0])["children"][1]["extra_info"]["Table"]
    return table.rpartition(".")[2]


def _join(plan: dict[str, Any]) -> dict[str, Any]:
    return plan if plan["name"].strip() == "HASH_JOIN" else _join(plan["children"][0])


def test_a_join_holds_the_side_that_is_written_behind_it(lake: Warehouse) -> None:
    with lake.reading() as cursor:
        assert _held(cursor) == "few"
        with joining_as_written(cursor):
            assert _held(cursor) == "many"
        assert _held(cursor) == "few"


def test_what_is_asked_after_a_run_that_failed_is_planned_as_ever(lake: Warehouse) -> None:
    def work(transaction: Connection) -> None:
        with joining_as_written(transaction):
            transaction.execute("select error('no')").fetchall()

    with pytest.raises(SqlError, match="no"):
        lake.write(work)
    with lake.reading() as cursor:
        assert _held(cursor) == "few"

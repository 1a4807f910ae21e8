"""Only rows that differ are written, and sums are carried forward exactly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fulfillment_pipelines.reconcile.row_changes import carried_forward, note_moved, write_anew, write_moved
from fulfillment_pipelines.warehouse import Connection, scratch


@pytest.fixture
def cursor() -> Iterator[Connection]:
    lake = scratch()
    with lake.reading() as cursor:
        cursor.execute(
            "create table lake.main.states as select * from (values ('A', 1), ('A', 2), ('B', 1)) as t(k, n)"
        )
        cursor.execute("create or replace temp table known as from lake.main.states")
        yield cursor
    lake.close()


def _present(cursor: Connection, rows: str) -> None:
    cursor.execute("create or replace temp table wanted as select * from (values " + rows + ") as t(k, n)")


def _states(cursor: Connection) -> list[tuple[str, int]]:
    return sorted(cursor.execute("select k, n from lake.main.states").fetchall())


def test_rows_as_they_were_are_not_written(cursor: Connection) -> None:
    _present(cursor, "('B', 1), ('A', 2), ('A', 1)")
    cursor.execute("delete from lake.main.states")
    assert not write_moved(cursor, "states", "k", earlier="known", present="wanted")
    assert _states(cursor) == []


def test_a_key_of_which_one_row_differs_gets_the_rows_it_shall_have(cursor: Connection) -> None:
    _present(cursor, "('A', 1), ('A', 3), ('C', 9), ('B', 1)")
    assert write_moved(cursor, "states", "k", earlier="known", present="wanted")
    assert _states(cursor) == [("A", 1), ("A", 3), ("B", 1), ("C", 9)]


def test_a_key_whose_rows_are_gone_has_none(cursor: Connection) -> None:
    _present(cursor, "('B', 1)")
    assert write_moved(cursor, "states", "k", earlier="known", present="wanted")
    assert _states(cursor) == [("B", 1)]


def test_a_row_that_stands_twice_is_not_the_same_as_once(cursor: Connection) -> None:
    _present(cursor, "('A', 1), ('A', 2), ('B', 1), ('B', 1)")
    assert write_moved(cursor, "states", "k", earlier="known", present="wanted")
    assert _states(cursor) == [("A", 1), ("A", 2), ("B", 1), ("B", 1)]


def test_rows_are_compared_with_their_nulls_and_as_often_as_they_stand(cursor: Connection) -> None:
    cursor.execute("create or replace temp table before (k varchar, n integer)")
    cursor.execute("create or replace temp table after (k varchar, n integer)")
    cursor.execute("insert into before values ('A', null), ('B', 1), ('B', 1), (null, 3)")
    cursor.execute("insert into after values ('A', null), ('B', 1), ('C', null), (null, 3)")
    assert note_moved(cursor, "moved", earlier="before", present="after") == 2
    assert sorted(cursor.execute("from moved").fetchall()) == [("B", 1), ("C", None)]


def test_a_small_table_is_replaced_where_anything_differs(cursor: Connection) -> None:
    _present(cursor, "('D', 4)")
    assert write_anew(cursor, "states", earlier="known", present="wanted")
    assert _states(cursor) == [("D", 4)]


def test_sums_are_carried_forward_and_a_group_without_rows_goes(cursor: Connection) -> None:
    for name, rows in (
        ("kept", "('EAST', 3, 10.10), ('WEST', 1, 0.05), (null, 1, 1.00)"),
        ("gone", "('EAST', 1, 0.20), ('WEST', 1, 0.05)"),
        ("come", "('EAST', 2, 5.00), ('NORTH', 1, 7.00)"),
    ):
        statement = "create or replace temp table " + name + " as select * from (values " + rows + ") as t(node, c, a)"
        cursor.execute(statement)
    sums = [("c", "bigint"), ("a", "decimal(18, 2)")]
    rows = cursor.execute(carried_forward("kept", "gone", "come", ["node"], sums)).fetchall()
    told = sorted((node or "", count, str(amount)) for node, count, amount in rows)
    assert told == [("", 1, "1.00"), ("EAST", 4, "14.90"), ("NORTH", 1, "7.00")]

"""Keys are looked for family by family, and every key is in exactly one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from fulfillment_pipelines.reconcile.key_families import KeyFamilies, together
from fulfillment_pipelines.warehouse import Connection, scratch

_MANY = 60
"""More than DuckDB lists unless it is told to."""

_STATEMENT = "select order_id from lines where order_id in (select key from affected_keys)"


@pytest.fixture
def cursor() -> Iterator[Connection]:
    lake = scratch()
    with lake.reading() as cursor:
        cursor.execute("create or replace temp table wanted (key varchar)")
        cursor.execute("create or replace temp table lines (order_id varchar)")
        yield cursor
    lake.close()


def _fill(cursor: Connection, table: str, keys: Sequence[str]) -> None:
    cursor.executemany("insert into " + table + " values (?)", [[key] for key in keys])


def _selects_with_none(cursor: Connection) -> list[str]:
    families = KeyFamilies(cursor, "wanted")
    return families.selects(_STATEMENT, {}) + families.selects_of_none(_STATEMENT, {})


def test_keys_that_begin_alike_are_looked_for_together_and_others_apart(cursor: Connection) -> None:
    _fill(cursor, "wanted", [f"{beginning}-{number}" for beginning in ("SO", "WEB") for number in range(_MANY)])
    assert len(KeyFamilies(cursor, "wanted").selects(_STATEMENT, {})) == 2


def test_few_keys_are_looked_for_together_whatever_they_begin_with(cursor: Connection) -> None:
    """Few are as many as DuckDB lists, and a process that stays has it list more."""
    _fill(cursor, "wanted", ["SO-1", "SO-2", "WEB-1"])
    assert len(KeyFamilies(cursor, "wanted").selects(_STATEMENT, {})) == 1
    _fill(cursor, "wanted", [f"WEB-{number}" for number in range(_MANY)])
    assert len(KeyFamilies(cursor, "wanted").selects(_STATEMENT, {})) == 2
    cursor.execute("set dynamic_or_filter_threshold = 5000")
    assert len(KeyFamilies(cursor, "wanted").selects(_STATEMENT, {})) == 1


@pytest.mark.parametrize("others", [0, _MANY])
def test_all_families_together_find_what_all_keys_find_and_each_row_once(cursor: Connection, others: int) -> None:
    keys = ["SO-1", "SO-1", "WEB-1", "77", ""]
    _fill(cursor, "wanted", [*keys, *(f"EDI-{number}" for number in range(others))])
    _fill(cursor, "lines", ["SO-1", "SO-1", "SO-2", "WEB-1", "77", ""])
    selects = _selects_with_none(cursor)
    assert sorted(cursor.execute(together(selects)).fetchall()) == [("",), ("77",), ("SO-1",), ("SO-1",), ("WEB-1",)]


def test_the_empty_key_is_looked_for_only_where_it_is_wanted(cursor: Connection) -> None:
    _fill(cursor, "wanted", ["", "SO-1"])
    _fill(cursor, "lines", ["", "SO-1"])
    selects = KeyFamilies(cursor, "wanted").selects(_STATEMENT, {})
    assert cursor.execute(together(selects)).fetchall() == [("SO-1",)]


def test_keys_without_any_pattern_are_one_family(cursor: Connection) -> None:
    keys = [f"{letter}{letter}-1" for letter in "abcdefghij"]
    _fill(cursor, "wanted", keys)
    _fill(cursor, "lines", keys)
    selects = KeyFamilies(cursor, "wanted").selects(_STATEMENT, {})
    assert len(selects) == 1
    assert len(cursor.execute(selects[0]).fetchall()) == len(keys)


def test_no_key_finds_no_row(cursor: Connection) -> None:
    _fill(cursor, "lines", ["SO-1"])
    assert cursor.execute(together(KeyFamilies(cursor, "wanted").selects(_STATEMENT, {}))).fetchall() == []


def test_a_small_table_is_looked_at_once_whatever_the_keys(cursor: Connection) -> None:
    _fill(cursor, "wanted", ["SO-1", "WEB-1", ""])
    _fill(cursor, "lines", ["SO-1", "WEB-1"])
    selects = KeyFamilies(cursor, "wanted").selects(_STATEMENT, {}, is_small=True)
    assert len(selects) == 1
    assert sorted(cursor.execute(selects[0]).fetchall()) == [("SO-1",), ("WEB-1",)]


def test_keys_of_one_family_are_looked_for_where_they_stand(cursor: Connection) -> None:
    _fill(cursor, "wanted", ["SO-1", "SO-2"])
    assert KeyFamilies(cursor, "wanted").conditions("k") == [("wanted", "k in (select key from gone)")]


def test_what_goes_is_found_under_every_key_the_empty_one_included(cursor: Connection) -> None:
    _fill(cursor, "wanted", ["SO-1", "WEB-1", ""])
    _fill(cursor, "lines", ["SO-1", "SO-2", "WEB-1", ""])
    for keys, condition in KeyFamilies(cursor, "wanted").conditions("order_id"):
        cursor.execute("delete from lines where " + condition.replace("gone", keys))
    assert cursor.execute("from lines").fetchall() == [("SO-2",)]


def test_the_empty_key_alone_finds_nothing_else_and_deletes_once(cursor: Connection) -> None:
    _fill(cursor, "wanted", [""])
    _fill(cursor, "lines", ["SO-1", ""])
    families = KeyFamilies(cursor, "wanted")
    assert cursor.execute(together(families.selects(_STATEMENT, {}))).fetchall() == []
    assert len(families.conditions("order_id")) == 1


def test_the_empty_key_is_found_beside_more_families_than_are_told_apart(cursor: Connection) -> None:
    keys = ["", *(f"{letter}{letter}-1" for letter in "abcdefghij")]
    _fill(cursor, "wanted", keys)
    _fill(cursor, "lines", keys)
    selects = _selects_with_none(cursor)
    assert len(cursor.execute(together(selects)).fetchall()) == len(keys)


def test_only_a_table_without_any_key_is_empty(cursor: Connection) -> None:
    assert KeyFamilies(cursor, "wanted").is_empty
    _fill(cursor, "wanted", [""])
    assert not KeyFamilies(cursor, "wanted").is_empty

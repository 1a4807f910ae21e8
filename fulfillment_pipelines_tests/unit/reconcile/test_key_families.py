"""Keys are looked for family by family, and every key is in exactly one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from fulfillment_pipelines.reconcile.key_families import KeyFamilies, together
from fulfillment_pipelines.warehouse import Connection, scratch

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


def test_keys_that_begin_alike_are_looked_for_together_and_others_apart(cursor: Connection) -> None:
    _fill(cursor, "wanted", ["SO-1", "SO-2", "WEB-1"])
    assert len(KeyFamilies(cursor, "wanted").selects(_STATEMENT, {})) == 2


def test_all_families_together_find_what_all_keys_find_and_each_row_once(cursor: Connection) -> None:
    keys = ["SO-1", "SO-1", "WEB-1", "77", ""]
    _fill(cursor, "wanted", keys)
    _fill(cursor, "lines", ["SO-1", "SO-1", "SO-2", "WEB-1", "77", ""])
    selects = KeyFamilies(cursor, "wanted").selects(_STATEMENT, {}, with_none=True)
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
    assert KeyFamilies(cursor, "wanted").tables(with_none=True) == ("wanted",)


def test_the_empty_key_is_found_beside_more_families_than_are_told_apart(cursor: Connection) -> None:
    keys = ["", *(f"{letter}{letter}-1" for letter in "abcdefghij")]
    _fill(cursor, "wanted", keys)
    _fill(cursor, "lines", keys)
    selects = KeyFamilies(cursor, "wanted").selects(_STATEMENT, {}, with_none=True)
    assert len(cursor.execute(together(selects)).fetchall()) == len(keys)


def test_only_a_table_without_any_key_is_empty(cursor: Connection) -> None:
    assert KeyFamilies(cursor, "wanted").is_empty
    _fill(cursor, "wanted", [""])
    assert not KeyFamilies(cursor, "wanted").is_empty

"""A process that works on a copy of the lake's tables: the lake has what the copy has, whoever writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.stores.lake_location import LakeLocation
from fulfillment_pipelines.warehouse import (
    Connection,
    SqlError,
    Warehouse,
    clear_rows,
    delete_rows,
    drop_table,
    ensure_table,
    insert_rows,
    lake_tables,
    replace_rows,
    scalar,
)
from fulfillment_pipelines.warehouse.working_copy import copy_table

FIRST, SECOND = "ops_first", "ops_second"
KEYS = "select unnest([{}]) as number"
ROWS = "select range as number, 'row ' || range as label from range({}, {})"


@dataclass(frozen=True)
class Pair:
    """A process that works on a copy, and one that works on the lake itself."""

    copying: Warehouse
    plain: Warehouse

    def rows(self, table: str) -> tuple[list[str], list[str]]:
        """What each of them sees of a table."""
        copied, published = (_rows(warehouse, table) for warehouse in (self.copying, self.plain))
        return copied, published


def _rows(warehouse: Warehouse, table: str) -> list[str]:
    with warehouse.reading() as cursor:
        if table not in lake_tables(cursor):
            return ["no such table"]
    return sorted(str(row) for row in warehouse.query(f"from lake.main.{table}").to_pylist())


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Both of one lake, which is empty."""
    with opened(tmp_path) as found:
        yield found


def opened(folder: Path) -> closing[_ClosingPair]:
    location = LakeLocation(f"sqlite:{folder / 'catalog.sqlite'}", str(folder / "lake"), folder / "lock", threads=1)
    copying = replace(location, working_copy=folder / "copy" / "working_copy.duckdb")
    return closing(_ClosingPair(Warehouse(copying), Warehouse(location)))


class _ClosingPair(Pair):
    def close(self) -> None:
        self.copying.close()
        self.plain.close()


def _insert(first: int, last: int, table: str = FIRST) -> Callable[[Connection], object]:
    def work(transaction: Connection) -> None:
        query = ROWS.format(first, last)
        ensure_table(transaction, table, query)
        insert_rows(transaction, table, query)

    return work


def _delete(numbers: tuple[int, ...], table: str = FIRST) -> Callable[[Connection], object]:
    def work(transaction: Connection) -> None:
        ensure_table(transaction, table, ROWS.format(0, 0))
        keys = ", ".join(str(number) for number in numbers)
        transaction.execute("create or replace temp table gone_numbers as " + KEYS.format(keys))
        condition = "number in (select number from gone) and number < $below"
        delete_rows(transaction, table, condition, "gone_numbers", {"below": 9})

    return work


def _replace(first: int, last: int, table: str = FIRST) -> Callable[[Connection], object]:
    return lambda transaction: replace_rows(transaction, table, ROWS.format(first, last))


def _clear(table: str = FIRST) -> Callable[[Connection], object]:
    def work(transaction: Connection) -> None:
        ensure_table(transaction, table, ROWS.format(0, 0))
        clear_rows(transaction, table)

    return work


def _drop(table: str = FIRST) -> Callable[[Connection], object]:
    return lambda transaction: drop_table(transaction, table)


tables = st.sampled_from([FIRST, SECOND])
numbers = st.integers(0, 4)
several = st.integers(5, 9)
works = st.one_of(
    st.builds(_insert, numbers, several, tables),
    st.builds(_insert, numbers, several, tables),
    st.builds(_delete, st.lists(numbers, min_size=1, max_size=9).map(tuple), tables),
    st.builds(_delete, st.lists(several, min_size=1, max_size=9).map(tuple), tables),
    st.builds(_replace, numbers, several, tables),
    st.builds(_clear, tables),
    st.builds(_drop, tables),
)
turns = st.lists(st.tuples(st.booleans(), st.lists(works, min_size=1, max_size=4)), min_size=1, max_size=5)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=turns)
def test_whoever_writes_what_the_copy_and_the_lake_stay_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    turns: list[tuple[bool, list[Callable[[Connection], object]]]],
) -> None:
    monkeypatch.setattr("fulfillment_pipelines.warehouse.tables.MADE_ANEW_FROM_ROWS", 6)
    with opened(tmp_path_factory.mktemp("lake")) as pair:
        for is_other, works in turns:
            writer = pair.plain if is_other else pair.copying
            with writer.turn():
                for work in works:
                    writer.write(work)
        pair.copying.write(lambda _: None)
        for table in (FIRST, SECOND):
            copied, published = pair.rows(table)
            assert copied == published, table


def test_a_table_that_another_made_anew_and_left_empty_is_copied(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fulfillment_pipelines.warehouse.tables.MADE_ANEW_FROM_ROWS", 1)
    pair.copying.write(_insert(0, 3))
    pair.plain.write(_replace(0, 0))
    pair.copying.write(lambda _: None)
    assert pair.rows(FIRST) == ([], [])


def test_others_see_a_turn_when_it_ends_and_not_before(pair: Pair) -> None:
    with pair.copying.turn():
        pair.copying.write(_insert(0, 2))
        pair.copying.write(_delete((0,)))
        assert pair.rows(FIRST) == (["{'number': 1, 'label': 'row 1'}"], ["no such table"])
    assert pair.rows(FIRST)[1] == ["{'number': 1, 'label': 'row 1'}"]


def test_what_was_done_before_a_turn_broke_off_is_published(pair: Pair) -> None:
    def break_off() -> None:
        with pair.copying.turn():
            pair.copying.write(_insert(0, 1))
            raise ValueError("broke off")

    with pytest.raises(ValueError, match="broke off"):
        break_off()
    copied, published = pair.rows(FIRST)
    assert copied == published == ["{'number': 0, 'label': 'row 0'}"]


def test_a_transaction_that_fails_is_neither_in_the_copy_nor_published(pair: Pair) -> None:
    pair.copying.write(_insert(0, 1))

    def work(transaction: Connection) -> None:
        insert_rows(transaction, FIRST, ROWS.format(5, 9))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        pair.copying.write(work)
    copied, published = pair.rows(FIRST)
    assert copied == published == ["{'number': 0, 'label': 'row 0'}"]


def test_a_statement_that_would_not_be_published_is_refused(pair: Pair) -> None:
    pair.copying.write(_insert(0, 3))
    for statement in (
        "delete from ops_first",
        "insert into lake.main.ops_first values (1, 'x')",
        "-- why\n  update ops_first set number = 1",
        "drop table if exists ops_first",
    ):
        with pytest.raises(AssertionError, match="ops_first is written past the journal"):
            pair.copying.write(lambda transaction, statement=statement: transaction.execute(statement))
    assert len(pair.rows(FIRST)[0]) == 3


def test_what_could_not_be_published_is_copied_again_from_the_lake(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.copying.write(_insert(0, 1))

    def refused(*_: object, **__: object) -> None:
        raise SqlError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("fulfillment_pipelines.warehouse.working_copy._publish", refused)
        with pytest.raises(RetryableError, match="could not be written to the lake"):
            pair.copying.write(_insert(5, 6))
    pair.copying.write(_insert(8, 9))
    copied, published = pair.rows(FIRST)
    assert copied == published == ["{'number': 0, 'label': 'row 0'}", "{'number': 8, 'label': 'row 8'}"]


def test_only_what_others_have_written_is_copied_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.copying.write(_insert(0, 1, FIRST))
    pair.copying.write(_insert(0, 1, SECOND))
    pair.plain.write(_insert(3, 4, SECOND))
    copies: list[str] = []

    def copied_again(cursor: Connection, table: str) -> None:
        copies.append(table)
        copy_table(cursor, table)

    monkeypatch.setattr("fulfillment_pipelines.warehouse.working_copy.copy_table", copied_again)
    pair.copying.write(lambda _: None)
    assert copies == [SECOND]
    copied, published = pair.rows(SECOND)
    assert copied == published


def test_merged_files_are_not_copied_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        pair.copying.write(_insert(number, number + 1))
    with pair.plain.maintaining() as run:
        assert run("call ducklake_merge_adjacent_files($lake)", {"lake": pair.plain.lake_name})
    monkeypatch.setattr("fulfillment_pipelines.warehouse.working_copy.copy_table", _must_not)
    pair.copying.write(_insert(7, 8))
    with pair.copying.maintaining() as run:
        run("call ducklake_merge_adjacent_files($lake)", {"lake": pair.copying.lake_name})
    pair.copying.write(_insert(8, 9))
    copied, published = pair.rows(FIRST)
    assert copied == published
    assert len(published) == 5


def test_who_merges_files_does_not_pass_over_what_another_has_written(pair: Pair) -> None:
    pair.copying.write(_insert(0, 1))
    pair.plain.write(_insert(1, 2))
    with pair.copying.maintaining() as run:
        run("call ducklake_merge_adjacent_files($lake)", {"lake": pair.copying.lake_name})
    pair.copying.write(_insert(2, 3))
    copied, published = pair.rows(FIRST)
    assert copied == published
    assert len(published) == 3


def _must_not(*_: object) -> None:
    raise AssertionError("a table was copied")


def test_the_file_of_the_copy_goes_with_its_process(pair: Pair) -> None:
    pair.copying.write(_insert(0, 1))
    file = pair.copying.location.working_copy
    assert file is not None
    assert file.exists()
    pair.copying.close()
    assert not file.exists()
    assert _rows(pair.copying, FIRST) == ["{'number': 0, 'label': 'row 0'}"]


def test_every_pass_has_the_keys_it_looks_for_listed_whatever_was_published_before(pair: Pair) -> None:
    listed: list[int] = []

    def work(transaction: Connection) -> None:
        _insert(len(listed), len(listed) + 1)(transaction)
        listed.append(scalar(transaction, "select cast(current_setting('dynamic_or_filter_threshold') as bigint)"))

    pair.copying.write(work)
    pair.copying.write(work)
    assert min(listed) > 50, "which is what DuckDB lists by itself"

"""Sums over all rows follow the rows that change, and what nothing has moved is not written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fulfillment_pipelines.reconcile.incremental import IncrementalRun
from fulfillment_pipelines.reconcile.leading_models import LeadingModels
from fulfillment_pipelines.reconcile.reach import Reach
from fulfillment_pipelines.sql_models import SqlModel, read_model, read_models
from fulfillment_pipelines.warehouse import Connection, scratch

_SUMS = """-- adds: row_count bigint; ordered_qty decimal(18, 4)
select sku, currency, count(*) as row_count, cast(sum(ordered_qty) as decimal(18, 4)) as ordered_qty
from canon_order_lines
where role = 'erp'
group by sku, currency
"""
_LINES = """
    create table lake.main.canon_order_lines (
        system varchar, source_key varchar, role varchar, sku varchar, currency varchar, ordered_qty decimal(18, 4)
    )
"""

_SHIPPED = Path(__file__).parents[3] / "sql" / "30_reconcile"

Passes = Callable[[Sequence[str], str], set[str]]


@pytest.fixture
def cursor() -> Iterator[Connection]:
    lake = scratch()
    with lake.reading() as cursor:
        cursor.execute(_LINES)
        cursor.execute(
            "create or replace temp table changed_keys (system varchar, source_key varchar, contract varchar)"
        )
        yield cursor
    lake.close()


@pytest.fixture
def sums(tmp_path: Path) -> SqlModel:
    path = tmp_path / "rec_sums.sql"
    path.write_text(_SUMS, encoding="utf-8")
    return read_model(path)


@pytest.fixture
def run_pass(cursor: Connection, sums: SqlModel) -> Passes:
    """Return a function that makes changes under some keys, as a pass does, and returns the tables that moved."""
    cursor.execute("create table lake.main.rec_sums as " + sums.body)

    def run(keys: Sequence[str], change: str) -> set[str]:
        cursor.execute("delete from changed_keys")
        cursor.executemany(
            "insert into changed_keys values ('erp', ?, 'order_lines')", [[key] for key in keys] or [[""]]
        )
        leading = LeadingModels(cursor, [sums], ["order_lines"] if keys else [])
        cursor.execute(change)
        came = "select * from lake.main.canon_order_lines where source_key in (select source_key from changed_keys)"
        cursor.execute("create or replace temp table came_canon_order_lines as " + came)
        made = IncrementalRun(cursor, Reach((), (), frozenset()), [], lambda _: {}, row_counts={})
        leading.write(made)
        return made.changed

    return run


def _rows(cursor: Connection, select: str) -> list[tuple[object, ...]]:
    return sorted(cursor.execute(select).fetchall(), key=str)


def _insert(*lines: tuple[str, str, str | None, int]) -> str:
    rows = ", ".join(
        f"('erp', '{key}', 'erp', '{sku}', {'null' if currency is None else repr(currency)}, {ordered})"
        for key, sku, currency, ordered in lines
    )
    return "insert into lake.main.canon_order_lines values " + rows


@pytest.mark.parametrize(
    "change",
    [
        "update lake.main.canon_order_lines set ordered_qty = 7 where source_key = 'SO-1/1'",
        "delete from lake.main.canon_order_lines where source_key = 'SO-1/1'",
        "update lake.main.canon_order_lines set sku = 'B' where source_key = 'SO-1/1'",
        "update lake.main.canon_order_lines set role = 'channel' where source_key = 'SO-1/1'",
        "update lake.main.canon_order_lines set currency = null where source_key = 'SO-1/1'",
    ],
)
def test_sums_are_those_of_all_rows_whatever_becomes_of_one(
    cursor: Connection, sums: SqlModel, run_pass: Passes, change: str
) -> None:
    run_pass(["SO-1/1", "SO-1/2", "SO-2/1"], _insert(("SO-1/1", "A", "USD", 5), ("SO-1/2", "B", None, 2)))
    assert run_pass(["SO-1/1"], change) == {"rec_sums"}
    assert _rows(cursor, "from lake.main.rec_sums") == _rows(cursor, sums.body)


def test_a_line_that_says_the_same_again_moves_no_sum(run_pass: Passes) -> None:
    run_pass(["SO-1/1"], _insert(("SO-1/1", "A", "USD", 5)))
    again = "update lake.main.canon_order_lines set ordered_qty = 5 where source_key = 'SO-1/1'"
    assert run_pass(["SO-1/1", "SO-1/1"], again) == set()


def test_sums_of_a_table_in_which_nothing_changed_are_not_looked_at(cursor: Connection, run_pass: Passes) -> None:
    assert run_pass([], _insert(("SO-1/1", "A", "USD", 5))) == set()
    assert _rows(cursor, "from lake.main.rec_sums") == []


def test_what_did_not_change_is_added_up_without_being_read(cursor: Connection, run_pass: Passes) -> None:
    """A sum that is wrong stays wrong by as much: only what changed is added and taken away."""
    run_pass(["SO-1/1"], _insert(("SO-1/1", "A", "USD", 5)))
    cursor.execute("update lake.main.rec_sums set row_count = 101, ordered_qty = 1005")
    run_pass(["SO-1/2"], _insert(("SO-1/2", "A", "USD", 2)))
    assert _rows(cursor, "select sku, row_count, ordered_qty from lake.main.rec_sums") == [("A", 102, 1007)]


def test_shipped_sums_add_up_canonical_rows_and_nothing_else() -> None:
    read = {model.name: model.tables for model in read_models(_SHIPPED) if "adds" in model.header}
    assert read, "or nothing is looked at"
    assert {name: tables for name, tables in read.items() if not all(one.startswith("canon_") for one in tables)} == {}

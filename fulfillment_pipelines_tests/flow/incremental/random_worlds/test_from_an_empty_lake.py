"""A lake that fills system by system, run by run: the real one, which knows which of its tables are empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.runner import Reconciler, Violation
from fulfillment_pipelines.warehouse import Warehouse, lake_tables

FIRST = ("erp", "portal", "wms_east")


@pytest.mark.parametrize("in_copy", [False, True], ids=["in_the_lake", "in_a_working_copy"])
def test_a_lake_that_fills_by_and_by_says_what_a_full_run_says(
    open_world: Callable[..., Any], healthy_rows: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, *, in_copy: bool
) -> None:
    with open_world(on_disk=True, in_copy=in_copy) as world:
        world.run(())
        assert world.disagreements() == {}, "of nothing"
        told = healthy_rows()
        for (system, entity), rows in told.items():
            world.systems[system].rows[entity] = [
                dict.fromkeys(world.systems[system].declaration.entities[entity].fields) | row for row in rows
            ]
        held_back = world.systems["erp"].rows["order_lines"].pop()
        with monkeypatch.context() as patch:
            broken = _break_a_promise(patch)
            world.step(1, FIRST)
        assert broken == [], "shipments without a biller are not known yet, and break no promise by themselves"
        assert world.disagreements() == {}, "of the first systems"
        assert world.incremental.reconciler.must_be_full(), "a broken promise is not forgotten"
        world.step(1, down="finance")
        assert world.disagreements() == {}, "of all systems but one"
        assert not world.incremental.reconciler.must_be_full(), "the promise holds again"
        world.systems["erp"].rows["order_lines"].append(held_back)
        world.step(1)
        assert world.disagreements() == {}, "of all systems"
        assert world.full.warehouse.query("select * from mart_line_verdicts").num_rows > 0, "or nothing was compared"
        if in_copy:
            assert _rows_that_differ(world.incremental.warehouse) == {}, "between the copy and what was published"


def _break_a_promise(patch: pytest.MonkeyPatch) -> list[Violation]:
    """Let every run find a promise broken; return what it finds without that."""
    found: list[Violation] = []
    look = Reconciler._violations

    def look_again(*arguments: Any) -> list[Violation]:
        found.extend(look(*arguments))
        return [Violation("some_check", "Something holds", 1, "('SO-1',)")]

    patch.setattr(Reconciler, "_violations", look_again)
    return found


def _rows_that_differ(working: Warehouse) -> dict[str, set[str]]:
    """Return the rows of each table that only the process's copy has, or only the lake."""
    lake = Warehouse(replace(working.location, working_copy=None), read_only=True)
    try:
        with working.reading() as cursor:
            tables = lake_tables(cursor)
        with lake.reading() as cursor:
            assert tables == lake_tables(cursor)
        found = {table: _rows(working, table) ^ _rows(lake, table) for table in sorted(tables)}
        return {table: rows for table, rows in found.items() if rows}
    finally:
        lake.close()


def _rows(warehouse: Warehouse, table: str) -> set[str]:
    rows = Counter(str(row) for row in warehouse.query(f"from lake.main.{table}").to_pylist())
    return {f"{count} x {row}" for row, count in rows.items()}

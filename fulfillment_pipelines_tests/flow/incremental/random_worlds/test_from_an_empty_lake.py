"""A lake that fills system by system, run by run: the real one, which knows which of its tables are empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FIRST = ("erp", "portal", "wms_east")


def test_a_lake_that_fills_by_and_by_says_what_a_full_run_says(
    open_world: Callable[..., Any], healthy_rows: Callable[[], Any]
) -> None:
    with open_world(on_disk=True) as world:
        world.run(())
        assert world.disagreements() == {}, "of nothing"
        told = healthy_rows()
        for (system, entity), rows in told.items():
            world.systems[system].rows[entity] = [
                dict.fromkeys(world.systems[system].declaration.entities[entity].fields) | row for row in rows
            ]
        held_back = world.systems["erp"].rows["order_lines"].pop()
        world.step(1, FIRST)
        assert world.disagreements() == {}, "of the first systems"
        # Shipments without a biller leave residuals that nothing explains: a promise is broken, and not forgotten.
        assert world.incremental.reconciler.must_be_full()
        world.step(1, down="finance")
        assert world.disagreements() == {}, "of all systems but one"
        assert not world.incremental.reconciler.must_be_full(), "the promise holds again"
        world.systems["erp"].rows["order_lines"].append(held_back)
        world.step(1)
        assert world.disagreements() == {}, "of all systems"
        assert world.full.warehouse.query("select * from mart_line_verdicts").num_rows > 0, "or nothing was compared"

"""A lake that is lost after the upkeep is rebuilt from what is left of the landed files, the same as before."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, runtime_folder
from fulfillment_pipelines.upkeep.parts import PARTS, run_part

# A row that did not change names the snapshot it came in; a rebuilt lake has it from the oldest that is left.
_NOT_COMPARED = {"snapshot_id", "as_of"}
_TABLES = """
    select table_name
    from duckdb_tables()
    where database_name = 'lake' and (starts_with(table_name, 'canon_') or table_name = 'ops_open_quarantine')
    order by table_name
"""


def _contents(platform: Platform) -> dict[str, list[str]]:
    """Return the rows of every canonical table, and of quarantine, as text."""
    tables = platform.warehouse.query(_TABLES).column("table_name").to_pylist()
    contents = {}
    for name in tables:
        rows = platform.warehouse.query("from query_table($name)", {"name": name}).to_pylist()
        compared = ({key: value for key, value in row.items() if key not in _NOT_COMPARED} for row in rows)
        contents[name] = sorted(str(row) for row in compared)
    return contents


def _live(small: Any) -> None:
    """Let four weeks pass in which orders change, one line is deleted, and one row is broken for a while."""
    for week in range(4):
        for whole in (True, False):
            small.later(minutes=84 * 60)
            small.row("erp", "order_lines")["qty_ordered"] = str(10 + week)
            small.row("wms_east", "shipments", 1)["qty"] = "oops" if week == 2 else "5"
            if week == 1 and whole:
                del small.systems["erp"].rows["order_lines"][-1]
            stages.pull(small.platform, whole=whole)
            small.admit()
    small.reconcile(full=True)


def _kept_house(small: Any) -> Platform:
    retention = small.platform.policies.retention
    periods = retention.platform.model_copy(update={"landed_days": 7, "operations_days": 7, "lake_history_days": 0.0})
    policies = replace(small.platform.policies, retention=retention.model_copy(update={"platform": periods}))
    platform = replace(small.platform, policies=policies, machine_clock=small.clock)
    effects = {part: run_part(platform, part, dry_run=False) for part in PARTS}
    assert effects["landing"].counts["snapshots_removed"] > 10
    assert effects["operations"].counts["snapshots_removed"] > 10
    assert effects["lake"].counts["versions_expired"] > 10
    return platform


def test_a_lake_that_is_lost_after_the_upkeep_is_rebuilt_from_what_is_left_of_the_landed_files(
    small_on_disk: Any,
) -> None:
    _live(small_on_disk)
    before = _contents(small_on_disk.platform)
    platform = _kept_house(small_on_disk)
    assert _contents(platform) == before
    assert stages.admit(platform) == [], "nothing of what went, or stayed, is taken for new"

    platform.warehouse.close()
    folder = runtime_folder(platform.settings, platform.distributor)
    shutil.rmtree(folder / "lake")
    for path in folder.glob("lake_catalog.sqlite*"):
        path.unlink()
    platform.prepare()
    stages.admit(platform)
    stages.reconcile(platform, full=True)

    assert _contents(platform) == before

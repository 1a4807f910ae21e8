"""`systems new` writes a declaration and says what to do next; `systems sql` prints what a mapping stands for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.systems.declaration import load_declaration

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    path = tmp_path / "stock_levels.csv"
    path.write_text("article,unit,on_hand,reserved,free\nPUMP-1,EA,40,4,36\nPUMP-2,EA,1,0,1\n")
    return path


def test_a_sample_file_becomes_a_declaration_and_the_next_steps_are_told(
    fulfillment: Callable[..., Any], stock: Path, tmp_path: Path
) -> None:
    said = fulfillment(
        "systems", "new", "wms_new", "--from-file", str(stock), "--node", "NEW", "--into", str(tmp_path / "systems")
    )
    assert said.exit_code == 0, said.stderr
    declaration = load_declaration(tmp_path / "systems" / "wms_new.yaml")
    assert (declaration.role.value, declaration.node) == ("wms", "NEW")
    assert "5 columns guessed, 0 not found" in said.stdout
    steps = [line.partition(". ")[2] for line in said.stdout.partition("Next:")[2].splitlines() if line.strip()]
    assert steps[0].startswith("set WMS_NEW_DIRECTORY: ")
    assert "tell of the site NEW in nodes.yaml of the distributor's seeds, unless it is there" in steps
    assert "fulfillment systems check --config FILE" in steps


def test_the_address_of_a_database_is_neither_written_nor_said(
    fulfillment: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(tmp_path / "secret_name.sqlite")) as database:
        database.execute("create table stock (article text primary key, um text, on_hand int, reserved int, free int)")
    monkeypatch.setenv("SOUTH_URL", f"sqlite:///{tmp_path / 'secret_name.sqlite'}")
    said = fulfillment(
        "systems", "new", "south", "--from-database", "SOUTH_URL", "--role", "wms", "--into", str(tmp_path)
    )
    assert said.exit_code == 0, said.stderr
    assert "secret_name" not in said.stdout + (tmp_path / "south.yaml").read_text()
    assert "url: {ref: SOUTH_URL}" in (tmp_path / "south.yaml").read_text()


def test_a_program_is_told_what_was_found(fulfillment: Callable[..., Any], stock: Path, tmp_path: Path) -> None:
    told = fulfillment(
        "systems", "new", "wms_new", "--from-file", str(stock), "--role", "wms", "--into", str(tmp_path), "--json"
    ).json()
    assert told["path"] == str(tmp_path / "wms_new.yaml")
    assert [(one["entity"], one["not found"]) for one in told["entities"]] == [("stock_levels", "node")]


@pytest.mark.parametrize("options", [[], ["--from-file", "a.csv", "--from-edi", "."]])
def test_a_system_is_looked_at_in_one_way(fulfillment: Callable[..., Any], options: list[str], tmp_path: Path) -> None:
    said = fulfillment("systems", "new", "wms_new", *options, "--into", str(tmp_path))
    assert said.exit_code == 2
    assert "--from-database, --from-openapi, --from-edi, --from-file" in said.stderr


def test_the_name_of_a_system_that_has_snapshot_sql_is_refused(
    fulfillment: Callable[..., Any], stock: Path, tmp_path: Path
) -> None:
    said = fulfillment("systems", "new", "erp", "--from-file", str(stock), "--into", str(tmp_path))
    assert said.exit_code == 2
    assert "is taken" in said.stderr
    assert not (tmp_path / "erp.yaml").exists()


def test_the_sql_of_a_mapping_is_printed_as_a_file_would_hold_it(
    fulfillment: Callable[..., Any], stock: Path, tmp_path: Path
) -> None:
    fulfillment("systems", "new", "wms_new", "--from-file", str(stock), "--node", "EAST", "--into", str(tmp_path))
    config = tmp_path / "distributor.yaml"
    config.write_text(f"distributor: d\ntitle: D\nsystems: [wms_new.yaml]\nseeds: {ROOT / 'data' / 'seeds'}\n")
    said = fulfillment("systems", "sql", "wms_new", "stock_levels", "--config", str(config))
    assert said.stdout.splitlines() == [
        "-- snapshot: wms_new/stock_levels",
        "-- grain: one row per item and node: the position one system holds",
        "select",
        "    landed_row_no,",
        "    'EAST' as node,",
        "    article as sku,",
        "    unit as uom,",
        "    on_hand as on_hand_qty,",
        "    reserved as reserved_qty,",
        "    free as available_qty",
        "from landed",
    ]


def test_a_site_that_nobody_has_told_of_is_refused_at_the_start(
    fulfillment: Callable[..., Any], stock: Path, tmp_path: Path
) -> None:
    fulfillment("systems", "new", "wms_new", "--from-file", str(stock), "--node", "NEW", "--into", str(tmp_path))
    config = tmp_path / "distributor.yaml"
    config.write_text(f"distributor: d\ntitle: D\nsystems: [wms_new.yaml]\nseeds: {ROOT / 'data' / 'seeds'}\n")
    said = fulfillment("systems", "list", "--config", str(config))
    assert said.exit_code == 2
    assert "NEW of wms_new" in said.stderr


def test_the_sql_of_a_file_is_printed_as_it_is(fulfillment: Callable[..., Any]) -> None:
    said = fulfillment("systems", "sql", "erp", "orders")
    assert said.stdout.strip() == (ROOT / "sql/10_snapshots/snap_erp__orders.sql").read_text().strip()

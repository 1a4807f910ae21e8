"""Two warehouses, behind an SFTP server and in an object store, connected by YAML alone: files to canonical rows."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from fulfillment_pipelines.domain.snapshot import FeedState
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import Settings

ROOT = Path(__file__).parents[3]
NAMED = 'as_of: {file_name: "_(\\\\d{8}T\\\\d{6})Z"}'
SFTP_SITE = f"""
system: wms_quay
title: Quay warehouse
role: wms
node: EAST
contract_version: "1"
freshness_seconds: 3600
transport:
  kind: files
  directory: {{ref: QUAY_FOLDER}}
  sftp: {{username: wms, password: {{ref: QUAY_PASSWORD}}, known_hosts: {{ref: QUAY_KNOWN_HOSTS}}}}
entities:
  stock:
    contract: stock_levels
    path: out/STK_*.jsonl
    format: jsonl
    {NAMED}
    fields: [item, unit, on_hand, reserved]
    key: [item]
    mapping: &stock
      node: {{literal: EAST}}
      sku: item
      uom: unit
      on_hand_qty: on_hand
      reserved_qty: reserved
      available_qty: on_hand
  movements:
    contract: stock_movements
    path: out/MOV_*.xml
    format: xml
    records: day/movement
    complete_when: "{{stem}}.ok"
    {NAMED}
    fields: ["@no", item, item/@unit, qty, kind, "../@date"]
    key: ["@no"]
    mapping:
      movement_id: "@no"
      node: {{literal: EAST}}
      sku: item
      uom: item/@unit
      movement_qty: qty
      movement_type: kind
      moved_at: ../@date
"""
S3_SITE = f"""
system: wms_dock
title: Dock warehouse
role: wms
node: WEST
contract_version: "1"
freshness_seconds: 3600
transport:
  kind: files
  directory: {{ref: DOCK_FOLDER}}
  s3: {{access_key: {{ref: DOCK_KEY}}, secret_key: {{ref: DOCK_SECRET}}, endpoint: {{ref: DOCK_ENDPOINT}}}}
entities:
  stock:
    contract: stock_levels
    path: STK_*.xlsx
    format: excel
    sheet: Stock
    header_row: 2
    {NAMED}
    fields: [Item, Unit, On hand, Reserved, Free]
    key: [Item]
    mapping:
      node: {{literal: WEST}}
      sku: Item
      uom: Unit
      on_hand_qty: On hand
      reserved_qty: Reserved
      available_qty: Free
"""
DISTRIBUTOR = """
distributor: remote
title: Two sites far away
clock: wall
systems: [wms_quay.yaml, wms_dock.yaml]
references: [{references}]
seeds: {seeds}
"""


@pytest.fixture
def platform(sftp: Any, store: Any, tmp_path: Path) -> Iterator[Platform]:
    files = {
        "wms_quay.yaml": SFTP_SITE,
        "wms_dock.yaml": S3_SITE,
        "distributor.yaml": DISTRIBUTOR.format(references=tmp_path / "systems.env", seeds=ROOT / "data" / "seeds"),
        "systems.env": f"""
QUAY_FOLDER=sftp://127.0.0.1:{sftp.port}/site
QUAY_PASSWORD={sftp.password}
QUAY_KNOWN_HOSTS={sftp.known_hosts}
DOCK_FOLDER=s3://site/dock
DOCK_KEY={store.access_key}
DOCK_SECRET={store.secret_key}
DOCK_ENDPOINT={store.endpoint}
""",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    settings = Settings(runtime_dir=tmp_path / "runtime", duckdb_threads=1)
    with build_platform(settings, config=tmp_path / "distributor.yaml") as built:
        built.prepare()
        yield built


def workbook() -> bytes:
    book, written = openpyxl.Workbook(), io.BytesIO()
    assert book.active is not None
    book.active.title = "Stock"
    rows = (["Stock of the dock"], ["Item", "Unit", "On hand", "Reserved", "Free"], ["BRG-1001", "EA", 40, 1.5, 38.5])
    for row in (*rows, ["BRG-1002", "EA", "#REF!", 0, 0]):
        book.active.append(row)
    book.save(written)
    return written.getvalue()


def test_files_of_both_sites_become_canonical_rows_and_what_is_broken_is_quarantined(
    platform: Platform, sftp: Any, store: Any
) -> None:
    out = sftp.folder / "site" / "out"
    (out / "STK_20260302T083000Z.jsonl").write_text(
        '{"item": "BRG-1001", "unit": "EA", "on_hand": 12.50, "reserved": 2}\n{"item": \n', encoding="utf-8"
    )
    (out / "MOV_20260302T083000Z.xml").write_text(
        '<m><day date="2026-03-02T08:00:00Z"><movement no="M-1"><item unit="EA">BRG-1001</item>'
        "<qty>-3</qty><kind>SHIPMENT</kind></movement></day></m>",
        encoding="utf-8",
    )
    (out / "MOV_20260302T083000Z.ok").touch()
    store.put("site/dock/STK_20260302T083000Z.xlsx", workbook())

    assert [attempt.state for attempt in stages.pull(platform)] == [FeedState.OK] * 3
    stages.admit(platform)
    stages.reconcile(platform, full=True)

    stock = platform.warehouse.query(
        "select node, sku, cast(on_hand_qty as varchar) as qty from canon_stock_levels order by node"
    ).to_pylist()
    assert [(row["node"], row["sku"], float(row["qty"])) for row in stock] == [
        ("EAST", "BRG-1001", 12.5),
        ("WEST", "BRG-1001", 40.0),
    ]
    moved = platform.warehouse.query(
        "select movement_id, cast(movement_qty as varchar) as qty, epoch(moved_at) as moved_at"
        " from canon_stock_movements"
    ).to_pylist()
    assert [(row["movement_id"], float(row["qty"]), row["moved_at"]) for row in moved] == [("M-1", -3.0, 1772438400.0)]
    quarantined = platform.warehouse.query(
        "select system, failed_checks from ops_open_quarantine order by system"
    ).to_pylist()
    assert [(row["system"], row["failed_checks"].partition(" ")[0]) for row in quarantined] == [
        ("wms_dock", "page:readable"),
        ("wms_quay", "page:readable"),
    ]


def test_site_that_is_down_costs_its_own_feeds_and_no_other(platform: Platform, sftp: Any, store: Any) -> None:
    store.put("site/dock/STK_20260302T083000Z.xlsx", workbook())
    sftp.stop()
    try:
        states = {(one.system, one.entity): one.state for one in stages.pull(platform)}
    finally:
        sftp.start()
    assert states == {
        ("wms_quay", "stock"): FeedState.FAILED,
        ("wms_quay", "movements"): FeedState.FAILED,
        ("wms_dock", "stock"): FeedState.OK,
    }

"""The small distributor with a database for its warehouse, and a live loop over it in a thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.loop.platform import build_platform
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.systems.declaration import MemoryDeclaration, load_declaration
from fulfillment_pipelines.systems.memory import MemorySystem
from fulfillment_pipelines_tests.flow.live.running_loop import Live

SMALL = Path(__file__).parents[2] / "small_distributor"
_WMS = """
system: wms_east
title: WMS East
role: wms
node: EAST
contract_version: "1"
freshness_seconds: 3600
poll_seconds: 0.2
transport: {kind: sql, url: {ref: SITE}}
entities:
  holds:
    contract: holds
    table: holds
    since: {column: changed_no}
    fields: [hold_no, order_no, hold_type, status, placed_by, placed_at, resolved_at, changed_no]
    key: [hold_no]
"""
_BELL = """
system: bell
title: Bell
role: carrier
contract_version: "1"
freshness_seconds: 3600
transport: {kind: webhook, signature: {header: X-Signature, secrets: [{ref: SECRET}]}}
bells: {finance: {path: /changed, wakes: [finance]}}
entities:
  scans:
    contract: shipment_milestones
    path: /scans
    id_field: event
    fields: [event, status, at]
    key: [event]
    mapping: {milestone_id: event, shipment_id: event, milestone: status, occurred_at: at, recorded_at: at}
"""
_HOLDS = (
    "create table holds (hold_no text primary key, order_no text, hold_type text, status text, placed_by text, "
    "placed_at text, resolved_at text, changed_no integer)"
)


MakeLive = Callable[..., Live]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A live loop that has run its first round, and takes a thousand rows of a feed at a time."""
    live = _live(tmp_path_factory.mktemp("running"), {"poll_seconds": 600, "quiet_seconds": 600, "most_rows": 1_000})
    live.thread.start()
    live.until(lambda: bool(live.rounds))
    yield live
    live.end()
    live.platform.close()


@pytest.fixture
def make_live(tmp_path: Path) -> Iterator[MakeLive]:
    """Make a live loop, not yet running; it is stopped and closed when the test is over."""
    made: list[Live] = []

    def make(**pace: Any) -> Live:
        live = _live(tmp_path, {"poll_seconds": 600, "quiet_seconds": 600, **pace})
        made.append(live)
        return live

    yield make
    for live in made:
        if live.thread.is_alive():
            live.end()
        live.platform.close()


def _live(home: Path, pace: dict[str, Any]) -> Live:
    site = home / "site.sqlite"
    with sqlite3.connect(site) as connection:
        connection.execute(_HOLDS)
    connection.close()
    (home / "wms_east.yaml").write_text(_WMS, encoding="utf-8")
    (home / "bell.yaml").write_text(_BELL, encoding="utf-8")
    (home / "systems.env").write_text(f"SITE=sqlite:///{site}\nSECRET=x\n", encoding="utf-8")
    declared = [str(SMALL / "finance.yaml"), "wms_east.yaml", "bell.yaml"]
    seeds = str(SMALL.parents[1] / "data" / "seeds")
    written = {"distributor": "small", "title": "Small", "systems": declared, "references": ["systems.env"]}
    (home / "distributor.yaml").write_text(yaml.safe_dump({**written, "seeds": seeds, "live": pace}), encoding="utf-8")
    clock = FixedClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
    memory = {"finance": MemorySystem(_declared("finance"), clock)}
    platform = build_platform(
        Settings(runtime_dir=home, duckdb_threads=1, working_copy=True),
        config=home / "distributor.yaml",
        clock=clock,
        ready_made=list(memory.values()),
    )
    platform.prepare()
    return Live(platform, memory, site)


def _declared(name: str) -> MemoryDeclaration:
    declaration = load_declaration(SMALL / f"{name}.yaml")
    assert isinstance(declaration, MemoryDeclaration)
    return declaration

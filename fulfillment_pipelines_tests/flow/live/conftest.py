"""The small distributor with a database for its warehouse, and a live loop over it in a thread."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.ledger.inbox import LedgerInbox
from fulfillment_pipelines.loop.live.engine import LiveListener, LiveLoop
from fulfillment_pipelines.loop.live.rounds import RoundResult
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.systems.declaration import MemoryDeclaration, load_declaration
from fulfillment_pipelines.systems.memory import MemorySystem

SMALL = Path(__file__).parents[2] / "small_distributor"
_DEADLINE_SECONDS = 240
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
role: crm
contract_version: "1"
freshness_seconds: 3600
transport: {kind: webhook, signature: {header: X-Signature, secrets: [{ref: SECRET}]}}
bells: {finance: {path: /changed, wakes: [finance]}}
"""
_HOLDS = (
    "create table holds (hold_no text primary key, order_no text, hold_type text, status text, placed_by text, "
    "placed_at text, resolved_at text, changed_no integer)"
)


@dataclass
class Live:
    """A live loop that runs in a thread, and the systems it looks at.

    Attributes:
        rounds: What each round brought.
    """

    platform: Platform
    memory: dict[str, MemorySystem]
    site: Path
    stop: threading.Event = field(default_factory=threading.Event)
    rounds: list[RoundResult] = field(default_factory=list)
    failure: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        listener = LiveListener(round=lambda result, _status: self.rounds.append(result))
        self.loop = LiveLoop(self.platform, self.stop, listener=listener)
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.loop.run()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.failure.append(error)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while not condition():
            assert not self.failure, self.failure
            assert time.monotonic() < deadline, self.loop.status
            time.sleep(0.01)

    def end(self) -> float:
        """Stop the loop; return how long that took."""
        began = time.monotonic()
        self.stop.set()
        self.loop.wake()
        self.thread.join(30)
        return time.monotonic() - began

    def write_holds(self, first: int, count: int) -> None:
        placed_at = datetime(2026, 3, 2, 8, tzinfo=UTC)
        rows = [
            (f"H-{n}", f"SO-{n}", "OTHER", "CREATED", "site", (placed_at + timedelta(seconds=n)).isoformat(), None, n)
            for n in range(first, first + count)
        ]
        with sqlite3.connect(self.site) as connection:
            connection.executemany("insert into holds values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.close()

    def landed_rows(self, system: str) -> list[int]:
        """Return how many rows of a system each round brought that brought any."""
        return [
            admission.landed_rows for one in self.rounds for admission in one.admissions if admission.system == system
        ]

    def inbox(self) -> LedgerInbox:
        return LedgerInbox(self.platform.ledger)


MakeLive = Callable[..., Live]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A live loop that has run its first round, and takes forty rows of a feed at a time."""
    live = _live(tmp_path_factory.mktemp("running"), {"poll_seconds": 600, "quiet_seconds": 600, "most_rows": 40})
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
        Settings(runtime_dir=home, duckdb_threads=1),
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

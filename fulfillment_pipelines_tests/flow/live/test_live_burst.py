"""A burst of a hundred thousand events, from a real broker and into the inbox at once, through a running live loop."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nats
import pytest
import yaml

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.inbox import InboxMessage
from fulfillment_pipelines.loop.platform import build_platform
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.systems.declaration import MemoryDeclaration, load_declaration
from fulfillment_pipelines.systems.memory import MemorySystem
from fulfillment_pipelines_tests.flow.live.running_loop import Live
from fulfillment_pipelines_tests.nats_server import nats_server

pytestmark = pytest.mark.slow

SMALL = Path(__file__).parents[2] / "small_distributor"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_LATER = timedelta(minutes=5)
_BURST = 100_000
_MOST_ROWS = 10_000
_MOST_GROWTH_BYTES = 500 * 1024 * 1024
_EVENTS = """
    contract: shipment_milestones
    fields: [event, shipment, status, happened]
    key: [event]
    mapping:
      milestone_id: event
      shipment_id: shipment
      milestone: status
      occurred_at: happened
      recorded_at: happened
"""
_HUB = (
    """
system: hub
title: Hub
role: carrier
contract_version: "1"
freshness_seconds: 86400
poll_seconds: 0.2
transport: {kind: nats, url: {ref: HUB_URL}, stream: HUB, timeout_seconds: 10}
entities:
  milestones:
    subject: hub.milestones
    durable: fulfillment
    id_header: Nats-Msg-Id
"""
    + _EVENTS
)
_POST = (
    """
system: post
title: Post
role: carrier
contract_version: "1"
freshness_seconds: 86400
transport: {kind: webhook, signature: {header: X-Signature, secrets: [{ref: SECRET}]}}
entities:
  milestones:
    path: /milestones
    id_field: event
"""
    + _EVENTS
)
_WMS = """
system: wms_east
title: WMS East
role: wms
node: EAST
contract_version: "1"
freshness_seconds: 86400
poll_seconds: 0.2
transport: {kind: sql, url: {ref: SITE}}
entities:
  holds:
    contract: holds
    table: holds
    fields: [hold_no, order_no, hold_type, status, placed_by, placed_at, resolved_at]
    key: [hold_no]
  releases:
    contract: releases
    table: releases
    since: {column: changed_no}
    fields:
      [release_no, order_no, line_no, item, unit, qty, picked_qty, pick_status, sent_at, acked_at, picked_at, packed_at,
       changed_no]
    key: [release_no, order_no, line_no]
  shipments:
    contract: shipment_lines
    table: shipments
    fields: [shipment_no, order_no, line_no, item, unit, qty, departed_at]
    key: [shipment_no, order_no, line_no]
messages:
  hold.apply:
    insert_into: interface_inbox
    key_column: message_key
    problem_column: problem
    values: {message_type: {literal: hold.apply}}
    json_column: body
    body: {hold_no: hold_id, order_no: order_id, hold_type: hold_type}
    read_back: {table: holds, where: {hold_no: hold_id}, expect: {status: {literal: CREATED}}}
"""
_TABLES = """
create table holds (hold_no, order_no, hold_type, status, placed_by, placed_at, resolved_at);
create table releases (release_no, order_no, line_no integer, item, unit, qty, picked_qty, pick_status, sent_at,
    acked_at, picked_at, packed_at, changed_no integer);
create table shipments (shipment_no, order_no, line_no integer, item, unit, qty, departed_at);
create table interface_inbox (message_key text primary key, message_type, body, problem);
"""


@pytest.fixture
def burst(tmp_path: Path) -> Iterator[Live]:
    """A live loop over a broker, a webhook, a site's database and finance; it has run its first round."""
    store = tmp_path / "nats"
    store.mkdir()
    with nats_server(store) as url:
        asyncio.run(_make_stream(url))
        live = _live(tmp_path, url)
        live.thread.start()
        live.until(lambda: bool(live.rounds))
        yield live
        live.end()
        live.platform.close()


def _live(home: Path, hub_url: str) -> Live:
    site = home / "site.sqlite"
    with sqlite3.connect(site) as connection:
        connection.executescript(_TABLES)
    connection.close()
    for name, declared in {"hub": _HUB, "post": _POST, "wms_east": _WMS}.items():
        (home / f"{name}.yaml").write_text(declared, encoding="utf-8")
    (home / "systems.env").write_text(f"SITE=sqlite:///{site}\nSECRET=x\nHUB_URL={hub_url}\n", encoding="utf-8")
    written = {
        "distributor": "small",
        "title": "Small",
        "systems": [str(SMALL / "finance.yaml"), "wms_east.yaml", "hub.yaml", "post.yaml"],
        "references": ["systems.env"],
        "seeds": str(SMALL.parents[1] / "data" / "seeds"),
        "live": {"poll_seconds": 0.5, "quiet_seconds": 600, "most_rows": _MOST_ROWS},
    }
    (home / "distributor.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    clock = FixedClock(NOON)
    finance = load_declaration(SMALL / "finance.yaml")
    assert isinstance(finance, MemoryDeclaration)
    memory = MemorySystem(finance, clock)
    platform = build_platform(
        Settings(runtime_dir=home, duckdb_threads=1, duckdb_memory_limit="256MB"),
        config=home / "distributor.yaml",
        clock=clock,
        ready_made=[memory],
    )
    platform.prepare()
    return Live(platform, {"finance": memory}, site)


async def _make_stream(url: str) -> None:
    client = await nats.connect(url)
    await client.jetstream().add_stream(name="HUB", subjects=["hub.>"])
    await client.close()


def _event(number: int, sender: str) -> bytes:
    return json.dumps(
        {"event": f"{sender}-{number}", "shipment": f"SH-{number % 5000}", "status": "IN_TRANSIT", "happened": _AT}
    ).encode()


_AT = (NOON - timedelta(hours=1)).isoformat()


async def _publish(url: str, count: int) -> None:
    client = await nats.connect(url)
    stream = client.jetstream(publish_async_max_pending=1_000)
    for number in range(count):
        await stream.publish_async("hub.milestones", _event(number, "HUB"), headers={"Nats-Msg-Id": f"HUB-{number}"})
    await stream.publish_async_completed()
    await client.close()


def _receive(live: Live, count: int) -> None:
    for first in range(0, count, 1_000):
        live.inbox().keep(
            [
                InboxMessage("post", "milestones", f"POST-{number}", NOON, _event(number, "POST"))
                for number in range(first, min(first + 1_000, count))
            ]
        )


def _leak_a_hold(live: Live) -> None:
    """Let finance hold an order on which the site begins to work."""
    held_at, acted_at = NOON - timedelta(minutes=30), NOON - timedelta(minutes=20)
    live.memory["finance"].rows["holds"].append(
        {
            "hold_no": "H-1",
            "order_no": "SO-1",
            "status": "CREATED",
            "placed_by": "credit",
            "placed_at": held_at.isoformat(),
            "resolved_at": None,
        }
    )
    moments = (held_at.isoformat(), acted_at.isoformat(), None, None, 1)
    with sqlite3.connect(live.site) as connection:
        connection.execute(
            "insert into releases values ('R-1', 'SO-1', 1, 'WIDGET', 'EA', 1, 0, 'OPEN', ?, ?, ?, ?, ?)", moments
        )
    connection.close()


def _stopped_at_the_site(live: Live) -> bool:
    with sqlite3.connect(live.site) as connection:
        found = connection.execute("select count(*) from interface_inbox").fetchone()[0] == 1
    connection.close()
    return bool(found)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_burst_comes_in_bounded_pieces_and_holds_up_neither_other_feeds_nor_what_protects(burst: Any) -> None:
    url = dict(line.split("=", 1) for line in (burst.site.parent / "systems.env").read_text().splitlines())["HUB_URL"]
    _receive(burst, _BURST)
    asyncio.run(_publish(url, _BURST))
    burst.until(lambda: sum(burst.landed_rows("hub")) > 0 and sum(burst.landed_rows("post")) > 0)
    began, memory_before = len(burst.rounds), _resident_bytes()
    most_memory, seen, lags, stopped_in_round = memory_before, set[Any](), set[float](), 0
    _leak_a_hold(burst)
    burst.platform.clock.at += _LATER

    def is_through() -> bool:
        nonlocal most_memory, stopped_in_round
        most_memory = max(most_memory, _resident_bytes())
        hub, post = (burst.loop.status.systems[sender] for sender in ("hub", "post"))
        seen.add((hub.has_more, hub.state, post.has_more, post.state))
        lags.add(hub.lag_seconds)
        if not stopped_in_round and _stopped_at_the_site(burst):
            stopped_in_round = len(burst.rounds)
        return all(sum(burst.landed_rows(sender)) >= _BURST for sender in ("hub", "post"))

    burst.until(is_through)

    last = len(burst.rounds)
    for sender in ("hub", "post"):
        pieces = burst.landed_rows(sender)
        assert max(pieces) <= _MOST_ROWS
        assert sum(pieces) == _BURST
    assert most_memory - memory_before < _MOST_GROWTH_BYTES
    assert began <= stopped_in_round < last, "what protects waited for the end of the burst"
    meanwhile = [{attempt.system for attempt in one.attempts} for one in burst.rounds[began:last]]
    assert sum(asked >= {"finance", "wms_east"} for asked in meanwhile) >= 3
    assert (True, "PARTIAL", True, "PARTIAL") in seen
    assert max(lags) == _LATER.total_seconds()
    burst.until(lambda: {burst.loop.status.systems[sender].lag_seconds for sender in ("hub", "post")} == {0.0})
    assert {burst.loop.status.systems[sender].state for sender in ("hub", "post")} == {"OK"}
    found = burst.platform.warehouse.query("select count(*) as n from canon_shipment_milestones")
    assert found.column("n").to_pylist() == [2 * _BURST]

"""The live loop over real databases: it hears, it asks, it catches up in pieces, and it ends when told to."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fulfillment_pipelines.domain.inbox import InboxMessage
from fulfillment_pipelines.domain.snapshot import FeedState, Scope, Snapshot
from fulfillment_pipelines.errors import RetryableError, SystemDownError
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.live import engine
from fulfillment_pipelines.loop.live.charge import in_charge
from fulfillment_pipelines.loop.live.deliveries import Deliveries
from fulfillment_pipelines.loop.live.rounds import RoundResult
from fulfillment_pipelines.loop.live.status import read_status
from fulfillment_pipelines.loop.platform import runtime_folder
from fulfillment_pipelines.loop.policy_mark import write_mark
from fulfillment_pipelines.reconcile.runner import Reconciliation, Violation
from fulfillment_pipelines.systems.memory import MemorySource
from fulfillment_pipelines.systems.transports.sql.system import SqlSource
from fulfillment_pipelines.warehouse import Connection, SqlError, Warehouse, lake_tables, scalar, working_copy
from fulfillment_pipelines.warehouse.journal import Change

_FILES = """
    select files.path
    from __ducklake_metadata_lake.ducklake_data_file as files
    inner join __ducklake_metadata_lake.ducklake_table as tables on files.table_id = tables.table_id
    where tables.table_name = $table and tables.end_snapshot is null and files.end_snapshot is null
"""
_HOLD: dict[str, Any] = {
    "hold_no": "H-1",
    "order_no": "SO-1",
    "status": "CREATED",
    "placed_by": "credit",
    "placed_at": "2026-03-02T09:00:00+00:00",
    "resolved_at": None,
}


def test_a_change_is_found_by_polling_where_nothing_tells_of_it(running: Any) -> None:
    running.write_holds(1, 2)
    running.until(lambda: running.landed_rows("wms_east")[-1:] == [2])


def test_a_webhook_wakes_the_loop_for_the_systems_it_rings_for(running: Any) -> None:
    running.memory["finance"].rows["holds"].append(dict(_HOLD))
    # Nothing asks finance for ten minutes unless somebody rings.
    running.inbox().keep([InboxMessage("bell", "finance", "1", datetime.now(UTC), b"{}")])
    running.until(lambda: 1 in running.landed_rows("finance"))


def test_a_source_that_was_away_for_six_hours_is_caught_up_in_bounded_pieces_and_is_partial_until_then(
    running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> Snapshot:
        raise SystemDownError("wms_east: nobody answers.")

    def lag() -> Any:
        return running.loop.status.systems["wms_east"]

    running.until(lambda: lag().lag_seconds == 0)
    before = len(running.landed_rows("wms_east"))
    with monkeypatch.context() as patch:
        patch.setattr(SqlSource, "pull", away)
        running.until(lambda: lag().state == "FAILED")
        running.platform.clock.at += timedelta(hours=6)
        running.write_holds(10_001, 2_500)
        running.until(lambda: lag().lag_seconds == 6 * 3600)
        rounds = len(running.rounds)
    running.until(lambda: sum(running.landed_rows("wms_east")[before:]) >= 2_500)
    pieces = running.landed_rows("wms_east")[before:]
    assert max(pieces) <= 1_001  # a row that shares the cursor comes again
    attempts = [attempt for one in running.rounds[rounds:] for attempt in one.attempts if attempt.system == "wms_east"]
    assert [attempt.state.value for attempt in attempts if attempt.state is not FeedState.FAILED][:2] == ["PARTIAL"] * 2
    running.until(lambda: lag().state == "OK" and lag().lag_seconds == 0)
    found = running.platform.warehouse.query(
        "select count(*) as n from snap_wms_east__holds where hold_id like 'H-1____'"
    )
    assert found.column("n").to_pylist() == [2_500]


def test_a_burst_comes_in_bounded_pieces_and_another_feed_has_its_turn_in_between(running: Any) -> None:
    before, rounds = len(running.landed_rows("bell")), len(running.rounds)
    moment = "2026-03-02T09:00:00+00:00"
    running.inbox().keep(
        [
            InboxMessage(
                "bell",
                "scans",
                f"E-{number}",
                datetime.now(UTC),
                json.dumps({"event": f"E-{number}", "status": "IN_TRANSIT", "at": moment}).encode(),
            )
            for number in range(2_500)
        ]
    )
    running.write_holds(50_001, 2)
    running.until(lambda: sum(running.landed_rows("bell")[before:]) >= 2_500)
    assert running.landed_rows("bell")[before:] == [1_000, 1_000, 500]
    pieces = [
        at
        for at, one in enumerate(running.rounds[rounds:])
        if any(admission.system == "bell" for admission in one.admissions)
    ]
    asked = [
        at
        for at, one in enumerate(running.rounds[rounds:])
        if any(attempt.system == "wms_east" for attempt in one.attempts)
    ]
    assert any(at < pieces[-1] for at in asked)
    running.until(lambda: running.loop.status.systems["bell"].state == "OK")


def test_a_system_that_hangs_holds_up_no_other_and_not_the_end(make_live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, original = threading.Event(), MemorySource.pull

    def pull(source: MemorySource, scope: Scope) -> Snapshot:
        if source.system == "finance":
            hangs.wait(60)
        return original(source, scope)

    monkeypatch.setattr(MemorySource, "pull", pull)
    live = make_live(patience_seconds=0.1)
    live.thread.start()
    live.until(lambda: len(live.rounds) > 0)
    live.write_holds(1, 3)
    live.until(lambda: live.landed_rows("wms_east")[-1:] == [3])
    assert live.landed_rows("finance") == []
    live.end()
    assert not live.thread.is_alive()
    hangs.set()


def test_the_loop_shows_itself_and_how_far_behind_each_system_is(make_live: Any) -> None:
    live = make_live(patience_seconds=60)
    folder = runtime_folder(live.platform.settings, live.platform.distributor)
    with in_charge(folder):
        live.thread.start()
        live.until(lambda: bool(live.rounds))
        live.end()
    status = read_status(folder)
    assert status is not None
    assert (status.doing, status.rounds) == ("stopped", len(live.rounds))
    assert {name: lag.lag_seconds for name, lag in status.systems.items()} == dict.fromkeys(
        ("bell", "finance", "wms_east"), 0.0
    )


def test_what_was_landed_by_a_loop_that_was_killed_is_admitted_by_the_next(make_live: Any) -> None:
    live = make_live()
    source = live.platform.registry.source("finance", "holds")
    live.memory["finance"].rows["holds"].append(dict(_HOLD))
    live.platform.landing.land(
        source.pull(Scope()), contract_version="1", pulled_at=datetime.now(UTC), duration_seconds=0
    )
    live.memory["finance"].switches.down = True
    live.thread.start()
    live.until(lambda: bool(live.rounds))
    found = live.platform.warehouse.query("select hold_id from snap_finance__holds").column("hold_id").to_pylist()
    assert found == ["H-1"]


def test_a_broken_promise_decides_nothing_and_the_next_round_revisits_everything(
    make_live: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Violation("some_check", "Something holds", 1, "('SO-1',)")
    fulls: list[bool] = []
    original = stages.reconcile

    def reconcile(platform: Any, *, full: bool, **more: Any) -> Reconciliation:
        fulls.append(full)
        found = original(platform, full=full, **more)
        return replace(found, violations=(broken,)) if len(fulls) == 1 else found

    monkeypatch.setattr(stages, "reconcile", reconcile)
    live = make_live()
    live.thread.start()
    live.until(lambda: len(live.rounds) > 1)
    assert [one.decisions is None for one in live.rounds[:2]] == [True, False]
    assert fulls[:2] == [False, True]


def test_what_could_not_be_landed_is_asked_for_again(make_live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    live = make_live()
    live.thread.start()
    live.until(lambda: "wms_east" in live.loop.status.systems)
    full_disks, original = [RetryableError("The disk is full.")], type(live.platform.landing).land

    def land(landing: Any, snapshot: Snapshot, **more: Any) -> Any:
        if full_disks:
            raise full_disks.pop()
        return original(landing, snapshot, **more)

    monkeypatch.setattr(type(live.platform.landing), "land", land)
    live.write_holds(1, 2)
    live.until(lambda: live.landed_rows("wms_east")[-1:] == [2])
    assert full_disks == []


def test_what_could_not_be_published_is_taken_again_by_the_next_round(
    make_live: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = make_live()
    live.thread.start()
    live.until(lambda: bool(live.rounds))
    full_disks, original = [SqlError("the disk is full")], working_copy._publish

    def publish(cursor: Connection, target: str, change: Change) -> None:
        if full_disks and target.endswith("snap_wms_east__holds"):
            raise full_disks.pop()
        original(cursor, target, change)

    monkeypatch.setattr(working_copy, "_publish", publish)
    live.write_holds(1, 2)
    live.loop.wake()
    lake = Warehouse(replace(live.platform.warehouse.location, working_copy=None), read_only=True)
    live.until(lambda: _count(lake, "snap_wms_east__holds") == 2)
    lake.close()
    assert full_disks == []


def test_many_rounds_leave_few_files_though_they_delete_what_others_wrote(make_live: Any) -> None:
    live = make_live(merge_rounds=3, publish_seconds=0)
    live.thread.start()
    live.write_holds(0, 2)
    live.until(lambda: live.landed_rows("wms_east")[-1:] == [2])
    for number in range(1, 10):
        with closing(sqlite3.connect(live.site)) as connection, connection:
            moved = [10 * number + 5, f"H-{10 * number - 10}"]
            connection.execute("update holds set changed_no = ? where hold_no = ?", moved)
        live.write_holds(10 * number, 2)
        live.loop.wake()
        live.until(lambda number=number: len(live.landed_rows("wms_east")) > number)
    live.end()
    lake = Warehouse(replace(live.platform.warehouse.location, working_copy=None), read_only=True)
    files = lake.query(_FILES, {"table": "snap_wms_east__holds"}).num_rows
    lake.close()
    assert files <= 3


def _count(lake: Warehouse, table: str) -> int:
    with lake.reading() as cursor:
        return scalar(cursor, f"select count(*) from {table}") if table in lake_tables(cursor) else 0


def test_a_lake_that_is_busy_at_the_start_is_waited_for_and_what_was_approved_goes_out_meanwhile(
    make_live: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    admit, start = stages.admit, Deliveries.start

    def busy_once(*platform: Any, **more: Any) -> Any:
        begun.append("catching up")
        if begun.count("catching up") == 1:
            raise RetryableError("Another process writes the lake.")
        return admit(*platform, **more)

    def started(deliveries: Deliveries) -> None:
        begun.append("delivering")
        start(deliveries)

    monkeypatch.setattr(engine, "AGAIN_SECONDS", 0)
    monkeypatch.setattr(stages, "admit", busy_once)
    monkeypatch.setattr(Deliveries, "start", started)
    live = make_live()
    live.thread.start()
    live.until(lambda: bool(live.rounds))
    assert begun[:3] == ["delivering", "catching up", "catching up"]


def test_a_round_of_which_nobody_can_be_told_does_not_end_the_loop(make_live: Any) -> None:
    class _Deaf(list[RoundResult]):
        def append(self, result: RoundResult) -> None:
            super().append(result)
            raise RetryableError("The lake is busy.")

    live = make_live()
    live.rounds = _Deaf()
    live.thread.start()
    live.until(lambda: live.loop.status.trouble == "The lake is busy.")
    live.write_holds(1, 2)
    live.until(lambda: live.landed_rows("wms_east")[-1:] == [2])


def test_the_loop_ends_where_other_policies_are_put_in_force_than_those_it_was_built_with(running: Any) -> None:
    folder = runtime_folder(running.platform.settings, running.platform.distributor)
    write_mark(folder, running.platform.policies.version)
    running.write_holds(101, 1)
    running.until(lambda: running.landed_rows("wms_east")[-1:] == [1])
    assert not running.loop.has_new_policies
    write_mark(folder, "another version")
    running.until(lambda: not running.thread.is_alive())
    assert running.loop.has_new_policies
    assert not running.stop.is_set()

"""What Dagster is told of the live loop's rounds: events that belong to no run."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from fulfillment_pipelines.loop.live.asking import Asker
from fulfillment_pipelines.loop.live.rounds import RoundResult, Rounds
from fulfillment_pipelines.loop.live.status import LiveStatus
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.orchestration.reporting import DagsterReporter


def _round(platform: Platform) -> RoundResult:
    rounds, asker = Rounds(platform), Asker(platform, most_rows=100, answered=lambda: None)
    systems = platform.registry.systems
    asker.ask(systems)
    while asker.awaited:
        rounds.take(asker.take())
    return rounds.run()


def _materialized(instance: dg.DagsterInstance, asset: str) -> dg.AssetMaterialization | None:
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    return event.asset_materialization if event else None


def test_a_round_becomes_materializations_and_checks_without_a_run(world: Any) -> None:
    world.order(1)
    with world.platform() as platform:
        platform.prepare()
        result = _round(platform)
        reporter = DagsterReporter(world.instance, world.catalogue, platform)
        now = platform.machine_clock.now()
        reporter.note(result, LiveStatus(process_id=1, began_at=now, beat_at=now))
        # What comes within the next seconds is told together with what comes later.
        reporter.note(result, LiveStatus(process_id=1, began_at=now, beat_at=now + timedelta(seconds=1)))
        reporter.close(30)
    feed = _materialized(world.instance, "snap_portal__orders")
    assert feed is not None
    assert feed.metadata["inserted_rows"].value == 1
    cases = _materialized(world.instance, "exception_cases")
    assert cases is not None
    assert cases.metadata["rounds"].value == 1
    lost = _materialized(world.instance, "rule_int_03")
    assert lost is not None
    assert lost.metadata["findings_differ"].value == 1
    checks = world.instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [dg.AssetCheckKey(dg.AssetKey("snap_portal__orders"), name) for name in ("received", "contract")]
    )
    assert {key.name: record.status.value for key, record in checks.items()} == {
        "received": "SUCCEEDED",
        "contract": "SUCCEEDED",
    }
    assert world.instance.get_runs_count() == 0


def test_an_event_that_cannot_be_written_is_told_of_and_those_after_it_are_written(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors, told = [RuntimeError("connection lost")], list[str]()
    original = dg.DagsterInstance.report_runless_asset_event

    def report(instance: dg.DagsterInstance, event: Any) -> None:
        if errors:
            raise errors.pop()
        original(instance, event)

    monkeypatch.setattr(dg.DagsterInstance, "report_runless_asset_event", report)
    _report_one_round(world, trouble=told.append)
    assert [words for words in told if "connection lost" in words] == told[:1] != []
    assert _materialized(world.instance, "exception_cases") is not None


def test_where_dagster_is_too_slow_the_oldest_events_are_dropped_and_counted(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, written, told = threading.Event(), list[Any](), list[str]()

    def report(_instance: dg.DagsterInstance, event: Any) -> None:
        gate.wait(60)
        written.append(event)

    def trouble(words: str) -> None:
        told.append(words)
        gate.set()

    monkeypatch.setattr(dg.DagsterInstance, "report_runless_asset_event", report)
    reporter = _report_one_round(world, trouble=trouble, most_waiting=5)
    assert reporter.dropped > 0
    assert len(written) <= 6  # one was under way
    assert "events were dropped" in told[0]


def _report_one_round(world: Any, **how: Any) -> DagsterReporter:
    world.order(1)
    with world.platform() as platform:
        platform.prepare()
        result = _round(platform)
        reporter = DagsterReporter(world.instance, world.catalogue, platform, **how)
        now = platform.machine_clock.now()
        reporter.note(result, LiveStatus(process_id=1, began_at=now, beat_at=now))
        reporter.close(30)
    return reporter

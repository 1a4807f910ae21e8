"""The sensor: what counts as news, and what is then asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.loop.live.charge import in_charge
from fulfillment_pipelines.orchestration.probing import Seen, probe


def _news(outcome: dg.SensorResult | dg.SkipReason) -> set[str]:
    """Return whose news set off the run; the run itself is of everything."""
    assert isinstance(outcome, dg.SensorResult)
    (request,) = outcome.run_requests or ()
    assert request.asset_selection is None
    return set(request.tags["news"].split(", "))


@pytest.fixture
def seen(world: Any) -> str:
    """The cursor after the first look, at which everything was pulled."""
    outcome = world.tick()
    assert _news(outcome) == {"erp", "portal", "wms_east", "finance"}
    with world.platform() as platform:
        source = platform.registry.source("erp", "orders")
        platform.landing.land(
            source.pull(Scope()), contract_version="1", pulled_at=world.clock.now(), duration_seconds=0
        )
    cursor: str = outcome.cursor
    return cursor


def test_a_second_look_at_systems_that_stand_still_asks_for_nothing(world: Any, seen: str) -> None:
    world.clock.at += timedelta(minutes=1)  # the pages say so, the records do not change
    assert isinstance(world.tick(seen), dg.SkipReason)


def test_a_changed_row_is_news_of_its_system_alone(world: Any, seen: str) -> None:
    world.order(1)
    assert _news(world.tick(seen)) == {"portal"}


def test_a_system_that_goes_down_and_comes_back_is_news_both_times(world: Any, seen: str) -> None:
    world.systems["finance"].switches.down = True
    fallen = world.tick(seen)
    assert _news(fallen) == {"finance"}
    assert isinstance(world.tick(fallen.cursor), dg.SkipReason)
    world.systems["finance"].switches.down = False
    assert _news(world.tick(fallen.cursor)) == {"finance"}


def test_a_system_without_changes_is_pulled_before_its_last_answer_goes_stale(world: Any, seen: str) -> None:
    world.clock.at += timedelta(minutes=25)  # every system promises to be fresh within the hour
    assert _news(world.tick(seen)) == {"erp", "portal", "wms_east", "finance"}


def test_everything_is_revisited_when_nothing_was_asked_for_in_a_while(world: Any, seen: str) -> None:
    long_ago = Seen.model_validate_json(seen)
    assert long_ago.requested_at is not None
    earlier = long_ago.model_copy(update={"requested_at": long_ago.requested_at - timedelta(minutes=6)})
    assert _news(world.tick(earlier.model_dump_json())) == {"time has passed"}


def test_nothing_is_asked_while_a_run_is_under_way(world: Any) -> None:
    job = world.definitions.resolve_job_def("micro_batch")
    run = world.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert isinstance(world.tick(), dg.SkipReason)
    world.instance.report_run_canceled(run)
    assert isinstance(world.tick(), dg.SensorResult)


def test_what_was_seen_is_forgotten_with_the_lake(world: Any) -> None:
    cursor = world.tick().cursor
    assert _news(world.tick(cursor)) == {"erp", "portal", "wms_east", "finance"}


def test_a_page_that_breaks_off_does_not_look_like_the_whole(world: Any) -> None:
    for number in range(3):
        world.order(number)
    with world.platform() as platform:
        whole = probe(platform.registry, platform.feeds)["portal/orders"]
        world.systems["portal"].switches.fails_on_page = 2
        partial = probe(platform.registry, platform.feeds)["portal/orders"]
    assert whole.fingerprint != partial.fingerprint


def test_nothing_is_asked_while_a_live_loop_is_in_charge_and_all_again_when_it_is_gone(world: Any) -> None:
    with in_charge(world.settings.runtime_dir / "small"):
        skipped = world.tick()
        assert isinstance(skipped, dg.SkipReason)
        assert skipped.skip_message == "The live loop is in charge."
    assert _news(world.tick()) == {"erp", "portal", "wms_east", "finance"}

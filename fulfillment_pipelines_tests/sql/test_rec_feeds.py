"""What a feed's last pull allows its readers to believe, at noon."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row
from fulfillment_pipelines.reconcile.rule_tests import EXAMPLE_NOW

SqlRunner = Callable[..., Any]


def _ago(seconds: float) -> datetime:
    return EXAMPLE_NOW - timedelta(seconds=seconds)


@pytest.fixture
def judge(run_sql: SqlRunner) -> SqlRunner:
    def run(
        *,
        feeds: Sequence[Row] = ({},),
        pulls: Sequence[Row] = (),
        snapshots: Sequence[Row] = (),
        previous: Sequence[Row] = (),
    ) -> list[Mapping[str, Any]]:
        tables = {"ref_feeds": feeds, "ops_pulls": pulls, "ops_snapshots": snapshots, "previous_feeds": previous}
        return run_sql("30_reconcile/rec_feeds.sql", tables)

    return run


def test_a_feed_that_answered_lately_is_trusted(judge: SqlRunner) -> None:
    (feed,) = judge(pulls=[{"snapshot_id": "snap-1"}], snapshots=[{}])
    assert (feed["state"], feed["problem"], feed["problem_since"]) == ("OK", "", None)
    assert (feed["snapshot_id"], feed["as_of"]) == ("snap-1", datetime(2026, 3, 2, 11, 55, tzinfo=UTC))


def test_a_feed_that_was_never_pulled_has_failed(judge: SqlRunner) -> None:
    (feed,) = judge()
    assert (feed["state"], feed["problem"], feed["problem_since"]) == ("FAILED", "never pulled", EXAMPLE_NOW)


def test_a_feed_is_fresh_up_to_its_limit(judge: SqlRunner) -> None:
    (feed,) = judge(pulls=[{"snapshot_id": "snap-1"}], snapshots=[{"as_of": _ago(3600)}])
    assert feed["state"] == "OK"


def test_a_feed_is_stale_a_second_after_its_limit(judge: SqlRunner) -> None:
    (feed,) = judge(pulls=[{"snapshot_id": "snap-1"}], snapshots=[{"as_of": _ago(3601)}])
    assert (feed["state"], feed["problem_since"]) == ("STALE", EXAMPLE_NOW)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_pulls_in_one_instant_the_one_that_gave_a_snapshot_counts(judge: SqlRunner, order: int) -> None:
    pulls = [{"snapshot_id": "snap-1"}, {"state": "FAILED", "problem": "connection refused"}]
    (feed,) = judge(pulls=pulls[::order], snapshots=[{}])
    assert (feed["state"], feed["problem"], feed["snapshot_id"]) == ("OK", "", "snap-1")


def test_a_failed_pull_is_told_though_an_older_snapshot_is_fresh(judge: SqlRunner) -> None:
    pulls = [
        {"snapshot_id": "snap-1", "attempted_at": _ago(300)},
        {"attempted_at": _ago(60), "state": "FAILED", "problem": "connection refused"},
    ]
    (feed,) = judge(pulls=pulls, snapshots=[{}])
    assert (feed["state"], feed["problem"]) == ("FAILED", "connection refused")
    assert feed["snapshot_id"] == "snap-1"


def test_a_pull_that_succeeds_ends_the_trouble(judge: SqlRunner) -> None:
    pulls = [
        {"attempted_at": _ago(300), "state": "FAILED", "problem": "connection refused"},
        {"snapshot_id": "snap-1", "attempted_at": _ago(60)},
    ]
    (feed,) = judge(pulls=pulls, snapshots=[{}], previous=[{"state": "FAILED", "problem_since": _ago(900)}])
    assert (feed["state"], feed["problem_since"]) == ("OK", None)


def test_a_pull_that_broke_off_is_partial(judge: SqlRunner) -> None:
    pulls = [{"snapshot_id": "snap-1", "state": "PARTIAL", "problem": "page 3 failed"}]
    (feed,) = judge(pulls=pulls, snapshots=[{}])
    assert (feed["state"], feed["problem"]) == ("PARTIAL", "page 3 failed")


def test_a_clock_that_ran_backwards_is_not_believed(judge: SqlRunner) -> None:
    snapshots = [{"snapshot_id": "snap-1", "as_of": _ago(60)}, {"snapshot_id": "snap-2", "as_of": _ago(120)}]
    pulls = [
        {"snapshot_id": "snap-1", "attempted_at": _ago(60)},
        {"snapshot_id": "snap-2", "attempted_at": _ago(30)},
    ]
    (feed,) = judge(pulls=pulls, snapshots=snapshots)
    assert feed["state"] == "PARTIAL"
    assert feed["problem"] == "the clock of the system ran backwards"
    assert (feed["as_of"], feed["snapshot_id"]) == (_ago(60), "snap-1")


def test_trouble_that_lasts_keeps_its_beginning(judge: SqlRunner) -> None:
    pulls = [{"state": "FAILED", "problem": "connection refused"}]
    (feed,) = judge(pulls=pulls, previous=[{"state": "STALE", "problem_since": _ago(900)}])
    assert feed["problem_since"] == _ago(900)


def test_new_trouble_begins_now(judge: SqlRunner) -> None:
    pulls = [{"state": "FAILED", "problem": "connection refused"}]
    (feed,) = judge(pulls=pulls, previous=[{"state": "OK", "problem_since": None}])
    assert feed["problem_since"] == EXAMPLE_NOW


def test_each_entity_of_a_system_is_judged_by_itself(judge: SqlRunner) -> None:
    feeds = judge(
        feeds=[{"entity": "orders"}, {"entity": "holds", "contract": "holds"}],
        pulls=[{"entity": "orders", "snapshot_id": "snap-1"}, {"entity": "holds", "state": "FAILED"}],
        snapshots=[{"entity": "orders"}],
    )
    assert {feed["entity"]: feed["state"] for feed in feeds} == {"orders": "OK", "holds": "FAILED"}


def test_what_is_no_longer_declared_is_not_judged(judge: SqlRunner) -> None:
    assert judge(feeds=[], pulls=[{}], snapshots=[{}]) == []

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fulfillment_pipelines.twin.world.timing import (
    NORTH_CYCLE_SECONDS,
    dock_times,
    epoch,
    instant,
    is_business_day,
    iso,
    next_cycle,
    parsed,
)

_MOMENTS = st.integers(epoch(datetime(2020, 1, 1, tzinfo=UTC)), epoch(datetime(2035, 1, 1, tzinfo=UTC)))


@given(_MOMENTS)
def test_work_leaves_the_dock_within_its_hours_and_never_early(at: int) -> None:
    leaves = int(dock_times(np.array([at]))[0])
    moment = instant(leaves)
    assert leaves >= at
    assert moment.weekday() < 5
    assert 7 <= moment.hour < 18


@given(_MOMENTS)
def test_work_within_dock_hours_leaves_at_once(at: int) -> None:
    moment = instant(at)
    if moment.weekday() < 5 and 7 <= moment.hour < 18:
        assert int(dock_times(np.array([at]))[0]) == at


@given(_MOMENTS)
def test_the_next_cycle_is_the_first_one_not_in_the_past(at: int) -> None:
    cycle = next_cycle(at)
    assert cycle % NORTH_CYCLE_SECONDS == 0
    assert 0 <= cycle - at < NORTH_CYCLE_SECONDS


@given(_MOMENTS)
def test_a_moment_survives_its_way_through_text(at: int) -> None:
    assert parsed(iso(at) or "") == at
    assert is_business_day(at) == (instant(at).weekday() < 5)


def test_a_text_without_a_zone_is_utc() -> None:
    assert parsed("2026-03-09 14:05:00") == parsed("2026-03-09T15:05:00+01:00")

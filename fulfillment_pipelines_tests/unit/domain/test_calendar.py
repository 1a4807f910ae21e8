from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulfillment_pipelines.domain.calendar import BusinessCalendar, CalendarDay, calendars_from
from fulfillment_pipelines.errors import ConfigurationError

OFFICE = BusinessCalendar("office")
NEW_YORK = BusinessCalendar("new_york", zone="America/New_York", holidays=frozenset({date(2026, 3, 9)}))
# Open through the night in which the clocks change, and until midnight.
NIGHT = BusinessCalendar("night", "Europe/Berlin", frozenset(range(7)), opens_at=time(1), closes_at=time(0))
CALENDARS = st.sampled_from([OFFICE, NEW_YORK, NIGHT])
# Both clock changes of 2026 lie in the range; whole seconds keep float sums exact.
INSTANTS = st.integers(0, 400 * 86_400).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
SECONDS = st.integers(0, 20 * 86_400)


def _monday(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, 2, hour, minute, tzinfo=UTC)


def test_a_deadline_within_the_day_is_on_the_same_day() -> None:
    assert OFFICE.add_business_seconds(_monday(10), 4 * 3600) == _monday(14)


def test_a_deadline_past_closing_time_goes_on_the_next_morning() -> None:
    assert OFFICE.add_business_seconds(_monday(16), 2 * 3600) == _monday(10) + timedelta(days=1)


def test_the_weekend_does_not_count() -> None:
    friday = datetime(2026, 3, 6, 16, tzinfo=UTC)
    assert OFFICE.business_seconds_between(friday, friday + timedelta(days=3)) == 8 * 3600


def test_a_holiday_does_not_count() -> None:
    before = datetime(2026, 3, 6, 17, tzinfo=ZoneInfo("America/New_York"))
    after = datetime(2026, 3, 10, 9, tzinfo=ZoneInfo("America/New_York"))
    assert NEW_YORK.business_seconds_between(before, after) == 0


def test_opening_hours_follow_the_local_clock_when_it_changes() -> None:
    friday_close = NEW_YORK.add_business_seconds(datetime(2026, 3, 6, 14, tzinfo=UTC), 8 * 3600)
    tuesday_close = NEW_YORK.add_business_seconds(datetime(2026, 3, 10, 13, tzinfo=UTC), 8 * 3600)
    assert (friday_close.hour, tuesday_close.hour) == (22, 21)


def test_a_night_in_which_the_clock_is_put_forward_is_an_hour_shorter() -> None:
    rows = list(NIGHT.days(date(2026, 3, 28), date(2026, 3, 29)))
    assert [(row.closes_at - row.opens_at) / timedelta(hours=1) for row in rows] == [23, 22]


@given(CALENDARS, INSTANTS, SECONDS)
def test_the_time_until_a_deadline_is_the_time_that_was_given(
    calendar: BusinessCalendar, start: datetime, seconds: int
) -> None:
    assert calendar.business_seconds_between(start, calendar.add_business_seconds(start, seconds)) == seconds


@given(CALENDARS, INSTANTS, SECONDS, SECONDS)
def test_two_deadlines_after_each_other_are_one_deadline(
    calendar: BusinessCalendar, start: datetime, first: int, second: int
) -> None:
    in_steps = calendar.add_business_seconds(calendar.add_business_seconds(start, first), second)
    assert in_steps == calendar.add_business_seconds(start, first + second)


@given(CALENDARS, INSTANTS, INSTANTS, INSTANTS)
def test_business_time_adds_up(calendar: BusinessCalendar, a: datetime, b: datetime, c: datetime) -> None:
    whole = calendar.business_seconds_between(a, c)
    assert calendar.business_seconds_between(a, b) + calendar.business_seconds_between(b, c) == whole


def _elapsed(rows: list[CalendarDay], at: datetime) -> float:
    row = next(row for row in rows if row.starts_at <= at < row.ends_at)
    return row.open_seconds_before + (min(max(at, row.opens_at), row.closes_at) - row.opens_at).total_seconds()


@given(CALENDARS, INSTANTS, INSTANTS)
def test_the_table_for_sql_says_the_same_as_the_calendar(calendar: BusinessCalendar, a: datetime, b: datetime) -> None:
    rows = list(calendar.days(date(2025, 12, 30), date(2027, 3, 1)))
    assert _elapsed(rows, b) - _elapsed(rows, a) == calendar.business_seconds_between(a, b)


def test_the_table_has_one_row_for_every_local_day_without_a_gap() -> None:
    rows = list(NEW_YORK.days(date(2026, 3, 1), date(2026, 3, 15)))
    assert [row.day for row in rows] == [date(2026, 3, 1) + timedelta(days=number) for number in range(15)]
    assert all(earlier.ends_at == later.starts_at for earlier, later in pairwise(rows))


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a zone"):
        OFFICE.add_business_seconds(datetime(2026, 3, 2, 9), 1)  # noqa: DTZ001 - the point


def test_a_deadline_before_its_start_is_refused() -> None:
    with pytest.raises(ValueError, match="-1 seconds"):
        OFFICE.add_business_seconds(_monday(9), -1)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"zone": "Mars/Olympus"}, "zone that is not known"),
        ({"weekdays": ["MONDAY"]}, "cannot be read"),
        ({"weekdays": []}, "no valid working day"),
        ({"closes_at": "08:00"}, "closes before it opens"),
        ({"opens_at": "nine"}, "cannot be read"),
        ({"holidays": "2026-12-25"}, "cannot be read"),
        ({"holidays": ["25.12.2026"]}, "cannot be read"),
    ],
)
def test_a_calendar_that_makes_no_sense_is_refused_by_name(changes: dict[str, object], complaint: str) -> None:
    hours: dict[str, object] = {"zone": "UTC", "weekdays": ["MON"], "opens_at": "09:00", "closes_at": "17:00"}
    with pytest.raises(ConfigurationError, match=f"'broken'.*{complaint}"):
        calendars_from({"broken": hours | changes}, "calendars.yaml")


@given(starts=st.lists(INSTANTS, max_size=8), seconds=SECONDS)
def test_what_a_calendar_was_asked_before_does_not_change_what_it_says(starts: list[datetime], seconds: int) -> None:
    def berlin() -> BusinessCalendar:
        return BusinessCalendar("berlin", "Europe/Berlin", frozenset({0, 2, 6}), holidays=frozenset({date(2026, 4, 6)}))

    asked = berlin()
    for start in starts:
        fresh = berlin()
        assert asked.add_business_seconds(start, seconds) == fresh.add_business_seconds(start, seconds)
        assert list(asked.days(start.date(), start.date())) == list(fresh.days(start.date(), start.date()))
    assert asked == berlin()

"""When a team works: opening hours, closed days, and seconds that count towards a deadline.

Arithmetic is done in UTC on the openings of a local calendar, so that a day on which the clocks change
has the length it really had. Reading a calendar from a file does not belong here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fulfillment_pipelines.errors import ConfigurationError

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
"""Names of the days of a week, in the order of `date.weekday()`."""

_NOTHING = timedelta(0)
_DAY = timedelta(days=1)
_DAY_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One row of the calendar table of the lake: one local day of one calendar.

    The business seconds between two instants are the difference of `open_seconds_before` of their days,
    each increased by how far the instant lies within `opens_at` and `closes_at`. All instants are UTC.

    Attributes:
        calendar: Name of the calendar.
        day: The local date.
        starts_at: Local midnight at which the day begins.
        ends_at: Local midnight at which it ends; the next day's `starts_at`.
        opens_at: When work begins; `starts_at` on a closed day.
        closes_at: When work ends; equal to `opens_at` on a closed day.
        open_seconds_before: Business seconds from the first row of the table until `opens_at`.
    """

    calendar: str
    day: date
    starts_at: datetime
    ends_at: datetime
    opens_at: datetime
    closes_at: datetime
    open_seconds_before: float


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """Opening hours that are the same on every working day, in one zone, less the holidays.

    Attributes:
        name: What policies call the calendar.
        zone: IANA name of the zone the hours are meant in.
        weekdays: Working days, as `date.weekday()` numbers them (0 is Monday).
        opens_at: Local time at which work begins.
        closes_at: Local time at which it ends; midnight means the end of the day.
        holidays: Local dates on which nobody works.

    Raises:
        ConfigurationError: The calendar never opens, closes before it opens, or names no known zone.
    """

    name: str
    zone: str = "UTC"
    weekdays: frozenset[int] = frozenset(range(5))
    opens_at: time = time(9)
    closes_at: time = time(17)
    holidays: frozenset[date] = frozenset()
    # What was worked out before: an opening costs as much as ten deadlines, and deadlines share their days.
    _known: dict[date, tuple[datetime, datetime] | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigurationError(
                f"Calendar '{self.name}' is in a zone that is not known.",
                expected="an IANA name such as Europe/Berlin",
                found=repr(self.zone),
                remedy="correct `zone` in the calendars file",
            ) from error
        if not self.weekdays or not self.weekdays <= frozenset(range(7)):
            raise ConfigurationError(
                f"Calendar '{self.name}' has no valid working day.",
                expected=f"at least one of {', '.join(WEEKDAYS)}",
                found=repr(sorted(self.weekdays)),
                remedy="correct `weekdays` in the calendars file",
            )
        if self.closes_at <= self.opens_at and self.closes_at != time(0):
            raise ConfigurationError(
                f"Calendar '{self.name}' closes before it opens.",
                expected="`closes_at` later than `opens_at`; 00:00 for the end of the day",
                found=f"{self.opens_at:%H:%M} to {self.closes_at:%H:%M}",
                remedy="correct the hours in the calendars file",
            )

    @property
    def day_seconds(self) -> int:
        """Length of an ordinary working day: what policies mean by one business day."""
        opens, closes = (60 * (60 * at.hour + at.minute) + at.second for at in (self.opens_at, self.closes_at))
        return (closes or _DAY_SECONDS) - opens

    def add_business_seconds(self, start: datetime, seconds: float) -> datetime:
        """Return the earliest instant, in UTC, by which so many business seconds have passed since `start`.

        Args:
            start: An aware instant, inside or outside opening hours.
            seconds: Not negative; zero gives `start`.

        Raises:
            ValueError: `seconds` is negative or `start` has no zone.
        """
        if seconds < 0:
            raise ValueError(f"A deadline cannot lie before its start; asked for {seconds} seconds.")
        left = timedelta(seconds=seconds)
        start = _utc(start)
        if not left:
            return start
        due = start
        for opens, closes in self._openings(start):
            begin = max(start, opens)
            if begin < closes:
                open_for = closes - begin
                if open_for >= left:
                    due = begin + left
                    break
                left -= open_for
        return due

    def business_seconds_between(self, earlier: datetime, later: datetime) -> float:
        """Return the business seconds from one instant to another; negative where they are in reverse order.

        Raises:
            ValueError: One of them has no zone.
        """
        earlier, later = _utc(earlier), _utc(later)
        if later < earlier:
            return -self.business_seconds_between(later, earlier)
        total = _NOTHING
        for opens, closes in self._openings(earlier):
            if opens >= later:
                break
            total += max(min(closes, later) - max(opens, earlier), _NOTHING)
        return total.total_seconds()

    def days(self, first: date, last: date) -> Iterator[CalendarDay]:
        """Yield one row for each local day from `first` to `last`, both included, working or not."""
        before = _NOTHING
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            starts, ends = self._instant(day, time(0)), self._instant(day + timedelta(days=1), time(0))
            opens, closes = self._opening_on(day) or (starts, starts)
            yield CalendarDay(self.name, day, starts, ends, opens, closes, before.total_seconds())
            before += closes - opens

    def _openings(self, since: datetime) -> Iterator[tuple[datetime, datetime]]:
        # Endless, since holidays are finite and some weekday works.
        day = since.astimezone(ZoneInfo(self.zone)).date()
        while True:
            if (opening := self._opening_on(day)) is not None:
                yield opening
            day += _DAY

    def _works_on(self, day: date) -> bool:
        return day.weekday() in self.weekdays and day not in self.holidays

    def _opening_on(self, day: date) -> tuple[datetime, datetime] | None:
        """Return when work begins and ends on a local day; None on a closed one."""
        try:
            return self._known[day]
        except KeyError:
            opening = self._known[day] = self._opening(day) if self._works_on(day) else None
            return opening

    def _opening(self, day: date) -> tuple[datetime, datetime]:
        opens = self._instant(day, self.opens_at)
        closing_day = day if self.closes_at > self.opens_at else day + timedelta(days=1)
        # Hours that fall into the gap of a clock change would close before they open.
        return opens, max(opens, self._instant(closing_day, self.closes_at))

    def _instant(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, ZoneInfo(self.zone)).astimezone(UTC)


def calendars_from(declaration: Mapping[str, Mapping[str, object]], origin: str) -> Mapping[str, BusinessCalendar]:
    """Return the calendars of a parsed calendars file, by name.

    Args:
        declaration: By name: `zone`, `weekdays` (MON ... SUN), `opens_at`, `closes_at` ("HH:MM"), `holidays` (dates).
        origin: The file, for error messages.

    Raises:
        ConfigurationError: A value cannot be read.
    """
    return {name: _calendar_from(name, hours, origin) for name, hours in declaration.items()}


def _calendar_from(name: str, hours: Mapping[str, object], origin: str) -> BusinessCalendar:
    try:
        return BusinessCalendar(
            name=name,
            zone=str(hours["zone"]),
            weekdays=frozenset(WEEKDAYS.index(str(weekday)) for weekday in _listed(hours["weekdays"])),
            opens_at=time.fromisoformat(str(hours["opens_at"])),
            closes_at=time.fromisoformat(str(hours["closes_at"])),
            holidays=frozenset(date.fromisoformat(str(day)) for day in _listed(hours.get("holidays"))),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"Calendar '{name}' in {origin} cannot be read.",
            expected='zone, weekdays (a list of MON to SUN), opens_at and closes_at ("HH:MM"), holidays (dates)',
            found=f"{type(error).__name__}: {error}",
            remedy=f"correct '{name}' in {origin}",
        ) from error


def _listed(value: object) -> Sequence[object]:
    if value is not None and not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return value or ()


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"An instant needs a zone; {instant.isoformat()} has none.")
    return instant.astimezone(UTC)

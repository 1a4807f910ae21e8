"""Simulated time: whole seconds since 1970 in UTC, the legacy site's cycle and the hours a dock and an office work.

Functions on numbers and numpy arrays only; who does what when belongs to the flows.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Seconds: TypeAlias = npt.NDArray[np.int64]

DAY_SECONDS = 86_400
NORTH_CYCLE_SECONDS = 1_800
PROMISE_SECONDS = 7 * DAY_SECONDS
"""From the release of a line to the delivery that is promised: a week holds five business days wherever it begins."""

NEVER_AT = 2**62
"""Stands for "not until something else happens" in the message plan."""

_DOCK_OPENS_SECONDS = 7 * 3_600
_DOCK_CLOSES_SECONDS = 18 * 3_600
_OFFICE_OPENS_SECONDS = 9 * 3_600
_OFFICE_SECONDS = 8 * 3_600
_FIRST_MONDAY = 4  # days since 1970-01-01
_SATURDAY = 5
_THURSDAY = 3  # 1970-01-01 was a Thursday


def epoch(moment: datetime) -> int:
    """Return the whole seconds since 1970 of an aware moment."""
    return int(moment.timestamp())


def instant(at: int) -> datetime:
    """Return the aware UTC moment of an epoch second."""
    return datetime.fromtimestamp(at, UTC)


def iso(at: int | None) -> str | None:
    """Return an epoch second as the systems write it, for example `2026-03-02T06:00:00Z`."""
    return None if at is None else instant(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def parsed(text: str) -> int:
    """Return the epoch second of an ISO 8601 text; a text without a zone is UTC.

    Raises:
        ValueError: The text is not an ISO 8601 moment.
    """
    moment = datetime.fromisoformat(text)
    return epoch(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def next_cycle(at: int) -> int:
    """Return the first cycle of the legacy site at or after a moment."""
    return -(-at // NORTH_CYCLE_SECONDS) * NORTH_CYCLE_SECONDS


def is_business_day(at: int) -> bool:
    """Return whether a moment lies on a Monday to Friday in UTC."""
    return (at // DAY_SECONDS + _THURSDAY) % 7 < _SATURDAY


def dock_times(at: Seconds) -> Seconds:
    """Return when work that could start at these moments leaves the dock: the same moment within dock hours.

    Work outside dock hours moves to the next opening and is spread over its first hour.
    """
    moved = at.copy()
    spread = at % 3_600
    late = moved % DAY_SECONDS >= _DOCK_CLOSES_SECONDS
    moved = np.where(late, (moved // DAY_SECONDS + 1) * DAY_SECONDS, moved)
    early = moved % DAY_SECONDS < _DOCK_OPENS_SECONDS
    moved = np.where(early, moved // DAY_SECONDS * DAY_SECONDS + _DOCK_OPENS_SECONDS + spread, moved)
    weekday = (moved // DAY_SECONDS + _THURSDAY) % 7
    weekend = weekday >= _SATURDAY
    monday = (moved // DAY_SECONDS + 7 - weekday) * DAY_SECONDS + _DOCK_OPENS_SECONDS + spread
    return np.where(weekend, monday, moved).astype(np.int64)


def business_after(at: Seconds, seconds: Seconds) -> Seconds:
    """Return the moments when so many seconds of office hours (Monday to Friday, 09:00 to 17:00 UTC) have passed."""
    day = at // DAY_SECONDS - _FIRST_MONDAY
    weekday = day % 7
    of_day = np.where(weekday < _SATURDAY, np.clip(at % DAY_SECONDS - _OFFICE_OPENS_SECONDS, 0, _OFFICE_SECONDS), 0)
    passed = (day // 7 * _SATURDAY + np.minimum(weekday, _SATURDAY)) * _OFFICE_SECONDS + of_day + seconds
    office_day, rest = passed // _OFFICE_SECONDS, passed % _OFFICE_SECONDS
    later_day = office_day // _SATURDAY * 7 + office_day % _SATURDAY + _FIRST_MONDAY
    moments: Seconds = (later_day * DAY_SECONDS + _OFFICE_OPENS_SECONDS + rest).astype(np.int64)
    return moments


def weekend_to_monday(at: Seconds) -> Seconds:
    """Return moments on a weekend at the same time of the Monday after it, and all others as they are."""
    weekday = (at // DAY_SECONDS + _THURSDAY) % 7
    return np.where(weekday >= _SATURDAY, at + (7 - weekday) * DAY_SECONDS, at).astype(np.int64)

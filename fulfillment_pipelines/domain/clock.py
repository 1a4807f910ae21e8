"""Where the time comes from: injected, so that a simulated distributor and a replay have their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Anything that can tell the time."""

    def now(self) -> datetime:
        """Return the present moment as an aware datetime in UTC."""
        ...


class WallClock:
    """The time of this machine: the clock of a live deployment."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is set: the clock of tests and replays."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """Return the moment the clock was set to."""
        return self.at


class ReportedClock:
    """The latest moment any system has reported: the clock of simulations and of static exports.

    Deadlines and staleness are then measured in the time of the systems, so that a distributor that
    lives through a week in a minute is judged as if the week had passed.

    Args:
        latest_as_of: Returns the latest `as_of` of all snapshots, or None before the first one.
        otherwise: The clock that answers until a snapshot has been landed.
    """

    def __init__(self, latest_as_of: Callable[[], datetime | None], otherwise: Clock) -> None:
        self._latest_as_of = latest_as_of
        self._otherwise = otherwise
        self._known: datetime | None = None
        self._is_fresh = False

    def now(self) -> datetime:
        """Return the latest moment that was known when the clock was last refreshed."""
        if not self._is_fresh:
            self._known, self._is_fresh = self._latest_as_of(), True
        return self._known or self._otherwise.now()

    def refresh(self) -> None:
        """Ask again at the next look: something has been reported."""
        self._is_fresh = False

"""How fast one system is asked: never more requests in any stretch of time than it is declared to bear."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from fulfillment_pipelines.systems.declaration.http import Rate


def half_of(rate: Rate | None) -> Rate | None:
    """Return the half of a limit that reading may take where corrections go out at the same time; None for none."""
    if rate is None:
        return None
    if rate.requests == 1:
        return Rate(requests=1, per_seconds=rate.per_seconds * 2)
    return Rate(requests=rate.requests // 2, per_seconds=rate.per_seconds)


class Pace:
    """Hands out the moments at which requests may go out, to all threads of the process.

    A window that slides, not a bucket that fills: a bucket lets twice the number through around a pause.

    Args:
        rate: The limit; None for none.
        monotonic: Seconds that only ever grow.
        sleep: Waits for some seconds.
    """

    def __init__(self, rate: Rate | None, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._moments: deque[float] = deque(maxlen=None if rate is None else rate.requests)

    def wait_seconds(self) -> float:
        """Return how long the next request would have to wait."""
        with self._lock:
            return max(0.0, self._next() - self._monotonic())

    def keep(self) -> None:
        """Return when the next request may go out."""
        if self._rate is None:
            return
        with self._lock:
            now = self._monotonic()
            moment = max(now, self._next())
            self._moments.append(moment)
        if moment > now:
            self._sleep(moment - now)

    def _next(self) -> float:
        if self._rate is None or len(self._moments) < self._rate.requests:
            return 0.0
        return self._moments[0] + self._rate.per_seconds

"""The bell: whoever hears of news rings it for a system, and the loop wakes at once; what is new it does not know."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class Bell:
    """Rung by many threads, heard by one."""

    def __init__(self) -> None:
        self._rung: set[str] = set()
        self._condition = threading.Condition()
        self._is_woken = False

    def ring(self, systems: Iterable[str]) -> None:
        """Say that these systems have news."""
        with self._condition:
            self._rung.update(systems)
            self._is_woken = True
            self._condition.notify_all()

    def wake(self) -> None:
        """Let the loop look around, though no system has news: an answer is there, or it is to stop."""
        self.ring(())

    @property
    def is_rung(self) -> bool:
        """Whether who hears it need not wait."""
        return self._is_woken

    def hear(self, timeout_seconds: float) -> frozenset[str]:
        """Wait until it rings, no longer than so many seconds, and return the systems it was rung for since."""
        with self._condition:
            self._condition.wait_for(lambda: self._is_woken, max(0.0, timeout_seconds))
            rung = frozenset(self._rung)
            self._rung.clear()
            self._is_woken = False
            return rung

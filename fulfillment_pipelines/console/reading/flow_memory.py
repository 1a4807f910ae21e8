"""What the lake has said about the flow, remembered for some seconds: its tables change with full runs only."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from fulfillment_pipelines.explanation.questions import Row

_SECONDS: Final = 15.0
_MOST: Final = 256


class FlowMemory:
    """Answers by question; whoever asks while one is sought waits for it instead of asking again.

    Args:
        seconds: How long an answer is good.
        monotonic: Tells seconds.
    """

    def __init__(self, seconds: float = _SECONDS, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self._seeking: dict[Hashable, threading.Lock] = {}
        self._known: OrderedDict[Hashable, tuple[float, list[Row]]] = OrderedDict()

    def answer(self, key: Hashable, ask: Callable[[], list[Row]]) -> list[Row]:
        """Return an answer that is young enough, or ask for one; an error is not remembered.

        Args:
            key: What is asked, and of what.
            ask: Asks the lake.
        """
        with self._guard:
            seeking = self._seeking.setdefault(key, threading.Lock())
        with seeking:
            with self._guard:
                at, rows = self._known.get(key, (float("-inf"), []))
            if self._monotonic() - at < self._seconds:
                return rows
            rows = ask()
            with self._guard:
                self._known[key] = (self._monotonic(), rows)
                self._known.move_to_end(key)
                while len(self._known) > _MOST:
                    forgotten, _ = self._known.popitem(last=False)
                    self._seeking.pop(forgotten, None)
            return rows

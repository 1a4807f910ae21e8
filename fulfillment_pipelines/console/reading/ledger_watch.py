"""Tells everybody who watches that something has happened to a case: one look at the ledger for all of them.

Nobody is looked for while nobody watches. What has happened is not told; who is told reads again what is shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.ledger.case_queue import last_event
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

LOOK_SECONDS: Final = 2.0
"""How long something may have happened before it is told."""


class Watcher:
    """One who watches, within an event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()

    def tell(self) -> None:
        """Say that something has happened; from any thread."""
        # The loop may have ended between the look and the telling.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._told.set)

    async def waits(self, seconds: float) -> bool:
        """Wait until something has happened, at most so long, and return whether it has."""
        try:
            await asyncio.wait_for(self._told.wait(), seconds)
        except TimeoutError:
            return False
        self._told.clear()
        return True


class LedgerWatch:
    """Looks at the ledger as long as somebody watches.

    Args:
        reading: Opens the ledger for reading.
        seconds: Between two looks.
    """

    def __init__(
        self, reading: Callable[[], AbstractContextManager[UnitOfWork]], *, seconds: float = LOOK_SECONDS
    ) -> None:
        self._reading, self._seconds = reading, seconds
        self._watchers: set[Watcher] = set()
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._looker: threading.Thread | None = None

    @contextmanager
    def watching(self) -> Iterator[Watcher]:
        """Watch until the end of the block."""
        watcher = Watcher()
        with self._guard:
            self._watchers.add(watcher)
            if self._looker is None and not self._ended.is_set():
                self._looker = threading.Thread(target=self._look, name="ledger-watch", daemon=True)
                self._looker.start()
        try:
            yield watcher
        finally:
            with self._guard:
                self._watchers.discard(watcher)

    @property
    def has_ended(self) -> bool:
        """Whether nothing is told any more."""
        return self._ended.is_set()

    def close(self) -> None:
        """Look no more, and let everybody who watches go on."""
        self._ended.set()
        with self._guard:
            looker, watchers = self._looker, tuple(self._watchers)
        for watcher in watchers:
            watcher.tell()
        if looker is not None:
            looker.join(timeout=5)

    def _look(self) -> None:
        seen = self._last(None)
        while not self._ended.wait(self._seconds):
            with self._guard:
                if not self._watchers:
                    self._looker = None
                    return
                watchers = tuple(self._watchers)
            last = self._last(seen)
            if last != seen:
                seen = last
                for watcher in watchers:
                    watcher.tell()

    def _last(self, seen: int | None) -> int | None:
        try:
            with self._reading() as work:
                return last_event(work)
        except FulfillmentError:
            # A ledger that is busy is looked at again; who watches sees from the beat that the console is there.
            return seen

"""A live loop that runs in a thread of the test, and what each of its rounds brought."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fulfillment_pipelines.ledger.inbox import LedgerInbox
from fulfillment_pipelines.loop.live.engine import LiveListener, LiveLoop
from fulfillment_pipelines.loop.live.rounds import RoundResult
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.systems.memory import MemorySystem

_DEADLINE_SECONDS = 240


@dataclass
class Live:
    """A live loop that runs in a thread, and the systems it looks at.

    Attributes:
        rounds: What each round brought.
    """

    platform: Platform
    memory: dict[str, MemorySystem]
    site: Path
    stop: threading.Event = field(default_factory=threading.Event)
    rounds: list[RoundResult] = field(default_factory=list)
    failure: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        listener = LiveListener(round=lambda result, _status: self.rounds.append(result))
        self.loop = LiveLoop(self.platform, self.stop, listener=listener)
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.loop.run()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.failure.append(error)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while not condition():
            assert not self.failure, self.failure
            assert time.monotonic() < deadline, self.loop.status
            time.sleep(0.01)

    def end(self) -> float:
        """Stop the loop; return how long that took."""
        began = time.monotonic()
        self.stop.set()
        self.loop.wake()
        self.thread.join(30)
        return time.monotonic() - began

    def write_holds(self, first: int, count: int) -> None:
        placed_at = datetime(2026, 3, 2, 8, tzinfo=UTC)
        rows = [
            (f"H-{n}", f"SO-{n}", "OTHER", "CREATED", "site", (placed_at + timedelta(seconds=n)).isoformat(), None, n)
            for n in range(first, first + count)
        ]
        with sqlite3.connect(self.site) as connection:
            connection.executemany("insert into holds values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.close()

    def landed_rows(self, system: str) -> list[int]:
        """Return how many rows of a system each round brought that brought any."""
        return [
            admission.landed_rows for one in self.rounds for admission in one.admissions if admission.system == system
        ]

    def inbox(self) -> LedgerInbox:
        return LedgerInbox(self.platform.ledger)

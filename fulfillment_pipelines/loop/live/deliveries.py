"""Deliver while rounds go on: one worker for each system that takes messages, so that a slow one holds up no other.

Each worker takes what protects first. One that is at less urgent messages gives back those not begun when something
protective falls due for its system. What a delivery does belongs in `corrections.delivering`.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from fulfillment_pipelines.corrections.delivering.dispatch import Dispatcher
from fulfillment_pipelines.domain.clock import FixedClock, ReportedClock
from fulfillment_pipelines.ledger.backlog import BacklogLine, read_backlog
from fulfillment_pipelines.loop.live.keeping_on import keep_on
from fulfillment_pipelines.loop.platform import Platform

_CARE_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 5.0
_MOST_URGENT: Final = 0


@dataclass
class _Worker:
    system: str
    dispatcher: Dispatcher
    due: threading.Event = field(default_factory=threading.Event)
    urgent: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class Deliveries:
    """The workers of one deployment; running within the `with` block.

    Args:
        platform: The platform, prepared.
        trouble: Told what went wrong with a system's worker, in words.
    """

    def __init__(self, platform: Platform, trouble: Callable[[str], None] = lambda _: None) -> None:
        self._platform = platform
        self._trouble = trouble
        self._stop = threading.Event()
        self._looks = threading.Event()
        # The lake is asked for the time by the loop alone, and all workers read what it said.
        self._told = FixedClock(platform.clock.now())
        self._clock = self._told if isinstance(platform.clock, ReportedClock) else platform.clock
        self._backlog: tuple[BacklogLine, ...] = ()
        self._delivered: Counter[str] = Counter()
        names = [name for name, declared in platform.registry.declarations.items() if declared.messages]
        self._workers = {name: _Worker(name, self._dispatcher(name, names)) for name in names}
        self._watch = threading.Thread(target=self._watch_backlog, name="deliver-watch", daemon=True)

    def start(self) -> None:
        """Start all workers."""
        for worker in self._workers.values():
            worker.thread = threading.Thread(
                target=self._work, args=(worker,), name=f"deliver-{worker.system}", daemon=True
            )
            worker.thread.start()
        self._watch.start()

    def stop(self) -> None:
        """Let every worker finish the message it is at, and give the others back; who hangs is left to its lease."""
        self._stop.set()
        for worker in self._workers.values():
            worker.due.set()
        self._looks.set()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in (self._watch, *(worker.thread for worker in self._workers.values())):
            if thread is not None and thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def tell(self, now: datetime) -> None:
        """Say what time it is for the deployment, and that something may have fallen due."""
        self._told.at = now
        self._looks.set()

    @property
    def backlog(self) -> tuple[BacklogLine, ...]:
        """What waited when it was last looked at."""
        return self._backlog

    @property
    def delivered(self) -> Mapping[str, int]:
        """Deliveries worked on since the start, by system."""
        return dict(self._delivered)

    def _dispatcher(self, system: str, all_systems: list[str]) -> Dispatcher:
        others = frozenset(all_systems) - {system}
        return self._platform.new_dispatcher(self._clock, leaves_out=others)

    def _watch_backlog(self) -> None:
        keep_on(self._look, stop=self._stop, trouble=self._trouble, who="deliver-watch")

    def _look(self) -> None:
        """Look what is due, often and without waiting for a writer; who has nothing to do is not woken."""
        self._looks.wait(self._platform.policies.delivery.workers.idle_seconds)
        self._looks.clear()
        with self._platform.ledger.reading() as work:
            backlog = tuple(read_backlog(work))
        for line in backlog:
            worker = self._workers.get(line.via)
            if worker is None or line.rows <= line.in_hand or line.next_due_at > self._clock.now():
                continue
            if line.priority == _MOST_URGENT:
                worker.urgent.set()
            worker.due.set()
        # Last: whoever sees the backlog may count on its workers having been woken.
        self._backlog = backlog

    def _work(self, worker: _Worker) -> None:
        keep_on(partial(self._deliver, worker), stop=self._stop, trouble=self._trouble, who=worker.system)

    def _deliver(self, worker: _Worker) -> None:
        # From time to time also unbidden: a worker that died may have left a lease behind.
        worker.due.wait(_CARE_SECONDS)
        worker.due.clear()
        worker.urgent.clear()
        if not self._stop.is_set():
            should_stop = partial(self._should_stop, worker)
            self._delivered[worker.system] += worker.dispatcher.run(should_stop=should_stop).total

    def _should_stop(self, worker: _Worker) -> bool:
        return self._stop.is_set() or worker.urgent.is_set()

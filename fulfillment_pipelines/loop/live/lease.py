"""Hold the lease of the live loop while the loop runs: one of all hosts works, the others wait until it is free.

A process that dies, or that cannot reach the ledger, is followed by the next one when its lease has ended. For that
moment two may believe that they hold it; the lake's writer lock and the ledger's turns keep them from each other.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Event, Thread
from typing import Final

from fulfillment_pipelines.errors import ConfigurationError, RejectedError, RetryableError
from fulfillment_pipelines.ledger.live_lease import give_lease_back, read_lease, take_lease
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.loop.live.charge import HEARTBEAT

_RENEWALS: Final = 3
"""How often the lease is moved on while it is good: one or two that fail cost nothing."""


class LeaseKeeper:
    """One process's hold on the lease.

    Args:
        ledger: Where the lease is.
        seconds: How long it is good for.
        stop: Set when the process is to end; set here, too, when the lease is lost.
        shown_at: Says when the process last showed itself.
        say: Told, in one line each, what a person should know.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        seconds: float,
        stop: Event,
        shown_at: Callable[[], datetime],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._ledger = ledger
        self._seconds = seconds
        self._stop = stop
        self._shown_at = shown_at
        self._say = say
        self._holder = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self._given_back = Event()
        self._is_lost = False

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Wait for the lease and hold it within the block; False where the process is to end before.

        Raises:
            RejectedError: The lease was lost within the block, so that it had to end.
        """
        if not self._wait():
            yield False
            return
        renewing = Thread(target=self._keep, name="live-lease", daemon=True)
        renewing.start()
        try:
            yield True
        finally:
            self._given_back.set()
            renewing.join(self._seconds)
            with suppress(RetryableError), self._ledger.unit_of_work() as work:
                give_lease_back(work, self._holder)
                work.commit()
        if self._is_lost:
            raise RejectedError(
                "The lease of the live loop was lost, and the loop has ended.",
                expected="a ledger that answers within the time of the lease",
                found="another live loop in charge, or none that the ledger tells of",
                remedy="nothing: whoever holds the lease works; start this one again to wait for it",
            )

    def _wait(self) -> bool:
        told = ""
        while not self._stop.is_set():
            holder = self._take()
            if holder == self._holder:
                return True
            if holder != told:
                self._say(f"Another live loop is in charge ({holder or 'the ledger does not answer'}); this one waits.")
                told = holder
            self._stop.wait(self._seconds / _RENEWALS)
        return False

    def _take(self) -> str:
        """Return who holds the lease, after trying to; nobody where the ledger does not answer."""
        try:
            with self._ledger.unit_of_work() as work:
                holder = take_lease(work, self._holder, seconds=self._seconds, shown_at=self._shown_at())
                work.commit()
        except RetryableError:
            return ""
        return holder

    def _keep(self) -> None:
        good_until = time.monotonic() + self._seconds
        while not self._given_back.wait(self._seconds / _RENEWALS):
            asked = time.monotonic()
            holder = self._take()
            if holder == self._holder:
                good_until = asked + self._seconds
            elif holder or time.monotonic() >= good_until:
                self._is_lost = True
                self._stop.set()
                return


def is_held(ledger: Ledger, now: datetime) -> bool:
    """Return whether a live loop works somewhere: it holds the lease, and has shown itself of late.

    Args:
        ledger: The deployment's; one that does not answer or was never prepared tells of none.
        now: The moment, by the machine's clock.
    """
    try:
        with ledger.reading() as work:
            lease = read_lease(work)
    except (RetryableError, ConfigurationError):
        return False
    return lease is not None and now - lease.shown_at < HEARTBEAT

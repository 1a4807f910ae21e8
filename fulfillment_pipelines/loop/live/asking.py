"""Ask systems side by side for what is new, and land it; who is slow holds up nobody.

Each system is asked by a thread of its own, once at a time. An answer that says nothing new is not landed: it only
tells of which moment the feed still speaks. Feeds without a cursor are read whole and compared with the last time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Semaphore, Thread
from typing import Final

from fulfillment_pipelines.canonical.admission import CanonicalFeed
from fulfillment_pipelines.domain.snapshot import FeedState, Scope, Snapshot
from fulfillment_pipelines.errors import BadDataError, FulfillmentError, RejectedError, RetryableError
from fulfillment_pipelines.loop.operations import last_cursors
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.snapshots.fingerprint import fingerprint
from fulfillment_pipelines.snapshots.landing import LandedSnapshot
from fulfillment_pipelines.snapshots.pulling import PullAttempt

_SIDE_BY_SIDE: Final = 8
_BEHIND: Final = "{feed} has more than {most:,} changes to tell; the rest follows."


@dataclass(frozen=True, slots=True)
class FeedAnswer:
    """What one feed said.

    Attributes:
        attempt: How it went; without a landed snapshot where nothing was new.
        landed: The feed and its snapshot, to be admitted; None where nothing was new.
        has_more: Whether it had more than it was asked for.
    """

    attempt: PullAttempt
    landed: tuple[CanonicalFeed, LandedSnapshot] | None = None
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class SystemAnswer:
    """What one system said, feed by feed.

    Attributes:
        seconds: How long it took.
        failure: What nobody could foresee; raised by whoever takes the answer.
    """

    system: str
    feeds: tuple[FeedAnswer, ...]
    seconds: float
    failure: BaseException | None = None

    @property
    def has_more(self) -> bool:
        """Whether any feed has more."""
        return any(feed.has_more for feed in self.feeds)


class Asker:
    """Asks the systems of one platform.

    Args:
        platform: The platform, prepared.
        most_rows: Rows of changes that one feed gives at once, about.
        answered: Told, from the thread that asked, that an answer is there.
        monotonic: Seconds that only ever grow.
    """

    def __init__(
        self,
        platform: Platform,
        *,
        most_rows: int,
        answered: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._platform = platform
        self._most_rows = most_rows
        self._answered = answered
        self._monotonic = monotonic
        self._cursors: dict[tuple[str, str], str] = last_cursors(platform.warehouse)
        self._seen: dict[tuple[str, str], str] = {}
        self._room = Semaphore(_SIDE_BY_SIDE)
        self._asked: set[str] = set()
        self._answers: SimpleQueue[SystemAnswer] = SimpleQueue()

    @property
    def awaited(self) -> Sequence[str]:
        """The systems whose answers have not been taken."""
        return tuple(self._asked)

    def ask(self, systems: Sequence[str]) -> None:
        """Begin to ask systems, none of which is being asked."""
        for system in systems:
            self._asked.add(system)
            # A daemon: a system that hangs must not keep the loop from ending.
            Thread(target=self._ask_in_turn, args=(system,), name=f"ask-{system}", daemon=True).start()

    def take(self) -> list[SystemAnswer]:
        """Return the answers that are there.

        Raises:
            ConfigurationError: A declaration or a secret is wrong.
        """
        answers: list[SystemAnswer] = []
        while True:
            try:
                answer = self._answers.get_nowait()
            except Empty:
                return answers
            self._asked.discard(answer.system)
            if answer.failure is not None:
                raise answer.failure
            answers.append(answer)

    def _ask_in_turn(self, system: str) -> None:
        with self._room:
            self._answers.put(self._ask(system))
        self._answered()

    def _ask(self, system: str) -> SystemAnswer:
        began = self._monotonic()
        try:
            own = [feed for feed in self._platform.feeds if feed.system == system]
            feeds = tuple(self._ask_feed(feed) for feed in own)
        except BaseException as failure:  # noqa: BLE001 - raised again by the thread that takes the answer
            return SystemAnswer(system, (), self._monotonic() - began, failure)
        return SystemAnswer(system, feeds, self._monotonic() - began)

    def _ask_feed(self, feed: CanonicalFeed) -> FeedAnswer:
        name = (feed.system, feed.entity)
        attempted_at, began = self._platform.machine_clock.now(), self._monotonic()
        scope = Scope(since=self._cursors.get(name), most_rows=self._most_rows, leaves_room=True)
        try:
            snapshot = self._platform.registry.source(*name).pull(scope)
            shown = fingerprint(snapshot, feed.layout.records_path)
            is_new = self._seen.get(name) != shown
            landed = self._land(feed, snapshot, attempted_at, began) if is_new else None
        except (RetryableError, BadDataError, RejectedError) as error:
            return FeedAnswer(_failed(feed, attempted_at, error))
        # Only now: what could not be landed is asked for again.
        self._seen[name] = shown
        if snapshot.cursor is not None and snapshot.complete:
            self._cursors[name] = snapshot.cursor
        state, problem = self._state_of(feed, snapshot)
        if landed is None:
            attempt = PullAttempt(*name, attempted_at, None, state, problem, as_of=snapshot.as_of)
            return FeedAnswer(attempt, has_more=snapshot.has_more)
        return FeedAnswer(PullAttempt(*name, attempted_at, landed, state, problem), (feed, landed), snapshot.has_more)

    def _land(
        self, feed: CanonicalFeed, snapshot: Snapshot, attempted_at: datetime, began_seconds: float
    ) -> LandedSnapshot:
        return self._platform.landing.land(
            snapshot,
            contract_version=self._platform.registry.declaration(feed.system).contract_version,
            pulled_at=attempted_at,
            duration_seconds=self._monotonic() - began_seconds,
        )

    def _state_of(self, feed: CanonicalFeed, snapshot: Snapshot) -> tuple[FeedState, str]:
        """A feed that is still behind is partial: what it has not told yet must not be taken for missing."""
        if not snapshot.complete:
            return FeedState.PARTIAL, snapshot.problem
        if snapshot.has_more:
            return FeedState.PARTIAL, _BEHIND.format(feed=f"{feed.system}/{feed.entity}", most=self._most_rows)
        return FeedState.OK, ""


def _failed(feed: CanonicalFeed, attempted_at: datetime, error: FulfillmentError) -> PullAttempt:
    return PullAttempt(feed.system, feed.entity, attempted_at, None, FeedState.FAILED, str(error))


def newest_as_of(answers: Sequence[SystemAnswer]) -> Mapping[str, datetime]:
    """Return, by system, of which moment the oldest of its feeds speaks; only systems all of whose feeds answered."""
    moments: dict[str, datetime] = {}
    for answer in answers:
        told = [_as_of(feed.attempt) for feed in answer.feeds]
        known = [moment for moment in told if moment is not None]
        if known and len(known) == len(told):
            moments[answer.system] = min(known)
    return moments


def _as_of(attempt: PullAttempt) -> datetime | None:
    return attempt.landed.manifest.as_of if attempt.landed else attempt.as_of

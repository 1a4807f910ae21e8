"""One round: what the systems have answered, admitted, reconciled and decided on. Delivery goes on by itself.

While it works it holds the lake's writer lock: a full reconcile that is under way ends first, and none begins in
between. How many rounds hold it together belongs to `long_turn`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from fulfillment_pipelines.canonical.admission import Admission, CanonicalFeed
from fulfillment_pipelines.domain.snapshot import FeedState
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.live.asking import SystemAnswer
from fulfillment_pipelines.loop.live.long_turn import LongTurn
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.reconcile.runner import Reconciliation
from fulfillment_pipelines.snapshots.landing import LandedSnapshot
from fulfillment_pipelines.snapshots.pulling import PullAttempt, record_attempts


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What one round brought.

    Attributes:
        began_at: When it began, by the machine's clock.
        attempts: How each feed that was asked has answered.
        decisions: What was decided; None where a promise is broken, so that nothing may be believed.
        seconds: How long each stage took; `lake` is the wait for another writer.
        cpu_seconds: Processor time of this process meanwhile, which tells the work from a busy machine.
    """

    began_at: datetime
    attempts: tuple[PullAttempt, ...]
    admissions: tuple[Admission, ...]
    reconciliation: Reconciliation
    decisions: stages.Decisions | None
    seconds: dict[str, float]
    cpu_seconds: float

    @property
    def changed_rows(self) -> int:
        """How many rows of the systems were new, changed or gone."""
        merged = [admission.merged for admission in self.admissions]
        return sum(one.inserted_rows + one.updated_rows + one.deleted_rows for one in merged)


@dataclass
class Rounds:
    """The rounds of one platform.

    Attributes:
        platform: The platform, prepared.
        monotonic: Seconds that only ever grow.
    """

    platform: Platform
    monotonic: Callable[[], float] = time.monotonic
    _states: dict[tuple[str, str], FeedState] = field(default_factory=dict)
    _attempts: dict[tuple[str, str], PullAttempt] = field(default_factory=dict)
    _landed: list[tuple[CanonicalFeed, LandedSnapshot]] = field(default_factory=list)
    _revisits_all: bool = False
    _admits_all: bool = False

    def __post_init__(self) -> None:
        """Hold no turn yet."""
        pace = self.platform.distributor.live
        self._turn = LongTurn(self.platform.warehouse, pace.publish_seconds, self.monotonic)

    @property
    def revisits_all(self) -> bool:
        """Whether the next round revisits every key, because the last one broke a promise."""
        return self._revisits_all

    def take(self, answers: Sequence[SystemAnswer]) -> bool:
        """Take answers for the next round; return whether they are a reason for one."""
        has_news = False
        for answer in answers:
            for feed in answer.feeds:
                name = (feed.attempt.system, feed.attempt.entity)
                has_news = has_news or feed.landed is not None or self._states.get(name) is not feed.attempt.state
                self._states[name] = feed.attempt.state
                self._attempts[name] = feed.attempt
                if feed.landed is not None:
                    self._landed.append(feed.landed)
        return has_news or bool(self._landed)

    def run(self) -> RoundResult:
        """Run a round over what was taken; where it fails, it stays taken for the next.

        A round that breaks a promise decides nothing, and the next one revisits every key.

        Raises:
            RetryableError: The lake or the ledger was busy for too long.
        """
        began_at, seconds = self.platform.machine_clock.now(), dict[str, float]()
        attempts, landed = tuple(self._attempts.values()), tuple(self._landed)
        began, cpu_began = self.monotonic(), time.process_time()
        decisions = None
        self._turn.begin()
        seconds["lake"] = self.monotonic() - began
        with self._timed(seconds, "admit"):
            record_attempts(self.platform.warehouse, attempts)
            waiting = None if self._admits_all else landed
            admissions = [] if waiting == () else stages.admit(self.platform, waiting)
            self.platform.refresh_clock()
        with self._timed(seconds, "reconcile"):
            reconciliation = stages.reconcile(self.platform, full=self._revisits_all)
        # Nobody waits for the lake to be told: should that fail, the same is worked out again from what was landed.
        if not reconciliation.violations:
            with self._timed(seconds, "decide"):
                decisions = stages.decide(self.platform)
        with self._timed(seconds, "publish"):
            if self._turn.is_due:
                self.publish()
        self._attempts.clear()
        self._landed.clear()
        # Asked for once; as long as the promise stays broken, the reconcile makes everything anew by itself.
        self._revisits_all = bool(reconciliation.violations) and not self._revisits_all
        cpu_seconds = time.process_time() - cpu_began
        return RoundResult(began_at, attempts, tuple(admissions), reconciliation, decisions, seconds, cpu_seconds)

    def publish(self) -> None:
        """Tell the lake of all rounds that it has not been told of.

        Raises:
            RetryableError: That failed; the next round admits again what was landed since.
        """
        try:
            self._turn.end()
        except RetryableError:
            self._admits_all = True
            raise
        self._admits_all = False

    @contextmanager
    def _timed(self, seconds: dict[str, float], stage: str) -> Iterator[None]:
        began = self.monotonic()
        yield
        seconds[stage] = self.monotonic() - began

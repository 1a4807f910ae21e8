"""How far behind what is known of each system is, reckoned from its answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.snapshot import FeedState
from fulfillment_pipelines.loop.live.asking import SystemAnswer, newest_as_of
from fulfillment_pipelines.loop.live.status import SystemLag

_WORST_FIRST = (FeedState.FAILED, FeedState.PARTIAL, FeedState.STALE, FeedState.OK)


@dataclass
class Lags:
    """The lag of every system that has answered.

    Attributes:
        clock: The time of the deployment, in which systems tell of which moment they speak.
    """

    clock: Clock
    _systems: dict[str, SystemLag] = field(default_factory=dict)

    def note(self, answer: SystemAnswer) -> None:
        """Take in an answer; one that brought nothing leaves the moment where it was."""
        before = self._systems.get(answer.system, SystemLag())
        attempts = [feed.attempt for feed in answer.feeds]
        worst = min(attempts, key=lambda attempt: _WORST_FIRST.index(attempt.state), default=None)
        self._systems[answer.system] = SystemLag(
            as_of=newest_as_of([answer]).get(answer.system, before.as_of) if not answer.has_more else before.as_of,
            asked_seconds=round(answer.seconds, 3),
            has_more=answer.has_more,
            state=(worst.state if worst else FeedState.OK).value,
            problem=worst.problem if worst else "",
        )

    def by_system(self) -> dict[str, SystemLag]:
        """Return every system's lag: against the clock, or the system that is furthest ahead of it."""
        moments = [lag.as_of for lag in self._systems.values() if lag.as_of is not None]
        now = max([self.clock.now(), *moments])
        return {
            name: lag.model_copy(
                update={"lag_seconds": None if lag.as_of is None else round((now - lag.as_of).total_seconds(), 3)}
            )
            for name, lag in self._systems.items()
        }

"""Which systems are asked when: those with news, those whose turn has come, and who is cheap to ask beside them.

What one system says may rest on what another has said since it was looked at. A round therefore asks, with the
systems that have news, every other that goes on from a cursor, so that the answers are nearly of one moment. Systems
that can only be read whole are asked when their own turn comes. What a comparison still sees too early is no break:
a verdict is given only when the watermark of its slowest input has passed the moment from which the difference counts.

A system with a declared rate limit is asked no more often than half of it allows for one page of each entity; that
further pages leave the other half to corrections, too, is seen to where they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fulfillment_pipelines.systems.declaration import HttpDeclaration, SqlDeclaration, SystemDeclaration
from fulfillment_pipelines.systems.declaration.events import NatsDeclaration, WebhookDeclaration

_SHARE_FOR_READING = 0.5


@dataclass(slots=True)
class Appointment:
    """When one system is asked.

    Attributes:
        every_seconds: How often, where nothing tells that it has news.
        least_seconds: How much later than the last time at the earliest.
        is_cheap: Whether all its entities go on from a cursor.
        asked_at: When it was asked last, in monotonic seconds; None before the first time.
        has_news: Whether somebody rang for it since.
        has_more: Whether it had more than it could give at once.
        is_asked: Whether its answer is still awaited.
    """

    system: str
    every_seconds: float
    least_seconds: float
    is_cheap: bool
    asked_at: float | None = None
    has_news: bool = False
    has_more: bool = False
    is_asked: bool = False

    @property
    def may_be_asked_at(self) -> float:
        """The earliest moment its rate limit allows."""
        return 0.0 if self.asked_at is None else self.asked_at + self.least_seconds

    @property
    def due_at(self) -> float:
        """When it is to be asked."""
        if self.asked_at is None or self.has_news or self.has_more:
            return self.may_be_asked_at
        return max(self.asked_at + self.every_seconds, self.may_be_asked_at)


class Agenda:
    """The appointments of all systems.

    Args:
        declarations: The systems.
        poll_seconds: How often a system is asked whose declaration says nothing.
        monotonic: Seconds that only ever grow.
    """

    def __init__(
        self, declarations: Iterable[SystemDeclaration], *, poll_seconds: float, monotonic: Callable[[], float]
    ) -> None:
        self._monotonic = monotonic
        self._appointments = {
            one.name: Appointment(
                one.name,
                every_seconds=one.poll_seconds or poll_seconds,
                least_seconds=least_seconds_between(one),
                is_cheap=goes_on_from_cursors(one),
            )
            for one in declarations
            if one.entities
        }

    def note_news(self, systems: Iterable[str]) -> None:
        """Have systems asked as soon as they may be; those that have nothing to be read are passed over."""
        for system in systems:
            if system in self._appointments:
                self._appointments[system].has_news = True

    def take_due(self) -> tuple[str, ...]:
        """Return the systems to ask now, who waits longest first, and note that they are asked."""
        now = self._monotonic()
        free = [one for one in self._appointments.values() if not one.is_asked and one.may_be_asked_at <= now]
        due = [one for one in free if one.due_at <= now]
        if any(one.has_news or one.has_more for one in due):
            due += [one for one in free if one.is_cheap and one.due_at > now]
        due.sort(key=lambda one: -1.0 if one.asked_at is None else one.asked_at)
        for one in due:
            one.asked_at, one.has_news, one.has_more, one.is_asked = now, False, False, True
        return tuple(one.system for one in due)

    def note_answer(self, system: str, *, has_more: bool) -> None:
        """Note that a system has answered, or failed to, and whether it has more to say."""
        appointment = self._appointments[system]
        appointment.is_asked, appointment.has_more = False, has_more

    def has_backlog(self, system: str) -> bool:
        """Return whether a system has more to say than it could."""
        return system in self._appointments and self._appointments[system].has_more

    def wait_seconds(self) -> float:
        """Return how long nobody needs to be asked."""
        waiting = [one.due_at for one in self._appointments.values() if not one.is_asked]
        return max(0.0, min(waiting, default=float("inf")) - self._monotonic())


def goes_on_from_cursors(declaration: SystemDeclaration) -> bool:
    """Return whether asking a system again costs only what has changed."""
    match declaration:
        case HttpDeclaration():
            return all(entity.since is not None for entity in declaration.entities.values())
        case SqlDeclaration():
            return all(entity.since or entity.change_log for entity in declaration.entities.values())
        case WebhookDeclaration() | NatsDeclaration():
            return True
        case _:
            return False


def least_seconds_between(declaration: SystemDeclaration) -> float:
    """Return how far apart two looks at a system are at least, so that first pages take half of its rate at most."""
    if not isinstance(declaration, HttpDeclaration) or declaration.transport.rate is None:
        return 0.0
    rate = declaration.transport.rate
    return len(declaration.entities) * rate.per_seconds / rate.requests / _SHARE_FOR_READING

"""A target for the model of deliveries: it answers in every way there is, and counts the effects of every message.

What it does with a request is said when the request arrives, not before. It speaks of a correction as a real system
speaks of what it holds: by content where it takes no keys, by key where it does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt
from fulfillment_pipelines.errors import (
    DuplicateEffectError,
    PreconditionError,
    RejectedError,
    RetryableError,
    SystemDownError,
    UnknownOutcomeError,
)


class Reply(StrEnum):
    """What becomes of a request."""

    APPLIED = "applied"
    QUEUED = "queued"
    FAILED_BEFORE = "500 before the effect"
    FAILED_AFTER = "500 after the effect"
    LANDS_LATE = "no answer, and the effect comes later"
    TOO_MANY = "429"
    NOT_REACHED = "not reached"
    CONFLICT = "409"
    REFUSED = "422"
    TWICE = "applied twice by the target itself"
    ROLLED_BACK = "applied, answered, rolled back"


class Sight(StrEnum):
    """What becomes of a look."""

    TRUE = "what is there"
    DOWN = "no answer"
    UNREADABLE = "nothing that can be read"


@dataclass
class ScriptedTarget:
    """What the target holds.

    Attributes:
        takes_keys: Whether the same key again has no second effect.
        landed: How many requests had their effect, by idempotency key; what was rolled back is not counted.
        doubled: Keys whose one request the target itself has applied twice.
        asked: How many requests came, by key.
        under_way: Keys of requests whose effect comes at a moment of `elapsed_seconds`.
        queued: Requests that were taken in and wait for the target's next cycle.
        elapsed_seconds: How long the target lives, whatever any clock says.
    """

    takes_keys: bool
    landed: Counter[str] = field(default_factory=Counter)
    doubled: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    under_way: list[tuple[float, str]] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)
    elapsed_seconds: float = 0

    def take(self, correction: Correction, reply: Reply, late_seconds: float) -> Receipt:
        """Do with a request what is said, and answer it."""
        key = correction.idempotency_key
        self.asked[key] += 1
        match reply:
            case Reply.APPLIED:
                self.land(key)
            case Reply.TWICE:
                self.land(key)
                self.doubled.add(key)
            case Reply.QUEUED:
                self.queued.append(key)
                return _receipt(key, Observed.QUEUED)
            case Reply.ROLLED_BACK:
                self.land(key)
                self.roll_back(key)
            case _:
                self._fail(correction, reply, late_seconds)
        return _receipt(key, Observed.APPLIED)

    def show(self, correction: Correction, sight: Sight) -> Observed:
        """Answer a look."""
        key = correction.idempotency_key
        if sight is Sight.DOWN:
            raise SystemDownError("The target did not answer.")
        if sight is Sight.UNREADABLE:
            return Observed.UNKNOWN
        if key in self.doubled:
            raise DuplicateEffectError("The target shows the effect twice.")
        if key in self.queued:
            return Observed.QUEUED
        return Observed.APPLIED if self.landed[key] else Observed.ABSENT

    def land(self, key: str) -> None:
        """Let the effect of a request come."""
        if not (self.takes_keys and self.landed[key]):
            self.landed[key] += 1

    def roll_back(self, key: str) -> None:
        """Take the effects of a message back."""
        del self.landed[key]
        self.doubled.discard(key)

    def send_late(self, key: str, late_seconds: float) -> None:
        """Let the effect of a request come later."""
        self.under_way.append((self.elapsed_seconds + late_seconds, key))

    def pass_seconds(self, seconds: float) -> None:
        """Grow older; what is due comes."""
        self.elapsed_seconds += seconds
        due = [key for moment, key in self.under_way if moment <= self.elapsed_seconds]
        self.under_way = [(moment, key) for moment, key in self.under_way if moment > self.elapsed_seconds]
        for key in due:
            self.land(key)

    def run_cycle(self) -> None:
        """Do what was taken in."""
        for key in dict.fromkeys(self.queued):
            self.land(key)
        self.queued.clear()

    def holds(self, keys: Iterable[str]) -> bool:
        """Whether the effect of one of these messages is there."""
        return any(self.landed[key] for key in keys)

    def _fail(self, correction: Correction, reply: Reply, late_seconds: float) -> None:
        key = correction.idempotency_key
        match reply:
            case Reply.FAILED_BEFORE:
                raise UnknownOutcomeError("The target failed on it.")
            case Reply.FAILED_AFTER:
                self.land(key)
                raise UnknownOutcomeError("The target failed on it.")
            case Reply.LANDS_LATE:
                self.send_late(key, late_seconds)
                raise UnknownOutcomeError("The target did not answer in time.")
            case Reply.TOO_MANY:
                raise RetryableError("It came too soon.", retry_after_seconds=30)
            case Reply.NOT_REACHED:
                raise RetryableError("The target was not reached.")
            case Reply.CONFLICT:
                if self.landed[key]:
                    return  # the transport looks before it says so
                raise PreconditionError("The target holds something else by now.")
            case Reply.REFUSED:
                raise RejectedError("The target refuses it.")


def _receipt(key: str, observed: Observed) -> Receipt:
    return Receipt(key, observed, f"REF-{key[:8]}", received_at=datetime.now(UTC))

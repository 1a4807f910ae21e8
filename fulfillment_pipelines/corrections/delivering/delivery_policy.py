"""How approved corrections are delivered. Numbers are in `data/seeds/delivery.yaml`.

Whether a correction is made at all belongs in `policy`; what an attempt leads to, in `progress`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from fulfillment_pipelines.domain.correction import CorrectionClass
from fulfillment_pipelines.exceptions.seeds import Seed

PayloadFields = Annotated[tuple[str, ...], Field(min_length=1)]


class Urgency(Seed):
    """One step of urgency; its place in the list is the priority, and the first goes first.

    Attributes:
        name: What people call it.
        classes: Classes of corrections it holds for.
        messages: Messages it holds for, whatever their class.
        budget_seconds: From approval until a person must look, whatever was tried.
    """

    name: str
    classes: frozenset[CorrectionClass]
    messages: frozenset[str] = frozenset()
    budget_seconds: PositiveInt


class Rate(Seed):
    """How many messages a target gets: so many per so many seconds, and so many at once after a rest."""

    messages: PositiveInt
    per_seconds: PositiveInt
    burst: PositiveInt


class CircuitLimits(Seed):
    """When a target is taken to be down, and when it is tried again.

    Attributes:
        failures: Failures of the system in a row that open the circuit; refusals of a message are none.
        open_seconds: How long it stays open the first time; doubled with every probe that fails.
        longest_open_seconds: Never longer than this.
        probe_seconds: After which a probe that nobody reported on is given to another worker.
    """

    failures: PositiveInt
    open_seconds: PositiveInt
    longest_open_seconds: PositiveInt
    probe_seconds: PositiveInt


class Fallback(Seed):
    """The other way to a target.

    Attributes:
        to: Declared name of the system that takes the target's messages while it is down.
        after_seconds: How long the circuit must have been open.
    """

    to: str
    after_seconds: PositiveInt


class DeliveryLimits(Seed):
    """What holds for one target. Times in seconds.

    Attributes:
        attempts: Sends of one correction, before a person must look.
        read_backs: Read-backs in a row that show nothing, before a person must look.
        first_backoff_seconds: The wait after the first failure; doubled with every other.
        longest_backoff_seconds: Never longer than this, unless the target itself asks for it.
        longest_retry_after_seconds: A target that asks for a longer rest is asked again after this.
        poll_seconds: How long a target that has taken a message in is left alone.
        settle_seconds: How long what was sent may still take to have its effect after nobody waits for its answer
            any more; it is not looked at, and so not sent again, before that.
        sends_per_hour: Messages to the target within an hour, by all workers together.
        rate: Messages to the target within seconds.
        circuit: When it is taken to be down.
        fallback: The other way to it; None lets its messages wait for it.
    """

    attempts: PositiveInt
    read_backs: PositiveInt
    first_backoff_seconds: PositiveInt
    longest_backoff_seconds: PositiveInt
    longest_retry_after_seconds: PositiveInt
    poll_seconds: PositiveInt
    settle_seconds: NonNegativeInt
    sends_per_hour: PositiveInt
    rate: Rate
    circuit: CircuitLimits
    fallback: Fallback | None = None


class TargetLimits(Seed):
    """What holds for one target in place of the limits of all; what is not named stays. See `DeliveryLimits`."""

    attempts: PositiveInt = 1
    read_backs: PositiveInt = 1
    first_backoff_seconds: PositiveInt = 1
    longest_backoff_seconds: PositiveInt = 1
    longest_retry_after_seconds: PositiveInt = 1
    poll_seconds: PositiveInt = 1
    settle_seconds: NonNegativeInt = 0
    sends_per_hour: PositiveInt = 1
    rate: Rate | None = None
    circuit: CircuitLimits | None = None
    fallback: Fallback | None = None


class WorkerLimits(Seed):
    """How workers share the work.

    Attributes:
        lease_seconds: How long a worker may be silent, by its machine's clock, before others take its rows.
        claim_rows: Rows a worker takes at once; each is of another order, and nothing of one is sent unasked.
        record_seconds: How long answers are kept in hand before they are recorded together.
        idle_seconds: How long a waiting worker sleeps before it looks again.
        ledger_attempts: How often a transaction is tried that the ledger is too busy for.
    """

    lease_seconds: PositiveInt
    claim_rows: PositiveInt
    record_seconds: PositiveFloat
    idle_seconds: PositiveFloat
    ledger_attempts: PositiveInt


class DeliveryPolicy(Seed):
    """The content of `delivery.yaml`.

    Attributes:
        version: Raised with every change of the file.
        read_back_first: Messages that repeat what may already have happened: the target is looked at before the
            first send. So it is for every correction of class R, and for every target that has a fallback.
        urgencies: From the most to the least urgent.
        ordering: Payload fields that name what a message is about; the first that are all there are taken. What is
            about the same thing reaches a target in the order in which it was approved.
        workers: What holds for every worker.
        limits: What holds for every target.
        targets: What holds instead for single targets, by declared system name.
    """

    version: PositiveInt
    read_back_first: frozenset[str]
    urgencies: Sequence[Urgency]
    ordering: Sequence[PayloadFields]
    workers: WorkerLimits
    limits: DeliveryLimits
    targets: Mapping[str, TargetLimits] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _every_class_has_one_urgency(self) -> Self:
        times = Counter(one for urgency in self.urgencies for one in urgency.classes)
        wrong = sorted(one for one in CorrectionClass if times[one] != 1)
        if wrong:
            raise ValueError(f"`urgencies` must name each class once; look at {', '.join(wrong)}")
        return self

    def limits_for(self, target: str) -> DeliveryLimits:
        """Return what holds for a target."""
        own = self.targets.get(target)
        if own is None:
            return self.limits
        return self.limits.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})

    @property
    def stand_ins(self) -> frozenset[str]:
        """Names of the systems that take the messages of others while those are down."""
        return frozenset(limits.fallback.to for limits in self.targets.values() if limits.fallback)

    def stands_in_for(self, system: str) -> frozenset[str]:
        """Return the targets whose messages a system takes while they are down."""
        return frozenset(
            target for target, limits in self.targets.items() if limits.fallback and limits.fallback.to == system
        )

    def priority_of(self, correction_class: CorrectionClass, message: str) -> int:
        """Return the place of a message in the order of urgency; 0 goes first."""
        by_message = (place for place, urgency in enumerate(self.urgencies) if message in urgency.messages)
        by_class = (place for place, urgency in enumerate(self.urgencies) if correction_class in urgency.classes)
        return next(by_message, next(by_class, len(self.urgencies)))

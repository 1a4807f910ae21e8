"""What a scenario is made of: steps that happen to the distributor or in the product, and claims that must hold.

Plain values only; the scripts are in `catalogue`, and playing them belongs to the commands. Every step says in words
what it is there for. `fault` is the name under which an earlier step has injected something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Inject:
    """Something goes wrong at the distributor.

    Attributes:
        says: What it is in the story.
        fault: Name by which later steps speak of it.
        code: Exception code of the fault.
        count: How many.
    """

    says: str
    fault: str
    code: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Advance:
    """Time passes at the distributor."""

    says: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Outage:
    """A system goes down, or comes back."""

    says: str
    system: str
    on: bool


@dataclass(frozen=True, slots=True)
class AnswersLost:
    """A system takes messages in, but its answers get lost; or no longer."""

    says: str
    system: str
    on: bool


@dataclass(frozen=True, slots=True)
class Run:
    """The product runs its loop.

    Attributes:
        says: Why now.
        full: Whether everything is pulled and revisited.
        times: How often, with half an hour of the distributor's time between.
    """

    says: str
    full: bool = False
    times: int = 1


@dataclass(frozen=True, slots=True)
class Approve:
    """A person approves the correction that waits for one."""

    says: str
    fault: str
    by: str


@dataclass(frozen=True, slots=True)
class Settle:
    """A person at the distributor settles what was injected in a system's own screens."""

    says: str
    fault: str


@dataclass(frozen=True, slots=True)
class CaseStands:
    """Every injected difference has its case, still open or proved cured.

    Attributes:
        fault: What was injected.
        ended: Whether the cure must be proved by now.
    """

    fault: str
    ended: bool = False


@dataclass(frozen=True, slots=True)
class CorrectionStands:
    """Every injected difference has a correction with this message in one of these states."""

    fault: str
    message: str
    states: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NothingElse:
    """No case was ever opened but those of the injected differences and of these codes.

    What follows from another case, as its child, is not counted.
    """

    besides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedsDown:
    """The feeds of a system have an open SYS-01, or none."""

    system: str
    down: bool


@dataclass(frozen=True, slots=True)
class LinesUnknown:
    """Order lines of a site are UNKNOWN, or none is: what cannot be known never looks green."""

    node: str
    some: bool


@dataclass(frozen=True, slots=True)
class OrdersUntouched:
    """At least this share of the ERP's orders went through without a case."""

    least_share: float


@dataclass(frozen=True, slots=True)
class LinesMoveOn:
    """The order lines of the injected differences have left their sites: nobody typed anything in again."""

    fault: str


Claim: TypeAlias = (
    CaseStands | CorrectionStands | NothingElse | FeedsDown | LinesUnknown | OrdersUntouched | LinesMoveOn
)


@dataclass(frozen=True, slots=True)
class Expect:
    """What must be true by now."""

    says: str
    claim: Claim


Step: TypeAlias = Inject | Advance | Outage | AnswersLost | Run | Approve | Settle | Expect


@dataclass(frozen=True, slots=True)
class Scenario:
    """One acceptance scenario.

    Attributes:
        scenario_id: As the domain book names it, for example SCN-D.
        title: In a few words.
        story: What it shows.
        steps: In order.
    """

    scenario_id: str
    title: str
    story: str
    steps: Sequence[Step]

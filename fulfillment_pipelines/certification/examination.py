"""One system on the bench: what was pulled from it so far, and how long that took.

Checks ask here for what they look at, so that no row is pulled twice without need. What they make of it is theirs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa

from fulfillment_pipelines.certification.benches.bench import Bench, Bent, Fault
from fulfillment_pipelines.certification.example import ExampleCorrections
from fulfillment_pipelines.certification.policy import CertificationPolicy
from fulfillment_pipelines.certification.subject import Subject
from fulfillment_pipelines.certification.verdicts import Finding
from fulfillment_pipelines.certification.workbench import Checked, Workbench
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.snapshots.decoding import DecodedSnapshot
from fulfillment_pipelines.systems.port import System


class Step(StrEnum):
    """The steps of the example correction, in order; `checks/rehearsal.py` plays them."""

    UNSENT = "unsent"
    OUT_OF_DATE = "out_of_date"
    UNKNOWN_OUTCOME = "unknown_outcome"
    READ_BACK = "read_back"
    TWICE = "twice"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull brought.

    Attributes:
        snapshot: What came.
        decoded: Its rows under the source's own names, lines that are no rows, fields that are not declared.
        seconds: How long the pull took, reading the rows not counted.
    """

    snapshot: Snapshot
    decoded: DecodedSnapshot
    seconds: float

    @property
    def rows(self) -> pa.Table:
        """The rows under the source's own names, each with its number."""
        return self.decoded.records


@dataclass(slots=True)
class Examination:
    """A system on the bench.

    Attributes:
        subject: The system.
        policy: Sizes and limits.
        bench: Reaches it, also under faults.
        workbench: Reads and admits what came.
        example: The corrections that may really be made; None for a test that only reads.
        monotonic: Seconds that only ever grow.
        wait: Lets seconds pass.
        durations: Seconds that each pull of an entity as declared took.
        rehearsed: What the steps of the example correction said, once it was played through.
    """

    subject: Subject
    policy: CertificationPolicy
    bench: Bench
    workbench: Workbench
    example: ExampleCorrections | None
    monotonic: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep
    durations: dict[str, list[float]] = field(default_factory=dict)
    rehearsed: dict[Step, Finding] = field(default_factory=dict)
    _clean: dict[str, Pulled | FulfillmentError] = field(default_factory=dict)
    _checked: dict[str, Checked] = field(default_factory=dict)

    def clean(self, entity: str) -> Pulled:
        """Return the first pull of an entity as declared.

        Raises:
            FulfillmentError: The pull failed; the same again for everybody who asks.
        """
        if entity not in self._clean:
            try:
                self._clean[entity] = self.pull_anew(entity)
            except FulfillmentError as error:
                self._clean[entity] = error
        first = self._clean[entity]
        if isinstance(first, FulfillmentError):
            raise first
        return first

    def checked(self, entity: str) -> Checked:
        """Return what the contract says of the first pull."""
        if entity not in self._checked:
            self._checked[entity] = self.workbench.check(self.clean(entity).snapshot)
        return self._checked[entity]

    def pull_anew(self, entity: str, scope: Scope | None = None) -> Pulled:
        """Pull an entity as declared, over a connection of its own.

        Raises:
            FulfillmentError: The pull failed.
        """
        with self.bench.plain() as system:
            pulled = self.pull(system, entity, scope)
        if scope is None:
            self.durations.setdefault(entity, []).append(pulled.seconds)
        return pulled

    def pull(self, system: System, entity: str, scope: Scope | None = None) -> Pulled:
        """Pull an entity from a system as it is connected.

        Raises:
            FulfillmentError: The pull failed.
        """
        began = self.monotonic()
        snapshot = system.source(entity).pull(scope or Scope())
        seconds = self.monotonic() - began
        return Pulled(snapshot, self.workbench.decode(snapshot), seconds)

    def bent(self, fault: Fault, entity: str, *, field: str = "") -> AbstractContextManager[Bent] | Finding:
        """Connect the system under a fault, or say why that cannot be."""
        return self.bench.bent(fault, entity, field=field)

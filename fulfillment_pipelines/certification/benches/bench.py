"""What a bench can do: connect a system as declared, with smaller pages, or under a fault.

Only the protocol and its words belong here; each transport has a module of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from fulfillment_pipelines.certification.verdicts import Finding
from fulfillment_pipelines.domain.correction import Correction
from fulfillment_pipelines.systems.port import System


class Fault(StrEnum):
    """What goes wrong between the system and us."""

    REFUSED = "nobody answers at the address"
    CUT = "the answer breaks off in its middle"
    STALLED = "the answer does not come"
    RATE_LIMITED = "the first request is answered with 429 and Retry-After"
    EXPIRED_ONCE = "the credentials are refused once"
    EXPIRED = "the credentials are refused for ever"
    FIELD_GONE = "a declared field is gone"
    FIELD_ADDED = "there is a field more"
    ANSWER_LOST = "the write is carried out and its answer is lost"


@dataclass(frozen=True, slots=True)
class Bent:
    """A system that is reached under a fault.

    Attributes:
        system: The system, connected anew.
        struck: How often the fault has struck so far; a fault that never struck proves nothing.
        time_limit_seconds: How long one attempt may take, as it is declared for this connection; None for no limit.
        attempts: How often a read is attempted.
    """

    system: System
    struck: Callable[[], int]
    time_limit_seconds: float | None = None
    attempts: int = 1


class Bench(Protocol):
    """Reaches one system in every way a check needs."""

    def plain(self) -> AbstractContextManager[System]:
        """Connect the system as it is declared."""
        ...

    def paged(self, entity: str, rows: int) -> AbstractContextManager[System] | Finding:
        """Connect it so that an entity comes in pages of so many rows; a finding says why that cannot be."""
        ...

    def bent(self, fault: Fault, entity: str, *, field: str = "") -> AbstractContextManager[Bent] | Finding:
        """Connect it so that a pull of an entity meets a fault; a finding says why that cannot be.

        Args:
            fault: What goes wrong.
            entity: What will be pulled.
            field: Which field is gone.
        """
        ...

    def silent(self, correction: Correction) -> AbstractContextManager[Bent] | Finding:
        """Connect it so that the answer to a correction is lost; a finding says why that cannot be."""
        ...

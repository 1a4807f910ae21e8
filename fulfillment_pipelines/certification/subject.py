"""What is put to the test: one declared system, with everything that is needed to reach it as it is configured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from fulfillment_pipelines.canonical.admission import CanonicalFeed
from fulfillment_pipelines.canonical.reference import ReferenceData
from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.sql_models import SqlModel
from fulfillment_pipelines.systems.declaration import SystemDeclaration
from fulfillment_pipelines.systems.port import CorrectionSink, System
from fulfillment_pipelines.systems.references import References

Connect: TypeAlias = Callable[[SystemDeclaration, References], System]
"""Makes a system from a declaration without opening anything; closing it is left to who asked for it."""


@dataclass(frozen=True)
class Subject:
    """A declared system under test.

    Attributes:
        declaration: What it is declared to be.
        declaration_name: Name of the declaration's file.
        declaration_sha256: Hash of that file.
        distributor: Whose system it is.
        references: Where its address and its secrets come from.
        connect: Makes a connection of its own for each look, also from a declaration that is bent.
        sink_of: Returns what may write into a connection, behind the decision rights.
        feeds: What is needed to admit its snapshots, by entity.
        entities: The entities that are looked at; all of them, or those that were asked for.
        reference: Units, nodes and calendars that rows are held to.
        operations: The tables in which landing keeps its counts, from `sql/00_operations`.
        clock: The time of this machine.
    """

    declaration: SystemDeclaration
    declaration_name: str
    declaration_sha256: str
    distributor: str
    references: References
    connect: Connect
    sink_of: Callable[[System], CorrectionSink]
    feeds: Mapping[str, CanonicalFeed]
    entities: tuple[str, ...]
    reference: ReferenceData
    operations: Sequence[SqlModel]
    clock: Clock

    @property
    def name(self) -> str:
        """The system's declared name."""
        return self.declaration.name

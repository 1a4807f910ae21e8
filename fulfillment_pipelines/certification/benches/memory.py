"""The bench of the shipped fake: its own switches stand for the faults of a wire it does not have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace

from fulfillment_pipelines.certification.benches.bench import Bent, Fault
from fulfillment_pipelines.certification.page_changes import ADDED_FIELD
from fulfillment_pipelines.certification.subject import Subject
from fulfillment_pipelines.certification.verdicts import Finding, not_applicable
from fulfillment_pipelines.domain.correction import Correction
from fulfillment_pipelines.systems.declaration.memory import MemoryDeclaration
from fulfillment_pipelines.systems.memory import MemoryRow, MemorySystem, Switches
from fulfillment_pipelines.systems.port import System

_NO_WIRE = "The system is in memory: there is no wire between it and us."
_FEW_ROWS = 2


class MemoryBench:
    """Reaches a system in memory.

    Args:
        subject: The system.
        declaration: What it is declared to be.
        system: The system itself.
    """

    def __init__(self, subject: Subject, declaration: MemoryDeclaration, system: MemorySystem) -> None:
        self._subject = subject
        self._declared = declaration
        self._system = system

    def plain(self) -> AbstractContextManager[System]:
        """Hand over the system."""
        return nullcontext(self._system)

    def paged(self, entity: str, rows: int) -> AbstractContextManager[System] | Finding:
        """Hand over a system of the same rows in pages of so many."""
        return nullcontext(self._copy(entity, self._system.rows[entity], size=rows))

    def bent(self, fault: Fault, entity: str, *, field: str = "") -> AbstractContextManager[Bent] | Finding:
        """Hand over a system whose switches are set, or whose rows are changed."""
        rows = self._system.rows[entity]
        match fault:
            case Fault.FIELD_GONE:
                fewer = [{name: value for name, value in row.items() if name != field} for row in rows]
                return nullcontext(Bent(self._copy(entity, fewer), lambda: 1))
            case Fault.FIELD_ADDED:
                more = [{**row, ADDED_FIELD: "1"} for row in rows]
                return nullcontext(Bent(self._copy(entity, more), lambda: 1))
            case Fault.REFUSED | Fault.CUT:
                copied = self._copy(entity, rows, size=_FEW_ROWS)
                copied.switches = Switches(down=True) if fault is Fault.REFUSED else Switches(fails_on_page=2)
                return nullcontext(Bent(copied, lambda: 1))
            case _:
                return not_applicable(_NO_WIRE)

    def silent(self, correction: Correction) -> AbstractContextManager[Bent] | Finding:
        """Hand over the system with its switch for lost answers set."""
        del correction
        return self._falling_silent()

    @contextmanager
    def _falling_silent(self) -> Iterator[Bent]:
        before = self._system.switches
        self._system.switches = replace(before, silent_after_effect=True)
        try:
            yield Bent(self._system, lambda: 1)
        finally:
            self._system.switches = before

    def _copy(self, entity: str, rows: list[MemoryRow], *, size: int | None = None) -> MemorySystem:
        declared = self._declared.entities[entity]
        resized = declared.model_copy(update={"size": size or declared.size})
        declaration = self._declared.model_copy(update={"entities": {**self._declared.entities, entity: resized}})
        return MemorySystem(declaration, self._subject.clock, {**self._system.rows, entity: rows})

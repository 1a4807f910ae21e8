"""Let cases follow their corrections, as far as the legal moves of a case allow."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from fulfillment_pipelines.domain.case import Case, CaseEvent, CaseEventKind, CaseState
from fulfillment_pipelines.exceptions import lifecycle
from fulfillment_pipelines.ledger.cases import append_events, update_cases
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass
class CaseMoves:
    """Moves of many cases, collected before they are written.

    Args:
        actor: Who moves them, for their history.
        now: When.
    """

    actor: str
    now: datetime
    _moved: dict[str, Case] = field(default_factory=dict)
    _events: list[CaseEvent] = field(default_factory=list)

    def follow(self, case: Case, *states: CaseState, note: str) -> None:
        """Move a case through these states; it stays where the table stops it.

        A case whose cure was proved meanwhile, or that a person has suppressed, is thereby left alone.
        """
        moved = self._moved.get(case.case_id, case)
        for state in states:
            if state not in lifecycle.LEGAL_MOVES[moved.state]:
                continue
            before, moved = moved, lifecycle.move(moved, state)
            self._events.append(
                CaseEvent(
                    moved.case_id, self.now, self.actor, CaseEventKind.MOVED, before.state, moved.state, None, note
                )
            )
        if moved != case:
            self._moved[case.case_id] = moved

    def write(self, work: UnitOfWork) -> None:
        """Write the moves and the histories."""
        update_cases(work, list(self._moved.values()))
        append_events(work, self._events)

"""How the open cases and their corrections stand, in as few columns as tell whether anything has happened to them.

A decision reads whole cases and corrections; this is what it reads to know which ones it need not read.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.tables import correction, exception_case, outbox
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Standing:
    """What is open in the ledger.

    Attributes:
        open_cases: Business key of each case whose cure has not been proved, by identity.
        marks: For each open case, and each correction that has not ended, a value that changes when its state does;
            the first part is the identity of the case.
        corrected_cases: The cases of these corrections, open or not.
    """

    open_cases: dict[str, str]
    marks: frozenset[tuple[Any, ...]]
    corrected_cases: frozenset[str]

    def moved_since(self, earlier: Standing) -> frozenset[str]:
        """Return the cases of which anything stands otherwise than before."""
        return frozenset(mark[0] for mark in self.marks ^ earlier.marks)


def standing_of(work: UnitOfWork, ended: Collection[CorrectionState]) -> Standing:
    """Return how everything stands.

    Args:
        work: The transaction.
        ended: The states of corrections of which nothing more is expected.
    """
    cases = work.rows(
        select(
            exception_case.c.case_id,
            exception_case.c.business_key,
            exception_case.c.state,
            exception_case.c.times_opened,
            exception_case.c.assignee,
        ).where(exception_case.c.closed_at.is_(None))
    )
    corrections = work.rows(
        select(
            correction.c.case_id,
            correction.c.correction_id,
            correction.c.state,
            correction.c.version,
            correction.c.acked_at,
            outbox.c.status,
            outbox.c.next_step,
            outbox.c.attempts,
        )
        .join(outbox, outbox.c.correction_id == correction.c.correction_id, isouter=True)
        .where(correction.c.state.not_in(sorted(ended)))
    )
    return Standing(
        open_cases={row.case_id: row.business_key for row in cases},
        marks=frozenset((*map(_mark, cases), *map(_mark, corrections))),
        corrected_cases=frozenset(row.case_id for row in corrections),
    )


def _mark(row: Row[Any]) -> tuple[Any, ...]:
    return tuple(row)

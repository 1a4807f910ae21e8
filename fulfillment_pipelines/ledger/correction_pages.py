"""Corrections in pages: a list that can be walked to its end while others write.

The whole of one correction belongs in `readings`; what waits for people, in `approvals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select

from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.corrections import ALL_OF_A_CORRECTION, CorrectionRecord, record_of
from fulfillment_pipelines.ledger.tables import correction
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class CorrectionPlace:
    """Where a page of corrections ends: the moment its last one was proposed, and its identity."""

    proposed_at: datetime
    correction_id: str


@dataclass(frozen=True, slots=True)
class CorrectionWish:
    """Which corrections. An empty condition holds for every one.

    Attributes:
        state: Where it stands.
        code: Exception code of its case.
        case_id: Its case.
        target: The system that receives it.
        message: What it asks for.
        node: The site of its case.
    """

    state: CorrectionState | None = None
    code: str = ""
    case_id: str = ""
    target: str = ""
    message: str = ""
    node: str = ""


def correction_page(
    work: UnitOfWork, wanted: CorrectionWish, *, after: CorrectionPlace | None, most: int
) -> list[CorrectionRecord]:
    """Return corrections, newest first.

    Args:
        work: The transaction.
        wanted: Which.
        after: Only those behind this place; None for the first.
        most: At most so many.
    """
    pairs = (
        (correction.c.state, wanted.state),
        (correction.c.code, wanted.code),
        (correction.c.case_id, wanted.case_id),
        (correction.c.target, wanted.target),
        (correction.c.message, wanted.message),
        (correction.c.node, wanted.node),
    )
    conditions: list[ColumnElement[bool]] = [column == value for column, value in pairs if value]
    if after is not None:
        same = and_(correction.c.proposed_at == after.proposed_at, correction.c.correction_id > after.correction_id)
        conditions.append(or_(correction.c.proposed_at < after.proposed_at, same))
    ordered = select(*ALL_OF_A_CORRECTION).where(*conditions)
    ordered = ordered.order_by(correction.c.proposed_at.desc(), correction.c.correction_id).limit(most)
    return [record_of(row) for row in work.rows(ordered)]

"""Which records of other systems belong to a case; who may say so belongs in `exceptions.working`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy import insert, select

from fulfillment_pipelines.ledger.tables import case_link
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class CaseLink:
    """One record of another system that belongs to a case.

    Attributes:
        case_id: The case.
        system: The system that has the record.
        reference: By what that system names it.
        linked_by: Who said so.
        linked_at: When.
    """

    case_id: str
    system: str
    reference: str
    linked_by: str
    linked_at: datetime


def insert_link(work: UnitOfWork, wanted: CaseLink) -> None:
    """Keep a link.

    Raises:
        InvariantError: It is there already, or there is no such case.
    """
    work.change(insert(case_link), [asdict(wanted)])


def links_of(work: UnitOfWork, case_id: str) -> list[CaseLink]:
    """Return the links of a case, in the order in which they were made."""
    of_case = select(case_link).where(case_link.c.case_id == case_id).order_by(case_link.c.link_id)
    return [
        CaseLink(**{field.name: getattr(row, field.name) for field in fields(CaseLink)}) for row in work.rows(of_case)
    ]

"""Reading and writing cases and their history, many at a time.

Which case should change and how belongs in `exceptions`; what an operator looks at, in `readings`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from fulfillment_pipelines.domain.case import Case, CaseEvent, CaseState
from fulfillment_pipelines.domain.finding import Severity
from fulfillment_pipelines.ledger.tables import case_event, exception_case
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

_CASE_COLUMNS = tuple(field.name for field in fields(Case))
_EVENT_COLUMNS = tuple(field.name for field in fields(CaseEvent))
# Identity and first sight never change, so that an update cannot rewrite them.
_CHANGING_COLUMNS = tuple(
    name for name in _CASE_COLUMNS if name not in {"case_id", "code", "business_key", "node", "detected_at"}
)
_ALL_OF_A_CASE = tuple(exception_case.c[name] for name in _CASE_COLUMNS)


def cases_by_id(work: UnitOfWork, case_ids: Iterable[str]) -> dict[str, Case]:
    """Return the cases that exist of these, by identity."""
    staged = work.stage(case_ids)
    rows = work.rows(select(*_ALL_OF_A_CASE).join(staged, staged.c.key == exception_case.c.case_id))
    return {row.case_id: case_of(row) for row in rows}


def open_cases(work: UnitOfWork, codes: Iterable[str], business_keys: Iterable[str] | None = None) -> dict[str, Case]:
    """Return the cases of these codes whose cure has not been proved, by identity.

    Args:
        work: The transaction.
        codes: Exception codes.
        business_keys: Only cases at these keys; None for all.
    """
    query = select(*_ALL_OF_A_CASE).where(
        exception_case.c.closed_at.is_(None), exception_case.c.code.in_(sorted(set(codes)))
    )
    if business_keys is not None:
        staged = work.stage(business_keys)
        query = query.join(staged, staged.c.key == exception_case.c.business_key)
    return {row.case_id: case_of(row) for row in work.rows(query)}


def insert_cases(work: UnitOfWork, cases: Sequence[Case]) -> None:
    """Insert new cases.

    Raises:
        RetryableError: Another process opened one of them first.
    """
    work.change(insert(exception_case), [{name: getattr(case, name) for name in _CASE_COLUMNS} for case in cases])


def update_cases(work: UnitOfWork, cases: Sequence[Case]) -> None:
    """Write everything that may change of cases that exist."""
    statement = (
        update(exception_case)
        .where(exception_case.c.case_id == bindparam("the_case_id"))
        .values({name: bindparam(name) for name in _CHANGING_COLUMNS})
    )
    work.change(
        statement,
        [{"the_case_id": case.case_id} | {name: getattr(case, name) for name in _CHANGING_COLUMNS} for case in cases],
    )


def append_events(work: UnitOfWork, events: Sequence[CaseEvent]) -> None:
    """Append to the histories of cases, in this order."""
    work.change(insert(case_event), [{name: getattr(event, name) for name in _EVENT_COLUMNS} for event in events])


def case_of(row: Row[Any]) -> Case:
    """Return a row of `exception_case` as the value it stands for."""
    values = {name: getattr(row, name) for name in _CASE_COLUMNS}
    values["state"] = CaseState(row.state)
    values["severity"] = Severity(row.severity)
    return Case(**values)

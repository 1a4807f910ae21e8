"""Reading and writing cases and their history, many at a time.

Which case should change and how belongs in `exceptions`; what an operator looks at, in `readings`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import compress
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, func, select

from fulfillment_pipelines.domain.case import Case, CaseEvent, CaseEventKind, CaseState
from fulfillment_pipelines.domain.finding import Severity
from fulfillment_pipelines.ledger.bulk import Values
from fulfillment_pipelines.ledger.tables import case_event, exception_case
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

_CASE_COLUMNS = tuple(field.name for field in fields(Case))
_EVENT_COLUMNS = tuple(field.name for field in fields(CaseEvent))
# Identity and first sight never change, so that an update cannot rewrite them.
_CHANGING_COLUMNS = tuple(
    name for name in _CASE_COLUMNS if name not in {"case_id", "code", "business_key", "node", "detected_at"}
)
_case_values = attrgetter(*_CASE_COLUMNS)
_changing_values = attrgetter(*_CHANGING_COLUMNS)
_event_values = attrgetter(*_EVENT_COLUMNS)
_ALL_OF_A_CASE = tuple(exception_case.c[name] for name in _CASE_COLUMNS)


def cases_by_id(work: UnitOfWork, case_ids: Iterable[str]) -> dict[str, Case]:
    """Return the cases that exist of these, by identity."""
    staged = work.stage(case_ids)
    rows = work.rows(select(*_ALL_OF_A_CASE).where(exception_case.c.case_id.in_(select(staged.c.key))))
    return {row.case_id: case_of(row) for row in rows}


def open_cases(work: UnitOfWork, codes: Iterable[str], business_keys: Iterable[str] | None = None) -> dict[str, Case]:
    """Return the cases of these codes whose cure has not been proved, by identity.

    Args:
        work: The transaction.
        codes: Exception codes.
        business_keys: Only cases at these keys; None for all.
    """
    wanted, query = sorted(set(codes)), select(*_ALL_OF_A_CASE)
    if business_keys is None:
        found = work.rows(query.where(exception_case.c.closed_at.is_(None), exception_case.c.code.in_(wanted)))
        return {row.case_id: case_of(row) for row in found}
    staged = work.stage(business_keys)
    # What else is asked for is looked at here: SQLite would take it for the better index, and read every open case.
    at_keys = work.rows(query.where(exception_case.c.business_key.in_(select(staged.c.key))))
    return {row.case_id: case_of(row) for row in at_keys if row.closed_at is None and row.code in wanted}


def insert_cases(work: UnitOfWork, cases: Sequence[Case]) -> None:
    """Insert new cases.

    Raises:
        RetryableError: Another process opened one of them first.
    """
    work.insert(exception_case, _CASE_COLUMNS, map(_case_values, cases))


def update_cases(work: UnitOfWork, cases: Sequence[Case], known: Mapping[str, Case] | None = None) -> None:
    """Write what may change of cases that exist.

    Args:
        work: The transaction.
        cases: As they shall be.
        known: As this transaction has read them, by identity; only what differs is written. None writes everything.
    """
    by_names: dict[tuple[str, ...], list[Values]] = {}
    for case in cases:
        values = _changing_values(case)
        before = (None,) * len(values) if known is None else _changing_values(known[case.case_id])
        differs = tuple(known is None or new != old for new, old in zip(values, before, strict=True))
        names = tuple(compress(_CHANGING_COLUMNS, differs))
        by_names.setdefault(names, []).append((*compress(values, differs), case.case_id))
    for names, rows in by_names.items():
        if names:
            work.update(exception_case, "case_id", names, rows)


def suppressed_until(work: UnitOfWork, moment: datetime) -> list[Case]:
    """Return the open cases that were put off until no later than a moment, by identity."""
    asleep = (exception_case.c.state == CaseState.SUPPRESSED, exception_case.c.suppressed_until <= moment)
    # Sorted here: for an order SQLite would read every case there is.
    rows = work.rows(select(*_ALL_OF_A_CASE).where(*asleep))
    return sorted((case_of(row) for row in rows), key=attrgetter("case_id"))


def last_event_id(work: UnitOfWork, case_id: str) -> int:
    """Return the number of what happened to a case last; 0 where nothing has."""
    (row,) = work.rows(select(func.max(case_event.c.event_id)).where(case_event.c.case_id == case_id))
    return row[0] or 0


def last_event_at(work: UnitOfWork, case_id: str, event: CaseEventKind) -> datetime | None:
    """Return when something of a kind happened to a case last; None for never."""
    of_kind = (case_event.c.case_id == case_id, case_event.c.event == event)
    rows = work.rows(select(case_event.c.occurred_at).where(*of_kind).order_by(case_event.c.event_id.desc()).limit(1))
    return rows[0].occurred_at if rows else None


def append_events(work: UnitOfWork, events: Sequence[CaseEvent]) -> None:
    """Append to the histories of cases, in this order."""
    work.insert(case_event, _EVENT_COLUMNS, map(_event_values, events))


def case_of(row: Row[Any]) -> Case:
    """Return a row of `exception_case` as the value it stands for."""
    values = dict(zip(_CASE_COLUMNS, _case_values(row), strict=True))
    values["state"] = CaseState(row.state)
    values["severity"] = Severity(row.severity)
    return Case(**values)

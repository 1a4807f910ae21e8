"""How cases go, in numbers: whether they are solved by when they are due, and how many are found.

Everything here only reads; use it within `Ledger.reading()`. Single cases belong to `readings`, the queue to
`case_queue`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select

from fulfillment_pipelines.domain.case import Case, CaseState
from fulfillment_pipelines.ledger.cases import case_of
from fulfillment_pipelines.ledger.tables import exception_case
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

_DAY: Final = timedelta(days=1)
_SILENCED: Final = CaseState.SUPPRESSED.value


class Promptness(StrEnum):
    """How a case that was due stands to its deadline."""

    MET = "met"
    MISSED = "missed"
    EXCLUDED = "excluded"


class CaseGroup(StrEnum):
    """Which of the cases that `volume_by_code` counts."""

    FOUND = "found"
    CURED = "cured"
    SELF_HEALED = "self_healed"
    RETURNED = "returned"
    OPEN = "open"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class CaseSpan:
    """Of which cases the numbers speak.

    Attributes:
        since: Midnight in UTC of the first day.
        until: The present: what falls due later is not counted.
        owner: One team; empty for all.
        node: One site; empty for all.
    """

    since: datetime
    until: datetime
    owner: str = ""
    node: str = ""

    @property
    def days(self) -> tuple[datetime, ...]:
        """The midnights of the span, in UTC."""
        count = max((self.until - self.since) // _DAY, 0) + 1
        return tuple(self.since + number * _DAY for number in range(count))


@dataclass(frozen=True, slots=True)
class SlaDay:
    """Cases that were due on one day.

    Attributes:
        day: In UTC.
        due_count: Cases that were due, without those that are left out.
        met_count: Of them, those whose cure was proved by then.
        waiting_count: Of them, those that wait for somebody outside now.
        silenced_count: Left out: silenced by a person.
        child_count: Left out: caused by another case, which has the deadline.
    """

    day: date
    due_count: int
    met_count: int
    waiting_count: int
    silenced_count: int
    child_count: int


@dataclass(frozen=True, slots=True)
class CodeVolume:
    """How many cases of one code there are.

    Attributes:
        code: Exception code.
        found_count: Detected within the span.
        cured_count: Of them, those whose cure is proved.
        self_healed_count: Of them, those that went by themselves.
        returned_count: Of them, those that came back after a cure.
        open_count: Open now, whenever they were detected.
        overdue_count: Of those, the ones past their deadline.
    """

    code: str
    found_count: int
    cured_count: int
    self_healed_count: int
    returned_count: int
    open_count: int
    overdue_count: int


def sla_by_day(work: UnitOfWork, span: CaseSpan) -> list[SlaDay]:
    """Return how the cases that were due went, one row for each day on which any was due."""
    day = _day_number(span)
    is_left_out, is_child = exception_case.c.state == _SILENCED, exception_case.c.parent_case_id.is_not(None)
    is_counted = and_(~is_left_out, ~is_child)
    in_time = and_(exception_case.c.closed_at.is_not(None), exception_case.c.closed_at <= exception_case.c.fix_due_at)
    waits = exception_case.c.state == CaseState.WAITING_EXTERNAL.value
    rows = work.rows(
        select(
            day.label("day_number"),
            _count_of(is_counted).label("due_count"),
            _count_of(and_(is_counted, in_time)).label("met_count"),
            _count_of(and_(is_counted, waits)).label("waiting_count"),
            _count_of(is_left_out).label("silenced_count"),
            _count_of(and_(~is_left_out, is_child)).label("child_count"),
        )
        .where(*_due_within(span))
        .group_by(day)
        .order_by(day)
    )
    return [
        SlaDay(
            span.days[row.day_number].date(),
            row.due_count,
            row.met_count,
            row.waiting_count,
            row.silenced_count,
            row.child_count,
        )
        for row in rows
    ]


def volume_by_code(work: UnitOfWork, span: CaseSpan) -> list[CodeVolume]:
    """Return how many cases were found and are open, one row per code, those found most first."""
    conditions = _groups(span)
    columns = [_count_of(condition).label(f"{group}_count") for group, condition in conditions.items()]
    rows = work.rows(
        select(exception_case.c.code, *columns)
        .where(or_(conditions[CaseGroup.FOUND], conditions[CaseGroup.OPEN]), *_concerned(span))
        .group_by(exception_case.c.code)
        .order_by(columns[0].desc(), exception_case.c.code)
    )
    return [CodeVolume(row.code, *(getattr(row, f"{group}_count") for group in conditions)) for row in rows]


def due_cases(work: UnitOfWork, span: CaseSpan, wanted: Promptness | None, *, limit: int, offset: int) -> list[Case]:
    """Return the cases behind `sla_by_day`, those due first first.

    Args:
        work: The ledger.
        span: As it was counted.
        wanted: Which of them; None for all that are counted.
        limit: At most so many.
        offset: Behind so many.
    """
    query: Select[Any] = select(exception_case).where(*_due_within(span), _that_are(wanted))
    ordered = query.order_by(exception_case.c.fix_due_at, exception_case.c.case_id).limit(limit).offset(offset)
    return [case_of(row) for row in work.rows(ordered)]


def count_due_cases(work: UnitOfWork, span: CaseSpan, wanted: Promptness | None) -> int:
    """Return how many `due_cases` there are in all."""
    count: int = work.rows(select(func.count()).where(*_due_within(span), _that_are(wanted)))[0][0]
    return count


def cases_of_group(
    work: UnitOfWork, span: CaseSpan, group: CaseGroup, code: str, *, limit: int, offset: int
) -> list[Case]:
    """Return the cases behind `volume_by_code`, those found last first; of all codes where none is named."""
    query: Select[Any] = select(exception_case).where(*_of_group(span, group, code))
    ordered = query.order_by(exception_case.c.detected_at.desc(), exception_case.c.case_id).limit(limit).offset(offset)
    return [case_of(row) for row in work.rows(ordered)]


def count_of_group(work: UnitOfWork, span: CaseSpan, group: CaseGroup, code: str) -> int:
    """Return how many `cases_of_group` there are in all."""
    count: int = work.rows(select(func.count()).where(*_of_group(span, group, code)))[0][0]
    return count


def _that_are(wanted: Promptness | None) -> ColumnElement[bool]:
    excluded = or_(exception_case.c.state == _SILENCED, exception_case.c.parent_case_id.is_not(None))
    in_time = and_(exception_case.c.closed_at.is_not(None), exception_case.c.closed_at <= exception_case.c.fix_due_at)
    if wanted is Promptness.EXCLUDED:
        return excluded
    if wanted is Promptness.MET:
        return and_(~excluded, in_time)
    if wanted is Promptness.MISSED:
        return and_(~excluded, ~in_time)
    return ~excluded


def _due_within(span: CaseSpan) -> Sequence[ColumnElement[bool]]:
    due = (exception_case.c.fix_due_at >= span.since, exception_case.c.fix_due_at <= span.until)
    return (*due, *_concerned(span))


def _of_group(span: CaseSpan, group: CaseGroup, code: str) -> Sequence[ColumnElement[bool]]:
    of_code = (exception_case.c.code == code,) if code else ()
    return (_groups(span)[group], *of_code, *_concerned(span))


def _groups(span: CaseSpan) -> Mapping[CaseGroup, ColumnElement[bool]]:
    """Return what is counted, in the order of the fields of `CodeVolume`."""
    found = and_(exception_case.c.detected_at >= span.since, exception_case.c.detected_at <= span.until)
    is_open = exception_case.c.closed_at.is_(None)
    return {
        CaseGroup.FOUND: found,
        CaseGroup.CURED: and_(found, ~is_open),
        CaseGroup.SELF_HEALED: and_(found, exception_case.c.state == CaseState.AUTO_CLEARED.value),
        CaseGroup.RETURNED: and_(found, exception_case.c.times_opened > 1),
        CaseGroup.OPEN: is_open,
        CaseGroup.OVERDUE: and_(is_open, exception_case.c.fix_due_at < span.until),
    }


def _concerned(span: CaseSpan) -> Sequence[ColumnElement[bool]]:
    owner = (exception_case.c.owner == span.owner,) if span.owner else ()
    node = (exception_case.c.node == span.node,) if span.node else ()
    return (*owner, *node)


def _day_number(span: CaseSpan) -> ColumnElement[int]:
    """Return which day of the span a case was due on: both databases compare instants, and cut them differently."""
    later = [(exception_case.c.fix_due_at < midnight + _DAY, number) for number, midnight in enumerate(span.days)]
    return case(*later[:-1], else_=len(later) - 1) if len(later) > 1 else literal(0)


def _count_of(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

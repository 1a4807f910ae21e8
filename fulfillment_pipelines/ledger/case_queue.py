"""The queue: pages of open cases by what people look for, and how many of each kind there are.

Everything here only reads; use it within `Ledger.reading()`. A page is as quick at the end of the queue as at its
beginning, since it begins behind a row and not behind a number of rows. What a person calls a view belongs to the
console.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeAlias

from sqlalchemy import Column, ColumnElement, Select, exists, func, literal, or_, select, tuple_

from fulfillment_pipelines.domain.case import Case, CaseState
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Severity
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger.approvals import ApprovalDecision
from fulfillment_pipelines.ledger.cases import case_of
from fulfillment_pipelines.ledger.tables import approval, case_event, correction, exception_case
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

NOBODY: Final = "-"
"""Stands for cases that nobody has."""

MOST_FOUND: Final = 1000
"""Cases that a search finds at most."""

Position: TypeAlias = tuple[datetime | Decimal | str, ...]
"""Where a row stands in its order; the next page begins behind it."""

_C = exception_case.c


class QueueSort(StrEnum):
    """By what the queue is sorted; each is its natural direction, worst first."""

    DUE = "due"
    VALUE = "value"
    AGE = "age"
    SEVERITY = "severity"


@dataclass(frozen=True, slots=True)
class Approver:
    """Whose decision is waited for.

    Attributes:
        person: Who.
        roles: What the person answers for, or has been lent.
    """

    person: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which open cases to list. An empty condition holds for every case.

    Attributes:
        severities: Severities.
        codes: Exception codes.
        owners: Owning teams.
        nodes: Sites; an empty text for none.
        states: States; without any, cases that were put off are left out.
        assignee: Who has it; `NOBODY` for nobody.
        cause: This case, and the cases that it causes.
        only_causes: Leave out what another case causes.
        order_id: ERP order number.
        due_before: Must be solved before this moment.
        waits_for: Has a correction that this person may be the one to approve.
        case_ids: Only these, as a search has found them; None for all.
    """

    severities: frozenset[Severity] = frozenset()
    codes: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()
    states: frozenset[CaseState] = frozenset()
    assignee: str = ""
    cause: str = ""
    only_causes: bool = False
    order_id: str = ""
    due_before: datetime | None = None
    waits_for: Approver | None = None
    case_ids: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """Some cases in their order.

    Attributes:
        cases: The cases.
        is_first: Whether nothing comes before them.
        is_last: Whether nothing comes behind them.
    """

    cases: tuple[Case, ...]
    is_first: bool
    is_last: bool


@dataclass(frozen=True, slots=True)
class QueueGroup:
    """How many open cases are alike in all that the queue counts by, and what they are worth.

    Attributes:
        severity: Their severity.
        owner: Their team.
        node: Their site.
        state: Where they stand.
        code: Their exception code.
        assignee: Who has them; `NOBODY` for nobody.
        currency: Of the amount.
        cases: How many.
        value_at_risk_amount: Their sum.
    """

    severity: str
    owner: str
    node: str
    state: str
    code: str
    assignee: str
    currency: str
    cases: int
    value_at_risk_amount: Decimal


# The identity makes each order total, so that no row is shown twice or passed over.
_ORDERS: Final[Mapping[QueueSort, tuple[tuple[Column[Any], ...], bool]]] = {
    QueueSort.DUE: ((_C.fix_due_at, _C.case_id), False),
    QueueSort.VALUE: ((_C.value_at_risk_amount, _C.case_id), True),
    QueueSort.AGE: ((_C.condition_since, _C.case_id), False),
    QueueSort.SEVERITY: ((_C.severity, _C.fix_due_at, _C.case_id), False),
}
_GROUPED: Final = (_C.severity, _C.owner, _C.node, _C.state, _C.code, _C.assignee, _C.currency)


def read_page(
    work: UnitOfWork,
    wanted: QueueFilter,
    sort: QueueSort = QueueSort.DUE,
    *,
    reverse: bool = False,
    limit: int = 50,
    after: Position | None = None,
    before: Position | None = None,
) -> QueuePage:
    """Return a page of open cases.

    Args:
        work: The transaction.
        wanted: Which cases.
        sort: By what they are sorted.
        reverse: The other way round.
        limit: How many at most.
        after: Begin behind this row; None for the first.
        before: End before this row; None for no end. Not together with `after`.
    """
    columns, falls = _ORDERS[sort]
    backward = before is not None
    # What is sought is walked in the order in which it lies; a page before a row is read from that row backward.
    descending = (falls != reverse) != backward
    conditions = list(conditions_of(wanted))
    if (edge := before or after) is not None:
        here, there = tuple_(*columns), tuple_(*(literal(at, c.type) for c, at in zip(columns, edge, strict=True)))
        conditions.append(here < there if descending else here > there)
    # PostgreSQL walks an index only if the order begins as the index does.
    walked = [(column.desc() if descending else column.asc()) for column in (_C.closed_at, *columns)]
    found = work.rows(select(_C.case_id).where(*conditions).order_by(*walked).limit(limit + 1))
    identities = [row.case_id for row in found[:limit]]
    more, known = len(found) > limit, cases_of(work, identities)
    shown = [known[identity] for identity in (reversed(identities) if backward else identities) if identity in known]
    is_first, is_last = (not more, False) if backward else (after is None, not more)
    return QueuePage(tuple(shown), is_first=is_first, is_last=is_last)


def position_of(case: Case, sort: QueueSort) -> Position:
    """Return where a case stands in an order."""
    return tuple(getattr(case, column.name) for column in _ORDERS[sort][0])


def position_from(values: Sequence[object], sort: QueueSort) -> Position:
    """Return a position from the texts of its parts, as `str` and `isoformat` write them.

    Raises:
        BadDataError: They are none in this order.
    """
    columns = _ORDERS[sort][0]
    try:
        parts = zip(columns, values, strict=True)
        return tuple(_part(column, str(value)) for column, value in parts)
    except (ValueError, ArithmeticError) as error:
        raise BadDataError(
            "This is no place in the queue.",
            expected=f"what stands for a row sorted by {sort}",
            found=str(error),
            remedy="begin with the first page",
        ) from error


def _part(column: Column[Any], text: str) -> datetime | Decimal | str:
    if column is _C.value_at_risk_amount:
        amount = Decimal(text)
        if not amount.is_finite() or amount != amount.quantize(Decimal("0.01")) or abs(amount) > 10**15:
            raise ValueError(text)
        return amount
    if column in {_C.case_id, _C.severity}:
        if "\x00" in text:
            raise ValueError(text)
        return text
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def count_groups(work: UnitOfWork) -> list[QueueGroup]:
    """Return how many open cases there are of each kind; this looks at all of them."""
    counted = select(*_GROUPED, func.count().label("cases"), func.sum(_C.value_at_risk_amount).label("amount"))
    rows = work.rows(counted.where(_C.closed_at.is_(None)).group_by(*_GROUPED))
    return [
        QueueGroup(
            severity=row.severity,
            owner=row.owner,
            node=row.node,
            state=row.state,
            code=row.code,
            assignee=row.assignee or NOBODY,
            currency=row.currency,
            cases=row.cases,
            value_at_risk_amount=_amount(row.amount),
        )
        for row in rows
    ]


def count_cases(work: UnitOfWork, wanted: QueueFilter) -> tuple[int, Mapping[str, Decimal]]:
    """Return how many open cases a page is a part of, and what they are worth by currency."""
    counted = select(_C.currency, func.count().label("cases"), func.sum(_C.value_at_risk_amount).label("amount"))
    rows = work.rows(counted.where(*conditions_of(wanted)).group_by(_C.currency))
    return sum(row.cases for row in rows), {row.currency: _amount(row.amount) for row in rows}


def find_cases(work: UnitOfWork, text: str, order_ids: Collection[str]) -> frozenset[str]:
    """Return open cases of some orders, and those that begin with a text: at most `MOST_FOUND`.

    Args:
        work: The transaction.
        text: A case's identity, or the beginning of its business key or order number.
        order_ids: Orders that the text stands for.
    """
    spelled = sorted({text, text.upper()})
    exact = ((_C.case_id, spelled), (_C.order_id, [*spelled, *sorted(order_ids)[:MOST_FOUND]]))
    # One after the other: each has its own index, and a database that is asked for all of them at once uses none.
    found = {case_id for column, keys in exact for case_id in _open_at(work, column, keys)}
    if not found:
        begins = or_(*(_C.business_key.startswith(one, autoescape=True) for one in spelled))
        keys = [row.business_key for row in work.rows(select(_C.business_key).where(begins).limit(MOST_FOUND))]
        found = set(_open_at(work, _C.business_key, keys))
    return frozenset(sorted(found)[:MOST_FOUND])


def effects_of(work: UnitOfWork, case_ids: Iterable[str]) -> Mapping[str, int]:
    """Return how many open cases each of these causes; none where there is nothing."""
    parents = sorted(set(case_ids))
    counted = select(_C.parent_case_id, func.count().label("cases"))
    rows = work.rows(counted.where(_C.parent_case_id.in_(parents), _C.closed_at.is_(None)).group_by(_C.parent_case_id))
    return {row.parent_case_id: row.cases for row in rows}


def last_events_of(work: UnitOfWork, case_ids: Iterable[str]) -> Mapping[str, int]:
    """Return the number of what happened last to each of these cases."""
    latest = select(case_event.c.case_id, func.max(case_event.c.event_id).label("event_id"))
    rows = work.rows(latest.where(case_event.c.case_id.in_(sorted(set(case_ids)))).group_by(case_event.c.case_id))
    return {row.case_id: row.event_id for row in rows}


def last_event(work: UnitOfWork) -> int:
    """Return the number of what happened last to any case; whoever asks again sees that something has."""
    (row,) = work.rows(select(func.max(case_event.c.event_id)))
    return row[0] or 0


def conditions_of(wanted: QueueFilter) -> list[ColumnElement[bool]]:
    """Return what a filter demands of a row of `exception_case`."""
    pairs: tuple[tuple[Column[Any], Iterable[str]], ...] = (
        (_C.severity, wanted.severities),
        (_C.code, wanted.codes),
        (_C.owner, wanted.owners),
        (_C.node, wanted.nodes),
        (_C.state, wanted.states),
        (_C.order_id, {wanted.order_id} - {""}),
    )
    conditions: list[ColumnElement[bool]] = [_C.closed_at.is_(None)]
    conditions.extend(column.in_(sorted(values)) for column, values in pairs if values)
    if not wanted.states:
        conditions.append(_C.state != CaseState.SUPPRESSED)
    if wanted.assignee:
        conditions.append(_C.assignee.is_(None) if wanted.assignee == NOBODY else _C.assignee == wanted.assignee)
    if wanted.cause:
        conditions.append(or_(_C.case_id == wanted.cause, _C.parent_case_id == wanted.cause))
    if wanted.only_causes:
        conditions.append(_C.parent_case_id.is_(None))
    if wanted.due_before is not None:
        conditions.append(_C.fix_due_at < wanted.due_before)
    if wanted.waits_for is not None:
        conditions.append(_C.case_id.in_(_waiting_for(wanted.waits_for)))
    if wanted.case_ids is not None:
        conditions.append(_C.case_id.in_(sorted(wanted.case_ids)))
    return conditions


def _waiting_for(approver: Approver) -> Select[Any]:
    of = correction.c
    has_approved = exists().where(
        approval.c.correction_id == of.correction_id,
        approval.c.content_hash == of.content_hash,
        approval.c.actor == approver.person,
        approval.c.decision == ApprovalDecision.APPROVED,
        approval.c.decided_at >= of.proposed_at,
    )
    return select(of.case_id).where(
        of.state == CorrectionState.PENDING,
        of.approver_role.in_(sorted(approver.roles)),
        of.proposed_by != approver.person,
        ~has_approved,
    )


def _open_at(work: UnitOfWork, column: Column[Any], keys: Collection[str]) -> list[str]:
    found = work.rows(select(_C.case_id, _C.closed_at).where(column.in_(keys)))
    # What is open is looked at here: SQLite would take it for the better index, and read every open case.
    return [row.case_id for row in found if row.closed_at is None]


def cases_of(work: UnitOfWork, identities: Sequence[str]) -> dict[str, Case]:
    """Return the cases that exist of these few, by identity."""
    rows = work.rows(select(exception_case).where(_C.case_id.in_(identities)))
    return {row.case_id: case_of(row) for row in rows}


def _amount(stored: Decimal | None) -> Decimal:
    return Decimal("0.00") if stored is None else stored

"""What the address of the queue asks for: filters, order and page; and the address that asks for something else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fulfillment_pipelines.corrections.approving.people import Person
from fulfillment_pipelines.domain.case import CaseState
from fulfillment_pipelines.domain.finding import Severity
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.ledger.case_queue import Approver, QueueFilter, QueueSort

ME: Final = "me"
"""Stands for the person who asks."""

_LONGEST: Final = 128
_MOST_VALUES: Final = 60
_LISTS: Final = ("severity", "code", "owner", "node", "state")
_SINGLE: Final = ("assignee", "cause", "order", "due", "find", "waits")
_PLACE: Final = ("after", "before")
_E = TypeVar("_E", bound=StrEnum)


class Due(StrEnum):
    """By when a case must be solved."""

    OVERDUE = "overdue"
    TODAY = "today"
    WEEK = "week"


ROOTS: Final = "roots"
"""Stands for every case that no other causes."""


@dataclass(frozen=True, slots=True)
class Seeker:
    """Who looks at the queue, and when.

    Attributes:
        person: Who.
        roles: In which the person may decide now: the own ones, and those that were lent.
        now: The moment.
        zone: Where the day ends.
    """

    person: Person
    roles: frozenset[str]
    now: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class QueueAsked:
    """What is asked for. Empty means all.

    Attributes:
        severity: Severities.
        code: Exception codes.
        owner: Teams.
        node: Sites; `-` for none.
        state: States.
        assignee: A person, `me`, or `-` for nobody.
        cause: A case, or `roots`.
        order: ERP order number.
        due: By when.
        find: What is searched for.
        waits: `me` for what waits for one's approval.
        sort: By what, with a minus for the other way round.
        after: The page behind this row.
        before: The page before this row.
    """

    severity: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    node: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    assignee: str = ""
    cause: str = ""
    order: str = ""
    due: str = ""
    find: str = ""
    waits: str = ""
    sort: str = QueueSort.DUE.value
    after: str = ""
    before: str = ""

    @property
    def by(self) -> QueueSort:
        """By what it is sorted."""
        return QueueSort(self.sort.removeprefix("-"))

    @property
    def is_reverse(self) -> bool:
        """Whether it is sorted the other way round."""
        return self.sort.startswith("-")

    @property
    def filters(self) -> QueueAsked:
        """The same without order and page: what a view is known by."""
        return replace(self, sort=QueueSort.DUE.value, after="", before="")

    def query(self, **changes: Any) -> str:
        """Return the text that asks for this, or for something else; a change leads to the first page."""
        place = dict.fromkeys(_PLACE, "") if changes else {}
        asked = replace(self, **{**place, **changes})
        pairs = [(field.name, getattr(asked, field.name)) for field in fields(asked)]
        flat = [(name, value) for name, of in pairs for value in ([of] if isinstance(of, str) else of) if value]
        return urlencode([pair for pair in flat if pair != ("sort", QueueSort.DUE.value)])

    def wanted(self, seeker: Seeker) -> QueueFilter:
        """Return what is asked of the ledger by somebody at a moment; what a search finds comes to it."""
        return QueueFilter(
            severities=frozenset(Severity(value) for value in self.severity),
            codes=frozenset(self.code),
            owners=frozenset(self.owner),
            nodes=frozenset("" if value == "-" else value for value in self.node),
            states=frozenset(CaseState(value) for value in self.state),
            assignee=seeker.person.id if self.assignee == ME else self.assignee,
            cause="" if self.cause == ROOTS else self.cause,
            only_causes=self.cause == ROOTS,
            order_id=self.order,
            due_before=_due_before(Due(self.due), seeker.now, seeker.zone) if self.due else None,
            waits_for=Approver(seeker.person.id, seeker.roles) if self.waits else None,
        )


def asked_of(pairs: Iterable[tuple[str, str]]) -> QueueAsked:
    """Return what an address asks for; a name that means nothing here is passed over.

    Raises:
        BadDataError: A value cannot be asked for.
    """
    lists: dict[str, dict[str, None]] = {name: {} for name in _LISTS}
    single: dict[str, Any] = {}
    for name, value in pairs:
        text = value.replace("\x00", "").strip()
        if name in lists and text:
            lists[name][_short(name, text)] = None
        elif name in (*_SINGLE, *_PLACE, "sort") and text:
            single[name] = text[:512] if name in _PLACE else _short(name, text)
    _require(Severity, "severity", lists["severity"])
    _require(CaseState, "state", lists["state"])
    _require(Due, "due", filter(None, [single.get("due", "")]))
    _require(QueueSort, "sort", [single.get("sort", QueueSort.DUE).removeprefix("-")])
    if single.get("waits", ME) != ME:
        raise _refused("waits", single["waits"], ME)
    if "before" in single:
        single.pop("after", None)
    of_lists: dict[str, Any] = {name: tuple(values)[:_MOST_VALUES] for name, values in lists.items()}
    return QueueAsked(**of_lists, **single)


def _due_before(due: Due, now: datetime, zone: ZoneInfo) -> datetime:
    # To the minute, so that those who ask within one share an answer.
    minute = now.replace(second=0, microsecond=0)
    if due is Due.OVERDUE:
        return minute
    if due is Due.WEEK:
        return minute + timedelta(days=7)
    tomorrow = (now.astimezone(zone) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return tomorrow.astimezone(now.tzinfo)


def _require(kind: type[_E], name: str, values: Iterable[str]) -> None:
    known = {one.value for one in kind}
    for value in values:
        if value not in known:
            raise _refused(name, value, ", ".join(sorted(known)))


def _short(name: str, value: str) -> str:
    if len(value) > _LONGEST:
        raise _refused(name, f"{len(value)} characters", f"at most {_LONGEST} characters")
    return value


def _refused(name: str, found: str, expected: str) -> BadDataError:
    return BadDataError(
        f"The queue cannot be asked for this {name}.", expected=expected, found=found, remedy="choose one in the filter"
    )

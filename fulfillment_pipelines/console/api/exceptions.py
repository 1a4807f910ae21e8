"""Exceptions: differences between systems, whose they are, what they are worth and when they are due."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from fulfillment_pipelines.console.access.guard import Actor, console_of
from fulfillment_pipelines.console.api.allowance import calls
from fulfillment_pipelines.console.api.answers import shown
from fulfillment_pipelines.console.api.cursors import behind, cursor_of, moment_of
from fulfillment_pipelines.console.api.shapes import (
    Amount,
    AskedFor,
    CaseId,
    Cursor,
    Instant,
    JsonObject,
    Moment,
    Number,
    PageSize,
    Quantity,
    Shown,
)
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.domain.case import Case, CaseState
from fulfillment_pipelines.domain.finding import Severity
from fulfillment_pipelines.ledger.case_links import links_of
from fulfillment_pipelines.ledger.case_queue import (
    Position,
    QueueFilter,
    QueueSort,
    position_from,
    position_of,
    read_page,
)
from fulfillment_pipelines.ledger.readings import show_case
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

router: Final = APIRouter(prefix="/exceptions", tags=["exceptions"])

_LIST: Final = "exceptions"

OfCase = Annotated[CaseId, Path(description="The case.")]


class ExceptionQuery(AskedFor):
    """Which open exceptions. A parameter that may be repeated means any of its values."""

    severity: frozenset[Severity] = frozenset()
    code: frozenset[Number] = Field(default=frozenset(), max_length=50, examples=[["FIN-01"]])
    owner: frozenset[Number] = Field(default=frozenset(), max_length=50, description="Owning teams.")
    node: frozenset[Number] = Field(default=frozenset(), max_length=50, description="Sites.")
    state: frozenset[CaseState] = Field(
        default=frozenset(), description="Without any, those that were put off are left out."
    )
    assignee: Number | None = Field(default=None, description="Who has it; `-` for nobody.", examples=["ada"])
    cause: CaseId | None = Field(default=None, description="This case and those it causes.")
    only_causes: bool = Field(default=False, description="Leave out what another case causes.")
    order_id: Number | None = Field(default=None, examples=["SO-100123"])
    due_before: Moment | None = Field(default=None, description="Must be solved before this moment.")
    sort: QueueSort = Field(default=QueueSort.DUE, description="Worst first.")
    reverse: bool = Field(default=False, description="The other way round.")
    limit: PageSize = 50
    cursor: Cursor | None = None

    def wanted(self) -> QueueFilter:
        """Return the filter of the queue that this is."""
        return QueueFilter(
            severities=self.severity,
            codes=self.code,
            owners=self.owner,
            nodes=self.node,
            states=self.state,
            assignee=self.assignee or "",
            cause=self.cause or "",
            only_causes=self.only_causes,
            order_id=self.order_id or "",
            due_before=self.due_before,
        )


class ExceptionSummary(Shown):
    """One difference at one business key."""

    case_id: str = Field(examples=["EXC-0123456789abcdef"])
    code: str = Field(examples=["FIN-01"])
    business_key: str = Field(examples=["SO-100123/2/SH-000406"])
    node: str = Field(examples=["WEST"], description="The site; empty where it has none.")
    order_id: str = Field(examples=["SO-100123"], description="Empty where it is about no order.")
    state: CaseState
    severity: Severity
    owner: str = Field(examples=["Billing"], description="The team that owns it.")
    assignee: str | None = Field(examples=["ada"])
    value_at_risk_amount: Amount
    currency: str = Field(examples=["USD"])
    condition_since: Instant = Field(description="When the difference became true.")
    detected_at: Instant
    ack_due_at: Instant
    fix_due_at: Instant
    acked_at: Instant | None
    closed_at: Instant | None
    suppressed_until: Instant | None
    parent_case_id: str | None = Field(description="The case of the common root cause.")


class ExceptionPage(Shown):
    """Open exceptions in the order that was asked for."""

    items: tuple[ExceptionSummary, ...]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last one.")


class ExceptionEvent(Shown):
    """Something that happened to a case."""

    occurred_at: Instant
    actor: str = Field(examples=["ada"])
    event: str = Field(examples=["exception.taken"])
    from_state: CaseState
    to_state: CaseState
    note: str


class ExceptionLink(Shown):
    """A record of another system that belongs to a case."""

    system: str = Field(examples=["crm"])
    reference: str = Field(examples=["CS-00042"])
    linked_by: str = Field(examples=["ada"])
    linked_at: Instant


class ExceptionCorrection(Shown):
    """A correction of a case; `/corrections/{correction_id}` shows all of it."""

    correction_id: str = Field(examples=["COR-0123456789abcdef"])
    target: str = Field(examples=["finance"])
    message: str = Field(examples=["invoice.request"])
    state: str = Field(examples=["PENDING"])
    proposed_at: Instant


class ExceptionDetail(ExceptionSummary):
    """All of a case: what differs, what proves it, what happened to it and what is done about it."""

    expected_value: str = Field(examples=["4.0000"], description="What the authority says.")
    actual_value: str = Field(examples=["0.0000"], description="What the other system says.")
    delta_qty: Quantity | None
    evidence: JsonObject = Field(description="The systems, rows and snapshots that prove it.")
    last_seen_watermark_at: Instant
    proving_watermark_at: Instant | None = Field(description="The later snapshot that proved the cure.")
    times_opened: int = Field(examples=[1])
    rule_version: str
    history: tuple[ExceptionEvent, ...] = Field(description="Oldest first.")
    links: tuple[ExceptionLink, ...]
    corrections: tuple[ExceptionCorrection, ...] = Field(description="Empty where who asks may not see them.")
    children: tuple[str, ...] = Field(description="Cases that it causes.")


@router.get("", response_model=ExceptionPage)
def list_exceptions(
    request: Request,
    actor: Annotated[Actor, calls(Permission.CASE_VIEW)],
    query: Annotated[ExceptionQuery, Query()],
) -> Response:
    """Open exceptions, those due first unless another order is asked for."""
    del actor
    asked = {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in query.model_dump(exclude={"cursor", "limit"}).items()
    }
    after = None
    if query.cursor:
        after = _in_reach(position_from(behind(query.cursor, _LIST, asked), query.sort))
    with console_of(request).reading() as work:
        page = read_page(work, query.wanted(), query.sort, reverse=query.reverse, limit=query.limit, after=after)
    last = None if page.is_last or not page.cases else position_of(page.cases[-1], query.sort)
    written = [part.isoformat() if isinstance(part, datetime) else str(part) for part in last or ()]
    listed = ExceptionPage(
        items=tuple(ExceptionSummary.model_validate(case) for case in page.cases),
        next_cursor=cursor_of(_LIST, asked, written) if last else None,
    )
    return shown(request, listed)


def _in_reach(position: Position) -> Position:
    """Return a position whose moments there are in UTC too."""
    return tuple(moment_of(part.isoformat()) if isinstance(part, datetime) else part for part in position)


@router.get("/{case_id}", response_model=ExceptionDetail)
def show_exception(request: Request, actor: Annotated[Actor, calls(Permission.CASE_VIEW)], case_id: OfCase) -> Response:
    """All of a case. Its `ETag` is what commands take in `If-Match`."""
    with console_of(request).reading() as work:
        detail = exception_detail(work, case_id, actor)
    return shown(request, detail)


def exception_detail(work: UnitOfWork, case_id: str, actor: Actor) -> ExceptionDetail:
    """Return all of a case that somebody may see.

    Raises:
        NotThereError: There is no such case.
    """
    found = show_case(work, case_id)
    if found is None:
        raise NotThereError(
            f"There is no case {case_id}.",
            expected="the identity of a case in this ledger",
            found="no case of that identity",
            remedy="GET /api/v1/exceptions shows those there are",
        )
    may_see = actor.may(Permission.CORRECTION_VIEW)
    corrections = (one.correction for one in found.corrections if may_see)
    return ExceptionDetail(
        **summary_of(found.case),
        **{name: getattr(found.case, name) for name in _OF_CASE},
        evidence=json.loads(found.case.evidence),
        history=tuple(ExceptionEvent.model_validate(event) for event in found.history),
        links=tuple(ExceptionLink.model_validate(link) for link in links_of(work, case_id)),
        corrections=tuple(ExceptionCorrection.model_validate(one) for one in corrections),
        children=tuple(child.case_id for child in found.children),
    )


def summary_of(case: Case) -> dict[str, object]:
    """Return the values of a case that lists show."""
    return {name: getattr(case, name) for name in ExceptionSummary.model_fields}


_OF_CASE: Final = (
    "expected_value",
    "actual_value",
    "delta_qty",
    "last_seen_watermark_at",
    "proving_watermark_at",
    "times_opened",
    "rule_version",
)

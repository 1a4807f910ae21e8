"""Approvals: what waits for a decision, who may give it, and how long there is time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from fulfillment_pipelines.console.access.guard import Actor, console_of
from fulfillment_pipelines.console.api.allowance import calls
from fulfillment_pipelines.console.api.answers import shown
from fulfillment_pipelines.console.api.corrections import CorrectionSummary
from fulfillment_pipelines.console.api.cursors import cursor_of, pair_behind
from fulfillment_pipelines.console.api.shapes import AskedFor, CaseId, Cursor, Instant, Number, PageSize, Shown
from fulfillment_pipelines.corrections.approving.queue import QueueItem, approval_queue
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.ledger.approvals import Waiting

router: Final = APIRouter(prefix="/approvals", tags=["approvals"])

_LIST: Final = "approvals"
_NEVER: Final = "~"
"""Sorts behind every moment."""


class ApprovalQuery(AskedFor):
    """Which corrections that wait for people; those that lapse first come first."""

    mine: bool = Field(default=False, description="Only those that who asks may approve now.")
    case_id: CaseId | None = Field(default=None, description="Only those of this case and the cases it causes.")
    code: Number | None = Field(default=None, examples=["FIN-02"])
    node: Number | None = Field(default=None, examples=["WEST"])
    target: Number | None = Field(default=None, examples=["finance"])
    message: Number | None = Field(default=None, examples=["credit.propose"])
    role: Number | None = Field(default=None, description="Only those that need this role.", examples=["billing.lead"])
    limit: PageSize = 50
    cursor: Cursor | None = None


class GivenApproval(Shown):
    """An approval that a correction has already."""

    actor: str = Field(examples=["ada"])
    on_behalf_of: str = Field(description="Whose role was used.", examples=["ada"])
    role: str = Field(examples=["billing.lead"])
    reason: str
    decided_at: Instant


class WaitingCorrection(Shown):
    """A correction that waits for people."""

    correction: CorrectionSummary
    given: tuple[GivenApproval, ...]
    able: tuple[str, ...] = Field(description="Who may approve it now.", examples=[["ada", "ben"]])
    is_mine: bool = Field(description="Whether who asks may approve it now.")
    lapses_at: Instant | None


class ApprovalPage(Shown):
    """Corrections that wait for people, those that lapse first before others."""

    items: tuple[WaitingCorrection, ...]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last one.")


@router.get("", response_model=ApprovalPage)
def list_approvals(
    request: Request,
    actor: Annotated[Actor, calls(Permission.CORRECTION_VIEW)],
    query: Annotated[ApprovalQuery, Query()],
) -> Response:
    """What waits for a decision; `mine=true` for what who asks may approve now."""
    console, now = console_of(request), console_of(request).now()
    asked = query.model_dump(exclude={"cursor", "limit"})
    wanted = Waiting(
        cause=query.case_id or "",
        code=query.code or "",
        node=query.node or "",
        target=query.target or "",
        message=query.message or "",
        role=query.role or "",
    )
    with console.reading() as work:
        items = approval_queue(work, wanted, policies=console.policies, now=now, mine=actor.id if query.mine else "")
    items = [item for item in items if item.left is None or item.left > timedelta(0)]
    if query.cursor:
        last = pair_behind(query.cursor, _LIST, asked)
        items = [item for item in items if _place(item) > last]
    return shown(request, _page(items, actor, query.limit, asked))


def _page(items: Sequence[QueueItem], actor: Actor, limit: int, asked: dict[str, object]) -> ApprovalPage:
    kept = items[:limit]
    return ApprovalPage(
        items=tuple(
            WaitingCorrection(
                correction=CorrectionSummary.model_validate(item.record),
                given=tuple(GivenApproval.model_validate(one) for one in item.given),
                able=item.able,
                is_mine=actor.id in item.able,
                lapses_at=item.record.expires_at,
            )
            for item in kept
        ),
        next_cursor=cursor_of(_LIST, asked, _place(kept[-1])) if len(items) > limit else None,
    )


def _place(item: QueueItem) -> tuple[str, str]:
    expires_at = item.record.expires_at
    return (expires_at.isoformat() if expires_at else _NEVER, item.record.correction_id)

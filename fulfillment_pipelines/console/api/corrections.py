"""Corrections: what is written into systems, why, how far it has come, and how it would be undone."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from fulfillment_pipelines.console.access.guard import Actor, console_of
from fulfillment_pipelines.console.api.allowance import calls
from fulfillment_pipelines.console.api.answers import shown
from fulfillment_pipelines.console.api.cursors import cursor_of, moment_of, pair_behind
from fulfillment_pipelines.console.api.shapes import (
    Amount,
    AskedFor,
    CaseId,
    CorrectionId,
    Cursor,
    Instant,
    JsonObject,
    Number,
    PageSize,
    Shown,
)
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.domain.correction import CorrectionClass, CorrectionState
from fulfillment_pipelines.ledger.correction_pages import CorrectionPlace, CorrectionWish, correction_page
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.readings import CorrectionFile, show_correction
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

router: Final = APIRouter(prefix="/corrections", tags=["corrections"])

OfCorrection = Annotated[CorrectionId, Path(description="The correction.")]

_LIST: Final = "corrections"
_JSON_TEXTS: Final = ("payload", "precondition", "evidence", "inverse", "impact")


class CorrectionQuery(AskedFor):
    """Which corrections; newest first."""

    state: CorrectionState | None = None
    code: Number | None = Field(default=None, description="Exception code of its case.", examples=["FIN-02"])
    case_id: CaseId | None = None
    target: Number | None = Field(default=None, description="The system that receives it.", examples=["finance"])
    message: Number | None = Field(default=None, examples=["credit.propose"])
    node: Number | None = Field(default=None, description="The site of its case.", examples=["WEST"])
    limit: PageSize = 50
    cursor: Cursor | None = None


class CorrectionSummary(Shown):
    """One effect on one system, and how far it has come."""

    correction_id: str = Field(examples=["COR-0123456789abcdef"])
    case_id: str = Field(examples=["EXC-0123456789abcdef"])
    code: str = Field(examples=["FIN-02"])
    node: str = Field(examples=["WEST"])
    target: str = Field(examples=["finance"])
    message: str = Field(examples=["credit.propose"])
    correction_class: CorrectionClass = Field(description="P publish, G guard, R retry, N notify, J judgement.")
    state: CorrectionState
    version: int = Field(description="1 for what a rule proposed; one more with every edit.", examples=[1])
    value_amount: Amount
    currency: str = Field(examples=["USD"])
    judgement_reason: str = Field(examples=["the invoice is posted"], description="Why a person must decide.")
    proposed_by: str = Field(examples=["policy"])
    proposed_at: Instant
    decided_by: str = Field(examples=["ada"])
    decided_at: Instant | None
    decision_reason: str
    approver_role: str = Field(examples=["billing.lead"])
    approvals_needed: int = Field(examples=[1])
    expires_at: Instant | None = Field(description="When an approval that was not given lapses.")
    sent_at: Instant | None
    acked_at: Instant | None
    verified_at: Instant | None = Field(description="When a later snapshot proved the cure.")


class Change(Shown):
    """What would change in the target."""

    attribute: str = Field(examples=["qty"])
    before: Any = Field(examples=["0"])
    after: Any = Field(examples=["4"])


class Attempt(Shown):
    """One attempt to deliver a correction."""

    attempt: int = Field(description="Number of the send; 0 for a look before the first.", examples=[1])
    step: str = Field(description="What was done.")
    outcome: str = Field(description="What came of it.")
    system: str = Field(description="The system that was asked: the target, or its fallback.", examples=["finance"])
    reference: str = Field(description="The system's own identifier of the effect.")
    detail: str = Field(description="The error, in words.")
    received_at: Instant


class CorrectionDetail(CorrectionSummary):
    """All that a person must see before signing a correction, and all that came of it."""

    clause_id: str = Field(description="The clause of the policy that was applied.")
    payload: JsonObject = Field(description="What is sent.")
    precondition: JsonObject = Field(description="Values that must still stand in the target.")
    diff: tuple[Change, ...]
    inverse: JsonObject = Field(description="The message that would undo it, or why there is none.")
    impact: JsonObject = Field(description="Orders, lines, customers, quantity and money it touches.")
    evidence: JsonObject = Field(description="The systems, rows and snapshots it rests on.")
    evidence_hash: str
    content_hash: str = Field(description="Of everything that is sent; an approval is bound to it.")
    policy_version: str
    rule_version: str
    reference: str = Field(description="The target's own identifier of the effect.")
    replaces: str | None = Field(description="The correction of which this is an edit.")
    superseded_by: str | None
    unproved_watermarks: int
    attempts: tuple[Attempt, ...]


class CorrectionPage(Shown):
    """Corrections, newest first."""

    items: tuple[CorrectionSummary, ...]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last one.")


@router.get("", response_model=CorrectionPage)
def list_corrections(
    request: Request,
    actor: Annotated[Actor, calls(Permission.CORRECTION_VIEW)],
    query: Annotated[CorrectionQuery, Query()],
) -> Response:
    """Corrections, newest first."""
    del actor
    asked = query.model_dump(exclude={"cursor", "limit"})
    wanted = CorrectionWish(**{name: value for name, value in asked.items() if value is not None})
    after = None
    if query.cursor:
        proposed_at, identity = pair_behind(query.cursor, _LIST, asked)
        after = CorrectionPlace(moment_of(proposed_at), identity)
    with console_of(request).reading() as work:
        found = correction_page(work, wanted, after=after, most=query.limit + 1)
    kept = found[: query.limit]
    last = (kept[-1].proposed_at.isoformat(), kept[-1].correction_id) if len(found) > query.limit else None
    page = CorrectionPage(
        items=tuple(CorrectionSummary.model_validate(record) for record in kept),
        next_cursor=cursor_of(_LIST, asked, last) if last else None,
    )
    return shown(request, page)


@router.get("/{correction_id}", response_model=CorrectionDetail)
def read_correction(
    request: Request, actor: Annotated[Actor, calls(Permission.CORRECTION_VIEW)], correction_id: OfCorrection
) -> Response:
    """All that a person must see before signing a correction, and all that came of it."""
    del actor
    with console_of(request).reading() as work:
        detail = correction_detail(work, correction_id)
    return shown(request, detail)


def correction_detail(work: UnitOfWork, correction_id: str) -> CorrectionDetail:
    """Return all of a correction.

    Raises:
        NotThereError: There is no such correction.
    """
    return detail_of(require_correction(work, correction_id))


def require_correction(work: UnitOfWork, correction_id: str) -> CorrectionFile:
    """Return a correction.

    Raises:
        NotThereError: There is no such correction.
    """
    found = show_correction(work, correction_id)
    if found is None:
        raise NotThereError(
            f"There is no correction {correction_id}.",
            expected="the identity of a correction in this ledger",
            found="no correction of that identity",
            remedy="GET /api/v1/corrections shows those there are",
        )
    return found


def detail_of(found: CorrectionFile) -> CorrectionDetail:
    """Return all of a correction as the API shows it."""
    record = found.correction
    texts = {name: json.loads(getattr(record, name)) for name in _JSON_TEXTS}
    attempts = tuple(Attempt.model_validate(receipt) for receipt in found.receipts)
    own = {name: getattr(record, name) for name in CorrectionDetail.model_fields if hasattr(record, name)}
    return CorrectionDetail(**{**own, **texts, "diff": _diff(record), "attempts": attempts})


def _diff(record: CorrectionRecord) -> tuple[Change, ...]:
    return tuple(
        Change(attribute=str(one["attribute"]), before=one["before"], after=one["after"])
        for one in json.loads(record.diff)
    )

"""Deciding on corrections: approve and reject, by who may, with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Request, Response
from pydantic import Field

from fulfillment_pipelines.console.access.guard import Actor, console_of
from fulfillment_pipelines.console.api.allowance import calls
from fulfillment_pipelines.console.api.answers import require_unchanged, shown
from fulfillment_pipelines.console.api.corrections import (
    CorrectionDetail,
    OfCorrection,
    correction_detail,
    detail_of,
    require_correction,
)
from fulfillment_pipelines.console.api.shapes import Asked, Words
from fulfillment_pipelines.corrections.approving.approval import approve, reject
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.ledger.cases import cases_by_id
from fulfillment_pipelines.ledger.corrections import CorrectionRecord

router: Final = APIRouter(prefix="/corrections", tags=["corrections"])

Decider = Annotated[Actor, calls(Permission.CORRECTION_DECIDE)]


class Decision(Asked):
    """Why it is decided so."""

    reason: Words = Field(description="In words that somebody else can judge it by later.")


@router.post("/{correction_id}/approve", response_model=CorrectionDetail)
def approve_correction(request: Request, actor: Decider, correction_id: OfCorrection, decision: Decision) -> Response:
    """Approve a correction that waits for people; it is delivered once as many people as it needs have approved."""
    return _decide(request, actor, correction_id, decision, approve)


@router.post("/{correction_id}/reject", response_model=CorrectionDetail)
def reject_correction(request: Request, actor: Decider, correction_id: OfCorrection, decision: Decision) -> Response:
    """Reject a correction that waits for people."""
    return _decide(request, actor, correction_id, decision, reject)


def _decide(
    request: Request,
    actor: Actor,
    correction_id: str,
    decision: Decision,
    command: Callable[..., CorrectionRecord],
) -> Response:
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        work.take_turn("intake")
        found = require_correction(work, correction_id)
        case = cases_by_id(work, [found.correction.case_id])[found.correction.case_id]
        actor.require(Permission.CORRECTION_DECIDE, case.owner)
        require_unchanged(request, detail_of(found))
        command(work, correction_id, by=actor.id, reason=decision.reason, policies=console.policies, now=console.now())
        detail = correction_detail(work, correction_id)
        work.commit()
    return shown(request, detail)

"""Corrections are approved for all cases of a cause at once, out of the queue: first shown, then done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.pages.queue_bulk import Back, Selected, asked_back
from fulfillment_pipelines.console.reading.queue_bulk import (
    ApprovalPreview,
    BulkDone,
    CausePreview,
    Chosen,
    Refused,
    chosen_of,
    words_of,
)
from fulfillment_pipelines.corrections.approving.bulk import BulkOrder, decide_all
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.errors import FulfillmentError, RetryableError
from fulfillment_pipelines.ledger.approvals import ApprovalDecision, Waiting
from fulfillment_pipelines.ledger.case_queue import cases_of
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

router: Final = APIRouter()

Deciding = Annotated[Actor, Depends(Needs(Permission.CORRECTION_DECIDE))]
"""Who may decide on corrections."""

_LOOKING: Final = "looks at what would be approved"


@router.post("/queue/approve")
def preview(request: Request, actor: Deciding, case: Selected, back: Back = "") -> Response:
    """Show what would be approved because of the causes of the selected cases; nothing is written."""
    console, chosen = console_of(request), chosen_of(case)
    with console.deciding(actor.request_id) as work:
        causes = [Chosen(cause, 0) for cause in _causes(work, chosen)]
        able, refused = _decide(console, work, actor, causes, reason=_LOOKING)
    view = ApprovalPreview(tuple(able), tuple(refused), asked_back(back).query())
    return console.pages.show(request, "queue_approve.html.j2", actor=actor, view=view)


@router.post("/queue/approve/do")
def do(
    request: Request,
    actor: Deciding,
    case: Selected,
    reason: Annotated[str, Form(max_length=4000)] = "",
    back: Back = "",
) -> Response:
    """Approve what was shown; here a selected case is a cause, with how many corrections were shown for it."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        able, refused = _decide(console, work, actor, chosen_of(case), reason=reason)
        work.commit()
    results = [one.result for one in able]
    count, second = sum(len(one.decided) for one in results), sum(one.awaiting_second for one in results)
    words = f"{count} {'correction was' if count == 1 else 'corrections were'} approved."
    words += f" {second} of them wait for a second person." if second else ""
    left = [
        Refused(record.case_id, f"{record.code} {record.message}", _told(refusal.reason, refusal.remedy))
        for result in results
        for record, refusal in result.refused
    ]
    view = BulkDone(words, (*refused, *left), asked_back(back).query())
    return console.pages.show(request, "queue_done.html.j2", actor=actor, view=view)


def _causes(work: UnitOfWork, chosen: Sequence[Chosen]) -> list[str]:
    cases = cases_of(work, [one.case_id for one in chosen])
    known = [cases[one.case_id] for one in chosen if one.case_id in cases]
    return list(dict.fromkeys(case.parent_case_id or case.case_id for case in known))


def _decide(
    console: Console, work: UnitOfWork, actor: Actor, causes: Sequence[Chosen], *, reason: str
) -> tuple[list[CausePreview], list[Refused]]:
    able, refused = list[CausePreview](), list[Refused]()
    cases = cases_of(work, [one.case_id for one in causes])
    for one in causes:
        case = cases.get(one.case_id)
        order = BulkOrder(
            Waiting(cause=one.case_id),
            ApprovalDecision.APPROVED,
            by=actor.id,
            reason=reason,
            skip_refused=True,
            expected_count=one.seen or None,
        )
        try:
            if case is not None:
                actor.require(Permission.CORRECTION_DECIDE, case.owner)
                result = decide_all(work, order, policies=console.policies, now=console.now())
                able.append(CausePreview(case, result))
        except RetryableError:
            raise
        except FulfillmentError as error:
            refused.append(Refused(one.case_id, words_of(case), error))
    return able, refused


def _told(reason: str, remedy: str) -> FulfillmentError:
    return FulfillmentError(reason, remedy=remedy)

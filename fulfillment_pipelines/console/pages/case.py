"""The page of one case: what is wrong, on what evidence, what is proposed, what people do about it.

What people do is in `case_work` and `case_decisions`; here it is shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of
from fulfillment_pipelines.console.reading.case_page import read_case_page, read_timeline
from fulfillment_pipelines.console.refusals import status_of
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.errors import FulfillmentError

router: Final = APIRouter()

DONE: Final = {
    "taken": "The case is yours.",
    "assigned": "The case was handed over.",
    "said": "Your comment is in the history.",
    "snoozed": "The case is put off; it wakes by itself.",
    "waiting": "The case waits; the time until it must be solved stands still.",
    "resumed": "The case goes on.",
    "linked": "The record is linked.",
    "approved": "Approved. It is delivered next, and the case ends when a later reading shows the cure.",
    "approved-first": "Your approval counts. Another person must approve it too.",
    "rejected": "Rejected. It is not proposed again for this difference.",
    "edited": "The new version waits for somebody else to approve it.",
    "replayed": "It is delivered once more: looked for first, and sent only if it is not there.",
    "stopped": "The kill switch is engaged: nothing is sent for this case until governance releases it.",
}
"""What is said on the page after something was done."""

CaseViewer = Annotated[Actor, Depends(Needs(Permission.CASE_VIEW))]


@router.get("/cases/{case_id}")
def show_case_page(request: Request, case_id: str, actor: CaseViewer, done: str = "") -> Response:
    """Show a case."""
    console = console_of(request)
    view = replace(read_case_page(console, actor, case_id), message=DONE.get(done, ""))
    return console.pages.show(request, "case.html.j2", actor=actor, view=view)


@router.get("/cases/{case_id}/timeline")
def show_timeline(request: Request, case_id: str, actor: CaseViewer) -> Response:
    """Show what happened across all systems, alone or as a part of the case's page."""
    console = console_of(request)
    is_piece = request.headers.get("HX-Request") == "true"
    view = read_timeline(console, actor, case_id, is_whole=not is_piece)
    template = "case_moments.html.j2" if is_piece else "case_timeline.html.j2"
    return console.pages.show(request, template, actor=actor, view=view)


def led_back(case_id: str, done: str) -> Response:
    """Lead to the page of a case, which says what was done."""
    return RedirectResponse(f"/cases/{case_id}?done={done}", status_code=303)


def told_on_page(
    request: Request, actor: Actor, case_id: str, refusal: FulfillmentError, typed: dict[str, str]
) -> Response:
    """Show the case as it stands now, why what was asked for was not done, and what the person had typed.

    Raises:
        NotThereError: There is no such case.
    """
    console = console_of(request)
    view = replace(read_case_page(console, actor, case_id), refusal=refusal, typed=typed)
    return console.pages.show(request, "case.html.j2", actor=actor, view=view, status=status_of(refusal))

"""The queue: every open case, what it is worth, whose it is and when it is due; and the views of it that are saved."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of
from fulfillment_pipelines.console.reading.queue_asked import QueueAsked, asked_of
from fulfillment_pipelines.console.reading.queue_export import csv_of
from fulfillment_pipelines.console.reading.queue_rows import read_queue
from fulfillment_pipelines.console.refusals import ForbiddenError, NotThereError
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.ledger.saved_views import SavedView, forget_view, save_view

router: Final = APIRouter()

Looking = Annotated[Actor, Depends(Needs(Permission.CASE_VIEW))]
"""Who may see cases."""


@router.get("/queue")
def show_queue(request: Request, actor: Looking) -> Response:
    """Show a page of the queue."""
    console = console_of(request)
    view = read_queue(console, _asked(request), actor.person)
    return console.pages.show(request, "queue.html.j2", actor=actor, view=view)


@router.get("/queue/rows")
def show_rows(request: Request, actor: Looking) -> Response:
    """Show what has changed of a page: its rows, how many there are, and the views."""
    console = console_of(request)
    view = read_queue(console, _asked(request), actor.person)
    return console.pages.show(request, "queue_live.html.j2", actor=actor, view=view)


@router.get("/queue.csv")
def export_queue(request: Request, actor: Annotated[Actor, Depends(Needs(Permission.EXPORT))]) -> Response:
    """Give out what a view of the queue shows, all pages of it, as a table."""
    actor.require(Permission.CASE_VIEW)
    console = console_of(request)
    lines = csv_of(console, _asked(request), actor.person)
    name = f"queue-{console.now():%Y-%m-%d-%H%M}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/queue/views")
def keep_view(
    request: Request,
    actor: Looking,
    name: Annotated[str, Form(min_length=1, max_length=64)],
    query: Annotated[str, Form(max_length=2000)] = "",
    team: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Save what is shown as a view: one's own, or one of a team that the person is of."""
    if team and team not in actor.person.teams:
        raise ForbiddenError(
            f"{actor.person.name} cannot save a view for {team}.",
            expected="one of your own teams",
            found=team,
            remedy="save it for yourself",
        )
    console, asked = console_of(request), _asked_of_text(query)
    whose = "" if team else actor.id
    with console.deciding(actor.request_id) as work:
        save_view(work, SavedView(whose, team, " ".join(name.split()), asked.filters.query()), console.now())
        work.commit()
    return _back_to(asked)


@router.post("/queue/views/forget")
def drop_view(
    request: Request,
    actor: Looking,
    view_id: Annotated[int, Form(ge=1, le=2**31 - 1)],
    query: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Let go of a view that was saved."""
    console = console_of(request)
    with console.deciding(actor.request_id) as work:
        if not forget_view(work, view_id, actor.id, actor.person.teams):
            raise NotThereError("There is no such view of yours.", remedy="load the queue again")
        work.commit()
    return _back_to(_asked_of_text(query))


def _asked(request: Request) -> QueueAsked:
    return asked_of(request.query_params.multi_items())


def _asked_of_text(query: str) -> QueueAsked:
    return asked_of(parse_qsl(query))


def _back_to(asked: QueueAsked) -> Response:
    return RedirectResponse(f"/queue?{asked.query()}".rstrip("?"), status_code=303)

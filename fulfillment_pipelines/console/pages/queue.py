"""The queue: every open case, what it is worth, whose it is and when it is due."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of
from fulfillment_pipelines.console.reading.queue_rows import read_queue
from fulfillment_pipelines.corrections.rights.access import Permission

router: Final = APIRouter()


@router.get("/queue")
def show_queue(request: Request, actor: Annotated[Actor, Depends(Needs(Permission.CASE_VIEW))]) -> Response:
    """Show open cases, those due first."""
    console = console_of(request)
    with console.reading() as work:
        view = read_queue(work, console.now())
    return console.pages.show(request, "queue.html.j2", actor=actor, view=view)

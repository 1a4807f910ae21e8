"""Whether the console serves: for a load balancer, and for who starts it."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, RedirectResponse

from fulfillment_pipelines.console.access.guard import SignedIn, console_of

router: Final = APIRouter()


@router.get("/healthz")
def health(request: Request) -> PlainTextResponse:
    """Answer once the ledger does."""
    with console_of(request).reading():
        return PlainTextResponse("ok")


@router.get("/")
def home(actor: SignedIn) -> RedirectResponse:
    """Lead to the queue."""
    del actor
    return RedirectResponse("/queue", status_code=303)

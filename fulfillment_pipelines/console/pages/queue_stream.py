"""Tells an open queue that something has changed, so that it shows it without being loaded again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of
from fulfillment_pipelines.console.access.signing_in import is_over
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.ledger.sessions import read_session

router: Final = APIRouter()

BEAT_SECONDS: Final = 15.0
"""After so long without news it is said that the stream is there, and looked whether the session is."""

_REST_SECONDS: Final = 1.0
_MINUTE_SECONDS: Final = 60.0


@router.get("/queue/stream")
async def stream_queue(request: Request, actor: Annotated[Actor, Depends(Needs(Permission.CASE_VIEW))]) -> Response:
    """Send an event whenever something happens to a case, until the browser goes or the session ends."""
    console = console_of(request)
    return StreamingResponse(
        _events(console, actor), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _events(console: Console, actor: Actor) -> AsyncIterator[str]:
    with console.watch.watching() as watcher:
        yield "retry: 5000\n\n"
        ticked = time.monotonic()
        while not console.watch.has_ended:
            has_changed = await watcher.waits(BEAT_SECONDS)
            if console.watch.has_ended or not await run_in_threadpool(_stands, console, actor):
                return
            is_minute = time.monotonic() - ticked >= _MINUTE_SECONDS
            if has_changed or is_minute:
                # Deadlines come nearer also where nothing happens.
                ticked = time.monotonic()
                yield "event: changed\ndata: queue\n\n"
                await asyncio.sleep(_REST_SECONDS)
            else:
                yield ": here\n\n"


def _stands(console: Console, actor: Actor) -> bool:
    """Return whether the session still is one; to be told of changes is no use of it that would make it last."""
    if not actor.session_hash:
        return True
    try:
        with console.reading() as work:
            session = read_session(work, actor.session_hash)
    except FulfillmentError:
        return True
    person = console.policies.people.get(session.person_id) if session else None
    return (
        session is not None
        and person is not None
        and person.active
        and not is_over(session, console.policies.access.seed.sign_in, console.machine_now())
    )

"""The receiver of webhooks: an ASGI application that keeps genuine messages and answers only when they are kept.

Which paths there are, the declarations say. How it is served belongs to `commands/`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.correction import Observed
from fulfillment_pipelines.domain.inbox import InboxMessage
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.ledger.notices import Notice
from fulfillment_pipelines.systems.declaration.events import WebhookDeclaration, WebhookEntity, WebhookNotice
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.events.inbox import Inbox, is_number, message_number
from fulfillment_pipelines.systems.transports.events.signature import is_genuine

TakeNotice = Callable[[Notice], None]
"""Takes in what a system tells of a correction; durable when it returns. Raises RetryableError."""

_RETRY_AFTER_SECONDS: Final = "5"
_LONGEST_KEY: Final = 64
_RINGS_PER_SECOND: Final = 10
_LONGEST_NOTICE_NUMBER: Final = 128


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where messages go, and by what time.

    Attributes:
        inbox: Takes what feeds are made of.
        take_notice: Takes what is told of corrections.
        clock: Real time: signatures grow old by it.
        references: Where the shared secrets come from.
    """

    inbox: Inbox
    take_notice: TakeNotice
    clock: Clock
    references: References


@dataclass(frozen=True, slots=True)
class Feed:
    """Declared names of a system and of an entity, or a bell, of it."""

    system: str
    entity: str


class _RefusedError(Exception):
    """A message is not taken; the status and the words are what its sender gets."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def build_receiver(declarations: Sequence[WebhookDeclaration], destinations: Destinations) -> Starlette:
    """Return the application that receives for all declared systems; `GET /health` answers when it is up.

    Args:
        declarations: The systems that post to us.
        destinations: Where their messages go.
    """
    routes = [Route("/health", _healthy, methods=["GET"])]
    for declaration in declarations:
        for name, entity in declaration.entities.items():
            keep = partial(_keep, Feed(declaration.name, name), entity, destinations)
            routes.append(Route(entity.path, partial(_receive, declaration, destinations, keep), methods=["POST"]))
        for name, bell in declaration.bells.items():
            ring = partial(_ring, Feed(declaration.name, name), destinations)
            routes.append(Route(bell.path, partial(_receive, declaration, destinations, ring), methods=["POST"]))
        for notice in declaration.notices.values():
            tell = partial(_tell, notice, destinations)
            routes.append(Route(notice.path, partial(_receive, declaration, destinations, tell), methods=["POST"]))
    return Starlette(routes=routes)


async def _healthy(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _receive(
    declaration: WebhookDeclaration,
    destinations: Destinations,
    take: Callable[[Request, bytes], None],
    request: Request,
) -> Response:
    try:
        body = await _body(request, declaration.transport.most_bytes)
        await run_in_threadpool(_refuse_forged, declaration, destinations, request, body)
        await run_in_threadpool(take, request, body)
    except _RefusedError as refused:
        return JSONResponse({"error": str(refused)}, status_code=refused.status)
    except RetryableError:
        return JSONResponse(
            {"error": "not kept; send it again"}, status_code=503, headers={"Retry-After": _RETRY_AFTER_SECONDS}
        )
    return JSONResponse({"status": "kept"})


async def _body(request: Request, most_bytes: int) -> bytes:
    taken = bytearray()
    async for chunk in request.stream():
        taken += chunk
        if len(taken) > most_bytes:
            raise _RefusedError(413, f"at most {most_bytes} bytes are taken")
    return bytes(taken)


def _refuse_forged(declaration: WebhookDeclaration, destinations: Destinations, request: Request, body: bytes) -> None:
    signature = declaration.transport.signature
    # Resolved for every message, so that a rotated secret counts at once.
    secrets = [
        destinations.references.resolve(secret, system=declaration.name).get_secret_value()
        for secret in signature.secrets
    ]
    if not is_genuine(signature, secrets, request.headers, body, destinations.clock.now().timestamp()):
        raise _RefusedError(401, "the signature is not accepted")


def _keep(feed: Feed, entity: WebhookEntity, destinations: Destinations, request: Request, body: bytes) -> None:
    number = _number(body, entity.id_field) or request.headers.get(entity.id_header, "")
    if not is_number(number):
        raise _RefusedError(400, f"the header '{entity.id_header}', which numbers messages, is missing or too long")
    received_at = destinations.clock.now()
    destinations.inbox.keep([InboxMessage(feed.system, feed.entity, number, received_at, body)])


def _ring(bell: Feed, destinations: Destinations, request: Request, body: bytes) -> None:
    """Note that there is news; rings that come close together are one."""
    del request, body
    rung_at = destinations.clock.now()
    tick = int(rung_at.timestamp() * _RINGS_PER_SECOND)
    destinations.inbox.keep([InboxMessage(bell.system, bell.entity, str(tick), rung_at, b"{}")])


def _tell(notice: WebhookNotice, destinations: Destinations, request: Request, body: bytes) -> None:
    del request
    number = _number(body, notice.id_field)
    if len(number) > _LONGEST_NOTICE_NUMBER:
        raise _RefusedError(400, f"the field '{notice.id_field}', which numbers messages, is too long")
    content = json.loads(body)
    told = content.get(notice.observed)
    key = content.get(notice.idempotency_key)
    if not isinstance(key, str) or not is_number(key) or len(key) > _LONGEST_KEY:
        raise _RefusedError(400, f"the field '{notice.idempotency_key}' is missing or no key of ours")
    destinations.take_notice(
        Notice(
            target=notice.target,
            notice_id=number,
            idempotency_key=key,
            observed=notice.codes.get(str(told), Observed.UNKNOWN),
            # PostgreSQL keeps no NUL.
            reference=str(content.get(notice.reference) or "").replace("\0", "") if notice.reference else "",
            received_at=destinations.clock.now(),
        )
    )


def _number(body: bytes, field: str) -> str:
    try:
        return message_number(body, field)
    except ValueError as error:
        raise _RefusedError(400, f"the message cannot be read: {error}") from error

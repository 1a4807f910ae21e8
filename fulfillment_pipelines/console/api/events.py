"""Event intake: what other systems tell us by themselves, each event once, proved by a signature or a permission.

What is taken goes to the inbox that webhooks fill (`systems.transports.events`) and is read from there like any feed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from json import JSONDecoder
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, StringConstraints
from starlette.datastructures import FormData

from fulfillment_pipelines.console.access.guard import Actor, console_of, posted_form
from fulfillment_pipelines.console.api.allowance import Calls, count
from fulfillment_pipelines.console.api.problems import UnusableError
from fulfillment_pipelines.console.api.shapes import Asked, Instant, Name, Shown
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.refusals import NotSignedInError
from fulfillment_pipelines.corrections.approving.people import Person
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.domain.inbox import InboxMessage
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.ledger import audit
from fulfillment_pipelines.ledger.accepted_events import AcceptedEvent, insert_accepted, read_accepted
from fulfillment_pipelines.ledger.inbox import LedgerInbox
from fulfillment_pipelines.loop.receiving import webhook_systems
from fulfillment_pipelines.systems.declaration.events import WebhookDeclaration, WebhookEntity
from fulfillment_pipelines.systems.transports.events.inbox import message_number
from fulfillment_pipelines.systems.transports.events.signature import is_genuine

router: Final = APIRouter(prefix="/events", tags=["events"])

_A_SOURCE: Final = Person(id="source", name="A source", roles=frozenset(), active=False)
_SPACE: Final = " \t\n\r"


class PostedEvent(Asked):
    """One event.

    Everything is in the body, so that a signature over it covers everything.
    """

    schema_version: Annotated[str, StringConstraints(min_length=1, max_length=32)] = Field(
        description="The contract version that the source is declared with.", examples=["1"]
    )
    source: Name = Field(description="Declared name of the system it comes from.", examples=["carrier"])
    entity: Name = Field(description="Declared name of what it speaks of.", examples=["milestones"])
    idempotency_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/-]{8,128}$")] = Field(
        description="The source's own key; the same event sent again has the same.", examples=["milestone-000123"]
    )
    data: dict[str, Any] = Field(
        description="The event, as the entity declares it.", examples=[{"event_id": "E-1", "status": "DELIVERED"}]
    )


class EventReceipt(Shown):
    """That an event is kept; what follows from it, the next reconciliation shows."""

    source: str = Field(examples=["carrier"])
    entity: str = Field(examples=["milestones"])
    idempotency_key: str = Field(examples=["milestone-000123"])
    message_id: str = Field(description="By which the inbox knows it.", examples=["E-1"])
    accepted_at: Instant


class PostsEvents(Calls):
    """A person or token with the permission; or nobody, where the source's signature must prove the event instead."""

    def __call__(self, request: Request, form: Annotated[FormData | None, Depends(posted_form)]) -> Actor:
        """Return who makes the request, or a source that has proved nothing yet."""
        console = console_of(request)
        names = {one.transport.signature.header for one in webhook_systems(console.platform)}
        is_signed = any(name in request.headers for name in names)
        if "Authorization" in request.headers or console.cookie_name in request.cookies or not is_signed:
            return super().__call__(request, form)
        return Actor(_A_SOURCE, console.policies.access, request.state.request_id)


async def raw_body(request: Request) -> bytes:
    """Return the bytes of a request, which are what was signed."""
    return await request.body()


@router.post(
    "",
    response_model=EventReceipt,
    status_code=HTTPStatus.ACCEPTED,
    openapi_extra={"security": [{"token": []}, {"session": []}, {"signature": []}]},
)
def post_event(
    request: Request,
    actor: Annotated[Actor, Depends(PostsEvents(Permission.EVENT_POST))],
    body: Annotated[bytes, Depends(raw_body)],
    event: PostedEvent,
) -> Response:
    """Take an event in, once.

    Without a token it must be signed as its source is declared to sign webhooks: a keyed hash over `<seconds>.<body>`,
    with the moment in its own header. The same event again gets the same answer and has no second effect.
    """
    console = console_of(request)
    declared = {one.name: one for one in webhook_systems(console.platform)}
    if actor.person is _A_SOURCE:
        _require_signature(request, console, declared.get(event.source), body)
        count(request, f"source {event.source}")
    receipt, is_repeat = _taken(console, actor, _admitted(declared, event, body), body)
    headers = {"Idempotency-Replayed": "true"} if is_repeat else {}
    return Response(receipt, HTTPStatus.ACCEPTED, headers, "application/json")


@dataclass(frozen=True, slots=True)
class _Admitted:
    event: PostedEvent
    message_id: str
    content: bytes


def _require_signature(request: Request, console: Console, source: WebhookDeclaration | None, body: bytes) -> None:
    """Refuse what is not proved; why is not told, since whoever forges would learn from it."""
    signature = source.transport.signature if source else None
    if source and signature and signature.timestamp_header:
        references = console.platform.registry.references
        secrets = [references.resolve(one, system=source.name).get_secret_value() for one in signature.secrets]
        if is_genuine(signature, secrets, request.headers, body, console.machine_now().timestamp()):
            return
    raise NotSignedInError(
        "The event is not accepted.",
        expected=f"a token with the permission {Permission.EVENT_POST}, or a fresh signature of a declared source",
        found="neither",
        remedy="sign `<seconds>.<body>` as the source is declared to, with this machine's time",
    )


def _admitted(declared: dict[str, WebhookDeclaration], event: PostedEvent, body: bytes) -> _Admitted:
    source = declared.get(event.source)
    entity = source.entities.get(event.entity) if source else None
    if source is None or entity is None:
        known = sorted(f"{name}/{one}" for name, system in declared.items() for one in system.entities)
        raise UnusableError(
            f"Nothing is declared to come from {event.source}/{event.entity}.",
            expected=f"one of {', '.join(known)}" if known else "a system with `transport: {kind: webhook}`",
            found=f"{event.source}/{event.entity}",
            remedy="correct source and entity, or declare them (docs/events.md)",
        )
    if event.schema_version != source.contract_version:
        raise UnusableError(
            f"The event is of another version than {event.source} is declared with.",
            expected=source.contract_version,
            found=event.schema_version,
            remedy="send that version, or declare the new one",
        )
    content = _part(body, "data")
    return _Admitted(event, _number(entity, event, content), content)


def _number(entity: WebhookEntity, event: PostedEvent, content: bytes) -> str:
    try:
        return message_number(content, entity.id_field) or event.idempotency_key
    except ValueError as error:
        raise UnusableError(
            "The event cannot be kept.",
            expected=f"a number in the field {entity.id_field}" if entity.id_field else "one JSON object",
            found=str(error),
            remedy="correct `data`",
        ) from error


def _taken(console: Console, actor: Actor, admitted: _Admitted, body: bytes) -> tuple[bytes, bool]:
    """Keep an event unless that was done before, and return what is answered, and whether it was."""
    event, now, digest = admitted.event, console.machine_now(), hashlib.sha256(body).hexdigest()
    answered = _answered(console, event, digest)
    if answered is not None:
        return answered, True
    message = InboxMessage(event.source, event.entity, admitted.message_id, now, admitted.content)
    LedgerInbox(console.platform.ledger).keep([message])
    answer = _receipt(admitted, now)
    try:
        with console.deciding(actor.request_id) as work:
            insert_accepted(work, AcceptedEvent(event.source, event.idempotency_key, digest, now, answer))
            if actor.person is not _A_SOURCE:
                detail: dict[str, audit.JsonScalar] = {"entity": event.entity, "key": event.idempotency_key}
                audit.append(work, [audit.AuditEntry(now, actor.id, "event.posted", event.source, detail)])
            work.commit()
    except RetryableError:
        # The same event came twice at once; the other request was first.
        first = _answered(console, event, digest)
        if first is None:
            raise
        return first, True
    return answer, False


def _answered(console: Console, event: PostedEvent, digest: str) -> bytes | None:
    with console.reading() as work:
        known = read_accepted(work, event.source, event.idempotency_key)
    if known is not None and known.body_hash != digest:
        raise UnusableError(
            f"The key {event.idempotency_key} was used for another event of {event.source}.",
            expected="a key for each event, and the same bytes where an event is sent again",
            found="other content under a known key",
            remedy="give the new event a key of its own",
        )
    return known.answer if known else None


def _receipt(admitted: _Admitted, now: datetime) -> bytes:
    event = admitted.event
    receipt = EventReceipt(
        source=event.source,
        entity=event.entity,
        idempotency_key=event.idempotency_key,
        message_id=admitted.message_id,
        accepted_at=now,
    )
    return receipt.model_dump_json().encode()


def _part(body: bytes, name: str) -> bytes:
    """Return one value of a JSON object as it was written, so that no number in it is rounded."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise UnusableError(
            "The event cannot be read.", expected="JSON in UTF-8", found=str(error), remedy="send UTF-8"
        ) from error
    return dict(_parts(text))[name].encode()


def _parts(text: str) -> Iterator[tuple[str, str]]:
    decoder, at = JSONDecoder(), text.index("{") + 1
    while True:
        at = _over(text, at)
        if text[at] != '"':
            return
        key, at = decoder.raw_decode(text, at)
        start = _over(text, _over(text, at) + 1)
        _, at = decoder.raw_decode(text, start)
        yield key, text[start:at]
        at = _over(text, at)
        if text[at] == "}":
            return
        at += 1


def _over(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at

"""The cloud ERP from outside: REST behind OAuth2 client credentials, pages by cursor, idempotent writes."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, insert, select
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.twin.office import Office
from fulfillment_pipelines.twin.systems import erp_reactions, erp_requests
from fulfillment_pipelines.twin.systems.erp_feeds import FEEDS
from fulfillment_pipelines.twin.systems.http_answers import UnauthenticatedError, application, parsed_body
from fulfillment_pipelines.twin.systems.message_fields import WholeNumber
from fulfillment_pipelines.twin.systems.message_objects import LegMessage, UnknownObjectError, require
from fulfillment_pipelines.twin.systems.pages import Feed, cursor_page
from fulfillment_pipelines.twin.systems.site_reactions import resolve_hold
from fulfillment_pipelines.twin.world import system_tables as tables
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.columns import Moment
from fulfillment_pipelines.twin.world.hold_flow import ERP_SYSTEM
from fulfillment_pipelines.twin.world.timing import iso, parsed

_TOKEN_SECONDS = 600
_PAGING = {"cursor", "limit", "updated_since"}

Write = Callable[[Books, Request, bytes, int], tuple[int, dict[str, Any]]]
"""Applies one write at a moment and returns status code and body."""


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What a client of the ERP authenticates with."""

    client_id: str
    client_secret: str


class TokenDesk:
    """Issues and checks bearer tokens; they live in real time, like everything about a connection."""

    def __init__(self, credentials: ClientCredentials) -> None:
        self._credentials = credentials
        self._valid_until: dict[str, float] = {}

    def issue(self, client_id: str, client_secret: str) -> str:
        """Return a new token.

        Raises:
            UnauthenticatedError: The credentials are wrong.
        """
        known = self._credentials
        same = secrets.compare_digest(client_id, known.client_id)
        if not (secrets.compare_digest(client_secret, known.client_secret) and same):
            raise UnauthenticatedError("invalid_client")
        token = secrets.token_urlsafe(24)
        self._valid_until[token] = time.monotonic() + _TOKEN_SECONDS
        return token

    def check(self, request: Request) -> None:
        """Refuse a request without a valid token.

        Raises:
            UnauthenticatedError: The token is missing, unknown or expired.
        """
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or self._valid_until.get(token, 0.0) < time.monotonic():
            raise UnauthenticatedError("The bearer token is missing, unknown or expired.")

    def expire_all(self) -> None:
        """Make every token that was issued invalid."""
        self._valid_until.clear()


def erp_application(office: Office, desk: TokenDesk) -> Starlette:
    """Return the ERP's REST interface."""
    api = _ErpApi(office, desk)
    reads = [Route(f"/api/v1/{name}", api.listing(name), methods=["GET"]) for name in FEEDS]
    single = [
        Route("/api/v1/sales-orders/{order_no}", api.one("sales-orders", "order_no")),
        Route("/api/v1/holds/{hold_no}", api.one("holds", "hold_no")),
        Route("/api/v1/inventory/{site}/{sku}", api.one("inventory", "site", "sku")),
    ]
    writes = [
        Route("/api/v1/sales-orders", api.write(_create_order), methods=["POST"]),
        Route("/api/v1/holds", api.write(_apply_hold), methods=["POST"]),
        Route("/api/v1/holds/{hold_no}/resolve", api.write(_resolve_hold), methods=["POST"]),
        Route("/api/v1/shipment-confirmations", api.write(_confirm), methods=["POST"]),
        Route(
            "/api/v1/shipment-confirmations/{shipment_no}/{order_no}/{line_no:int}",
            api.write(_amend),
            methods=["PATCH"],
        ),
        Route("/api/v1/inventory-adjustments", api.write(_adjust), methods=["POST"]),
        Route("/api/v1/inventory/{site}/{sku}", api.write(_set_atp), methods=["PATCH"]),
        Route("/api/v1/sales-orders/{order_no}/cancellation", api.write(erp_requests.cancel), methods=["POST"]),
        Route("/api/v1/sales-orders/{order_no}/amendments", api.write(erp_requests.take_over), methods=["POST"]),
        Route(
            "/api/v1/sales-order-lines/{order_no}/{line_no:int}",
            api.write(erp_requests.allocate_less),
            methods=["PATCH"],
        ),
        Route(
            "/api/v1/shipment-confirmations/{shipment_no}/{order_no}/{line_no:int}/reverse",
            api.write(erp_requests.reverse),
            methods=["POST"],
        ),
        Route("/api/v1/cross-references", api.write(erp_requests.map_reference), methods=["POST"]),
    ]
    return application([Route("/oauth/token", api.token, methods=["POST"]), *reads, *single, *writes])


class _ErpApi:
    def __init__(self, office: Office, desk: TokenDesk) -> None:
        self._office = office
        self._desk = desk

    async def token(self, request: Request) -> Response:
        form = {
            name: values[-1] for name, values in parse_qs((await request.body()).decode("ascii", "replace")).items()
        }
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        client_id, client_secret = _basic_credentials(request) or (
            form.get("client_id", ""),
            form.get("client_secret", ""),
        )
        token = self._desk.issue(client_id, client_secret)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": _TOKEN_SECONDS})

    def listing(self, name: str) -> Callable[[Request], Response]:
        feed = FEEDS[name]

        def answer(request: Request) -> Response:
            self._desk.check(request)
            query = dict(request.query_params)
            as_of = iso(self._office.shown_now("erp")) or ""
            with self._office.books() as books:
                page = cursor_page(books.erp, feed, query, _filters(feed, query), as_of)
            page["data"] = self._office.spoil("erp", name, page["data"])
            return JSONResponse(page)

        return answer

    def one(self, name: str, *keys: str) -> Callable[[Request], Response]:
        feed = FEEDS[name]

        def answer(request: Request) -> Response:
            self._desk.check(request)
            with self._office.books() as books:
                row = books.erp.execute(
                    select(feed.table).where(*(feed.table.c[key] == request.path_params[key] for key in keys))
                ).one_or_none()
            if row is None:
                raise UnknownObjectError(f"There is nothing at {request.url.path}.")
            return JSONResponse(feed.record(row))

        return answer

    def write(self, apply: Write) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            self._desk.check(request)
            return await run_in_threadpool(self._apply_once, apply, request, await request.body())

        return answer

    def _apply_once(self, apply: Write, request: Request, content: bytes) -> Response:
        key = request.headers.get("Idempotency-Key")
        if not key:
            raise BadDataError("A write needs the header Idempotency-Key.")
        answers = tables.erp_answers
        with self._office.books() as books:
            known = books.erp.execute(select(answers).where(answers.c.idempotency_key == key)).one_or_none()
            if known is not None:
                return JSONResponse(known.body, known.status_code, headers={"Idempotent-Replay": "true"})
            # a refusal leaves by its error: it has no effect, and its key is not used up
            forgotten = self._office.swallows("erp", content)
            status, body = (200, {"id": key}) if forgotten else apply(books, request, content, self._office.now)
            books.erp.execute(insert(answers).values(idempotency_key=key, status_code=status, body=body))
        return JSONResponse(body, status)


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class _NewOrder(_Body):
    channel: str
    channel_order_no: str


class _NewHold(_Body):
    order_no: str
    type: str
    reason: str = ""


class _HoldEnd(_Body):
    resolved_at: str
    expected_status: str | None = None


class _Confirmation(_Body):
    shipment_no: str
    order_no: str
    line_no: WholeNumber
    qty: WholeNumber


class _NewQuantity(_Body):
    qty: WholeNumber
    expected_qty: WholeNumber | None = None


class _Adjustment(_Body):
    site: str
    sku: str
    qty: WholeNumber
    reference: str
    reason: str = ""
    expected_on_hand: WholeNumber | None = None


class _NewAtp(_Body):
    atp: WholeNumber
    expected_atp: WholeNumber | None = None


def _create_order(books: Books, _: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    order = parsed_body(content, _NewOrder)
    if order.channel not in {"PORTAL", "EDI"}:
        raise BadDataError("Orders are fetched from a channel.", expected="PORTAL or EDI", found=order.channel)
    order_no = erp_reactions.create_lost_order(books, order.channel_order_no, at)
    return 201, {"id": order_no, "order_no": order_no}


def _apply_hold(books: Books, _: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    hold = parsed_body(content, _NewHold)
    if hold.type not in {"CREDIT", "DUPLICATE", "OTHER"}:
        raise BadDataError("There is no such hold type.", expected="CREDIT, DUPLICATE or OTHER", found=hold.type)
    hold_no = erp_reactions.apply_hold(books, hold.order_no, hold.type, at)
    return 201, {"id": hold_no, "hold_no": hold_no}


def _resolve_hold(books: Books, request: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    end = parsed_body(content, _HoldEnd)
    hold_no = request.path_params["hold_no"]
    table = tables.erp_holds
    status = books.erp.execute(select(table.c.status).where(table.c.hold_no == hold_no)).scalar()
    if status is not None:
        require("status", end.expected_status, status)
    resolve_hold(books, ERP_SYSTEM, hold_no, _moment(end.resolved_at), at)
    return 200, {"id": hold_no, "status": "RESOLVED"}


def _confirm(books: Books, _: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    body = parsed_body(content, _Confirmation)
    message = LegMessage(body.shipment_no, body.order_no, body.line_no, body.qty)
    erp_reactions.confirm_shipment(books, message, at)
    return 201, {"id": f"{body.shipment_no}/{body.order_no}/{body.line_no}", "qty": body.qty}


def _amend(books: Books, request: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    body = parsed_body(content, _NewQuantity)
    path = request.path_params
    message = LegMessage(path["shipment_no"], path["order_no"], path["line_no"], body.qty)
    erp_reactions.amend_confirmation(books, message, body.expected_qty, at)
    return 200, {"id": f"{path['shipment_no']}/{path['order_no']}/{path['line_no']}", "qty": body.qty}


def _adjust(books: Books, _: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    body = parsed_body(content, _Adjustment)
    erp_reactions.adjust_inventory(
        books,
        body.site,
        body.sku,
        body.qty,
        reason=body.reason,
        reference=body.reference,
        expected_on_hand=body.expected_on_hand,
        at=at,
    )
    return 201, {"id": body.reference, "reference": body.reference}


def _set_atp(books: Books, request: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    body = parsed_body(content, _NewAtp)
    path = request.path_params
    erp_reactions.set_atp(books, path["site"], path["sku"], body.atp, expected_atp=body.expected_atp, at=at)
    return 200, {"id": f"{path['site']}/{path['sku']}", "atp": body.atp}


def _filters(feed: Feed, query: dict[str, str]) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    for name, value in query.items():
        if name == "updated_since":
            where.append(feed.table.c.updated_at >= _moment(value))
        elif name in feed.fields:
            column = feed.fields[name]
            where.append(column == (_moment(value) if isinstance(column.type, Moment) else value))
        elif name not in _PAGING:
            raise BadDataError(f"There is no parameter '{name}'.", expected=", ".join(sorted({*feed.fields, *_PAGING})))
    return where


def _moment(text: str) -> int:
    try:
        return parsed(text)
    except ValueError as error:
        raise BadDataError("A moment cannot be read.", expected="ISO 8601 in UTC", found=text) from error


def _basic_credentials(request: Request) -> tuple[str, str] | None:
    kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        client_id, _, client_secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote(client_id), unquote(client_secret)

"""The CRM from outside: REST with user and password, pages by cursor, idempotent writes."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, Table, func, insert, select, update
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.twin.office import Office
from fulfillment_pipelines.twin.systems.answered_once import answered_once
from fulfillment_pipelines.twin.systems.http_answers import UnauthenticatedError, application, parsed_body
from fulfillment_pipelines.twin.systems.message_objects import UnknownObjectError, require
from fulfillment_pipelines.twin.systems.pages import Feed, cursor_page
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.customer_service_tables import cases, crm_answers, order_statuses
from fulfillment_pipelines.twin.world.timing import iso, parsed

Change = Callable[[Books, Request, bytes, int], tuple[int, dict[str, Any]]]
"""Applies one write at a moment and returns status code and body."""


def _feed(table: Table, **fields: str) -> Feed:
    return Feed(table, {name: table.c[column] for name, column in fields.items()})


_ORDERS = _feed(
    order_statuses, order="order_no", status="status", promise="promise_at", eta="eta_at", updated_at="updated_at"
)
_CASES = _feed(
    cases,
    case="case_no",
    order="order_no",
    line="line_no",
    shipment="shipment_no",
    type="type",
    opened_by="opened_by",
    opened_at="opened_at",
    status="closed_at",
    claimed="claimed_qty",
    accepted_at="accepted_at",
    subject="subject",
)


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _NewCase(_Body):
    order: str
    shipment: str | None = None
    type: Literal["FULFILMENT", "DELIVERY", "CLAIM", "OTHER"]
    subject: str


class _Eta(_Body):
    eta: str


class _Status(_Body):
    status: Literal["RECEIVED", "ACCEPTED", "IN_FULFILMENT", "SHIPPED", "DELIVERED", "BILLED", "CANCELLED"]
    promise: str | None = None
    expected_status: str | None = None


def crm_application(office: Office, user: str, password: str) -> Starlette:
    """Return the REST interface of the CRM."""
    api = _CrmApi(office, user, password)
    return application(
        [
            Route("/rest/orders", api.orders, methods=["GET"]),
            Route("/rest/orders/{order}", api.order, methods=["GET"]),
            Route("/rest/orders/{order}/eta", api.write(_set_eta), methods=["PUT"]),
            Route("/rest/orders/{order}/status", api.write(_set_status), methods=["PUT"]),
            Route("/rest/cases", api.cases, methods=["GET"]),
            Route("/rest/cases", api.write(_open_case), methods=["POST"]),
        ]
    )


class _CrmApi:
    def __init__(self, office: Office, user: str, password: str) -> None:
        self._office = office
        self._expected = base64.b64encode(f"{user}:{password}".encode()).decode()

    def orders(self, request: Request) -> Response:
        self._check(request)
        return self._listing(request, "order_statuses", _ORDERS, [])

    def cases(self, request: Request) -> Response:
        self._check(request)
        now = self._office.now
        feed = Feed(cases, _CASES.fields, shown=lambda record: _case_at(record, now))
        return self._listing(request, "cases", feed, [cases.c.opened_at <= now])

    def order(self, request: Request) -> Response:
        self._check(request)
        with self._office.books() as books:
            found = books.crm.execute(_of_order(request)).one_or_none()
        if found is None:
            raise UnknownObjectError(f"There is nothing at {request.url.path}.")
        return JSONResponse(_ORDERS.record(found))

    def write(self, change: Change) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            self._check(request)
            return await run_in_threadpool(self._apply_once, change, request, await request.body())

        return answer

    def _apply_once(self, change: Change, request: Request, content: bytes) -> Response:
        with self._office.books() as books:
            key = request.headers.get("Idempotency-Key")
            return answered_once(books.crm, crm_answers, key, lambda: change(books, request, content, self._office.now))

    def _listing(self, request: Request, name: str, feed: Feed, where: list[ColumnElement[bool]]) -> Response:
        query = dict(request.query_params)
        where = where + [feed.fields[field] == value for field, value in query.items() if field in feed.fields]
        as_of = iso(self._office.shown_now("crm")) or ""
        with self._office.books() as books:
            page = cursor_page(books.crm, feed, query, where, as_of)
        page["data"] = self._office.spoil("crm", name, page["data"])
        return JSONResponse(page)

    def _check(self, request: Request) -> None:
        kind, _, sent = request.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(sent, validate=True)
        except (binascii.Error, ValueError):
            given = b""
        if kind.lower() != "basic" or not secrets.compare_digest(given, base64.b64decode(self._expected)):
            raise UnauthenticatedError("User or password is missing or wrong.")


def _open_case(books: Books, _: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    body = parsed_body(content, _NewCase)
    known = select(func.count()).where(order_statuses.c.order_no == body.order)
    if not books.crm.execute(known).scalar_one():
        raise UnknownObjectError(f"The CRM has no order '{body.order}'.", remedy="check the order number")
    made = books.crm.execute(select(func.count()).where(cases.c.opened_by == "PLATFORM")).scalar_one()
    case_no = f"CP-{made + 1:06d}"
    books.crm.execute(
        insert(cases).values(
            case_no=case_no,
            order_no=body.order,
            shipment_no=body.shipment,
            type=body.type,
            opened_by="PLATFORM",
            opened_at=at,
            subject=body.subject,
        )
    )
    return 201, {"id": case_no}


# A write from outside sets an order that stood still going again: the CRM follows it from its next cycle on.


def _set_eta(books: Books, request: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    body = parsed_body(content, _Eta)
    return _changed(books, request, eta_at=_moment(body.eta), updated_at=at, is_stuck=False)


def _set_status(books: Books, request: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    body = parsed_body(content, _Status)
    found = books.crm.execute(_of_order(request)).one_or_none()
    if found is not None:
        require("status", body.expected_status, found.status)
    changes = {"promise_at": _moment(body.promise)} if body.promise else {}
    return _changed(books, request, status=body.status, updated_at=at, is_stuck=False, **changes)


def _changed(books: Books, request: Request, **values: Any) -> tuple[int, dict[str, Any]]:
    order_no = request.path_params["order"]
    of_order = update(order_statuses).where(order_statuses.c.order_no == order_no)
    if not books.crm.execute(of_order.values(**values)).rowcount:
        raise UnknownObjectError(f"The CRM has no order '{order_no}'.", remedy="check the order number")
    return 200, {"id": order_no}


def _of_order(request: Request) -> Any:
    return select(order_statuses).where(order_statuses.c.order_no == request.path_params["order"])


def _case_at(record: dict[str, Any], now: int) -> dict[str, Any]:
    """Return a case as it stands at a moment: what comes later is not known yet."""
    shown_at = iso(now) or ""
    closed = record["status"] is not None and record["status"] <= shown_at
    accepted = record["accepted_at"] is not None and record["accepted_at"] <= shown_at
    return {
        **record,
        "status": "CLOSED" if closed else "OPEN",
        "accepted_at": record["accepted_at"] if accepted else None,
    }


def _moment(text: str) -> int:
    try:
        return parsed(text)
    except ValueError as error:
        raise BadDataError("A moment cannot be read.", expected="ISO 8601 in UTC", found=text) from error

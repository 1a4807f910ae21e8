"""The B2B portal from outside: REST with an API key, pages by offset, numbers as text, some moments as local times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select, update
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.twin.office import Office
from fulfillment_pipelines.twin.systems.answered_once import answered_once
from fulfillment_pipelines.twin.systems.http_answers import application, parsed_body, require_key
from fulfillment_pipelines.twin.systems.message_fields import WholeNumber
from fulfillment_pipelines.twin.systems.message_objects import UnknownObjectError, require
from fulfillment_pipelines.twin.systems.order_parking import CompletedLine, complete_order
from fulfillment_pipelines.twin.systems.pages import Feed, number, slice_of
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.commercial_tables import portal_answers, portal_statuses
from fulfillment_pipelines.twin.world.master_data import zone_of
from fulfillment_pipelines.twin.world.system_tables import portal_items, portal_orders
from fulfillment_pipelines.twin.world.timing import iso, parsed

Change = Callable[[Books, Request, bytes, int], tuple[int, dict[str, Any]]]
"""Applies one write at a moment and returns status code and body."""


def _in_customers_time(record: dict[str, Any]) -> dict[str, Any]:
    """Return an order with its requested delivery as the customer wrote it: in its own time, with the offset."""
    if record["requested_at"] is None:
        return record
    local = datetime.fromisoformat(record["requested_at"]).astimezone(ZoneInfo(zone_of(record["customer"])))
    return {**record, "requested_at": local.isoformat()}


_FEEDS: Mapping[str, Feed] = {
    "orders": Feed(
        portal_orders,
        {
            name: portal_orders.c[name]
            for name in (
                *("id", "customer", "po", "ship_to", "terms", "priority", "revision", "state", "currency"),
                *("placed_at", "requested_at"),
            )
        },
        as_text=True,
        shown=_in_customers_time,
    ),
    "order-items": Feed(
        portal_items,
        {
            name: portal_items.c[name]
            for name in ("order_id", "line", "sku", "buyer_item", "uom", "qty", "qty_cancelled", "price", "currency")
        },
        as_text=True,
    ),
    "order-statuses": Feed(
        portal_statuses,
        {name: portal_statuses.c[name] for name in ("order_no", "status", "promise", "eta", "shown_at")},
    ),
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Status(_Body):
    status: Literal["RECEIVED", "ACCEPTED", "IN_FULFILMENT", "SHIPPED", "DELIVERED", "BILLED", "CANCELLED"]
    promise: str | None = None
    expected_status: str | None = None


class _Eta(_Body):
    eta: str


class _CompletedLine(_Body):
    line: WholeNumber
    sku: str | None = None
    qty: WholeNumber | None = None


class _Completion(_Body):
    po: str | None = None
    ship_to: str | None = None
    terms: str | None = None
    requested_at: str | None = None
    items: tuple[_CompletedLine, ...] = ()


def portal_application(office: Office, api_key: str) -> Starlette:
    """Return the portal's REST interface."""
    api = _PortalApi(office, api_key)
    return application(
        [
            *(Route(f"/v2/{name}", api.listing(name), methods=["GET"]) for name in _FEEDS),
            Route("/v2/orders/{id}", api.write(_complete_order), methods=["PATCH"]),
            Route("/v2/order-statuses/{order_no}", api.status, methods=["GET"]),
            Route("/v2/order-statuses/{order_no}", api.write(_set_status), methods=["PUT"]),
            Route("/v2/order-statuses/{order_no}/eta", api.write(_set_eta), methods=["PUT"]),
        ]
    )


class _PortalApi:
    def __init__(self, office: Office, api_key: str) -> None:
        self._office = office
        self._api_key = api_key

    def listing(self, name: str) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            require_key(request, "X-Api-Key", self._api_key)
            offset = number(request.query_params.get("offset"), 0)
            limit = number(request.query_params.get("limit"), 100)
            with self._office.books() as books:
                records, count = slice_of(books.portal, _FEEDS[name], offset, limit)
            return JSONResponse(
                {
                    "results": self._office.spoil("portal", name, records),
                    "count": count,
                    "offset": offset,
                    "limit": limit,
                    "generated_at": iso(self._office.shown_now("portal")),
                }
            )

        return answer

    def status(self, request: Request) -> Response:
        require_key(request, "X-Api-Key", self._api_key)
        feed = _FEEDS["order-statuses"]
        with self._office.books() as books:
            row = books.portal.execute(
                select(portal_statuses).where(portal_statuses.c.order_no == request.path_params["order_no"])
            ).one_or_none()
        if row is None:
            raise UnknownObjectError(f"There is nothing at {request.url.path}.")
        return JSONResponse(feed.record(row))

    def write(self, change: Change) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            require_key(request, "X-Api-Key", self._api_key)
            return await run_in_threadpool(self._apply_once, change, request, await request.body())

        return answer

    def _apply_once(self, change: Change, request: Request, content: bytes) -> Response:
        with self._office.books() as books:
            key = request.headers.get("Idempotency-Key")
            at = self._office.now
            return answered_once(books.portal, portal_answers, key, lambda: change(books, request, content, at))


def _complete_order(books: Books, request: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    body = parsed_body(content, _Completion)
    header = body.model_dump(exclude_none=True, exclude={"items", "requested_at"})
    if body.requested_at is not None:
        header["requested_at"] = _moment(body.requested_at)
    portal_id = request.path_params["id"]
    lines = [CompletedLine(item.line, item.sku, item.qty) for item in body.items]
    complete_order(books, portal_id, header, lines, at)
    return 200, {"id": portal_id}


def _set_status(books: Books, request: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    body = parsed_body(content, _Status)
    order_no = request.path_params["order_no"]
    shown = books.portal.execute(
        select(portal_statuses.c.status).where(portal_statuses.c.order_no == order_no)
    ).scalar_one_or_none()
    if shown is not None:
        require("status", body.expected_status, shown)
    changes = {"promise": _moment(body.promise)} if body.promise else {}
    # whoever sets the status by hand sets the order going again
    return _changed(books, order_no, status=body.status, shown_at=at, is_stuck=False, **changes)


def _set_eta(books: Books, request: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    del at  # what is shown as promised stays as it is
    return _changed(books, request.path_params["order_no"], eta=_moment(parsed_body(content, _Eta).eta))


def _changed(books: Books, order_no: str, **values: Any) -> tuple[int, dict[str, Any]]:
    of_order = update(portal_statuses).where(portal_statuses.c.order_no == order_no)
    if not books.portal.execute(of_order.values(**values)).rowcount:
        raise UnknownObjectError(f"The portal shows no order '{order_no}'.", remedy="check the order number")
    return 200, {"id": order_no}


def _moment(text: str) -> int:
    try:
        return parsed(text)
    except ValueError as error:
        raise BadDataError("A moment cannot be read.", expected="ISO 8601", found=text) from error

"""The modern WMS of the site WEST from outside: REST with an API key, numbered pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Table, select
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.twin.office import Office
from fulfillment_pipelines.twin.systems.http_answers import application, parsed_body, require_key
from fulfillment_pipelines.twin.systems.message_fields import WholeNumber
from fulfillment_pipelines.twin.systems.message_objects import UnknownObjectError, require
from fulfillment_pipelines.twin.systems.pages import Feed, number, slice_of
from fulfillment_pipelines.twin.systems.site_reactions import ReleaseMessage, receive_release, resolve_hold
from fulfillment_pipelines.twin.systems.site_requests import apply_hold
from fulfillment_pipelines.twin.systems.west_requests import request_routes
from fulfillment_pipelines.twin.world import site_tables
from fulfillment_pipelines.twin.world import system_tables as tables
from fulfillment_pipelines.twin.world.catalogue import Node
from fulfillment_pipelines.twin.world.timing import iso, parsed


def _feed(table: Table, **fields: str) -> Feed:
    return Feed(table, {name: table.c[column] for name, column in fields.items()})


def _with_active(hold: dict[str, Any]) -> dict[str, Any]:
    return {**hold, "active": hold["active"] == "CREATED"}


_LOT_STATES = {"RELEASED": "ok", "RECALLED": "recalled", "BLOCKED": "blocked"}


def _with_lot_state(pack: dict[str, Any]) -> dict[str, Any]:
    return {**pack, "lot_state": _LOT_STATES.get(pack["lot_state"], pack["lot_state"])}


_LINE = {"order": "order_no", "line": "line_no", "sku": "item", "unit": "unit", "qty": "qty"}
_FEEDS = {
    "release-lines": _feed(
        tables.release_lines,
        release="release_no",
        **_LINE,
        picked="picked_qty",
        state="pick_status",
        sent_at="sent_at",
        acked_at="acked_at",
        picked_at="picked_at",
        packed_at="packed_at",
    ),
    "shipment-lines": _feed(tables.shipment_lines, shipment="shipment_no", **_LINE, departed_at="departed_at"),
    "stock": _feed(tables.stock, sku="item", unit="unit", on_hand="on_hand", reserved="reserved", free="free"),
    "movements": _feed(
        tables.stock_movements,
        movement="movement_no",
        sku="item",
        unit="unit",
        qty="qty",
        type="movement_type",
        moved_at="moved_at",
    ),
    "reservations": _feed(
        site_tables.reservations,
        reservation="reservation_no",
        sku="item",
        unit="unit",
        qty="qty",
        order="order_no",
        line="line_no",
        reserved_at="reserved_at",
    ),
    "packs": Feed(
        site_tables.packs,
        {
            "pack": site_tables.packs.c.pack_no,
            **{name: site_tables.packs.c[column] for name, column in _LINE.items()},
            "lot": site_tables.packs.c.lot,
            "lot_state": site_tables.packs.c.lot_status,
            "expires_at": site_tables.packs.c.expires_at,
            "packed_at": site_tables.packs.c.packed_at,
        },
        shown=_with_lot_state,
    ),
    "returns": _feed(
        site_tables.returned_goods,
        **{"return": "return_no"},
        **_LINE,
        shipment="shipment_no",
        condition="condition",
        received_at="received_at",
    ),
    "holds": Feed(
        tables.order_holds,
        {
            "hold": tables.order_holds.c.hold_no,
            "order": tables.order_holds.c.order_no,
            "type": tables.order_holds.c.hold_type,
            "active": tables.order_holds.c.status,
            "placed_by": tables.order_holds.c.placed_by,
            "placed_at": tables.order_holds.c.placed_at,
            "ended_at": tables.order_holds.c.resolved_at,
        },
        shown=_with_active,
    ),
}


class _Release(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    sku: str
    unit: str
    qty: WholeNumber
    sent_at: str


class _NewHold(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    order: str
    type: str


class _HoldEnd(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    ended_at: str
    expected_active: bool | None = None


def west_application(office: Office, api_key: str) -> Starlette:
    """Return the REST interface of the site."""
    api = _WestApi(office, api_key)
    return application(
        [
            *(Route(f"/{name}", api.listing(name), methods=["GET"]) for name in _FEEDS),
            Route("/release-lines/{release}/{order}/{line:int}", api.one("release-lines"), methods=["GET"]),
            Route("/release-lines/{release}/{order}/{line:int}", api.write(api.take_in), methods=["PUT"]),
            Route("/holds/{hold}", api.one("holds"), methods=["GET"]),
            Route("/holds/{hold}", api.write(api.apply_hold), methods=["PUT"]),
            Route("/holds/{hold}/end", api.write(api.end_hold), methods=["POST"]),
            *request_routes(office, api.write, api_key),
        ]
    )


class _WestApi:
    def __init__(self, office: Office, api_key: str) -> None:
        self._office = office
        self._api_key = api_key

    def listing(self, name: str) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            require_key(request, "X-Api-Key", self._api_key)
            page = number(request.query_params.get("page"), 1) or 1
            size = number(request.query_params.get("per_page"), 100) or 1
            with self._office.books() as books:
                records, total = slice_of(books.wms[Node.WEST], _FEEDS[name], (page - 1) * size, size)
            meta = {
                "as_of": iso(self._office.shown_now("wms_west")),
                "total": total,
                "page": page,
                "pages": max(1, -(-total // size)),
            }
            return JSONResponse({"items": self._office.spoil("wms_west", name, records), "meta": meta})

        return answer

    def one(self, name: str) -> Callable[[Request], Response]:
        feed = _FEEDS[name]

        def answer(request: Request) -> Response:
            require_key(request, "X-Api-Key", self._api_key)
            return JSONResponse(self._record(feed, request))

        return answer

    def write(self, apply: Callable[[Request, bytes], None]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            require_key(request, "X-Api-Key", self._api_key)
            await run_in_threadpool(apply, request, await request.body())
            return JSONResponse({"id": "/".join(map(str, request.path_params.values()))})

        return answer

    def take_in(self, request: Request, content: bytes) -> None:
        body = parsed_body(content, _Release)
        path = request.path_params
        message = ReleaseMessage(
            path["release"], path["order"], path["line"], body.sku, body.unit, body.qty, _moment(body.sent_at)
        )
        with self._office.books() as books:
            receive_release(books, Node.WEST, message, self._office.now)

    def apply_hold(self, request: Request, content: bytes) -> None:
        body = parsed_body(content, _NewHold)
        with self._office.books() as books:
            hold_no, at = request.path_params["hold"], self._office.now
            apply_hold(books, Node.WEST, hold_no, order_no=body.order, hold_type=body.type, at=at)

    def end_hold(self, request: Request, content: bytes) -> None:
        body = parsed_body(content, _HoldEnd)
        found = self._record(_FEEDS["holds"], request)
        ended_already = not found["active"] and body.expected_active
        if ended_already and found["ended_at"] == iso(_moment(body.ended_at)):
            return  # the same request again
        require("hold", body.expected_active, found["active"])
        with self._office.books() as books:
            resolve_hold(books, Node.WEST, request.path_params["hold"], _moment(body.ended_at), self._office.now)

    def _record(self, feed: Feed, request: Request) -> dict[str, Any]:
        keys = {name: value for name, value in request.path_params.items() if name in feed.fields}
        with self._office.books() as books:
            row = (
                books.wms[Node.WEST]
                .execute(select(feed.table).where(*(feed.fields[name] == value for name, value in keys.items())))
                .one_or_none()
            )
        if row is None:
            raise UnknownObjectError(f"There is nothing at {request.url.path}.")
        return feed.record(row)


def _moment(text: str) -> int:
    try:
        return parsed(text)
    except ValueError as error:
        raise BadDataError("A moment cannot be read.", expected="ISO 8601 in UTC", found=text) from error

"""What the site WEST can be asked to put right over REST, and how the effect is looked up afterwards.

Only the routes and bodies belong here; what a request does belongs to `site_requests`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Table, select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fulfillment_pipelines.twin.office import Office
from fulfillment_pipelines.twin.systems import site_requests
from fulfillment_pipelines.twin.systems.http_answers import parsed_body, require_key
from fulfillment_pipelines.twin.systems.message_fields import WholeNumber
from fulfillment_pipelines.twin.systems.message_objects import UnknownObjectError
from fulfillment_pipelines.twin.world import site_tables
from fulfillment_pipelines.twin.world.catalogue import Node
from fulfillment_pipelines.twin.world.system_tables import release_lines

Write: TypeAlias = Callable[[Callable[[Request, bytes], None]], Callable[[Request], Any]]
"""Turns the effect of a request into its endpoint."""


class _Allocation(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    sku: str
    unit: str
    qty: WholeNumber


def request_routes(office: Office, write: Write, api_key: str) -> list[Route]:
    """Return the routes of the requests and of what can be read of their effects."""
    desk = _Desk(office, api_key)
    line = "{order}/{line:int}"
    return [
        Route(f"/shipment-holds/{line}", desk.state_of(site_tables.shipment_holds), methods=["GET"]),
        Route(f"/shipment-holds/{line}", write(desk.hold_shipment), methods=["PUT"]),
        Route(f"/allocations/{line}", desk.allocation, methods=["GET"]),
        Route(f"/allocations/{line}", write(desk.set_allocation), methods=["PUT"]),
        Route("/reservations/{reservation}/release", desk.reservation_state, methods=["GET"]),
        Route("/reservations/{reservation}/release", write(desk.release_reservation), methods=["POST"]),
        Route(f"/release-lines/{line}/events", desk.state_of(release_lines, "pick_status"), methods=["GET"]),
        Route(f"/release-lines/{line}/events", write(desk.tell_again), methods=["POST"]),
        Route("/counts/{sku}", desk.count_state, methods=["GET"]),
        Route("/counts/{sku}", write(desk.count), methods=["POST"]),
    ]


class _Desk:
    def __init__(self, office: Office, api_key: str) -> None:
        self._office = office
        self._api_key = api_key

    def hold_shipment(self, request: Request, _: bytes) -> None:
        order, line = _line(request)
        with self._office.books() as books:
            site_requests.hold_shipment(books, Node.WEST, order, line, self._office.now)

    def set_allocation(self, request: Request, content: bytes) -> None:
        order, line = _line(request)
        body = parsed_body(content, _Allocation)
        with self._office.books() as books:
            site_requests.set_allocation(
                books, Node.WEST, order, line, item=body.sku, unit=body.unit, qty=body.qty, at=self._office.now
            )

    def release_reservation(self, request: Request, _: bytes) -> None:
        with self._office.books() as books:
            site_requests.release_reservation(books, Node.WEST, request.path_params["reservation"])

    def tell_again(self, request: Request, _: bytes) -> None:
        order, line = _line(request)
        with self._office.books() as books:
            site_requests.tell_again(books, Node.WEST, order, line, self._office.now)

    def count(self, request: Request, _: bytes) -> None:
        with self._office.books() as books:
            site_requests.count_stock(books, Node.WEST, request.path_params["sku"], self._office.now)

    def state_of(self, table: Table, column: str = "status") -> Callable[[Request], Response]:
        """Return the endpoint that shows the state of what a table keeps of an order line."""

        def answer(request: Request) -> Response:
            order, line = _line(request)
            return self._shown(request, table, column, order_no=order, line_no=line)

        return answer

    def count_state(self, request: Request) -> Response:
        return self._shown(request, site_tables.stock_counts, "status", item=request.path_params["sku"])

    def allocation(self, request: Request) -> Response:
        order, line = _line(request)
        return self._shown(request, site_tables.reservations, "qty", name="qty", order_no=order, line_no=line)

    def reservation_state(self, request: Request) -> Response:
        require_key(request, "X-Api-Key", self._api_key)
        table = site_tables.reservations.c
        with self._office.books() as books:
            kept = books.wms[Node.WEST].execute(
                select(table.qty).where(table.reservation_no == request.path_params["reservation"])
            )
            return JSONResponse({"state": "RELEASED" if kept.first() is None else "HELD"})

    def _shown(self, request: Request, table: Table, column: str, *, name: str = "state", **keys: Any) -> Response:
        require_key(request, "X-Api-Key", self._api_key)
        with self._office.books() as books:
            value = books.wms[Node.WEST].execute(
                select(table.c[column]).where(*(table.c[key] == wanted for key, wanted in keys.items()))
            )
            found = value.first()
        if found is None:
            raise UnknownObjectError(f"There is nothing at {request.url.path}.")
        return JSONResponse({name: found[0]})


def _line(request: Request) -> tuple[str, int]:
    return request.path_params["order"], request.path_params["line"]

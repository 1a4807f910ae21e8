"""Requests that change orders and master data of the ERP from outside: their bodies, and which reaction takes them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.twin.systems import order_desk_reactions
from fulfillment_pipelines.twin.systems.http_answers import parsed_body
from fulfillment_pipelines.twin.systems.message_fields import WholeNumber
from fulfillment_pipelines.twin.systems.message_objects import LegMessage
from fulfillment_pipelines.twin.systems.order_parking import map_number
from fulfillment_pipelines.twin.world.books import Books


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class _TakeOver(_Body):
    line_no: WholeNumber | None = None


class _Allocation(_Body):
    qty_allocated: WholeNumber
    expected_allocated: WholeNumber


class _NewReference(_Body):
    type: str
    party: str
    foreign_no: str
    own_no: str


def take_over(books: Books, request: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    """Let the ERP take over an order, or one line of it, from the channel it came in through."""
    body = parsed_body(content, _TakeOver)
    order_no = request.path_params["order_no"]
    if body.line_no is None:
        order_desk_reactions.take_over_header(books, order_no, at)
    else:
        order_desk_reactions.take_over_line(books, order_no, body.line_no, at)
    key = request.headers["Idempotency-Key"]
    order_desk_reactions.note_amendment(books, key, order_no, body.line_no, at)
    return 200, {"id": key}


def cancel(books: Books, request: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    """Let the ERP cancel an order of which nothing is released."""
    del content  # the path says it all
    order_no = request.path_params["order_no"]
    order_desk_reactions.cancel_order(books, order_no, at)
    return 200, {"id": order_no}


def allocate_less(books: Books, request: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    """Let the ERP give up part of a line's allocation."""
    body = parsed_body(content, _Allocation)
    path = request.path_params
    order_desk_reactions.lower_allocation(
        books,
        path["order_no"],
        path["line_no"],
        allocated_qty=body.qty_allocated,
        expected=body.expected_allocated,
        at=at,
    )
    return 200, {"id": f"{path['order_no']}/{path['line_no']}", "qty_allocated": body.qty_allocated}


def reverse(books: Books, request: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    """Let the ERP take a ship confirmation back."""
    del content  # the path says it all
    path = request.path_params
    message = LegMessage(path["shipment_no"], path["order_no"], path["line_no"], 0)
    order_desk_reactions.reverse_shipment(books, message, at)
    return 200, {"id": f"{message.shipment_no}/{message.order_no}/{message.line_no}"}


def map_reference(books: Books, request: Request, content: bytes, at: int) -> tuple[int, dict[str, Any]]:
    """Teach the ERP what a partner's number stands for."""
    del request
    body = parsed_body(content, _NewReference)
    if body.type != "ITEM":
        raise BadDataError("Only item numbers are mapped here.", expected="ITEM", found=body.type)
    map_number(books, body.party, body.foreign_no, body.own_no, at)
    return 201, {"id": f"{body.party}/{body.foreign_no}"}

"""Messages for a site, whether they were left in its interface table or as a file: read, and handed to the reaction.

What a message does belongs to `site_reactions` and `site_requests`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.twin.systems import site_reactions, site_requests
from fulfillment_pipelines.twin.systems.message_fields import WholeNumber, unreadable
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.timing import parsed

_Reaction: TypeAlias = Callable[[Books, str, Mapping[str, Any], int], None]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class _ReleaseSend(_Body):
    release_no: str
    order_no: str
    line_no: WholeNumber
    item: str
    unit: str
    qty: WholeNumber
    sent_at: str


class _HoldResolve(_Body):
    hold_no: str
    resolved_at: str


class _HoldApply(_Body):
    hold_no: str
    order_no: str
    hold_type: str


class _OrderLine(_Body):
    order_no: str
    line_no: WholeNumber


class _AllocationSet(_OrderLine):
    item: str
    unit: str
    qty: WholeNumber


class _ReservationRelease(_Body):
    reservation_no: str


class _CountRequest(_Body):
    item: str


def apply_site_message(books: Books, node: str, kind: str, body: Mapping[str, Any], at: int) -> None:
    """Apply one message at a site.

    Raises:
        BadDataError: The message cannot be read.
        RejectedError: The site refuses it.
    """
    reaction = _REACTIONS.get(kind)
    if reaction is None:
        raise BadDataError(f"{node} does not know the message '{kind}'.", expected=f"one of {', '.join(_REACTIONS)}")
    try:
        reaction(books, node, body, at)
    except ValueError as error:  # pydantic's ValidationError is one
        raise unreadable(kind, error) from error


def _release_send(books: Books, node: str, body: Mapping[str, Any], at: int) -> None:
    release = _ReleaseSend.model_validate(body)
    message = site_reactions.ReleaseMessage(**{**release.model_dump(), "sent_at": parsed(release.sent_at)})
    site_reactions.receive_release(books, node, message, at)


def _hold_resolve(books: Books, node: str, body: Mapping[str, Any], at: int) -> None:
    hold = _HoldResolve.model_validate(body)
    site_reactions.resolve_hold(books, node, hold.hold_no, parsed(hold.resolved_at), at)


def _hold_apply(books: Books, node: str, body: Mapping[str, Any], at: int) -> None:
    hold = _HoldApply.model_validate(body)
    site_requests.apply_hold(books, node, hold.hold_no, order_no=hold.order_no, hold_type=hold.hold_type, at=at)


def _shipment_hold(books: Books, node: str, body: Mapping[str, Any], at: int) -> None:
    line = _OrderLine.model_validate(body)
    site_requests.hold_shipment(books, node, line.order_no, line.line_no, at)


def _allocation_set(books: Books, node: str, body: Mapping[str, Any], at: int) -> None:
    wanted = _AllocationSet.model_validate(body)
    site_requests.set_allocation(
        books, node, wanted.order_no, wanted.line_no, item=wanted.item, unit=wanted.unit, qty=wanted.qty, at=at
    )


def _reservation_release(books: Books, node: str, body: Mapping[str, Any], at: int) -> None:
    del at  # what is freed leaves no trace
    site_requests.release_reservation(books, node, _ReservationRelease.model_validate(body).reservation_no)


def _event_request(books: Books, node: str, body: Mapping[str, Any], at: int) -> None:
    line = _OrderLine.model_validate(body)
    site_requests.tell_again(books, node, line.order_no, line.line_no, at)


def _count_request(books: Books, node: str, body: Mapping[str, Any], at: int) -> None:
    site_requests.count_stock(books, node, _CountRequest.model_validate(body).item, at)


_REACTIONS: Mapping[str, _Reaction] = MappingProxyType(
    {
        "release.send": _release_send,
        "hold.resolve": _hold_resolve,
        "hold.apply": _hold_apply,
        "shipment.hold": _shipment_hold,
        "allocation.set": _allocation_set,
        "reservation.release": _reservation_release,
        "event.request": _event_request,
        "count.request": _count_request,
    }
)

"""What a site does when it accepts a message from outside, and how the world goes on from there.

Every function works at one moment and refuses with an error of the failure tree; how a refusal is answered belongs
to the interface that received the message.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update

from fulfillment_pipelines.errors import PreconditionError, RejectedError
from fulfillment_pipelines.twin.systems.message_objects import UnknownObjectError, find_line
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, ITEM_BY_SKU, Node
from fulfillment_pipelines.twin.world.hold_flow import clear_hold_view
from fulfillment_pipelines.twin.world.plan import Kind, schedule, withdraw
from fulfillment_pipelines.twin.world.truth_tables import hold_views, true_holds, true_lines
from fulfillment_pipelines.twin.world.warehouse_flow import open_qty, take_in_releases

_ACKNOWLEDGED_AFTER_SECONDS = {Node.EAST: 60, Node.WEST: 60, Node.NORTH: 300}


@dataclass(frozen=True, slots=True)
class ReleaseMessage:
    """A release as a site receives it; the quantity is in `unit`."""

    release_no: str
    order_no: str
    line_no: int
    item: str
    unit: str
    qty: int
    sent_at: int


def receive_release(books: Books, node: str, message: ReleaseMessage, at: int) -> None:
    """Let a site take a release in; the same release again has no effect.

    Raises:
        UnknownObjectError: The site has no such order line.
        PreconditionError: The line is already released under another number.
        RejectedError: Item or quantity do not fit the line.
    """
    line = find_line(books, message.order_no, message.line_no)
    factor = ITEM_BY_SKU[line.sku].pack_qty if message.unit != BASE_UNIT else 1
    if line.node != node or line.sku != message.item or message.qty * factor != open_qty(line):
        raise RejectedError(
            f"Release '{message.release_no}' does not fit line {message.order_no}/{message.line_no}.",
            expected=f"{open_qty(line)} {BASE_UNIT} of {line.sku} at {line.node}",
            found=f"{message.qty} {message.unit} of {message.item} at {node}",
            remedy="read the line from the ERP and send it again",
        )
    if line.acked_at is not None:
        if line.release_no == message.release_no:
            return
        raise PreconditionError(
            f"Line {message.order_no}/{message.line_no} is already released.",
            expected="no release",
            found=line.release_no,
            remedy="read the release back",
        )
    withdraw(books.truth, [Kind.RELEASE_LINE, Kind.TAKE_IN_RELEASE], line.line_id)
    books.truth.execute(
        update(true_lines)
        .where(true_lines.c.line_id == line.line_id)
        .values(release_no=message.release_no, released_at=line.released_at or message.sent_at, ack_lost=False)
    )
    if line.released_at is None:
        recorded_at = at + _ACKNOWLEDGED_AFTER_SECONDS[Node(node)]
        schedule(books.truth, Kind.RECORD_RELEASE, [(recorded_at, line.line_id)])
    schedule(books.truth, Kind.TAKE_IN_RELEASE, [(at, line.line_id)])
    take_in_releases(books, at)


def resolve_hold(books: Books, system: str, hold_no: str, resolved_at: int, at: int) -> None:
    """Resolve a hold in one system; a hold that is resolved there stays so.

    Args:
        books: The open books.
        system: Site, or `ERP`.
        hold_no: Number of the hold.
        resolved_at: When it was resolved, as the message says.
        at: Now.

    Raises:
        UnknownObjectError: The system has no such hold.
    """
    view = books.truth.execute(
        select(hold_views, true_holds.c.hold_no)
        .join(true_holds, true_holds.c.hold_id == hold_views.c.hold_id)
        .where(true_holds.c.hold_no == hold_no, hold_views.c.system == system, hold_views.c.active_from.is_not(None))
    ).one_or_none()
    if view is None:
        raise UnknownObjectError(f"{system} has no hold '{hold_no}'.", remedy="check the hold's number")
    clear_hold_view(books, view, resolved_at, at)

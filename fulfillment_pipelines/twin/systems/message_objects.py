"""What messages from outside are about, and how a system finds it among what it knows.

Looking things up and refusing belong here; what a message does belongs to the reactions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from fulfillment_pipelines.errors import PreconditionError, RejectedError
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.system_tables import inventory
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders


class UnknownObjectError(RejectedError):
    """The message is about something the system does not know."""


@dataclass(frozen=True, slots=True)
class LegMessage:
    """What a message says of one order line on one leg: that so much was shipped, or is to be billed."""

    shipment_no: str
    order_no: str
    line_no: int
    qty: int


def find_line(books: Books, order_no: str, line_no: int) -> Row[Any]:
    """Return the true line of an order that the ERP has.

    Raises:
        UnknownObjectError: There is no such line.
    """
    line = books.truth.execute(
        select(true_lines)
        .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
        .where(
            true_orders.c.order_no == order_no,
            true_lines.c.line_no == line_no,
            true_orders.c.created_at.is_not(None),
        )
    ).one_or_none()
    if line is None:
        raise UnknownObjectError(f"There is no order line {order_no}/{line_no}.", remedy="check the order and the line")
    return line


def find_leg(books: Books, message: LegMessage) -> Row[Any]:
    """Return the true leg a message is about, with node, sku, order_no and line_no.

    Raises:
        UnknownObjectError: No such leg has departed.
    """
    leg = books.truth.execute(
        select(true_legs, true_lines.c.node, true_lines.c.sku, true_orders.c.order_no, true_lines.c.line_no)
        .join(true_lines, true_lines.c.line_id == true_legs.c.line_id)
        .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
        .where(
            true_legs.c.shipment_no == message.shipment_no,
            true_orders.c.order_no == message.order_no,
            true_lines.c.line_no == message.line_no,
            true_legs.c.shipped_at.is_not(None),
        )
    ).one_or_none()
    if leg is None:
        raise UnknownObjectError(
            f"There is no leg {message.shipment_no} of {message.order_no}/{message.line_no}.",
            remedy="check the numbers",
        )
    return leg


def find_position(books: Books, site: str, sku: str) -> Row[Any]:
    """Return the ERP's position of an item at a site.

    Raises:
        UnknownObjectError: The ERP has no such position.
    """
    position = books.erp.execute(
        select(inventory).where(inventory.c.site == site, inventory.c.sku == sku)
    ).one_or_none()
    if position is None:
        raise UnknownObjectError(f"The ERP has no position of '{sku}' at '{site}'.")
    return position


def require(what: str, expected: Any, found: Any) -> None:
    """Refuse unless a value is still the expected one; None expects nothing.

    Raises:
        PreconditionError: The values differ.
    """
    if expected is not None and expected != found:
        raise PreconditionError(
            f"The {what} has changed.", expected=str(expected), found=str(found), remedy="decide anew on what is held"
        )

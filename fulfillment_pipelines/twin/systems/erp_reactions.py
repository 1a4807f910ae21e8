"""What the ERP does when it accepts a message from outside, and how the world goes on from there.

Every function works at one moment and refuses with an error of the failure tree; how a refusal is answered belongs
to `erp_api`. All quantities are in base units.
"""

from __future__ import annotations

from sqlalchemy import insert, select, update

from fulfillment_pipelines.errors import PreconditionError, RejectedError
from fulfillment_pipelines.twin.systems.message_objects import (
    LegMessage,
    UnknownObjectError,
    find_leg,
    find_position,
    require,
)
from fulfillment_pipelines.twin.systems.order_parking import order_waiting_at_portal, problem_of
from fulfillment_pipelines.twin.world.billing_flow import confirm_legs, settle_allocations
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.hold_flow import apply_erp_hold
from fulfillment_pipelines.twin.world.order_flow import close_served_orders, create_orders
from fulfillment_pipelines.twin.world.plan import Kind, schedule, withdraw
from fulfillment_pipelines.twin.world.stock_flow import PositionChange, change_erp_positions
from fulfillment_pipelines.twin.world.system_tables import confirmations, erp_holds, inventory_adjustments
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders

_EARLIEST_RELEASE_SECONDS = 900


def create_lost_order(books: Books, portal_id: str, at: int) -> str:
    """Let the ERP fetch an order from the portal and create it; return its order number.

    Raises:
        UnknownObjectError: The portal has no such order.
        PreconditionError: The ERP already has it.
    """
    order = order_waiting_at_portal(books, portal_id, at)
    problem = problem_of(books, order) if order.is_parked else None
    if problem is not None:
        raise RejectedError(
            f"Portal order '{portal_id}' cannot be taken in.",
            expected="a complete order with known items",
            found=problem,
            remedy="complete the order at the portal, or map the number",
        )
    books.truth.execute(update(true_orders).where(true_orders.c.order_id == order.order_id).values(is_parked=False))
    # the ERP dates a release from the moment it has the order
    books.truth.execute(
        update(true_lines)
        .where(true_lines.c.order_id == order.order_id, true_lines.c.release_due_at < at + _EARLIEST_RELEASE_SECONDS)
        .values(release_due_at=at + _EARLIEST_RELEASE_SECONDS)
    )
    withdraw(books.truth, [Kind.CREATE_ORDER], order.order_id)
    schedule(books.truth, Kind.CREATE_ORDER, [(at, order.order_id)])
    create_orders(books, at)
    return str(order.order_no)


def confirm_shipment(books: Books, message: LegMessage, at: int) -> None:
    """Let the ERP book a ship confirmation.

    Raises:
        UnknownObjectError: There is no such order line or departed leg.
        PreconditionError: The leg is already booked.
        RejectedError: The quantity is not positive.
    """
    leg = find_leg(books, message)
    if message.qty <= 0:
        raise RejectedError("A confirmation needs a quantity.", expected="more than 0", found=str(message.qty))
    if leg.confirmed_at is not None:
        raise PreconditionError(
            f"Leg {message.shipment_no} of {message.order_no}/{message.line_no} is already confirmed.",
            expected="no confirmation",
            found="a confirmation",
            remedy="read the confirmation back",
        )
    withdraw(books.truth, [Kind.CONFIRM_LEG], leg.leg_id)
    books.truth.execute(
        update(true_legs)
        .where(true_legs.c.leg_id == leg.leg_id)
        .values(confirm_lost=False, confirm_error_qty=message.qty - leg.qty)
    )
    schedule(books.truth, Kind.CONFIRM_LEG, [(at, leg.leg_id)])
    confirm_legs(books, at)


def amend_confirmation(books: Books, message: LegMessage, expected_qty: int | None, at: int) -> None:
    """Let the ERP correct the quantity of a booked confirmation.

    Raises:
        UnknownObjectError: The ERP has no such confirmation.
        PreconditionError: The ERP no longer holds the expected quantity.
    """
    leg = find_leg(books, message)
    booked = (
        (confirmations.c.shipment_no == message.shipment_no)
        & (confirmations.c.order_no == message.order_no)
        & (confirmations.c.line_no == message.line_no)
    )
    held = books.erp.execute(select(confirmations.c.qty).where(booked)).scalar()
    if held is None:
        raise UnknownObjectError(f"The ERP has no confirmation of leg {message.shipment_no}.")
    require("quantity", expected_qty, held)
    books.erp.execute(update(confirmations).where(booked).values(qty=message.qty, updated_at=at))
    books.truth.execute(
        update(true_legs).where(true_legs.c.leg_id == leg.leg_id).values(confirm_error_qty=message.qty - leg.qty)
    )
    change_erp_positions(books.erp, [PositionChange(leg.node, leg.sku, on_hand=held - message.qty)], at)
    settle_allocations(books, [message.order_no], at)
    close_served_orders(books, [message.order_no], at)


def adjust_inventory(
    books: Books, site: str, sku: str, qty: int, *, reason: str, reference: str, expected_on_hand: int | None, at: int
) -> None:
    """Let the ERP book an adjustment of stock on hand; a reference is booked once.

    Raises:
        UnknownObjectError: The ERP has no such position.
        PreconditionError: The reference is booked, or the ERP no longer holds the expected quantity.
    """
    position = find_position(books, site, sku)
    known = books.erp.execute(
        select(inventory_adjustments.c.reference).where(inventory_adjustments.c.reference == reference)
    ).first()
    if known is not None:
        raise PreconditionError(
            f"Adjustment '{reference}' is already booked.", expected="no adjustment", found=reference
        )
    require("on hand", expected_on_hand, position.on_hand)
    books.erp.execute(
        insert(inventory_adjustments).values(
            reference=reference, site=site, sku=sku, qty=qty, reason=reason, booked_at=at, updated_at=at
        )
    )
    change_erp_positions(books.erp, [PositionChange(site, sku, on_hand=qty)], at)


def set_atp(books: Books, site: str, sku: str, atp: int, *, expected_atp: int | None, at: int) -> None:
    """Let the ERP promise another quantity: the difference becomes a reservation, so that it stays.

    Raises:
        UnknownObjectError: The ERP has no such position.
        PreconditionError: The ERP no longer holds the expected quantity.
    """
    position = find_position(books, site, sku)
    require("atp", expected_atp, position.atp)
    change_erp_positions(books.erp, [PositionChange(site, sku, promised=position.atp - atp)], at)


def apply_hold(books: Books, order_no: str, hold_type: str, at: int) -> str:
    """Let the ERP place a hold on an order; return its number. An active hold of that type is kept.

    Raises:
        UnknownObjectError: The ERP has no such order.
    """
    order = books.truth.execute(
        select(true_orders).where(true_orders.c.order_no == order_no, true_orders.c.created_at.is_not(None))
    ).one_or_none()
    if order is None:
        raise UnknownObjectError(f"The ERP has no order '{order_no}'.", remedy="check the order number")
    holds = books.erp.execute(select(erp_holds).where(erp_holds.c.order_no == order_no)).all()
    for hold in holds:
        if hold.type == hold_type and hold.status == "CREATED":
            return str(hold.hold_no)
    hold_no = f"HD-E{order.order_id:05d}-{len(holds) + 1}"
    apply_erp_hold(books, order.order_id, hold_no, hold_type, at)
    return hold_no

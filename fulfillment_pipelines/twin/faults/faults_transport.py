"""Faults on the road and in what customers are shown: late, silent and failed deliveries, statuses that stand still.

One function, one code. They strike legs that have departed and have not arrived, of orders no other fault has touched.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.twin.faults.targets import FaultContext
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.world.catalogue import NODES
from fulfillment_pipelines.twin.world.commercial_tables import portal_statuses
from fulfillment_pipelines.twin.world.customer_service_tables import order_statuses
from fulfillment_pipelines.twin.world.master_data import is_cold
from fulfillment_pipelines.twin.world.return_flow import coming_back
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS
from fulfillment_pipelines.twin.world.transport_flow import event_no
from fulfillment_pipelines.twin.world.transport_tables import deliveries, events, transports, true_transports
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders

_FIRST_FAULT_NUMBER = 50
_LATE_SECONDS = DAY_SECONDS
_SHOWN_EARLIER_SECONDS = 2 * DAY_SECONDS
_SMALLEST_QTY = 4
_BEFORE = {"DELIVERED": "SHIPPED", "SHIPPED": "IN_FULFILMENT"}
_SILENT_VARIANTS = 4  # of so many late legs one is silent instead


def late_or_silent(context: FaultContext) -> Label:
    """SHP-03: the carrier expects to deliver after the promise, or says nothing more of a leg that it has.

    A silence shows only when it has lasted: it is the first of every four. Goods that must be kept cold suffer first.
    """
    leg = _on_the_road(context, prefer_cold=True)
    _forget_the_rest(context, leg)
    if context.serial % _SILENT_VARIANTS == 0:
        _arrives(context, leg, None, 0)
        note = "the carrier says nothing more of the leg"
    else:
        late_at = leg.promised_at + _LATE_SECONDS
        _tell(context, leg, "DELAYED")
        _expect(context, leg, late_at)
        _tell(context, leg, "DELIVERED", at=late_at)
        _arrives(context, leg, late_at, leg.qty)
        note = "the carrier expects to deliver a day after the promise"
    return _label(context, "SHP-03", leg, note)


def delivery_failed(context: FaultContext) -> Label:
    """SHP-04: the customer refuses, is not there, or gets damaged goods or too few."""
    leg = _on_the_road(context)
    _forget_the_rest(context, leg)
    told, arrived_qty, damaged_qty, note = (
        (("REFUSED",), 0, 0, "the customer refused the delivery"),
        (("DELIVERED_WITH_EXCEPTION",), leg.qty, 1, "one piece arrived damaged"),
        (("ATTEMPTED", "DELIVERY_MISSED"), 0, 0, "nobody took the delivery in"),
        (("DELIVERED",), leg.qty - 1, 0, f"{leg.qty - 1} arrived of the {leg.qty} that left"),
    )[context.serial % 4]
    for status in told:
        _tell(context, leg, status)
    _arrives(context, leg, context.at if arrived_qty else None, arrived_qty, damaged=damaged_qty)
    return _label(context, "SHP-04", leg, note)


def status_stands_still(context: FaultContext) -> Label:
    """SHP-05: the CRM, or the portal, goes on showing an older status or another promise of an order."""
    at_portal, other_promise = ((False, False), (False, True), (True, False))[context.serial % 3]
    order = _shown_order(context, at_portal=at_portal, other_promise=other_promise)
    values: dict[str, Any] = {"status": _BEFORE.get(order.status)}
    if other_promise:
        values = {"promise_at": order.promise_at - _SHOWN_EARLIER_SECONDS}
    if at_portal:
        of_order = update(portal_statuses).where(portal_statuses.c.order_no == order.order_no)
        context.books.portal.execute(of_order.values(**values, is_stuck=True))
    else:
        of_order = update(order_statuses).where(order_statuses.c.order_no == order.order_no)
        context.books.crm.execute(of_order.values(**values, is_stuck=True))
    system = "portal" if at_portal else "crm"
    return context.label(
        "SHP-05",
        f"{system}/{order.order_no}",
        node="",
        system=system,
        since=context.at,
        note="shows a promise two days earlier" if other_promise else f"goes on showing {values['status']}",
    )


def _on_the_road(context: FaultContext, *, prefer_cold: bool = False) -> Row[Any]:
    """Choose and touch a leg that has departed and of whose arrival nobody knows yet."""
    site = NODES[context.serial % len(NODES)]
    legs = context.books.truth.execute(
        select(true_legs, true_lines.c.line_no, true_lines.c.node, true_lines.c.sku, true_lines.c.promised_at)
        .add_columns(true_orders.c.order_no)
        .join(true_transports, true_transports.c.leg_id == true_legs.c.leg_id)
        .join(true_lines, true_lines.c.line_id == true_legs.c.line_id)
        .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
        .where(
            true_transports.c.departed_at < context.at,
            true_transports.c.delivered_at > context.at,
            true_legs.c.qty >= _SMALLEST_QTY,
        )
        .order_by(true_legs.c.leg_id)
    ).all()
    returned = set(coming_back([leg.leg_id for leg in legs]))
    free = [
        leg
        for leg in context.targets.shuffled(legs)
        if context.targets.untouched_order(leg.order_no)
        and context.targets.untouched_position(leg.node, leg.sku)
        and leg.leg_id not in returned
    ]
    # orders with something still to ship are left to faults that need it
    shipped = select(order_statuses.c.order_no).where(order_statuses.c.status == "SHIPPED")
    whole = set(context.books.crm.execute(shipped).scalars())
    free.sort(key=lambda leg: (leg.order_no not in whole, prefer_cold and not is_cold(leg.sku), leg.node != site))
    if not free:
        raise _nothing_left("a leg on the road, of an order without another fault")
    chosen: Row[Any] = free[0]
    context.targets.touch(order_no=chosen.order_no)
    return chosen


def _shown_order(context: FaultContext, *, at_portal: bool, other_promise: bool) -> Any:
    """Choose and touch an order whose shown state is right and far enough on to be held back."""
    crm = context.books.crm.execute(
        select(order_statuses).where(~order_statuses.c.is_stuck).order_by(order_statuses.c.order_no)
    ).all()
    at_the_portal = set(context.books.portal.execute(select(portal_statuses.c.order_no)).scalars())
    for order in context.targets.shuffled(crm):
        if at_portal and order.order_no not in at_the_portal:
            continue
        is_far = order.status in {"SHIPPED", "DELIVERED"} or (other_promise and order.status != "CANCELLED")
        if is_far and context.targets.untouched_order(order.order_no):
            context.targets.touch(order_no=order.order_no)
            return order
    raise _nothing_left("an order that has left, without another fault")


def _forget_the_rest(context: FaultContext, leg: Row[Any]) -> None:
    """What would have happened to a leg from now on does not happen."""
    tms = context.books.tms
    tms.execute(delete(events).where(events.c.shipment_no == leg.shipment_no, events.c.sent_at > context.at))
    tms.execute(delete(deliveries).where(deliveries.c.shipment_no == leg.shipment_no))


def _tell(context: FaultContext, leg: Row[Any], status: str, *, at: int | None = None) -> None:
    """Let the carrier tell an event of a leg, now or later."""
    tms = context.books.tms
    told = tms.execute(select(events.c.event_no).where(events.c.shipment_no == leg.shipment_no).distinct()).all()
    moment = context.at if at is None else at
    tms.execute(
        insert(events).values(
            event_no=event_no(leg.shipment_no, _FIRST_FAULT_NUMBER + len(told)),
            shipment_no=leg.shipment_no,
            status=status,
            occurred_at=moment,
            recorded_at=moment,
            sent_at=moment,
        )
    )


def _expect(context: FaultContext, leg: Row[Any], eta_at: int) -> None:
    of_leg = update(transports).where(transports.c.shipment_no == leg.shipment_no)
    context.books.tms.execute(of_leg.values(eta_at=eta_at))


def _arrives(context: FaultContext, leg: Row[Any], at: int | None, qty: int, *, damaged: int = 0) -> None:
    """Let a leg arrive, now or later, or never."""
    of_leg = update(true_transports).where(true_transports.c.leg_id == leg.leg_id)
    context.books.truth.execute(of_leg.values(delivered_at=at, known_at=at))
    if at is None:
        return
    context.books.tms.execute(
        insert(deliveries).values(
            shipment_no=leg.shipment_no,
            order_no=leg.order_no,
            line_no=leg.line_no,
            sku=leg.sku,
            unit="EA",
            qty=qty,
            damaged_qty=damaged,
            signed_at=at,
            sent_at=at,
        )
    )


def _label(context: FaultContext, code: str, leg: Row[Any], note: str) -> Label:
    return context.label(code, leg.shipment_no, node=leg.node, system="tms", since=context.at, note=note)


def _nothing_left(expected: str) -> RejectedError:
    return RejectedError(
        "There is nothing left that the fault could strike.",
        expected=expected,
        remedy="advance the twin until new orders have left",
    )

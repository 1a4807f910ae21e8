"""Faults in what systems tell each other: a message that is lost, late or wrong. One function, one code.

Every function takes the injection's context, breaks one thing and returns its label. Lines are hurried to the point
where the fault shows, so that an injected fault is visible at once, or with the legacy site's next cycle.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select, update

from fulfillment_pipelines.twin.faults.targets import FaultContext, due_now, hurry, last_leg
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.world.catalogue import NODES, Node
from fulfillment_pipelines.twin.world.demand import next_id
from fulfillment_pipelines.twin.world.hold_flow import ERP_SYSTEM
from fulfillment_pipelines.twin.world.plan import Kind, schedule, withdraw
from fulfillment_pipelines.twin.world.stock_flow import sent_from
from fulfillment_pipelines.twin.world.system_tables import inventory
from fulfillment_pipelines.twin.world.timing import next_cycle
from fulfillment_pipelines.twin.world.truth_tables import hold_views, plan, true_holds, true_legs, true_lines

_STOCK_THAT_HIDES_ONE_UNIT = 250  # one unit is below any tolerance of stock: only the leg shows the difference
_LATE_INVOICE_SECONDS = 14 * 3_600
_INVOICED_AFTER_SECONDS = 120
_POSTED_AFTER_SECONDS = 60
_EVERY_FOURTH = 4
_RESOLVED_AFTER_SECONDS = 300
NO_BILLING_NOISE = {"billed_price_change": 0, "amount_rounding": 0, "reference_damage": 0}
"""What is set on a leg that a fault strikes, so that nothing harmless blurs it."""

_SITE_SYSTEMS = {Node.EAST: "wms_east", Node.WEST: "wms_west", Node.NORTH: "wms_north"}


def confirmation_lost(context: FaultContext) -> Label:
    """SHP-01: a leg leaves its site and the ERP is never told."""
    line = context.targets.line(context.books, context.at, context.serial)
    leg = last_leg(context.books, line)
    _change_leg(context, leg, confirm_lost=True)
    leaves_at = hurry(context.books, line, context.at)
    return context.label(
        "SHP-01",
        f"{leg.shipment_no}/{line.order_no}/{line.line_no}",
        node=line.node,
        system="erp",
        since=leaves_at,
        note="the ship confirmation was lost on its way to the ERP",
    )


def confirmed_wrong_quantity(context: FaultContext) -> Label:
    """SHP-02: the ERP books another quantity than the one that left."""

    def has_much_stock(line: Row[Any]) -> bool:
        on_hand: int = context.books.erp.execute(
            select(inventory.c.on_hand).where(inventory.c.site == line.node, inventory.c.sku == line.sku)
        ).scalar_one()
        return on_hand >= _STOCK_THAT_HIDES_ONE_UNIT

    line = context.targets.line(context.books, context.at, context.serial, wanted=has_much_stock)
    leg = last_leg(context.books, line)
    error = 1 if context.serial % 2 or leg.qty == 1 else -1
    changes: dict[str, int] = {"confirm_error_qty": error}
    if context.serial % _EVERY_FOURTH != _EVERY_FOURTH - 1:
        changes["invoice_lag"] = _LATE_INVOICE_SECONDS
    _change_leg(context, leg, **changes)
    leaves_at = hurry(context.books, line, context.at)
    return context.label(
        "SHP-02",
        f"{leg.shipment_no}/{line.order_no}/{line.line_no}",
        node=line.node,
        system="erp",
        since=sent_from(line.node, leaves_at) + leg.confirm_lag,
        note=f"the ERP booked {leg.qty + error} where {leg.qty} left",
    )


def invoice_trigger_lost(context: FaultContext) -> Label:
    """FIN-01: a leg is shipped and confirmed, and finance never learns of it."""
    line = context.targets.line(context.books, context.at, context.serial)
    leg = last_leg(context.books, line)
    _change_leg(context, leg, invoice_lost=True)
    leaves_at = hurry(context.books, line, context.at)
    return context.label(
        "FIN-01",
        f"{line.order_no}/{line.line_no}/{leg.shipment_no}",
        node=line.node,
        system="finance",
        since=sent_from(line.node, leaves_at) + leg.confirm_lag,
        note="the invoice trigger was lost on its way to finance",
    )


def billed_wrong_quantity(context: FaultContext) -> Label:
    """FIN-02: a document bills another quantity than was shipped, or the leg is billed twice."""
    line = context.targets.line(context.books, context.at, context.serial)
    leg = last_leg(context.books, line)
    changes, note = (
        ({"invoice_error_qty": 2}, f"billed 2 more than the {leg.qty} shipped"),
        ({"invoice_error_qty": -1, "post_lost": True}, f"drafted 1 less than the {leg.qty} shipped"),
        ({"billed_twice": True}, "billed twice"),
        ({"invoice_error_qty": 1, "post_lost": True}, f"drafted 1 more than the {leg.qty} shipped"),
    )[context.serial % 4]
    _change_leg(context, leg, invoice_lag=_INVOICED_AFTER_SECONDS, post_lag=_POSTED_AFTER_SECONDS, **changes)
    leaves_at = hurry(context.books, line, context.at)
    since = sent_from(line.node, leaves_at) + leg.confirm_lag + _INVOICED_AFTER_SECONDS
    return context.label(
        "FIN-02",
        f"{line.order_no}/{line.line_no}",
        node=line.node,
        system="finance",
        since=since + (0 if "post_lost" in changes else _POSTED_AFTER_SECONDS),
        note=note,
    )


def release_stuck(context: FaultContext) -> Label:
    """WHS-01: a line is never released, or its release never reaches the site."""
    line = context.targets.line(context.books, context.at, context.serial // 2, unreleased=True)
    due_now(context.books, line, context.at)
    key = f"{line.order_no}/{line.line_no}"
    if context.serial % 2 == 0:
        withdraw(context.books.truth, [Kind.RELEASE_LINE], line.line_id)
        note = "the ERP never releases the line"
        return context.label("WHS-01", key, node=line.node, system="erp", since=context.at, note=note)
    context.books.truth.execute(update(true_lines).where(true_lines.c.line_id == line.line_id).values(ack_lost=True))
    context.books.truth.execute(
        update(plan).where(plan.c.kind == Kind.RELEASE_LINE, plan.c.subject == line.line_id).values(at=context.at)
    )
    note = "the release was lost on its way to the site"
    return context.label("WHS-01", key, node=line.node, system=_SITE_SYSTEMS[line.node], since=context.at, note=note)


def hold_not_cleared(context: FaultContext) -> Label:
    """CRD-03: finance resolves a hold and a site, or the ERP, goes on blocking."""
    line = context.targets.line(context.books, context.at, context.serial // 2, unreleased=True)
    stale = line.node if context.serial % 2 == 0 else ERP_SYSTEM
    truth = context.books.truth
    hold_id = next_id(truth, true_holds)
    hold_no = f"HD-{hold_id:05d}"
    known_everywhere_at = next_cycle(context.at) if stale == Node.NORTH else context.at
    resolve_lag = known_everywhere_at - context.at + _RESOLVED_AFTER_SECONDS
    truth.execute(
        insert(true_holds).values(
            hold_id=hold_id, hold_no=hold_no, order_id=line.order_id, place_lag=0, resolve_lag=resolve_lag
        )
    )
    nodes = truth.execute(select(true_lines.c.node).where(true_lines.c.order_id == line.order_id).distinct()).scalars()
    for system in (ERP_SYSTEM, *sorted(nodes)):
        truth.execute(
            insert(hold_views).values(
                hold_id=hold_id, order_id=line.order_id, system=system, publish_lag=0, clear_lost=system == stale
            )
        )
    schedule(truth, Kind.PLACE_HOLD, [(context.at, hold_id)])
    at_site = stale in NODES
    return context.label(
        "CRD-03",
        hold_no,
        node=stale if at_site else "",
        system=_SITE_SYSTEMS[Node(stale)] if at_site else "erp",
        since=context.at + resolve_lag,
        note=f"the resolution of the hold on {line.order_no} was lost on its way",
    )


def _change_leg(context: FaultContext, leg: Row[Any], **changes: Any) -> None:
    changes = {**NO_BILLING_NOISE, **changes}
    context.books.truth.execute(update(true_legs).where(true_legs.c.leg_id == leg.leg_id).values(**changes))

"""Faults inside a site, or between what it set aside and what the ERP promised. One function, one code.

Every function takes the injection's context, breaks one thing and returns its label.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, func, insert, select, update

from fulfillment_pipelines.twin.faults.site_targets import (
    cancelled_lines,
    first_leg,
    has_free_stock,
    nothing_left,
    promised_position,
    shipped_lines,
    taken_in,
    units,
    untouched,
)
from fulfillment_pipelines.twin.faults.targets import FaultContext, hurry, in_whole_units
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.world.catalogue import ITEM_BY_SKU
from fulfillment_pipelines.twin.world.demand import next_id
from fulfillment_pipelines.twin.world.picking_flow import EXPIRED, RECALLED, WRONG_ITEM, pack_no
from fulfillment_pipelines.twin.world.plan import Kind, schedule
from fulfillment_pipelines.twin.world.reservation_flow import (
    add_reservation,
    reservation_no,
    reservation_of,
    set_reservation,
)
from fulfillment_pipelines.twin.world.site_tables import packs
from fulfillment_pipelines.twin.world.stock_flow import PositionChange, change_erp_positions, sent_from
from fulfillment_pipelines.twin.world.system_tables import order_lines, release_lines
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_movements

_OVERSOLD_QTY = 6
_PICKED_LATER_SECONDS = 20 * 3_600
_SHIPPED_LATER_SECONDS = 20 * 3_600
_LEFT_LYING_SECONDS = 14 * DAY_SECONDS
_PACKED_AFTER_SECONDS = 1_800
_AFTER_PACK_SECONDS = 900
_MOVEMENT_TOLD_SECONDS = 30


def over_allocated(context: FaultContext) -> Label:
    """INV-03: stock that is promised breaks and is written off, or the ERP allocates more to a line than it orders."""
    if context.serial % 2 == 0:
        return _stock_lost(context)
    has_stock = has_free_stock(context)
    line = context.targets.line(
        context.books,
        context.at,
        context.serial // 2,
        unreleased=True,
        wanted=lambda line: line.release_due_at > context.at + DAY_SECONDS // 2 and has_stock(line),
    )
    too_much = in_whole_units(_OVERSOLD_QTY, line.node, line.sku)
    context.books.erp.execute(
        update(order_lines)
        .where(order_lines.c.order_no == line.order_no, order_lines.c.line_no == line.line_no)
        .values(qty_allocated=order_lines.c.qty_allocated + too_much, updated_at=context.at)
    )
    change_erp_positions(context.books.erp, [PositionChange(line.node, line.sku, promised=too_much)], context.at)
    note = f"the ERP allocated {too_much} more than the {line.qty} ordered"
    key = f"{line.order_no}/{line.line_no}"
    return context.label("INV-03", key, node=line.node, system="erp", since=context.at, note=note)


def reservation_left(context: FaultContext) -> Label:
    """INV-04: a site keeps stock aside for a line that has left whole, or that was cancelled."""
    shipped = context.serial % 2 == 0
    candidates = shipped_lines(context) if shipped else cancelled_lines(context)
    line = untouched(context, candidates, "a line that has left, or was cancelled", turn=context.serial)
    number = reservation_no(line.line_id)
    add_reservation(
        context.books,
        line.node,
        number,
        line.sku,
        line.qty,
        at=line.acked_at if shipped else line.cancelled_at,
        line=(line.order_no, line.line_no),
    )
    note = f"{line.qty} stay reserved for a line that " + ("has left" if shipped else "was cancelled")
    since = sent_from(line.node, context.at)
    return context.label("INV-04", number, node=line.node, system=_system(line), since=since, note=note)


def reserved_otherwise(context: FaultContext) -> Label:
    """INV-05: a site reserves less than the ERP released to it, or nothing."""
    chosen = context.targets.line(
        context.books,
        context.at,
        context.serial,
        wanted=lambda line: line.picked_at is None and units(line) > 1,
    )
    line = taken_in(context, chosen, picked_after_seconds=_PICKED_LATER_SECONDS)
    row = reservation_of(context.books, line.node, reservation_no(line.line_id))
    if row is None:
        raise nothing_left("a line that its site has just taken in")
    kept = 0 if context.serial % 2 == 0 else row.qty // 2
    set_reservation(context.books, line.node, row, kept)
    return context.label(
        "INV-05",
        f"{line.order_no}/{line.line_no}",
        node=line.node,
        system=_system(line),
        since=sent_from(line.node, context.at),
        note=f"the site reserved {kept} of the {row.qty} released to it",
    )


def picked_short(context: FaultContext) -> Label:
    """WHS-02: a site closes a pick with less than was released, and ships what it has."""
    line = context.targets.line(
        context.books,
        context.at,
        context.serial,
        wanted=lambda line: line.picked_at is None and units(line) > 2,  # noqa: PLR2004 - a unit is left in each leg
    )
    leg = first_leg(context, line)
    short = ITEM_BY_SKU[line.sku].factor_at(line.node)
    _change_leg(context, leg, qty=leg.qty - short)
    context.books.truth.execute(
        update(true_lines).where(true_lines.c.line_id == line.line_id).values(pick_short_qty=short)
    )
    since = hurry(context.books, line, context.at)
    return context.label(
        "WHS-02",
        f"{line.order_no}/{line.line_no}",
        node=line.node,
        system=_system(line),
        since=since,
        note=f"the pick was closed {short} short of the {line.qty} released",
    )


def milestone_missing(context: FaultContext) -> Label:
    """WHS-03: a pick record is lost, or is dated after the package, or a picked line is left lying at the dock."""
    if context.serial % 3 == 0:  # first: it takes days until lying is too long
        return _left_lying(context)
    line = untouched(context, shipped_lines(context), "a line that has left", turn=_turn(context))
    of_line = (release_lines.c.order_no == line.order_no) & (release_lines.c.line_no == line.line_no)
    if context.serial % 3 == 1:
        changes: dict[str, Any] = {"picked_qty": 0, "pick_status": "OPEN", "picked_at": None}
        note = "the record of the pick was lost"
    else:
        of_pack = (packs.c.order_no == line.order_no) & (packs.c.line_no == line.line_no)
        packed_at: int = (
            context.books.wms[line.node].execute(select(func.max(packs.c.packed_at)).where(of_pack)).scalar_one()
        )
        changes = {"picked_at": packed_at + _AFTER_PACK_SECONDS}
        note = "the pick is dated after the package was closed"
    context.books.wms[line.node].execute(update(release_lines).where(of_line).values(**changes))
    key = f"{line.order_no}/{line.line_no}"
    since = sent_from(line.node, context.at)
    return context.label("WHS-03", key, node=line.node, system=_system(line), since=since, note=note)


def packed_wrong(context: FaultContext) -> Label:
    """WHS-04: a package waits at the dock with an item that was not ordered, or from a lot that may not be shipped."""
    line = context.targets.line(context.books, context.at, _turn(context), wanted=lambda line: line.picked_at is None)
    leg = first_leg(context, line)
    error, note = (
        (WRONG_ITEM, "another item than the ordered one was packed"),
        (RECALLED, "the packed lot is recalled"),
        (EXPIRED, "the packed lot had expired"),
    )[context.serial % 3]
    _change_leg(context, leg, pack_error=error)
    picked_at = hurry(context.books, line, context.at)
    context.books.truth.execute(
        update(true_legs).where(true_legs.c.line_id == line.line_id).values(ship_lag=_SHIPPED_LATER_SECONDS)
    )
    return context.label(
        "WHS-04",
        f"{pack_no(leg.leg_id)}/{line.order_no}/{line.line_no}",
        node=line.node,
        system=_system(line),
        since=sent_from(line.node, picked_at + _PACKED_AFTER_SECONDS),
        note=note,
    )


def _stock_lost(context: FaultContext) -> Label:
    position = promised_position(context, _OVERSOLD_QTY)
    factor = ITEM_BY_SKU[position.sku].factor_at(position.site)
    lost = in_whole_units(position.atp + _OVERSOLD_QTY, position.site, position.sku)
    lost = min(lost, position.on_hand // factor * factor)
    movement_id = next_id(context.books.truth, true_movements)
    context.books.truth.execute(
        insert(true_movements).values(
            movement_id=movement_id,
            movement_no=f"MV-{movement_id:06d}",
            node=position.site,
            sku=position.sku,
            qty=-lost,
            movement_type="ADJUSTMENT",
            publish_lag=_MOVEMENT_TOLD_SECONDS,
        )
    )
    schedule(context.books.truth, Kind.MOVE_STOCK, [(context.at, movement_id)])
    since = sent_from(position.site, context.at)
    note = f"{lost} broke and were written off, {position.allocated} are promised"
    return context.label(
        "INV-03", position.sku, node=position.site, system=f"wms_{position.site.lower()}", since=since, note=note
    )


def _left_lying(context: FaultContext) -> Label:
    line = context.targets.line(
        context.books, context.at, context.serial // 3, wanted=lambda line: line.picked_at is None
    )
    picked_at = hurry(context.books, line, context.at)
    context.books.truth.execute(
        update(true_legs).where(true_legs.c.line_id == line.line_id).values(ship_lag=_LEFT_LYING_SECONDS)
    )
    return context.label(
        "WHS-03",
        f"{line.order_no}/{line.line_no}",
        node=line.node,
        system=_system(line),
        since=picked_at,
        note="the picked line is left lying at the dock",
    )


def _change_leg(context: FaultContext, leg: Row[Any], **changes: Any) -> None:
    context.books.truth.execute(update(true_legs).where(true_legs.c.leg_id == leg.leg_id).values(**changes))


def _turn(context: FaultContext) -> int:
    """Return whose turn it is where there are as many variants as sites: each site gets each variant in time."""
    return context.serial + context.serial // 3


def _system(line: Row[Any]) -> str:
    return f"wms_{line.node.lower()}"

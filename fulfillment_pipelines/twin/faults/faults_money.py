"""Faults of credit and billing: holds that age or leak, limits that are passed, documents that are wrong.

Every function takes the injection's context, breaks one thing and returns its label. One function, one code.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, exists, insert, select, update

from fulfillment_pipelines.twin.faults.faults_flow import NO_BILLING_NOISE
from fulfillment_pipelines.twin.faults.targets import FaultContext, due_now, hurry, last_leg, nothing_left
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.world.billing_flow import settle_allocations
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, ITEM_BY_SKU, Node
from fulfillment_pipelines.twin.world.commercial_tables import credit_accounts
from fulfillment_pipelines.twin.world.demand import next_id
from fulfillment_pipelines.twin.world.hold_flow import CREDIT_DESK, ERP_SYSTEM
from fulfillment_pipelines.twin.world.invoice_documents import document_line, invoice_no
from fulfillment_pipelines.twin.world.master_data import CONSOLIDATED_CUSTOMERS
from fulfillment_pipelines.twin.world.order_flow import lines_of
from fulfillment_pipelines.twin.world.plan import Kind, schedule, withdraw
from fulfillment_pipelines.twin.world.return_flow import coming_back
from fulfillment_pipelines.twin.world.stock_flow import PositionChange, change_erp_positions, sent_from
from fulfillment_pipelines.twin.world.system_tables import confirmations, credit_holds, inventory, invoice_lines
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS, NEVER_AT, next_cycle
from fulfillment_pipelines.twin.world.transport_tables import true_transports
from fulfillment_pipelines.twin.world.truth_tables import (
    hold_views,
    plan,
    true_holds,
    true_legs,
    true_lines,
    true_orders,
    true_returns,
)

_AHEAD_SECONDS = DAY_SECONDS // 2
_WEEKS_AHEAD_SECONDS = 3 * DAY_SECONDS
_PLACED_BEFORE_SECONDS = 120
_NEVER_SECONDS = 2**40
_SMALLEST_RECEIVABLE_CENTS = 200_000
_LOWERED_TO_PERCENT = 60
_INVOICED_AFTER_SECONDS = 120
_POSTED_AFTER_SECONDS = 60
_PRICE_ERROR_PERCENT = 8
_SMALLEST_PRICE_ERROR = 10
_CREDITED_AFTER_SECONDS = 60
_CREDITED_TOO_MUCH_QTY = 1
_SMALLEST_QTY = 4
_STOCK_THAT_HIDES_ONE_UNIT = 250  # one unit is below any tolerance of stock: only the leg shows the difference


def hold_forgotten(context: FaultContext) -> Label:
    """CRD-01: finance places a hold and nobody decides on it."""

    def waits(line: Row[Any]) -> bool:
        ahead: bool = line.release_due_at > context.at + _AHEAD_SECONDS
        return ahead and context.targets.untouched_customer(line.customer_no)

    line = context.targets.line(context.books, context.at, context.serial, unreleased=True, wanted=waits)
    context.targets.touch(customer_no=line.customer_no)
    truth = context.books.truth
    hold_id = next_id(truth, true_holds)
    hold_no = f"HD-{hold_id:05d}"
    truth.execute(
        insert(true_holds).values(
            hold_id=hold_id, hold_no=hold_no, order_id=line.order_id, place_lag=0, resolve_lag=_NEVER_SECONDS
        )
    )
    nodes = {other.node for other in lines_of(context.books, [line.order_id])}
    truth.execute(
        insert(hold_views),
        [
            {"hold_id": hold_id, "order_id": line.order_id, "system": system, "publish_lag": 60}
            for system in (ERP_SYSTEM, *sorted(nodes))
        ],
    )
    schedule(truth, Kind.PLACE_HOLD, [(context.at, hold_id)])
    note = f"nobody decides on the hold on {line.order_no}"
    return context.label("CRD-01", hold_no, node="", system="finance", since=context.at, note=note)


def hold_leaked(context: FaultContext) -> Label:
    """CRD-02: finance has placed a hold that neither ERP nor site learn of, and the site works on the order."""

    def of_one_site(line: Row[Any]) -> bool:
        lines = lines_of(context.books, [line.order_id])
        old = line.created_at < context.at - 2 * _PLACED_BEFORE_SECONDS
        return (
            old
            and context.targets.untouched_customer(line.customer_no)
            and all(other.node == line.node and other.released_at is None for other in lines)
        )

    line = context.targets.line(context.books, context.at, context.serial, unreleased=True, wanted=of_one_site)
    context.targets.touch(customer_no=line.customer_no)
    hold_id = next_id(context.books.truth, true_holds)
    hold_no, placed_at = f"HD-{hold_id:05d}", context.at - _PLACED_BEFORE_SECONDS
    context.books.truth.execute(
        insert(true_holds).values(
            hold_id=hold_id, hold_no=hold_no, order_id=line.order_id, place_lag=0, resolve_lag=0, placed_at=placed_at
        )
    )
    context.books.finance.execute(
        insert(credit_holds).values(
            hold_no=hold_no, order_no=line.order_no, status="CREATED", placed_by=CREDIT_DESK, placed_at=placed_at
        )
    )
    if context.serial % 2 == 0:
        since = hurry(context.books, line, context.at)
        note = f"{line.order_no}/{line.line_no} left its site under a hold that only finance knows"
    else:
        since = _release_now(context, line)
        note = f"the site took {line.order_no}/{line.line_no} in under a hold that only finance knows"
    # nobody who could resolve the hold knows that it matters: it ages as well
    return context.label("CRD-02", hold_no, node=line.node, system="erp", since=since, note=note, secondary=("CRD-01",))


def limit_passed(context: FaultContext) -> Label:
    """CRD-04: finance lowers a limit below what the customer owes, and nobody places a hold."""
    books = context.books
    held = set(
        books.truth.execute(
            select(true_orders.c.customer_no)
            .join(true_holds, true_holds.c.order_id == true_orders.c.order_id)
            .where(true_holds.c.resolved_at.is_(None), true_holds.c.placed_at.is_not(None))
        ).scalars()
    )
    accounts = books.finance.execute(
        select(credit_accounts)
        .where(credit_accounts.c.open_receivable >= _SMALLEST_RECEIVABLE_CENTS)
        .order_by(credit_accounts.c.customer_no)
    ).all()
    for account in context.targets.shuffled(accounts):
        if account.customer_no in held or not context.targets.untouched_customer(account.customer_no):
            continue
        context.targets.touch(customer_no=account.customer_no)
        limit = account.open_receivable * _LOWERED_TO_PERCENT // 100
        of_account = update(credit_accounts).where(credit_accounts.c.customer_no == account.customer_no)
        books.finance.execute(of_account.values(credit_limit=limit))
        _drop_planned_holds(context, account.customer_no)
        note = f"the limit was lowered to {limit // 100} where {account.open_receivable // 100} are owed"
        return context.label("CRD-04", account.customer_no, node="", system="finance", since=context.at, note=note)
    raise nothing_left("a customer that owes something and has no hold")


def billed_before_departure(context: FaultContext) -> Label:
    """FIN-03: finance posts the invoice of a leg that has not left."""

    def far_ahead(line: Row[Any]) -> bool:
        ahead: bool = line.release_due_at > context.at + _WEEKS_AHEAD_SECONDS
        return ahead

    line = context.targets.line(context.books, context.at, context.serial, unreleased=True, wanted=far_ahead)
    leg = last_leg(context.books, line)
    number = invoice_no(leg.leg_id)
    _change_leg(context, leg.leg_id, invoiced_at=context.at, invoice_no=number)
    document = document_line(_billable(context, leg.leg_id), number, "INVOICE", leg.qty)
    context.books.finance.execute(
        insert(invoice_lines).values(**document | {"status": "POSTED", "posted_at": context.at})
    )
    note = f"{leg.shipment_no} of {line.order_no}/{line.line_no} was billed and has not left"
    return context.label("FIN-03", f"{number}/1", node="", system="finance", since=context.at, note=note)


def billed_other_price(context: FaultContext) -> Label:
    """FIN-04: finance bills another price than the order's."""
    line = context.targets.line(context.books, context.at, context.serial)
    leg = last_leg(context.books, line)
    error = max(_SMALLEST_PRICE_ERROR, line.unit_price * _PRICE_ERROR_PERCENT // 100) * (1, -1)[context.serial % 2]
    _change_leg(
        context,
        leg.leg_id,
        billed_price_change=error,
        invoice_lag=_INVOICED_AFTER_SECONDS,
        post_lag=_POSTED_AFTER_SECONDS,
    )
    leaves_at = hurry(context.books, line, context.at)
    since = sent_from(line.node, leaves_at) + leg.confirm_lag + _INVOICED_AFTER_SECONDS + _POSTED_AFTER_SECONDS
    key = f"{line.order_no}/{line.line_no}"
    note = f"billed {line.unit_price + error} cents where {line.unit_price} were ordered"
    return context.label("FIN-04", key, node=line.node, system="finance", since=since, note=note)


def credit_missing(context: FaultContext) -> Label:
    """FIN-05: goods come back and finance credits nothing, or more than came back."""
    leg = _returnable(context)
    books = context.books
    factor = ITEM_BY_SKU[leg.sku].factor_at(leg.node)
    qty = max(1, leg.qty // factor // 2) * factor
    too_much = context.serial % 2 == 1
    return_id = next_id(books.truth, true_returns)
    return_no = f"RT-{return_id:06d}"
    books.truth.execute(
        insert(true_returns).values(
            return_id=return_id,
            return_no=return_no,
            leg_id=leg.leg_id,
            line_id=leg.line_id,
            node=leg.node,
            sku=leg.sku,
            qty=qty,
            condition="GOOD",
            credit_lag=_CREDITED_AFTER_SECONDS,
            credit_lost=not too_much,
            credit_error_qty=_CREDITED_TOO_MUCH_QTY if too_much else 0,
        )
    )
    schedule(books.truth, Kind.RECEIVE_RETURN, [(context.at, return_id)])
    line = f"{leg.order_no}/{leg.line_no}"
    since = next_cycle(context.at) if leg.node == Node.NORTH else context.at
    key = line if too_much else f"{return_no}/{line}"
    note = f"{qty + 1} credited where {qty} came back" if too_much else f"{qty} came back and were never credited"
    return context.label("FIN-05", key, node=leg.node, system="finance", since=since, note=note)


def shipment_invented(context: FaultContext) -> Label:
    """SHP-06: the ERP books a ship confirmation that no site made; finance has not been told."""

    def hides_one_unit(line: Row[Any]) -> bool:
        on_hand: int = context.books.erp.execute(
            select(inventory.c.on_hand).where(inventory.c.site == line.node, inventory.c.sku == line.sku)
        ).scalar_one()
        single = ITEM_BY_SKU[line.sku].factor_at(line.node) == 1
        ahead = line.release_due_at > context.at + _WEEKS_AHEAD_SECONDS
        return bool(single and ahead and on_hand >= _STOCK_THAT_HIDES_ONE_UNIT)

    line = context.targets.line(context.books, context.at, context.serial, unreleased=True, wanted=hides_one_unit)
    shipment_no = f"SH-X{line.line_id:05d}"
    context.books.erp.execute(
        insert(confirmations).values(
            shipment_no=shipment_no,
            order_no=line.order_no,
            line_no=line.line_no,
            site=line.node,
            sku=line.sku,
            uom=BASE_UNIT,
            qty=1,
            shipped_at=context.at,
            confirmed_at=context.at,
            updated_at=context.at,
        )
    )
    change_erp_positions(context.books.erp, [PositionChange(line.node, line.sku, on_hand=-1)], context.at)
    settle_allocations(context.books, [line.order_no], context.at)
    key = f"{shipment_no}/{line.order_no}/{line.line_no}"
    note = "the ERP booked a shipment that no site made"
    return context.label("SHP-06", key, node=line.node, system="erp", since=context.at, note=note)


def _release_now(context: FaultContext, line: Row[Any]) -> int:
    """Let the ERP release a line at once and its site take it in, and return when that is."""
    due_now(context.books, line, context.at)
    truth = context.books.truth
    truth.execute(update(true_lines).where(true_lines.c.line_id == line.line_id).values(release_lag=0, ack_lag=0))
    truth.execute(
        update(plan).where(plan.c.kind == Kind.RELEASE_LINE, plan.c.subject == line.line_id).values(at=context.at)
    )
    return next_cycle(context.at) if line.node == Node.NORTH else context.at


def _drop_planned_holds(context: FaultContext, customer_no: str) -> None:
    truth = context.books.truth
    planned = truth.execute(
        select(true_holds.c.hold_id)
        .join(true_orders, true_orders.c.order_id == true_holds.c.order_id)
        .where(true_orders.c.customer_no == customer_no, true_holds.c.placed_at.is_(None))
    ).scalars()
    for hold_id in planned.all():
        withdraw(truth, [Kind.PLACE_HOLD], hold_id)
        # the order may not be in the ERP yet, which plans the hold: it then comes with the end of time
        truth.execute(update(true_holds).where(true_holds.c.hold_id == hold_id).values(place_lag=NEVER_AT // 2))


def _billable(context: FaultContext, leg_id: int) -> Row[Any]:
    """Return a leg with what its document needs of its line and order."""
    return context.books.truth.execute(
        select(
            true_legs,
            true_lines.c.line_no,
            true_lines.c.sku,
            true_lines.c.unit_price,
            true_orders.c.order_no,
            true_orders.c.customer_no,
        )
        .join(true_lines, true_lines.c.line_id == true_legs.c.line_id)
        .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
        .where(true_legs.c.leg_id == leg_id)
    ).one()


def _returnable(context: FaultContext) -> Row[Any]:
    """Choose and touch a leg that has been delivered and billed, and of whose line nothing has come back or will."""
    truth = context.books.truth
    come_back = exists().where(true_returns.c.line_id == true_legs.c.line_id)
    legs = truth.execute(
        select(true_legs, true_lines.c.line_no, true_lines.c.sku, true_lines.c.node, true_orders.c.order_no)
        .join(true_lines, true_lines.c.line_id == true_legs.c.line_id)
        .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
        .join(true_transports, true_transports.c.leg_id == true_legs.c.leg_id)
        .where(
            true_transports.c.delivered_at <= context.at,
            true_legs.c.invoiced_at + true_legs.c.post_lag < context.at,
            true_legs.c.qty >= _SMALLEST_QTY,
            true_legs.c.reference_damage == 0,
            true_legs.c.billed_price_change == 0,
            true_orders.c.customer_no.not_in(CONSOLIDATED_CUSTOMERS),
            ~come_back,
        )
        .order_by(true_legs.c.leg_id)
    ).all()
    line_of = {leg.leg_id: leg.line_id for leg in truth.execute(select(true_legs.c.leg_id, true_legs.c.line_id))}
    back = {line_of[leg_id] for leg_id in coming_back(list(line_of))}
    free = [
        leg
        for leg in context.targets.shuffled(legs)
        if leg.line_id not in back
        and leg.qty >= 2 * ITEM_BY_SKU[leg.sku].factor_at(leg.node)
        and context.targets.untouched_order(leg.order_no)
        and context.targets.untouched_position(leg.node, leg.sku)
    ]
    if not free:
        raise nothing_left("a delivered and billed leg of an order without another fault")
    context.targets.touch(order_no=free[0].order_no, position=(free[0].node, free[0].sku))
    return free[0]


def _change_leg(context: FaultContext, leg_id: int, **changes: Any) -> None:
    context.books.truth.execute(
        update(true_legs).where(true_legs.c.leg_id == leg_id).values(**{**NO_BILLING_NOISE, **changes})
    )

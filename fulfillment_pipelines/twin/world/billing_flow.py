"""From the ERP's ship confirmation to the posted invoice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT
from fulfillment_pipelines.twin.world.commercial_tables import billing_blocks
from fulfillment_pipelines.twin.world.invoice_documents import billed_at, document_of, drafts, invoice_no, posted_after
from fulfillment_pipelines.twin.world.order_flow import chunks, close_served_orders
from fulfillment_pipelines.twin.world.plan import Kind, discard_due, due, schedule
from fulfillment_pipelines.twin.world.stock_flow import PositionChange, change_erp_positions
from fulfillment_pipelines.twin.world.system_tables import confirmations, invoice_lines, order_lines
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders

_LINE_OF_LEG = (true_lines, true_lines.c.line_id == true_legs.c.line_id)
_ORDER_OF_LINE = (true_orders, true_orders.c.order_id == true_lines.c.order_id)


def confirm_legs(books: Books, until: int) -> None:
    """Let the ERP book the sites' ship confirmations and plan the invoices; a leg is booked once."""
    legs = due(books.truth, Kind.CONFIRM_LEG, until, true_legs, _LINE_OF_LEG, _ORDER_OF_LINE)
    fresh = [leg for leg in legs if leg.confirmed_at is None]
    book_confirmations(books, fresh)
    discard_due(books.truth, Kind.CONFIRM_LEG, until)


def book_confirmations(books: Books, legs: Sequence[Row[Any]]) -> None:
    """Book legs at the ERP: stock and allocation go down, served orders close, the invoice is planned."""
    if not legs:
        return
    booked = {leg.leg_id: leg.qty + leg.confirm_error_qty for leg in legs}
    books.erp.execute(
        insert(confirmations),
        [
            {
                "shipment_no": leg.shipment_no,
                "order_no": leg.order_no,
                "line_no": leg.line_no,
                "site": leg.node,
                "sku": leg.sku,
                "uom": BASE_UNIT,
                "qty": booked[leg.leg_id],
                "shipped_at": leg.shipped_at,
                "confirmed_at": leg.at,
                "updated_at": leg.at,
            }
            for leg in legs
        ],
    )
    latest = max(leg.at for leg in legs)
    change_erp_positions(
        books.erp, (PositionChange(leg.node, leg.sku, on_hand=-booked[leg.leg_id]) for leg in legs), latest
    )
    order_nos = sorted({leg.order_no for leg in legs})
    settle_allocations(books, order_nos, latest)
    books.truth.execute(
        update(true_legs).where(true_legs.c.leg_id == bindparam("key")).values(confirmed_at=bindparam("moment")),
        [{"key": leg.leg_id, "moment": leg.at} for leg in legs],
    )
    close_served_orders(books, order_nos, latest)
    _lift_blocks(books, legs)
    schedule(
        books.truth,
        Kind.INVOICE_LEG,
        ((billed_at(leg, leg.at), leg.leg_id) for leg in legs if not leg.invoice_lost),
    )


def _lift_blocks(books: Books, legs: Sequence[Row[Any]]) -> None:
    """Let finance post the drafts it held back because their legs had not left."""
    blocked = [leg for leg in legs if leg.billing_blocked]
    for leg in blocked:
        books.truth.execute(update(true_legs).where(true_legs.c.leg_id == leg.leg_id).values(billing_blocked=False))
        books.finance.execute(
            update(billing_blocks).where(billing_blocks.c.shipment_no == leg.shipment_no).values(status="LIFTED")
        )
    schedule(
        books.truth,
        Kind.POST_INVOICE,
        ((leg.at + leg.post_lag, leg.leg_id) for leg in blocked if leg.invoiced_at is not None),
    )


def settle_allocations(books: Books, order_nos: Sequence[str], at: int) -> None:
    """Let the ERP keep allocated what its lines of these orders have open after their confirmations."""
    settled: list[Row[Any]] = []
    for chunk in chunks(order_nos):
        per_line = (
            select(confirmations.c.order_no, confirmations.c.line_no, func.sum(confirmations.c.qty).label("qty"))
            .where(confirmations.c.order_no.in_(chunk))
            .group_by(confirmations.c.order_no, confirmations.c.line_no)
            .subquery()
        )
        of_line = (per_line.c.order_no == order_lines.c.order_no) & (per_line.c.line_no == order_lines.c.line_no)
        settled += books.erp.execute(select(order_lines, per_line.c.qty.label("confirmed")).join(per_line, of_line))
    left = {
        line.row_id: max(0, line.qty_ordered - line.qty_cancelled - line.qty_backordered - line.confirmed)
        for line in settled
    }
    still_open = {line.row_id: left[line.row_id] for line in settled if line.qty_allocated != left[line.row_id]}
    if still_open:
        books.erp.execute(
            update(order_lines)
            .where(order_lines.c.row_id == bindparam("key"))
            .values(qty_allocated=bindparam("quantity"), updated_at=at),
            [{"key": row_id, "quantity": quantity} for row_id, quantity in still_open.items()],
        )
    change_erp_positions(
        books.erp,
        (
            PositionChange(line.site, line.sku, promised=still_open[line.row_id] - line.qty_allocated)
            for line in settled
            if line.row_id in still_open
        ),
        at,
    )


def invoice_legs(books: Books, until: int) -> None:
    """Let finance draft the invoices of confirmed legs: the quantity is the one the ERP booked."""
    legs = due(books.truth, Kind.INVOICE_LEG, until, true_legs, _LINE_OF_LEG, _ORDER_OF_LINE)
    fresh = [leg for leg in legs if leg.invoiced_at is None and not leg.billing_blocked]
    if fresh:
        books.finance.execute(insert(invoice_lines), drafts(fresh))
        books.truth.execute(
            update(true_legs)
            .where(true_legs.c.leg_id == bindparam("key"))
            .values(invoiced_at=bindparam("moment"), invoice_no=bindparam("number")),
            [{"key": leg.leg_id, "moment": leg.at, "number": document_of(leg)} for leg in fresh],
        )
    schedule(
        books.truth,
        Kind.POST_INVOICE,
        ((leg.at + posted_after(leg), leg.leg_id) for leg in fresh if not leg.post_lost),
    )
    discard_due(books.truth, Kind.INVOICE_LEG, until)


def post_invoices(books: Books, until: int) -> None:
    """Let finance post drafts that nothing blocks."""
    legs = [leg for leg in due(books.truth, Kind.POST_INVOICE, until, true_legs) if not leg.billing_blocked]
    numbers = {leg.invoice_no: leg.at for leg in legs}
    numbers |= {invoice_no(leg.leg_id, second=True): leg.at for leg in legs if leg.billed_twice}
    if numbers:
        books.finance.execute(
            update(invoice_lines)
            .where(invoice_lines.c.invoice_no == bindparam("document_key"), invoice_lines.c.status == "DRAFT")
            .values(status="POSTED", posted_at=bindparam("moment")),
            [{"document_key": number, "moment": at} for number, at in numbers.items()],
        )
    discard_due(books.truth, Kind.POST_INVOICE, until)

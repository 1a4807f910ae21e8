"""From the ERP's ship confirmation to the posted invoice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, CURRENCY
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
    schedule(
        books.truth,
        Kind.INVOICE_LEG,
        ((leg.at + leg.invoice_lag, leg.leg_id) for leg in legs if not leg.invoice_lost),
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
    left = {line.row_id: max(0, line.qty_ordered - line.qty_cancelled - line.confirmed) for line in settled}
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
    fresh = [leg for leg in legs if leg.invoiced_at is None]
    drafts = [draft for leg in fresh for draft in _drafts(leg)]
    if fresh:
        books.finance.execute(insert(invoice_lines), drafts)
        books.truth.execute(
            update(true_legs).where(true_legs.c.leg_id == bindparam("key")).values(invoiced_at=bindparam("moment")),
            [{"key": leg.leg_id, "moment": leg.at} for leg in fresh],
        )
    schedule(
        books.truth,
        Kind.POST_INVOICE,
        ((leg.at + leg.post_lag, leg.leg_id) for leg in fresh if not leg.post_lost),
    )
    discard_due(books.truth, Kind.INVOICE_LEG, until)


def post_invoices(books: Books, until: int) -> None:
    """Let finance post drafts."""
    legs = due(books.truth, Kind.POST_INVOICE, until, true_legs)
    if legs:
        books.finance.execute(
            update(invoice_lines)
            .where(
                invoice_lines.c.shipment_no == bindparam("shipment_key"),
                invoice_lines.c.document_type == "INVOICE",
                invoice_lines.c.status == "DRAFT",
            )
            .values(status="POSTED", posted_at=bindparam("moment")),
            [{"shipment_key": leg.shipment_no, "moment": leg.at} for leg in legs],
        )
    discard_due(books.truth, Kind.POST_INVOICE, until)


def invoice_no(leg_id: int, *, second: bool = False) -> str:
    """Return the number of the document that bills a leg."""
    return f"INV-{leg_id:06d}B" if second else f"INV-{leg_id:06d}"


def _drafts(leg: Row[Any]) -> list[dict[str, Any]]:
    quantity = leg.qty + leg.confirm_error_qty + leg.invoice_error_qty
    draft = {
        "invoice_no": invoice_no(leg.leg_id),
        "line_seq": 1,
        "document_type": "INVOICE",
        "order_no": leg.order_no,
        "line_no": leg.line_no,
        "shipment_no": leg.shipment_no,
        "unit": BASE_UNIT,
        "qty": quantity,
        "unit_price": leg.unit_price,
        "amount": quantity * leg.unit_price,
        "currency": CURRENCY,
        "status": "DRAFT",
        "posted_at": None,
    }
    second = [{**draft, "invoice_no": invoice_no(leg.leg_id, second=True)}] if leg.billed_twice else []
    return [draft, *second]

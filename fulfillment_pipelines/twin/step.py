"""One step of the distributor's time: every kind of message due in it, in the order of cause and effect."""

from __future__ import annotations

from collections.abc import Callable

from fulfillment_pipelines.twin.world import (
    billing_flow,
    credit_flow,
    customer_service_flow,
    hold_flow,
    order_flow,
    picking_flow,
    portal_flow,
    return_flow,
    stock_flow,
    transport_flow,
    warehouse_flow,
)
from fulfillment_pipelines.twin.world.books import Books

_FLOW: tuple[Callable[[Books, int], None], ...] = (
    stock_flow.move_stock,
    stock_flow.book_movements,
    order_flow.place_orders,
    order_flow.create_orders,
    order_flow.amend_orders,
    order_flow.take_over_amendments,
    order_flow.allocate_lines,
    order_flow.cancel_lines,
    hold_flow.place_holds,
    hold_flow.publish_holds,
    hold_flow.resolve_holds,
    hold_flow.clear_holds,
    warehouse_flow.release_lines_due,
    warehouse_flow.take_in_releases,
    warehouse_flow.record_releases,
    picking_flow.pick_parts,
    picking_flow.pick_lines,
    picking_flow.pack_legs,
    warehouse_flow.ship_legs,
    transport_flow.tender_legs,
    billing_flow.confirm_legs,
    billing_flow.invoice_legs,
    billing_flow.post_invoices,
    return_flow.receive_returns,
    return_flow.book_returns,
    credit_flow.credit_returns,
    credit_flow.age_receivables,
    portal_flow.show_statuses,
    customer_service_flow.follow_orders,
)


def apply_until(books: Books, until: int) -> None:
    """Apply everything that is planned up to and including a moment."""
    for apply in _FLOW:
        apply(books, until)

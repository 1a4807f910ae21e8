"""One step of the distributor's time: every kind of message due in it, in the order of cause and effect."""

from __future__ import annotations

from collections.abc import Callable

from fulfillment_pipelines.twin.world import billing_flow, hold_flow, order_flow, stock_flow, warehouse_flow
from fulfillment_pipelines.twin.world.books import Books

_FLOW: tuple[Callable[[Books, int], None], ...] = (
    stock_flow.move_stock,
    stock_flow.book_movements,
    order_flow.place_orders,
    order_flow.create_orders,
    order_flow.cancel_lines,
    hold_flow.place_holds,
    hold_flow.publish_holds,
    hold_flow.resolve_holds,
    hold_flow.clear_holds,
    warehouse_flow.release_lines_due,
    warehouse_flow.take_in_releases,
    warehouse_flow.record_releases,
    warehouse_flow.pick_lines,
    warehouse_flow.ship_legs,
    billing_flow.confirm_legs,
    billing_flow.invoice_legs,
    billing_flow.post_invoices,
)


def apply_until(books: Books, until: int) -> None:
    """Apply everything that is planned up to and including a moment."""
    for apply in _FLOW:
        apply(books, until)

"""What the portal shows customers of their orders: it follows the ERP, the sites and the carriers with a fixed lag."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.commercial_tables import portal_followed, portal_statuses
from fulfillment_pipelines.twin.world.order_progress import order_progress
from fulfillment_pipelines.twin.world.trading_partners import is_edi

_SHOWN_AFTER_SECONDS = 240


def show_statuses(books: Books, until: int) -> None:
    """Bring the shown states up to date, except those that an error keeps as they are."""
    if books.portal.execute(select(portal_followed.c.until)).scalar() == until:
        return
    shown = {row.order_no: row for row in books.portal.execute(select(portal_statuses))}
    new, changed = [], []
    for row in order_progress(books.truth, until - _SHOWN_AFTER_SECONDS):
        if row.portal_id is None or is_edi(row.customer_no):
            continue
        state = {"status": row.status, "promise": row.promised_at, "shown_at": row.since + _SHOWN_AFTER_SECONDS}
        known = shown.get(row.order_no)
        if known is None:
            new.append({"order_no": row.order_no, **state})
        elif not known.is_stuck and (known.status, known.promise) != (row.status, row.promised_at):
            changed.append({"key": row.order_no, **{f"new_{name}": value for name, value in state.items()}})
    if new:
        books.portal.execute(insert(portal_statuses), new)
    if changed:
        books.portal.execute(
            update(portal_statuses)
            .where(portal_statuses.c.order_no == bindparam("key"))
            .values(
                status=bindparam("new_status"), promise=bindparam("new_promise"), shown_at=bindparam("new_shown_at")
            ),
            changed,
        )
    books.portal.execute(delete(portal_followed))
    books.portal.execute(insert(portal_followed).values(until=until))

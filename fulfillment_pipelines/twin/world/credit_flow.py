"""What finance credits and what customers owe: memos for goods that came back, and the open receivables.

A customer pays a document some days after it was posted. Limits and holds are elsewhere.
"""

from __future__ import annotations

from sqlalchemy import bindparam, case, func, insert, select, update

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.commercial_tables import credit_accounts
from fulfillment_pipelines.twin.world.invoice_documents import document_line
from fulfillment_pipelines.twin.world.plan import Kind, discard_due, due, schedule
from fulfillment_pipelines.twin.world.system_tables import invoice_lines
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders, true_returns

_LEG_OF_RETURN = (true_legs, true_legs.c.leg_id == true_returns.c.leg_id)
_LINE_OF_LEG = (true_lines, true_lines.c.line_id == true_legs.c.line_id)
_ORDER_OF_LINE = (true_orders, true_orders.c.order_id == true_lines.c.order_id)
_PAID_AFTER_SECONDS = 10 * DAY_SECONDS
_ASKED_AGAIN_AFTER_SECONDS = DAY_SECONDS


def credit_returns(books: Books, until: int) -> None:
    """Let finance credit returned goods that were billed; what is not billed yet is looked at again a day later."""
    returns = due(books.truth, Kind.CREDIT_RETURN, until, true_returns, _LEG_OF_RETURN, _LINE_OF_LEG, _ORDER_OF_LINE)
    open_returns = [row for row in returns if row.credited_at is None]
    billed = [row for row in open_returns if row.invoiced_at is not None]
    if billed:
        books.finance.execute(
            insert(invoice_lines),
            [
                document_line(row, f"CM-{row.return_no}", "CREDIT_MEMO", row.qty + row.credit_error_qty)
                | {"status": "POSTED", "posted_at": row.at}
                for row in billed
            ],
        )
        books.truth.execute(
            update(true_returns)
            .where(true_returns.c.return_id == bindparam("key"))
            .values(credited_at=bindparam("moment")),
            [{"key": row.return_id, "moment": row.at} for row in billed],
        )
    discard_due(books.truth, Kind.CREDIT_RETURN, until)
    schedule(
        books.truth,
        Kind.CREDIT_RETURN,
        ((row.at + _ASKED_AGAIN_AFTER_SECONDS, row.return_id) for row in open_returns if row.invoiced_at is None),
    )


def age_receivables(books: Books, until: int) -> None:
    """Let finance add up what every customer owes by posted documents that it has not paid yet."""
    signed = case((invoice_lines.c.document_type == "INVOICE", invoice_lines.c.amount), else_=-invoice_lines.c.amount)
    owed = (
        select(func.coalesce(func.sum(signed), 0))
        .where(
            invoice_lines.c.customer_no == credit_accounts.c.customer_no,
            invoice_lines.c.status == "POSTED",
            invoice_lines.c.posted_at > until - _PAID_AFTER_SECONDS,
        )
        .scalar_subquery()
    )
    books.finance.execute(update(credit_accounts).values(open_receivable=owed))

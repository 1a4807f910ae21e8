"""Which documents are due between the distributor and its partners, and in which run.

A document is made once, for one thing (`about`), with the first run after the thing happened. Control numbers follow
from the run and the thing, so that they are the same however time is cut into steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Text, cast, exists, func, select

from fulfillment_pipelines.twin.world import edi_documents as documents
from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import Node
from fulfillment_pipelines.twin.world.edi_documents import Segments
from fulfillment_pipelines.twin.world.edi_tables import edi_documents
from fulfillment_pipelines.twin.world.order_flow import lines_of
from fulfillment_pipelines.twin.world.stock_flow import sent_from
from fulfillment_pipelines.twin.world.system_tables import inventory, invoice_lines
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS, is_business_day
from fulfillment_pipelines.twin.world.trading_partners import (
    BUYERS,
    PARTNER_OF_CUSTOMER,
    RUN_SECONDS,
    WEST_OPERATOR,
    next_run,
)
from fulfillment_pipelines.twin.world.truth_tables import true_legs, true_lines, true_orders

INBOUND, OUTBOUND = "IN", "OUT"

_NOTICE_AFTER_SECONDS = 600
_ADVICE_SECONDS = 6 * 3_600  # the morning run that tells what can be sold
_LOOKED_BACK_SECONDS = 3 * DAY_SECONDS  # longer than runs have ever failed to take place
_CANCELLATION_NUMBERS = 500_000  # set apart from those of amendments
_SECOND_DOCUMENT_NUMBERS = 50_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """The runs to be made up for: after the last one that took place, up to and including the newest."""

    since: int
    last_run: int

    def holds(self, moment: ColumnElement[Any], *, ahead: int = 0) -> ColumnElement[bool]:
        """Return whether something happened that these runs may carry, `ahead` seconds before it happens."""
        return moment.between(self.since - _LOOKED_BACK_SECONDS, self.last_run + ahead)


@dataclass(frozen=True, slots=True)
class Draft:
    """A document before it is sent.

    Attributes:
        partner_id: With whom.
        direction: IN or OUT, seen from the distributor.
        set_type: Transaction set.
        about: What it is made for.
        number: Makes its control number: unique within its set type and run.
        run_at: The run that carries it, in epoch seconds.
        segments: What it says.
        is_answered: Whether its receiver acknowledges it.
    """

    partner_id: str
    direction: str
    set_type: str
    about: str
    number: int
    run_at: int
    segments: Segments
    is_answered: bool = True


def due_documents(books: Books, window: Window) -> Iterator[Draft]:
    """Yield what the runs of a window carry; what an earlier run should have carried goes with the first of them."""
    for deal in _DEALS:
        for draft in deal(books, window):
            if draft.run_at <= window.since:
                yield replace(draft, run_at=window.since + RUN_SECONDS)
            elif draft.run_at <= window.last_run:
                yield draft


def answer_run(created_at: int) -> int:
    """Return the run that carries the 855 of an order created at a moment."""
    return next_run(created_at)


def notice_run(node: str, shipped_at: int) -> int:
    """Return the run that carries the 856 of a leg that left a site at a moment."""
    return next_run(sent_from(node, shipped_at) + _NOTICE_AFTER_SECONDS)


def _orders(books: Books, window: Window) -> Iterator[Draft]:
    """Yield the 850s: every order a partner has placed, also one that the distributor loses."""
    placed = (
        select(true_orders)
        .where(
            _is_of_partner(),
            window.holds(true_orders.c.ordered_at),
            _not_yet("850", true_orders.c.order_no),
        )
        .order_by(true_orders.c.order_id)
    )
    for order, lines in _with_lines(books, placed):
        asked_at = None if order.requested_at is None else order.requested_at - order.revision_no * DAY_SECONDS
        segments = documents.purchase_order(order, lines, asked_at)
        yield Draft(
            _partner(order), INBOUND, "850", order.order_no, order.order_id, next_run(order.ordered_at), segments
        )


def _amendments(books: Books, window: Window) -> Iterator[Draft]:
    """Yield the 860s that ask for delivery a day later; they come before the ERP takes the change over."""
    amended = select(true_orders).where(
        _is_of_partner(),
        true_orders.c.created_at.is_not(None),
        window.holds(true_orders.c.amend_at, ahead=RUN_SECONDS - 1),
        _not_yet("860", true_orders.c.order_no),
    )
    for order in books.truth.execute(amended.order_by(true_orders.c.order_id)):
        at = order.amend_at // RUN_SECONDS * RUN_SECONDS
        asked_at = order.requested_at + (0 if order.revision_no else DAY_SECONDS)
        segments = documents.order_amended(order, 1, asked_at, at)
        yield Draft(_partner(order), INBOUND, "860", order.order_no, order.order_id, at, segments)


def _cancellations(books: Books, window: Window) -> Iterator[Draft]:
    """Yield the 860s that cancel lines; they come before the ERP cancels."""
    line_key = true_orders.c.order_no + "/" + cast(true_lines.c.line_no, Text)
    cancelled = (
        _lines()
        .where(
            _is_of_partner(),
            true_orders.c.created_at.is_not(None),
            window.holds(true_lines.c.cancel_at, ahead=RUN_SECONDS - 1),
            _not_yet("860", line_key),
        )
        .order_by(true_lines.c.cancel_at, true_lines.c.line_id)
    )
    due = books.truth.execute(cancelled).all()
    of_order = defaultdict(list)
    for line in lines_of(books, sorted({line.order_id for line in due})):
        of_order[line.order_id].append(line)
    for line in due:
        whole = all(
            other.cancel_qty == other.qty and (other.cancel_at, other.line_id) <= (line.cancel_at, line.line_id)
            for other in of_order[line.order_id]
        )
        at = line.cancel_at // RUN_SECONDS * RUN_SECONDS
        segments = documents.line_cancelled(line, at, whole_order=whole)
        about = f"{line.order_no}/{line.line_no}"
        yield Draft(_partner(line), INBOUND, "860", about, _CANCELLATION_NUMBERS + line.line_id, at, segments)


def _order_answers(books: Books, window: Window) -> Iterator[Draft]:
    """Yield the 855s: every order of a partner that the ERP has created."""
    created = (
        select(true_orders)
        .where(
            _is_of_partner(),
            window.holds(true_orders.c.created_at),
            _not_yet("855", true_orders.c.order_no),
        )
        .order_by(true_orders.c.order_id)
    )
    for order, lines in _with_lines(books, created):
        run_at = answer_run(order.created_at)
        segments = documents.order_acknowledged(order, lines)
        yield Draft(_partner(order), OUTBOUND, "855", order.order_no, order.order_id, run_at, segments)


def _notices(books: Books, window: Window) -> Iterator[Draft]:
    """Yield the 856s: every leg of a partner's order that has left its site."""
    for leg in books.truth.execute(
        _legs()
        .where(
            _is_of_partner(),
            window.holds(true_legs.c.shipped_at),
            _not_yet("856", true_legs.c.shipment_no),
        )
        .order_by(true_legs.c.leg_id)
    ):
        run_at = notice_run(leg.node, leg.shipped_at)
        yield Draft(_partner(leg), OUTBOUND, "856", leg.shipment_no, leg.leg_id, run_at, documents.ship_notice(leg))


def _releases(books: Books, window: Window) -> Iterator[Draft]:
    """Yield the 940s: every line released to site WEST; one that never arrives is never acknowledged."""
    for line in books.truth.execute(
        _lines()
        .where(
            true_lines.c.node == Node.WEST,
            window.holds(true_lines.c.released_at),
            _not_yet("940", true_lines.c.release_no),
        )
        .order_by(true_lines.c.line_id)
    ):
        yield Draft(
            *(WEST_OPERATOR.partner_id, OUTBOUND, "940", line.release_no, line.line_id),
            next_run(line.released_at),
            documents.ship_order(line),
            is_answered=not line.ack_lost,
        )


def _advices(books: Books, window: Window) -> Iterator[Draft]:
    """Yield the 945s: every leg that has left site WEST."""
    for leg in books.truth.execute(
        _legs()
        .where(
            true_lines.c.node == Node.WEST,
            window.holds(true_legs.c.shipped_at),
            _not_yet("945", true_legs.c.shipment_no),
        )
        .order_by(true_legs.c.leg_id)
    ):
        run_at = next_run(leg.shipped_at)
        yield Draft(
            *(WEST_OPERATOR.partner_id, INBOUND, "945", leg.shipment_no, leg.leg_id, run_at), documents.ship_advice(leg)
        )


def _invoices(books: Books, window: Window) -> Iterator[Draft]:
    """Yield the 810s: every document posted to a partner's customer."""
    sent = set(books.truth.scalars(select(edi_documents.c.about).where(edi_documents.c.set_type == "810")))
    posted = (
        select(invoice_lines)
        .where(
            invoice_lines.c.customer_no.in_(PARTNER_OF_CUSTOMER),
            invoice_lines.c.document_type == "INVOICE",
            window.holds(invoice_lines.c.posted_at),
        )
        .order_by(invoice_lines.c.invoice_no, invoice_lines.c.line_seq)
    )
    lines = defaultdict(list)
    for line in books.finance.execute(posted):
        if line.invoice_no not in sent:
            lines[line.invoice_no].append(line)
    for number, of_document in lines.items():
        first = of_document[0]
        said = (("VN", first.order_no), ("BM", first.shipment_no))
        segments = documents.invoice(of_document, [(qualifier, no) for qualifier, no in said if no])
        numbers = int("".join(filter(str.isdigit, number))) + _SECOND_DOCUMENT_NUMBERS * number.endswith("B")
        yield Draft(_partner(first), OUTBOUND, "810", number, numbers, next_run(first.posted_at), segments)


def _stock_advices(books: Books, window: Window) -> Iterator[Draft]:
    """Yield the 846s of the last morning since the run before: what can be sold is what the ERP promises now."""
    run_at = (window.last_run - _ADVICE_SECONDS) // DAY_SECONDS * DAY_SECONDS + _ADVICE_SECONDS
    if run_at <= window.since or not is_business_day(run_at):
        return
    promised = select(inventory.c.sku, func.sum(inventory.c.atp)).group_by(inventory.c.sku).order_by(inventory.c.sku)
    positions = [(sku, max(0, int(quantity))) for sku, quantity in books.erp.execute(promised)]
    for buyer in BUYERS:
        reference = f"IB-{run_at // DAY_SECONDS}"
        segments = documents.stock_advice(reference, positions, run_at)
        yield Draft(buyer.partner_id, OUTBOUND, "846", reference, run_at // DAY_SECONDS, run_at, segments)


def _partner(row: Row[Any]) -> str:
    return PARTNER_OF_CUSTOMER[row.customer_no]


def _with_lines(books: Books, orders: Select[Any]) -> Iterator[tuple[Row[Any], Sequence[Row[Any]]]]:
    found = books.truth.execute(orders).all()
    lines = defaultdict(list)
    for line in lines_of(books, [order.order_id for order in found]):
        lines[line.order_id].append(line)
    for order in found:
        yield order, lines[order.order_id]


def _lines() -> Select[Any]:
    columns = {column.name: column for table in (true_lines, true_orders) for column in reversed(table.c)}
    return select(*columns.values()).join(true_orders, true_orders.c.order_id == true_lines.c.order_id)


def _legs() -> Select[Any]:
    columns = {
        column.name: column for table in (true_orders, true_lines, true_legs) for column in table.c
    }  # a leg's own quantity hides its line's
    return (
        select(*columns.values())
        .select_from(true_legs)
        .join(true_lines, true_lines.c.line_id == true_legs.c.line_id)
        .join(true_orders, true_orders.c.order_id == true_lines.c.order_id)
    )


def _is_of_partner() -> ColumnElement[bool]:
    return true_orders.c.customer_no.in_(PARTNER_OF_CUSTOMER) & true_orders.c.portal_id.is_not(None)


def _not_yet(set_type: str, about: ColumnElement[Any]) -> ColumnElement[bool]:
    return ~exists().where(edi_documents.c.set_type == set_type, edi_documents.c.about == about)


_DEALS = (
    _orders,
    _amendments,
    _cancellations,
    _order_answers,
    _notices,
    _releases,
    _advices,
    _invoices,
    _stock_advices,
)

"""Faults between the distributor and its trading partners: documents that are not acknowledged, or refused.

Every function takes the injection's context, arranges one thing and returns its label.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, update

from fulfillment_pipelines.twin.faults.faults_flow import NO_BILLING_NOISE
from fulfillment_pipelines.twin.faults.targets import FaultContext, hurry, last_leg
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.world.edi_due import OUTBOUND, answer_run, notice_run
from fulfillment_pipelines.twin.world.edi_flow import document_key
from fulfillment_pipelines.twin.world.edi_tables import edi_silences
from fulfillment_pipelines.twin.world.extra_orders import some_lines, write_order
from fulfillment_pipelines.twin.world.plan import Kind, schedule
from fulfillment_pipelines.twin.world.stock_flow import sent_from
from fulfillment_pipelines.twin.world.trading_partners import PARTNER_OF_CUSTOMER, RUN_SECONDS, is_edi, next_run
from fulfillment_pipelines.twin.world.truth_tables import true_legs

_SILENT, _REFUSED = "", "R"
_INVOICED_AFTER_SECONDS = 120
_POSTED_AFTER_SECONDS = 60


def not_acknowledged(context: FaultContext) -> Label:
    """SYS-04: a partner never answers a document, or refuses it."""
    arrange, status = (
        (_ship_notice, _SILENT),
        (_order_answer, _REFUSED),
        (_invoice, _SILENT),
        (_order_answer, _SILENT),
    )[context.serial % 4]
    key, sent_at = arrange(context, status)
    return context.label(
        "SYS-04",
        key,
        node="",
        system="edi",
        since=sent_at + (RUN_SECONDS if status else 0),
        note="the partner refuses the document" if status else "the partner never answers the document",
    )


def _ship_notice(context: FaultContext, status: str) -> tuple[str, int]:
    """Arrange the answer to the 856 of a leg that leaves as soon as its site can."""
    line = _line_of_partner(context)
    leg = last_leg(context.books, line)
    run_at = notice_run(line.node, hurry(context.books, line, context.at))
    _arrange(context, "856", leg.shipment_no, status)
    return _key(line.customer_no, "856", run_at, leg.leg_id), run_at


def _invoice(context: FaultContext, status: str) -> tuple[str, int]:
    """Arrange the answer to the 810 of a leg that is billed as soon as it has left."""
    line = _line_of_partner(context)
    leg = last_leg(context.books, line)
    context.books.truth.execute(
        update(true_legs)
        .where(true_legs.c.leg_id == leg.leg_id)
        .values(invoice_lag=_INVOICED_AFTER_SECONDS, post_lag=_POSTED_AFTER_SECONDS, **NO_BILLING_NOISE)
    )
    leaves_at = hurry(context.books, line, context.at)
    confirmed_at = sent_from(line.node, leaves_at) + leg.confirm_lag
    run_at = next_run(confirmed_at + _INVOICED_AFTER_SECONDS + _POSTED_AFTER_SECONDS)
    _arrange(context, "810", f"INV-{leg.leg_id:06d}", status)
    return _key(line.customer_no, "810", run_at, leg.leg_id), run_at


def _order_answer(context: FaultContext, status: str) -> tuple[str, int]:
    """Arrange the answer to the 855 of an order that a partner places now."""
    customers = sorted(PARTNER_OF_CUSTOMER)
    customer_no = customers[int(context.rng.integers(len(customers)))]
    truth = context.books.truth
    lines = some_lines(context.rng, context.at)
    order_id, order_no, _ = write_order(truth, context.rng, lines, at=context.at, customer_no=customer_no)
    schedule(truth, Kind.PLACE_ORDER, [(context.at, order_id)])
    context.targets.touch(order_no=order_no)
    _arrange(context, "855", order_no, status)
    run_at = answer_run(next_run(context.at))
    return _key(customer_no, "855", run_at, order_id), run_at


def _line_of_partner(context: FaultContext) -> Row[Any]:
    def of_partner(line: Row[Any]) -> bool:
        return line.portal_id is not None and is_edi(line.customer_no)

    return context.targets.line(context.books, context.at, context.serial, wanted=of_partner)


def _arrange(context: FaultContext, set_type: str, about: str, status: str) -> None:
    context.books.truth.execute(insert(edi_silences).values(set_type=set_type, about=about, ack_status=status))


def _key(customer_no: str, set_type: str, run_at: int, number: int) -> str:
    return document_key(PARTNER_OF_CUSTOMER[customer_no], OUTBOUND, set_type, run_at, number)

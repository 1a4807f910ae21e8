"""Finance's documents: what a leg's invoice, a customer's consolidated invoice and a credit memo look like.

Rows of `invoice_lines` only; when they are written belongs to the billing flow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row

from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, CURRENCY
from fulfillment_pipelines.twin.world.master_data import CONSOLIDATED_CUSTOMERS
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS

_CONSOLIDATED_AT_SECONDS = 16 * 3_600 + 1_800
CONSOLIDATED_POSTED_AFTER_SECONDS = 1_200
_LETTER_FOR_DIGIT = {"0": "O", "1": "I", "5": "S", "8": "B"}


def billed_at(leg: Row[Any], confirmed_at: int) -> int:
    """Return when finance drafts the document of a confirmed leg: with the day's run for consolidated customers."""
    at: int = confirmed_at + leg.invoice_lag
    if leg.customer_no not in CONSOLIDATED_CUSTOMERS:
        return at
    run = at // DAY_SECONDS * DAY_SECONDS + _CONSOLIDATED_AT_SECONDS
    return run if run >= at else run + DAY_SECONDS


def posted_after(leg: Row[Any]) -> int:
    """Return how many seconds after its draft a leg's document is posted: one moment for a consolidated document."""
    lag: int = leg.post_lag
    return CONSOLIDATED_POSTED_AFTER_SECONDS if leg.customer_no in CONSOLIDATED_CUSTOMERS else lag


def invoice_no(leg_id: int, *, second: bool = False) -> str:
    """Return the number of the document that bills a leg."""
    return f"INV-{leg_id:06d}B" if second else f"INV-{leg_id:06d}"


def document_of(leg: Row[Any]) -> str:
    """Return the number of the document that bills a leg, which may be a consolidated one."""
    if leg.customer_no in CONSOLIDATED_CUSTOMERS:
        return f"INV-K{leg.customer_no.removeprefix('C-')}-{leg.at // DAY_SECONDS}"
    return invoice_no(leg.leg_id)


def drafts(legs: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Return the document lines that bill legs, which were drafted at their `at`."""
    lines = [line for leg in legs if leg.customer_no not in CONSOLIDATED_CUSTOMERS for line in _leg_lines(leg)]
    return lines + _consolidated_lines(leg for leg in legs if leg.customer_no in CONSOLIDATED_CUSTOMERS)


def document_line(leg: Row[Any], number: str, document_type: str, qty: int) -> dict[str, Any]:
    """Return a draft of one line about a leg, with the references as they should be.

    Args:
        leg: Leg with its line and order.
        number: Number of the document.
        document_type: INVOICE or CREDIT_MEMO.
        qty: Quantity in base units.
    """
    # the price noise of single legs is not for lines that stand for several
    price = leg.unit_price + (0 if leg.customer_no in CONSOLIDATED_CUSTOMERS else leg.billed_price_change)
    return {
        "invoice_no": number,
        "line_seq": 1,
        "document_type": document_type,
        "customer_no": leg.customer_no,
        "order_no": leg.order_no,
        "line_no": leg.line_no,
        "item": leg.sku,
        "shipment_no": leg.shipment_no,
        "unit": BASE_UNIT,
        "qty": qty,
        "unit_price": price,
        "amount": qty * price,
        "currency": CURRENCY,
        "status": "DRAFT",
        "posted_at": None,
    }


def _leg_lines(leg: Row[Any]) -> list[dict[str, Any]]:
    quantity = leg.qty + leg.confirm_error_qty + leg.invoice_error_qty
    line = document_line(leg, invoice_no(leg.leg_id), "INVOICE", quantity)
    line["amount"] += leg.amount_rounding
    second = [{**line, "invoice_no": invoice_no(leg.leg_id, second=True)}] if leg.billed_twice else []
    if leg.reference_damage:
        line["order_no"] = _damaged(leg.order_no, leg.reference_damage)
        line["shipment_no"] = None
    return [line, *second]


def _damaged(order_no: str, kind: int) -> str:
    """Return an order number with one character wrong: the letter as a digit, or a digit as a letter."""
    if kind > 1:
        for position in range(len(order_no) - 1, len("SO-"), -1):
            if order_no[position] in _LETTER_FOR_DIGIT:
                return order_no[:position] + _LETTER_FOR_DIGIT[order_no[position]] + order_no[position + 1 :]
    return order_no.replace("O", "0", 1)


def _consolidated_lines(legs: Iterable[Row[Any]]) -> list[dict[str, Any]]:
    """Return lines that name neither order nor shipment; legs of one item and price make one line."""
    sums: dict[tuple[str, str, int], int] = defaultdict(int)
    example: dict[tuple[str, str, int], Row[Any]] = {}
    for leg in legs:
        key = (document_of(leg), leg.sku, leg.unit_price)
        sums[key] += leg.qty
        example.setdefault(key, leg)
    line_seqs: dict[str, int] = defaultdict(int)
    lines = []
    for key, leg in example.items():
        line_seqs[key[0]] += 1
        line = document_line(leg, key[0], "INVOICE", sums[key])
        nameless = {"line_seq": line_seqs[key[0]], "order_no": None, "line_no": None, "shipment_no": None}
        lines.append({**line, **nameless})
    return lines

"""The documents themselves: rows of the truth as X12 segments, without ST and SE.

One function a transaction set. What is due when belongs to `edi_flow`, envelopes and files to `systems/edi_files`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from fulfillment_pipelines.twin.world.catalogue import BASE_UNIT, CURRENCY, foreign_sku
from fulfillment_pipelines.twin.world.timing import instant

Segments = list[list[str]]
"""Segments of one document: identifier and elements."""

FUNCTIONAL_IDS = {
    "850": "PO",
    "860": "PC",
    "855": "PR",
    "856": "SH",
    "810": "IN",
    "846": "IB",
    "940": "OW",
    "945": "SW",
    "997": "FA",
}
"""Functional identifier (GS01) of each transaction set."""

_RUSH, _STAND_ALONE = "RO", "SA"


def purchase_order(order: Row[Any], lines: Sequence[Row[Any]], requested_at: int | None) -> Segments:
    """Return the 850 of an order."""
    kind = _RUSH if order.priority == "PRIORITY" else _STAND_ALONE
    return [
        ["BEG", "00", kind, order.customer_po, "", _date(order.ordered_at)],
        ["CUR", "BY", CURRENCY],
        *([["ITD", *[""] * 11, order.payment_terms]] if order.payment_terms else []),
        ["DTM", "004", *_date_and_time(order.ordered_at)],
        *([["DTM", "002", *_date_and_time(requested_at)]] if requested_at else []),
        ["N1", "BY", "Buyer", "92", order.customer_no],
        *([["N1", "ST", "Ship to", "92", order.ship_to_no]] if order.ship_to_no else []),
        *(
            ["PO1", str(line.line_no), str(line.qty), BASE_UNIT, _price(line.unit_price), "", *_item(order, line)]
            for line in lines
        ),
        ["CTT", str(len(lines))],
    ]


def order_amended(order: Row[Any], revision_no: int, requested_at: int, at: int) -> Segments:
    """Return the 860 that asks for another delivery."""
    return [
        ["BCH", "04", _STAND_ALONE, order.customer_po, "", str(revision_no), _date(at)],
        ["DTM", "002", *_date_and_time(requested_at)],
        ["CTT", "0"],
    ]


def line_cancelled(line: Row[Any], at: int, *, whole_order: bool) -> Segments:
    """Return the 860 that cancels a line or a part of it."""
    left = line.qty - line.cancel_qty
    change = ["POC", str(line.line_no), "QD" if left else "DI", str(left), str(left), BASE_UNIT]
    return [
        ["BCH", "01" if whole_order else "04", _STAND_ALONE, line.customer_po, "", "", _date(at)],
        [*change, _price(line.unit_price), "", *_item(line, line)],
        ["CTT", "1"],
    ]


def order_acknowledged(order: Row[Any], lines: Sequence[Row[Any]]) -> Segments:
    """Return the 855 of an order that the ERP has created."""
    said: Segments = [["BAK", "00", "AC", order.customer_po, _date(order.created_at), "", "", "", order.order_no]]
    for line in lines:
        said += [
            ["PO1", str(line.line_no), str(line.qty), BASE_UNIT, _price(line.unit_price), "", "VP", line.sku],
            ["ACK", "IA", str(line.qty), BASE_UNIT, "067", _date(line.promised_at)],
        ]
    return [*said, ["CTT", str(len(lines))]]


def ship_notice(leg: Row[Any]) -> Segments:
    """Return the 856 of a leg that has left its site."""
    return [
        ["BSN", "00", leg.shipment_no, *_date_and_time(leg.shipped_at)[:2], "0004"],
        ["HL", "1", "", "S"],
        ["DTM", "011", *_date_and_time(leg.shipped_at)],
        ["N1", "SF", "Ship from", "92", leg.node],
        ["HL", "2", "1", "O"],
        ["PRF", leg.customer_po, "", "", _date(leg.ordered_at)],
        ["REF", "VN", leg.order_no],
        ["HL", "3", "2", "I"],
        ["LIN", str(leg.line_no), "VP", leg.sku],
        ["SN1", str(leg.line_no), str(leg.qty), BASE_UNIT],
        ["CTT", "3"],
    ]


def invoice(lines: Sequence[Row[Any]], references: Sequence[Sequence[str]]) -> Segments:
    """Return the 810 of a posted document.

    Args:
        lines: Its lines as finance keeps them.
        references: What it refers to, each a qualifier and a number.
    """
    first = lines[0]
    return [
        ["BIG", _date(first.posted_at), first.invoice_no],
        *(["REF", qualifier, number] for qualifier, number in references),
        ["CUR", "SE", CURRENCY],
        *(
            ["IT1", str(line.line_seq), str(line.qty), BASE_UNIT, _price(line.unit_price), "", "VP", str(line.item)]
            for line in lines
        ),
        ["TDS", str(sum(line.amount for line in lines))],
        ["CTT", str(len(lines))],
    ]


def stock_advice(reference: str, positions: Sequence[tuple[str, int]], at: int) -> Segments:
    """Return the 846 that tells what can be sold: item and quantity over all sites."""
    said: Segments = [["BIA", "00", "SI", reference, _date(at)]]
    for number, (sku, quantity) in enumerate(positions, start=1):
        said += [["LIN", str(number), "VP", sku], ["QTY", "33", str(quantity), BASE_UNIT]]
    return [*said, ["CTT", str(len(positions))]]


def ship_order(line: Row[Any]) -> Segments:
    """Return the 940 that releases a line to the operator of a site."""
    return [
        ["W05", "N", line.order_no, line.customer_po],
        ["N9", "RE", line.release_no],
        ["G62", "10", *_date_and_time(line.released_at)[:1]],
        ["LX", str(line.line_no)],
        ["W01", str(line.qty), BASE_UNIT, "", "VN", line.sku],
        ["W76", str(line.qty)],
    ]


def ship_advice(leg: Row[Any]) -> Segments:
    """Return the 945 with which the operator of a site reports a departed leg."""
    return [
        ["W06", "N", leg.order_no, _date(leg.shipped_at), leg.shipment_no],
        ["LX", str(leg.line_no)],
        ["W12", "CC", str(leg.qty), str(leg.qty), "0", BASE_UNIT, "", "VN", leg.sku],
        ["W03", str(leg.qty)],
    ]


def acknowledgement(documents: Sequence[Row[Any]]) -> Segments:
    """Return the 997 for documents of one functional group."""
    first = documents[0]
    accepted = sum(document.ack_status != "R" for document in documents)
    said: Segments = [["AK1", FUNCTIONAL_IDS[first.set_type], str(first.group_no)]]
    for document in documents:
        said += [["AK2", document.set_type, document.set_no], ["AK5", document.ack_status]]
    verdict = "A" if accepted == len(documents) else "P" if accepted else "R"
    return [*said, ["AK9", verdict, *[str(len(documents))] * 2, str(accepted)]]


def _item(order: Row[Any], line: Row[Any]) -> list[str]:
    """Return qualifier and number of an item: the buyer's own number (BP) where it has one, else ours (VP)."""
    own_number = foreign_sku(order.customer_no, line.sku)
    return ["BP", own_number] if own_number else ["VP", line.sku]


def _price(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _date(at: int) -> str:
    return instant(at).strftime("%Y%m%d")


def _date_and_time(at: int) -> list[str]:
    return [_date(at), instant(at).strftime("%H%M%S"), "UT"]

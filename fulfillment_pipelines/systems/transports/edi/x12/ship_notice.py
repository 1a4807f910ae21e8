"""The 856: BSN, then the hierarchy of shipment, order and item, CTT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from fulfillment_pipelines.domain.x12_codes import MarksQualifier
from fulfillment_pipelines.domain.x12_documents import NoticedLine, ShipNotice
from fulfillment_pipelines.systems.transports.edi.x12.elements import Elements
from fulfillment_pipelines.systems.transports.edi.x12.envelope import Delimiters, Segment

_SHIPMENT_ORDER_ITEM = "0004"
_SHIPPED = "011"
_ESTIMATED_DELIVERY = "017"
_UNIVERSAL_TIME = "UT"
_ASSIGNED_BY_SELLER = "91"
_VENDOR_ORDER = "VN"


def notice_segments(document: ShipNotice, delimiters: Delimiters) -> Iterator[Segment]:
    """Yield the segments between ST and SE.

    Raises:
        BadDataError: A field cannot be written; the message names it.
    """
    write = Elements("ship notice", delimiters)
    shipment_no = write.text("shipment_no", document.shipment_no, 30, shortest=2)
    noticed = write.moment("noticed_at", document.noticed_at)
    yield ("BSN", document.purpose, shipment_no, *noticed, _SHIPMENT_ORDER_ITEM)
    levels = count(1)
    shipment_level = next(levels)
    yield ("HL", str(shipment_level), "", "S")
    yield from _shipment(document, write)
    for lines in _by_order(document.lines):
        order_level = next(levels)
        yield ("HL", str(order_level), str(shipment_level), "O")
        yield ("PRF", write.text("purchase_order_no", lines[0].purchase_order_no, 22))
        yield ("REF", _VENDOR_ORDER, write.text("order_no", lines[0].order_no, 30))
        for line in lines:
            yield ("HL", str(next(levels)), str(order_level), "I")
            yield from _item(line, write)
    yield ("CTT", str(next(levels) - 1))


def _shipment(document: ShipNotice, write: Elements) -> Iterator[Segment]:
    if document.carrier_id:
        yield ("TD5", "", _ASSIGNED_BY_SELLER, write.text("carrier_id", document.carrier_id, 80, shortest=2))
    if document.tracking_no:
        yield ("MAN", MarksQualifier.CARRIER_PACKAGE, write.text("tracking_no", document.tracking_no, 48))
    if document.pack_id:
        yield ("MAN", MarksQualifier.SHIPPER_CASE, write.text("pack_id", document.pack_id, 48))
    yield ("DTM", _SHIPPED, *write.moment("shipped_at", document.shipped_at), _UNIVERSAL_TIME)
    if document.eta_at:
        yield ("DTM", _ESTIMATED_DELIVERY, *write.moment("eta_at", document.eta_at), _UNIVERSAL_TIME)
    yield ("N1", "SF", "", _ASSIGNED_BY_SELLER, write.text("node", document.node, 80, shortest=2))


def _by_order(lines: Sequence[NoticedLine]) -> list[list[NoticedLine]]:
    orders: dict[tuple[str, str], list[NoticedLine]] = {}
    for line in lines:
        orders.setdefault((line.order_no, line.purchase_order_no), []).append(line)
    return list(orders.values())


def _item(line: NoticedLine, write: Elements) -> Iterator[Segment]:
    line_no = write.line_number("line_no", line.line_no, 20)
    uom = write.text("uom", line.uom, 2, shortest=2)
    buyer_item = write.optional_text("buyer_item", line.buyer_item, 48)
    yield ("LIN", line_no, "VP", write.text("sku", line.sku, 48), *(("BP", buyer_item) if buyer_item else ()))
    ordered = () if line.ordered_qty is None else ("", write.number("ordered_qty", line.ordered_qty, 9), uom)
    yield ("SN1", line_no, write.number("shipped_qty", line.shipped_qty, 10), uom, *ordered)

"""The 945: W06, the site, then LX and W12 for each line, W03."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from fulfillment_pipelines.domain.x12_codes import MarksQualifier, ReportingCode
from fulfillment_pipelines.domain.x12_documents import ShippedLine, ShippingAdvice
from fulfillment_pipelines.systems.transports.edi.x12.elements import Elements, day
from fulfillment_pipelines.systems.transports.edi.x12.envelope import Delimiters, Segment

_ASSIGNED_BY_SELLER = "91"


def advice_segments(document: ShippingAdvice, delimiters: Delimiters) -> Iterator[Segment]:
    """Yield the segments between ST and SE.

    Raises:
        BadDataError: A field cannot be written; the message names it.
    """
    write = Elements("shipping advice", delimiters)
    yield (
        *("W06", ReportingCode.FULL_DETAIL, write.text("order_no", document.order_no, 22), day(document.shipped_on)),
        *(write.text("shipment_no", document.shipment_no, 30), ""),
        write.optional_text("purchase_order_no", document.purchase_order_no, 22),
    )
    yield ("N1", "WH", "", _ASSIGNED_BY_SELLER, write.text("node", document.node, 80, shortest=2))
    for line in document.lines:
        yield from _line(line, write)
    shipped_qty = sum((line.shipped_qty for line in document.lines), Decimal(0))
    yield ("W03", write.number("shipped_qty of all lines", shipped_qty, 10))


def _line(line: ShippedLine, write: Elements) -> Iterator[Segment]:
    yield ("LX", write.line_number("line_no", line.line_no, 6))
    if line.tracking_no:
        yield ("MAN", MarksQualifier.CARRIER_PACKAGE, write.text("tracking_no", line.tracking_no, 48))
    yield (
        *("W12", line.status, write.number("ordered_qty", line.ordered_qty, 9)),
        write.number("shipped_qty", line.shipped_qty, 10),
        write.number("ordered_qty less shipped_qty", line.ordered_qty - line.shipped_qty, 9),
        write.text("uom", line.uom, 2, shortest=2),
        *("", "VN", write.text("sku", line.sku, 48)),
        write.optional_text("lot_no", line.lot_no, 12),
    )

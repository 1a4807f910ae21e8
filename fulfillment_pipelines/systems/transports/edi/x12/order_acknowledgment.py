"""The 855: BAK, the currency where it is told, then PO1 and ACK for each line, CTT."""

from __future__ import annotations

from collections.abc import Iterator

from fulfillment_pipelines.domain.x12_documents import AcknowledgedLine, OrderAcknowledgment
from fulfillment_pipelines.systems.transports.edi.x12.elements import Elements, day
from fulfillment_pipelines.systems.transports.edi.x12.envelope import Delimiters, Segment

_CURRENT_SCHEDULE_DELIVERY = "067"


def acknowledgment_segments(document: OrderAcknowledgment, delimiters: Delimiters) -> Iterator[Segment]:
    """Yield the segments between ST and SE.

    Raises:
        BadDataError: A field cannot be written; the message names it.
    """
    write = Elements("order acknowledgment", delimiters)
    yield (
        *("BAK", document.purpose, document.type),
        *(write.text("purchase_order_no", document.purchase_order_no, 22), day(document.ordered_on)),
        *("", "", ""),
        write.text("order_no", document.order_no, 30),
        day(document.acknowledged_on) if document.acknowledged_on else "",
    )
    if document.currency:
        yield ("CUR", "SE", write.text("currency", document.currency, 3, shortest=3))
    for line in document.lines:
        yield from _line(line, write)
    yield ("CTT", str(len(document.lines)))


def _line(line: AcknowledgedLine, write: Elements) -> Iterator[Segment]:
    uom = write.text("uom", line.uom, 2, shortest=2)
    price = "" if line.unit_price is None else write.number("unit_price", line.unit_price, 17)
    buyer_item = write.optional_text("buyer_item", line.buyer_item, 48)
    yield (
        *(
            "PO1",
            write.line_number("line_no", line.line_no, 20),
            write.number("ordered_qty", line.ordered_qty, 15),
            uom,
        ),
        *(price, "", "VP", write.text("sku", line.sku, 48)),
        *(("BP", buyer_item) if buyer_item else ()),
    )
    substitute = write.optional_text("substitute_sku", line.substitute_sku, 48)
    yield (
        *("ACK", line.status, write.number("acknowledged_qty", line.acknowledged_qty, 15), uom),
        *((_CURRENT_SCHEDULE_DELIVERY, day(line.promised_on)) if line.promised_on else ("", "")),
        "",
        *(("VP", substitute) if substitute else ()),
    )

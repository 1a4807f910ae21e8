"""The 846: BIA, the site where there is one, then LIN and QTY for each item, CTT."""

from __future__ import annotations

from collections.abc import Iterator

from fulfillment_pipelines.domain.x12_documents import InventoryAdvice
from fulfillment_pipelines.systems.transports.edi.x12.elements import Elements
from fulfillment_pipelines.systems.transports.edi.x12.envelope import Delimiters, Segment

_ASSIGNED_BY_SELLER = "91"


def inventory_segments(document: InventoryAdvice, delimiters: Delimiters) -> Iterator[Segment]:
    """Yield the segments between ST and SE.

    Raises:
        BadDataError: A field cannot be written; the message names it.
    """
    write = Elements("inventory advice", delimiters)
    advice_no = write.text("advice_no", document.advice_no, 30)
    advised = write.moment("advised_at", document.advised_at)
    yield ("BIA", document.purpose, document.report_type, advice_no, *advised)
    if document.node:
        yield ("N1", "WH", "", _ASSIGNED_BY_SELLER, write.text("node", document.node, 80, shortest=2))
    for position, line in enumerate(document.lines, start=1):
        buyer_item = write.optional_text("buyer_item", line.buyer_item, 48)
        sku = write.text("sku", line.sku, 48)
        yield ("LIN", str(position), "VP", sku, *(("BP", buyer_item) if buyer_item else ()))
        yield ("QTY", line.qualifier, write.number("qty", line.qty, 15), write.text("uom", line.uom, 2, shortest=2))
    yield ("CTT", str(len(document.lines)))

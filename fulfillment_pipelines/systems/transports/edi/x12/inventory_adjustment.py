"""The 947: W15, the site, then W19 for each change."""

from __future__ import annotations

from collections.abc import Iterator

from fulfillment_pipelines.domain.x12_documents import InventoryAdjustment
from fulfillment_pipelines.systems.transports.edi.x12.elements import Elements, day
from fulfillment_pipelines.systems.transports.edi.x12.envelope import Delimiters, Segment

_ASSIGNED_BY_SELLER = "91"


def adjustment_segments(document: InventoryAdjustment, delimiters: Delimiters) -> Iterator[Segment]:
    """Yield the segments between ST and SE.

    Raises:
        BadDataError: A field cannot be written; the message names it.
    """
    write = Elements("inventory adjustment", delimiters)
    yield (
        *("W15", day(document.adjusted_on), write.text("adjustment_no", document.adjustment_no, 22)),
        write.text("depositor_adjustment_no", document.depositor_adjustment_no, 22),
    )
    yield ("N1", "WH", "", _ASSIGNED_BY_SELLER, write.text("node", document.node, 80, shortest=2))
    for line in document.lines:
        yield (
            *("W19", line.reason, write.number("adjusted_qty", line.adjusted_qty, 10)),
            *(write.text("uom", line.uom, 2, shortest=2), "", "VN", write.text("sku", line.sku, 48), "", ""),
            write.optional_text("lot_no", line.lot_no, 12),
        )

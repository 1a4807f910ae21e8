"""Where the facts of 850, 860 and 855 stand."""

from __future__ import annotations

from typing import Final

from fulfillment_pipelines.domain.x12_codes import LineChange, LineItemStatus, SetPurpose
from fulfillment_pipelines.domain.x12_documents import (
    AcknowledgedLine,
    ChangedLine,
    OrderAcknowledgment,
    OrderChange,
    OrderedLine,
    PurchaseOrder,
)
from fulfillment_pipelines.systems.transports.edi.guide.documents import LoopGuide
from fulfillment_pipelines.systems.transports.edi.guide.kinds import Code, Day, LineNumber, Number, Text
from fulfillment_pipelines.systems.transports.edi.guide.parts import Computed, Constant, Fixed, Items, Value
from fulfillment_pipelines.systems.transports.edi.guide.segments import SegmentGuide

SKU: Final = ("VP", "VN", "VC", "SK")
BUYER_ITEM: Final = ("BP", "IN", "PI", "CB")
GTIN: Final = ("UP", "EN", "UK", "UI")
ASSIGNED_BY_SELLER: Final = "91"
ASSIGNED_BY_BUYER: Final = "92"

_CURRENT_SCHEDULE_DELIVERY: Final = "067"
_DELIVERY_REQUESTED: Final = "002"

LINE_COUNT: Final = SegmentGuide("CTT", Computed(1, lambda document, _: str(len(document.lines))))
"""Number of lines; hash totals are not written and not looked at."""


def currency(party: str) -> SegmentGuide:
    """Return the segment that tells the currency; a reader takes it whoever says it."""
    return SegmentGuide("CUR", Constant(1, party), Value("currency", Text(3, 3), 2))


ITEMS: Final = {"sku": SKU, "buyer_item": BUYER_ITEM, "gtin": GTIN}

PURCHASE_ORDER: Final = LoopGuide(
    "850",
    "purchase order",
    PurchaseOrder,
    OrderedLine,
    head=(
        SegmentGuide(
            "BEG",
            Value("purpose", Code(SetPurpose), 1),
            Value("order_type", Text(2, 2), 2),
            Value("purchase_order_no", Text(22), 3),
            Value("ordered_on", Day(), 5),
        ),
        currency("BY"),
        SegmentGuide("DTM", Fixed(1, _DELIVERY_REQUESTED), Value("requested_on", Day(), 2)),
        SegmentGuide("N1", Fixed(1, "BY"), Constant(3, ASSIGNED_BY_BUYER), Value("buyer_id", Text(80, 2), 4)),
        SegmentGuide("N1", Fixed(1, "ST"), Constant(3, ASSIGNED_BY_BUYER), Value("ship_to_id", Text(80, 2), 4)),
    ),
    opening="PO1",
    line=(
        SegmentGuide(
            "PO1",
            Value("line_no", LineNumber(20), 1),
            Value("ordered_qty", Number(15), 2),
            Value("uom", Text(2, 2), 3),
            Value("unit_price", Number(17), 4),
            Items(6, ITEMS),
        ),
        SegmentGuide("DTM", Fixed(1, _DELIVERY_REQUESTED), Value("requested_on", Day(), 2)),
    ),
    foot=(LINE_COUNT,),
    ends=("CTT",),
)

ORDER_CHANGE: Final = LoopGuide(
    "860",
    "order change",
    OrderChange,
    ChangedLine,
    head=(
        SegmentGuide(
            "BCH",
            Value("purpose", Code(SetPurpose), 1),
            Value("order_type", Text(2, 2), 2),
            Value("purchase_order_no", Text(22), 3),
            Value("change_no", Text(8), 5),
            Value("ordered_on", Day(), 6),
            Value("changed_on", Day(), 11),
        ),
        currency("BY"),
    ),
    opening="POC",
    line=(
        SegmentGuide(
            "POC",
            Value("line_no", LineNumber(20), 1),
            Value("change", Code(LineChange), 2),
            Value("ordered_qty", Number(15), 3),
            Value("uom", Text(2, 2), 5),
            Value("unit_price", Number(17), 6),
            Items(8, ITEMS),
        ),
    ),
    foot=(LINE_COUNT,),
    ends=("CTT",),
)

ORDER_ACKNOWLEDGMENT: Final = LoopGuide(
    "855",
    "order acknowledgment",
    OrderAcknowledgment,
    AcknowledgedLine,
    head=(
        SegmentGuide(
            "BAK",
            Value("purpose", Code(SetPurpose), 1),
            Computed(2, lambda document, _: document.type),
            Value("purchase_order_no", Text(22), 3),
            Value("ordered_on", Day(), 4),
            Value("order_no", Text(30), 8),
            Value("acknowledged_on", Day(), 9),
        ),
        currency("SE"),
    ),
    opening="PO1",
    line=(
        SegmentGuide(
            "PO1",
            Value("line_no", LineNumber(20), 1),
            Value("ordered_qty", Number(15), 2),
            Value("uom", Text(2, 2), 3),
            Value("unit_price", Number(17), 4),
            Items(6, {"sku": SKU, "buyer_item": BUYER_ITEM}),
        ),
        SegmentGuide(
            "ACK",
            Value("status", Code(LineItemStatus), 1),
            Value("acknowledged_qty", Number(15), 2),
            Computed(3, lambda line, _: line.uom),
            Value("promised_on", Day(), 5, label=(4, 0, _CURRENT_SCHEDULE_DELIVERY)),
            Items(7, {"substitute_sku": SKU}),
        ),
    ),
    foot=(LINE_COUNT,),
    ends=("CTT",),
    each="ACK",
)

"""Where the facts of an 810 stand."""

from __future__ import annotations

from typing import Final

from fulfillment_pipelines.domain.x12_documents import BilledInvoice, BilledLine
from fulfillment_pipelines.systems.transports.edi.guide.documents import LoopGuide
from fulfillment_pipelines.systems.transports.edi.guide.kinds import Cents, Day, LineNumber, Number, Text
from fulfillment_pipelines.systems.transports.edi.guide.parts import Constant, Fixed, Items, Value
from fulfillment_pipelines.systems.transports.edi.guide.segments import SegmentGuide
from fulfillment_pipelines.systems.transports.edi.x12.order_guides import (
    ASSIGNED_BY_BUYER,
    ITEMS,
    LINE_COUNT,
    currency,
)

INVOICE: Final = LoopGuide(
    "810",
    "invoice",
    BilledInvoice,
    BilledLine,
    head=(
        SegmentGuide(
            "BIG",
            Value("invoiced_on", Day(), 1),
            Value("invoice_no", Text(22), 2),
            Value("ordered_on", Day(), 3),
            Value("purchase_order_no", Text(22), 4),
            Value("invoice_type", Text(2, 2), 7),
        ),
        currency("SE"),
        SegmentGuide("REF", Fixed(1, "VN"), Value("order_no", Text(30), 2)),
        SegmentGuide("REF", Fixed(1, "SI"), Value("shipment_no", Text(30), 2)),
        SegmentGuide("N1", Fixed(1, "BY"), Constant(3, ASSIGNED_BY_BUYER), Value("buyer_id", Text(80, 2), 4)),
    ),
    opening="IT1",
    line=(
        SegmentGuide(
            "IT1",
            Value("line_no", LineNumber(20), 1),
            Value("invoiced_qty", Number(10), 2),
            Value("uom", Text(2, 2), 3),
            Value("unit_price", Number(17), 4),
            Items(6, ITEMS),
        ),
    ),
    foot=(SegmentGuide("TDS", Value("total_amount", Cents(15), 1)), LINE_COUNT),
    ends=("TDS",),
)

"""Where the facts of 846 and 947 stand."""

from __future__ import annotations

from typing import Final

from fulfillment_pipelines.domain.x12_codes import AdjustmentReason, InventoryReportType, QuantityQualifier, SetPurpose
from fulfillment_pipelines.domain.x12_documents import AdjustedItem, AdvisedItem, InventoryAdjustment, InventoryAdvice
from fulfillment_pipelines.systems.transports.edi.guide.documents import LoopGuide
from fulfillment_pipelines.systems.transports.edi.guide.kinds import Code, Day, Moment, Number, Text
from fulfillment_pipelines.systems.transports.edi.guide.parts import Items, LinePosition, Value
from fulfillment_pipelines.systems.transports.edi.guide.segments import SegmentGuide
from fulfillment_pipelines.systems.transports.edi.x12.order_guides import BUYER_ITEM, LINE_COUNT, SKU
from fulfillment_pipelines.systems.transports.edi.x12.shipment_guides import site

INVENTORY_ADJUSTMENT: Final = LoopGuide(
    "947",
    "inventory adjustment",
    InventoryAdjustment,
    AdjustedItem,
    head=(
        SegmentGuide(
            "W15",
            Value("adjusted_on", Day(), 1),
            Value("adjustment_no", Text(22), 2),
            Value("depositor_adjustment_no", Text(22), 3),
        ),
        site("WH"),
    ),
    opening="W19",
    line=(
        SegmentGuide(
            "W19",
            Value("reason", Code(AdjustmentReason), 1),
            Value("adjusted_qty", Number(10), 2),
            Value("uom", Text(2, 2), 3),
            Items(5, {"sku": ("VN", "VP", "VC", "SK")}, most=1),
            Value("lot_no", Text(12), 9),
        ),
    ),
)

INVENTORY_ADVICE: Final = LoopGuide(
    "846",
    "inventory advice",
    InventoryAdvice,
    AdvisedItem,
    head=(
        SegmentGuide(
            "BIA",
            Value("purpose", Code(SetPurpose), 1),
            Value("report_type", Code(InventoryReportType), 2),
            Value("advice_no", Text(30), 3),
            Value("advised_at", Moment(), 4),
        ),
        site("WH"),
    ),
    opening="LIN",
    line=(
        SegmentGuide("LIN", LinePosition(1), Items(2, {"sku": SKU, "buyer_item": BUYER_ITEM})),
        SegmentGuide(
            "QTY",
            Value("qualifier", Code(QuantityQualifier), 1),
            Value("qty", Number(15), 2),
            Value("uom", Text(2, 2), 3),
        ),
    ),
    foot=(LINE_COUNT,),
    ends=("CTT",),
    each="QTY",
)

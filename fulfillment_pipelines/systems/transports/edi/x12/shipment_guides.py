"""Where the facts of 940, 945 and 856 stand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from fulfillment_pipelines.domain.x12_codes import MarksQualifier, ReportingCode, SetPurpose, ShipmentOrderStatus
from fulfillment_pipelines.domain.x12_documents import (
    NoticedLine,
    ReleasedLine,
    ShipNotice,
    ShippedLine,
    ShippingAdvice,
    ShippingOrder,
)
from fulfillment_pipelines.systems.transports.edi.guide.documents import LoopGuide
from fulfillment_pipelines.systems.transports.edi.guide.elements import Elements
from fulfillment_pipelines.systems.transports.edi.guide.hierarchy import HierarchyGuide
from fulfillment_pipelines.systems.transports.edi.guide.kinds import Code, Day, LineNumber, Moment, Number, Text
from fulfillment_pipelines.systems.transports.edi.guide.parts import Computed, Constant, Fixed, Items, Value
from fulfillment_pipelines.systems.transports.edi.guide.segments import SegmentGuide
from fulfillment_pipelines.systems.transports.edi.x12.order_guides import ASSIGNED_BY_SELLER, BUYER_ITEM, SKU

_SHIPMENT_ORDER_ITEM: Final = "0004"
_SHIPPED: Final = "011"
_ESTIMATED_DELIVERY: Final = "017"
_REQUESTED_SHIP: Final = "10"
_UNIVERSAL_TIME: Final = "UT"
_DEPOSITOR_ITEM: Final = ("VN", *(label for label in SKU if label != "VN"))


def site(code: str) -> SegmentGuide:
    """Return the segment that tells the site: N1 of that code."""
    return SegmentGuide("N1", Fixed(1, code), Constant(3, ASSIGNED_BY_SELLER), Value("node", Text(80, 2), 4))


def _sum_of(field: str) -> Any:
    """Return what computes the sum of a quantity over all lines."""

    def total(document: Any, elements: Elements) -> str:
        of_all = sum((getattr(line, field) for line in document.lines), Decimal(0))
        return elements.number(f"{field} of all lines", of_all, 10)

    return total


def _short(line: ShippedLine, elements: Elements) -> str:
    return elements.number("ordered_qty less shipped_qty", line.ordered_qty - line.shipped_qty, 9)


def _uom_of_ordered(line: NoticedLine, _: Elements) -> str:
    return "" if line.ordered_qty is None else line.uom


def _moment(field: str, code: str) -> SegmentGuide:
    return SegmentGuide("DTM", Fixed(1, code), Value(field, Moment(), 2), Constant(4, _UNIVERSAL_TIME))


def _mark(field: str, qualifier: MarksQualifier) -> SegmentGuide:
    return SegmentGuide("MAN", Fixed(1, qualifier), Value(field, Text(48), 2))


SHIPPING_ORDER: Final = LoopGuide(
    "940",
    "shipping order",
    ShippingOrder,
    ReleasedLine,
    head=(
        SegmentGuide(
            "W05",
            Value("status", Text(1), 1),
            Value("order_no", Text(22), 2),
            Value("purchase_order_no", Text(22), 3),
        ),
        site("WH"),
        SegmentGuide("N1", Fixed(1, "ST"), Constant(3, ASSIGNED_BY_SELLER), Value("ship_to_id", Text(80, 2), 4)),
        SegmentGuide("G62", Fixed(1, _REQUESTED_SHIP), Value("ship_on", Day(), 2)),
    ),
    opening="LX",
    line=(
        SegmentGuide("LX", Value("line_no", LineNumber(6), 1)),
        SegmentGuide(
            "W01",
            Value("ordered_qty", Number(9), 1),
            Value("uom", Text(2, 2), 2),
            Items(4, {"sku": _DEPOSITOR_ITEM}, most=1),
            Value("lot_no", Text(12), 13),
        ),
    ),
    foot=(SegmentGuide("W76", Computed(1, _sum_of("ordered_qty"))),),
    ends=("W76",),
)

SHIPPING_ADVICE: Final = LoopGuide(
    "945",
    "shipping advice",
    ShippingAdvice,
    ShippedLine,
    head=(
        SegmentGuide(
            "W06",
            Constant(1, ReportingCode.FULL_DETAIL),
            Value("order_no", Text(22), 2),
            Value("shipped_on", Day(), 3),
            Value("shipment_no", Text(30), 4),
            Value("purchase_order_no", Text(22), 6),
        ),
        site("WH"),
    ),
    opening="LX",
    line=(
        SegmentGuide("LX", Value("line_no", LineNumber(6), 1)),
        _mark("tracking_no", MarksQualifier.CARRIER_PACKAGE),
        SegmentGuide(
            "W12",
            Value("status", Code(ShipmentOrderStatus), 1),
            Value("ordered_qty", Number(9), 2),
            Value("shipped_qty", Number(10), 3),
            Computed(4, _short),
            Value("uom", Text(2, 2), 5),
            Items(7, {"sku": _DEPOSITOR_ITEM}, most=1),
            Value("lot_no", Text(12), 9),
        ),
    ),
    foot=(SegmentGuide("W03", Computed(1, _sum_of("shipped_qty"))),),
    ends=("W03",),
    each="W12",
)

SHIP_NOTICE: Final = HierarchyGuide(
    "856",
    "ship notice",
    ShipNotice,
    NoticedLine,
    head=(
        SegmentGuide(
            "BSN",
            Value("purpose", Code(SetPurpose), 1),
            Value("shipment_no", Text(30, 2), 2),
            Value("noticed_at", Moment(), 3),
            Constant(5, _SHIPMENT_ORDER_ITEM),
        ),
    ),
    shipment=(
        SegmentGuide("TD5", Constant(2, ASSIGNED_BY_SELLER), Value("carrier_id", Text(80, 2), 3)),
        _mark("tracking_no", MarksQualifier.CARRIER_PACKAGE),
        _mark("pack_id", MarksQualifier.SHIPPER_CASE),
        _moment("shipped_at", _SHIPPED),
        _moment("eta_at", _ESTIMATED_DELIVERY),
        site("SF"),
    ),
    order=(
        SegmentGuide("PRF", Value("purchase_order_no", Text(22), 1)),
        SegmentGuide("REF", Fixed(1, "VN"), Value("order_no", Text(30), 2)),
    ),
    item=(
        SegmentGuide("LIN", Value("line_no", LineNumber(20), 1), Items(2, {"sku": SKU, "buyer_item": BUYER_ITEM})),
        SegmentGuide(
            "SN1",
            Value("line_no", LineNumber(20), 1),
            Value("shipped_qty", Number(10), 2),
            Value("uom", Text(2, 2), 3),
            Value("ordered_qty", Number(9), 5),
            Computed(6, _uom_of_ordered),
        ),
    ),
)

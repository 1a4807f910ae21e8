"""Where the facts of ORDERS and ORDRSP stand, directory D.96A, as EANCOM uses it."""

from __future__ import annotations

from typing import Any, Final

from fulfillment_pipelines.domain.x12_codes import AcknowledgmentType, LineItemStatus, SetPurpose
from fulfillment_pipelines.domain.x12_documents import (
    AcknowledgedLine,
    OrderAcknowledgment,
    OrderedLine,
    PurchaseOrder,
)
from fulfillment_pipelines.systems.transports.edi.guide.documents import LoopGuide
from fulfillment_pipelines.systems.transports.edi.guide.elements import Elements
from fulfillment_pipelines.systems.transports.edi.guide.kinds import Code, Day, Kind, LineNumber, Number, Text
from fulfillment_pipelines.systems.transports.edi.guide.parts import Computed, Constant, Fixed, Items, Value
from fulfillment_pipelines.systems.transports.edi.guide.segments import SegmentGuide

DAY: Final = Day("102")
PURPOSE: Final = Code(
    SetPurpose,
    {
        SetPurpose.ORIGINAL: "9",
        SetPurpose.CANCELLATION: "1",
        SetPurpose.CHANGE: "4",
        SetPurpose.REPLACEMENT: "5",
    },
)
SECTION: Final = SegmentGuide("UNS", Constant(1, "S"), is_always_written=True)
LINE_COUNT: Final = SegmentGuide(
    "CNT", Fixed(1, "2", component=1), Computed(1, lambda document, _: str(len(document.lines)), component=2)
)
ENDS: Final = ("UNS", "CNT")

_SKU: Final = ("SA", "MF")
_BUYER_ITEM: Final = ("IN", "BP")
_GTIN: Final = ("EN", "UP", "SRV")
_LONGEST: Final = 35
_PIECES: Final = "PCE"

_ACTIONS: Final = {LineItemStatus.ACCEPTED: "5", LineItemStatus.CHANGED: "6", LineItemStatus.REJECTED: "7"}
_OTHER_ACTIONS: Final = {"3": LineItemStatus.CHANGED, "24": LineItemStatus.CHANGED}
_RESPONSES: Final = {
    AcknowledgmentType.WITHOUT_CHANGE: "29",
    AcknowledgmentType.WITH_CHANGE: "4",
    AcknowledgmentType.REJECTED: "27",
}


def date_of(code: str, field: str, kind: Kind = DAY) -> SegmentGuide:
    """Return the DTM of a qualifier."""
    return SegmentGuide("DTM", Fixed(1, code, component=1), Value(field, kind, 1, component=2))


def reference(code: str, field: str, longest: int = _LONGEST) -> SegmentGuide:
    """Return the RFF of a qualifier."""
    return SegmentGuide("RFF", Fixed(1, code, component=1), Value(field, Text(longest), 1, component=2))


def party(code: str, field: str, *also: str) -> SegmentGuide:
    """Return the NAD of a qualifier: identifiers are those that the parties have agreed on."""
    return SegmentGuide(
        "NAD", Fixed(1, code, also=also), Value(field, Text(17), 2, component=1), Constant(2, "92", component=3)
    )


def currency() -> SegmentGuide:
    """Return the CUX that tells the currency of reference."""
    return SegmentGuide(
        "CUX", Fixed(1, "2", component=1), Value("currency", Text(3, 3), 1, component=2), Constant(1, "9", component=3)
    )


def quantity(code: str, field: str) -> SegmentGuide:
    """Return the QTY of a qualifier; without a unit it counts pieces."""
    unit = Value("uom", Text(3), 1, component=3, otherwise=_PIECES)
    return SegmentGuide("QTY", Fixed(1, code, component=1), Value(field, Number(15), 1, component=2), unit)


def other_quantity(code: str, field: str) -> SegmentGuide:
    """Return the QTY of a qualifier that is in the unit of the first."""

    def unit(line: Any, _: Elements) -> str:
        return "" if getattr(line, field) is None else line.uom

    value = Value(field, Number(15), 1, component=2)
    return SegmentGuide("QTY", Fixed(1, code, component=1), value, Computed(1, unit, component=3))


def price(field: str) -> SegmentGuide:
    """Return the PRI of the net price."""
    fixed = Fixed(1, "AAA", component=1, also=("AAB", "CAL"))
    return SegmentGuide("PRI", fixed, Value(field, Number(15), 1, component=2))


def line_item(*fields: str, status: Value | None = None) -> SegmentGuide:
    """Return the LIN: number of the line, number in trade, and what a reader may find in the place of that one."""
    told = {"gtin": _GTIN} if "gtin" in fields else {}
    found = {name: labels for name, labels in (("sku", _SKU), ("buyer_item", _BUYER_ITEM)) if name in fields}
    return SegmentGuide(
        "LIN",
        Value("line_no", LineNumber(6), 1, is_needed=True),
        *((status,) if status else ()),
        Items(3, told, most=1, longest=_LONGEST, is_composite=True),
        Items(3, found, most=1, is_composite=True, is_written=False),
        is_always_written=True,
    )


ITEMS: Final = SegmentGuide(
    "PIA",
    Fixed(1, "5", also=("1",)),
    Items(2, {"sku": _SKU, "buyer_item": _BUYER_ITEM}, most=5, longest=_LONGEST, is_composite=True),
)

ORDERS: Final = LoopGuide(
    "ORDERS",
    "purchase order",
    PurchaseOrder,
    OrderedLine,
    head=(
        SegmentGuide(
            "BGM",
            Constant(1, "220"),
            Value("purchase_order_no", Text(_LONGEST), 2, component=1),
            Value("purpose", PURPOSE, 3),
        ),
        date_of("137", "ordered_on"),
        date_of("2", "requested_on"),
        party("BY", "buyer_id"),
        party("DP", "ship_to_id", "ST"),
        currency(),
    ),
    opening="LIN",
    line=(
        line_item("gtin", "sku", "buyer_item"),
        ITEMS,
        quantity("21", "ordered_qty"),
        date_of("2", "requested_on"),
        price("unit_price"),
    ),
    foot=(SECTION, LINE_COUNT),
    ends=ENDS,
)

ORDRSP: Final = LoopGuide(
    "ORDRSP",
    "order acknowledgment",
    OrderAcknowledgment,
    AcknowledgedLine,
    head=(
        SegmentGuide(
            "BGM",
            Constant(1, "231"),
            Value("order_no", Text(_LONGEST), 2, component=1),
            Computed(3, lambda document, _: _RESPONSES[document.type]),
        ),
        date_of("137", "acknowledged_on"),
        reference("ON", "purchase_order_no"),
        date_of("171", "ordered_on"),
        currency(),
    ),
    opening="LIN",
    line=(
        line_item("sku", "buyer_item", status=Value("status", Code(LineItemStatus, _ACTIONS, _OTHER_ACTIONS), 2)),
        ITEMS,
        SegmentGuide(
            "PIA",
            Fixed(1, "3"),
            Items(2, {"substitute_sku": _SKU}, most=5, longest=_LONGEST, is_composite=True),
        ),
        quantity("21", "ordered_qty"),
        other_quantity("113", "acknowledged_qty"),
        date_of("67", "promised_on"),
        price("unit_price"),
    ),
    foot=(SECTION, LINE_COUNT),
    ends=ENDS,
)

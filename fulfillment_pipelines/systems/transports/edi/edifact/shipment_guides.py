"""Where the facts of DESADV and INVOIC stand, directory D.96A, as EANCOM uses it."""

from __future__ import annotations

from typing import Any, Final

from fulfillment_pipelines.domain.x12_documents import BilledInvoice, BilledLine, NoticedLine, ShipNotice
from fulfillment_pipelines.systems.transports.edi.edifact.order_guides import (
    ENDS,
    ITEMS,
    LINE_COUNT,
    PURPOSE,
    SECTION,
    currency,
    date_of,
    line_item,
    other_quantity,
    party,
    price,
    quantity,
    reference,
)
from fulfillment_pipelines.systems.transports.edi.guide.documents import LoopGuide
from fulfillment_pipelines.systems.transports.edi.guide.elements import Elements
from fulfillment_pipelines.systems.transports.edi.guide.kinds import Instant, Number, Spelled, Text
from fulfillment_pipelines.systems.transports.edi.guide.parts import Computed, Constant, Fixed, Value
from fulfillment_pipelines.systems.transports.edi.guide.segments import SegmentGuide

_INSTANT: Final = Instant()


def _one_package(document: Any, _: Elements) -> str:
    return "1" if document.pack_id else ""


def _marked(document: Any, _: Elements) -> str:
    return "33E" if document.pack_id else ""


DESADV: Final = LoopGuide(
    "DESADV",
    "ship notice",
    ShipNotice,
    NoticedLine,
    head=(
        SegmentGuide(
            "BGM",
            Constant(1, "351"),
            Value("shipment_no", Text(35), 2, component=1),
            Value("purpose", PURPOSE, 3),
        ),
        date_of("137", "noticed_at", _INSTANT),
        date_of("11", "shipped_at", _INSTANT),
        date_of("17", "eta_at", _INSTANT),
        reference("CN", "tracking_no"),
        party("SF", "node", "SH"),
        SegmentGuide(
            "TDT",
            Fixed(1, "20"),
            Value("carrier_id", Text(17), 5, component=1),
            Constant(5, "92", component=3),
        ),
        SegmentGuide("CPS", Constant(1, "1"), is_always_written=True),
        SegmentGuide("PAC", Computed(1, _one_package)),
        SegmentGuide("PCI", Computed(1, _marked)),
        SegmentGuide("GIN", Fixed(1, "BJ"), Value("pack_id", Text(35), 2, component=1)),
    ),
    opening="LIN",
    line=(
        line_item("sku", "buyer_item"),
        ITEMS,
        quantity("12", "shipped_qty"),
        other_quantity("21", "ordered_qty"),
        reference("ON", "purchase_order_no"),
        reference("VN", "order_no"),
    ),
    foot=(LINE_COUNT,),
    ends=ENDS,
)

INVOIC: Final = LoopGuide(
    "INVOIC",
    "invoice",
    BilledInvoice,
    BilledLine,
    head=(
        SegmentGuide(
            "BGM",
            Value("invoice_type", Spelled({"DI": "380", "CR": "381"}), 1, component=1),
            Value("invoice_no", Text(35), 2, component=1),
            Constant(3, "9"),
        ),
        date_of("137", "invoiced_on"),
        reference("ON", "purchase_order_no"),
        date_of("171", "ordered_on"),
        reference("VN", "order_no"),
        reference("DQ", "shipment_no"),
        party("BY", "buyer_id", "IV"),
        currency(),
    ),
    opening="LIN",
    line=(
        line_item("gtin", "sku", "buyer_item"),
        ITEMS,
        quantity("47", "invoiced_qty"),
        price("unit_price"),
    ),
    foot=(
        SECTION,
        SegmentGuide(
            "MOA",
            Fixed(1, "77", component=1, also=("9", "86")),
            Value("total_amount", Number(18), 1, component=2),
        ),
        LINE_COUNT,
    ),
    ends=ENDS,
)

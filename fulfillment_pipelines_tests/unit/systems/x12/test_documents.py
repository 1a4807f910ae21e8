"""What each document says, element by element, as a parser of somebody else's reads it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.domain.x12_codes import (
    AdjustmentReason,
    LineItemStatus,
    QuantityQualifier,
    SetPurpose,
    ShipmentOrderStatus,
)
from fulfillment_pipelines.domain.x12_documents import (
    AcknowledgedLine,
    AdjustedItem,
    AdvisedItem,
    InventoryAdjustment,
    InventoryAdvice,
    NoticedLine,
    OrderAcknowledgment,
    ShipNotice,
    ShippedLine,
    ShippingAdvice,
    X12Document,
)
from fulfillment_pipelines.errors import BadDataError

SHIPPED_AT = datetime(2026, 3, 2, 16, 40, 5, tzinfo=UTC)


@pytest.fixture
def said(write: Callable[..., str], by_pyx12: Callable[[str], list[list[str]]]) -> Callable[[X12Document], list[str]]:
    """What pyx12 reads between ST and SE, a segment a line."""

    def between(document: X12Document) -> list[str]:
        return ["*".join(segment) for segment in by_pyx12(write(document))[3:-3]]

    return between


def answer(**changes: Any) -> AcknowledgedLine:
    line = {
        "line_no": 1,
        "sku": "BRG-1001",
        "ordered_qty": Decimal("12.0000"),
        "uom": "EA",
        "status": LineItemStatus.ACCEPTED,
        "acknowledged_qty": Decimal(12),
    }
    return AcknowledgedLine(**{**line, **changes})


def acknowledgment(*lines: AcknowledgedLine) -> OrderAcknowledgment:
    return OrderAcknowledgment("PO-700123", date(2026, 2, 27), "SO-1001", lines, date(2026, 3, 2), "EUR")


def test_an_order_acknowledgment_answers_each_line(said: Any) -> None:
    price_changed = answer(
        line_no=2,
        sku="BRG-1002",
        buyer_item="A-77",
        ordered_qty=Decimal("2.5"),
        acknowledged_qty=Decimal("2.5"),
        status=LineItemStatus.PRICE_CHANGED,
        unit_price=Decimal("6.40"),
        promised_on=date(2026, 3, 9),
    )
    substituted = answer(line_no=3, status=LineItemStatus.SUBSTITUTED, substitute_sku="BRG-1009")

    assert said(acknowledgment(answer(), price_changed, substituted)) == [
        "BAK*00*AC*PO-700123*20260227****SO-1001*20260302",
        "CUR*SE*EUR",
        "PO1*1*12*EA***VP*BRG-1001",
        "ACK*IA*12*EA",
        "PO1*2*2.5*EA*6.4**VP*BRG-1002*BP*A-77",
        "ACK*IP*2.5*EA*067*20260309",
        "PO1*3*12*EA***VP*BRG-1001",
        "ACK*IS*12*EA****VP*BRG-1009",
        "CTT*3",
    ]


@pytest.mark.parametrize(
    ("statuses", "type_code"),
    [
        ([LineItemStatus.ACCEPTED, LineItemStatus.ACCEPTED], "AD"),
        ([LineItemStatus.ACCEPTED, LineItemStatus.BACKORDERED], "AC"),
        ([LineItemStatus.REJECTED, LineItemStatus.REJECTED], "RD"),
        ([LineItemStatus.INCOMPLETE_DESCRIPTION], "AC"),
    ],
)
def test_an_order_acknowledgment_says_of_the_order_what_its_lines_say(
    said: Any, statuses: list[LineItemStatus], type_code: str
) -> None:
    lines = [answer(line_no=number, status=status) for number, status in enumerate(statuses, start=1)]
    assert said(acknowledgment(*lines))[0].split("*")[2] == type_code


@pytest.mark.parametrize(
    ("status", "field"),
    [
        (LineItemStatus.ACCEPTED, "acknowledged_qty"),
        (LineItemStatus.SUBSTITUTED, "substitute_sku"),
        (LineItemStatus.RESCHEDULED, "promised_on"),
    ],
)
def test_an_answer_that_contradicts_its_status_is_refused(status: LineItemStatus, field: str) -> None:
    with pytest.raises(BadDataError, match=f"line 4 .*'{field}' does not go with the status.*what {status} says"):
        answer(line_no=4, status=status, acknowledged_qty=Decimal(11))


def test_a_ship_notice_goes_from_shipment_to_order_to_item(said: Any) -> None:
    first = NoticedLine("SO-1", "PO-1", 1, "BRG-1001", Decimal(4), "EA", ordered_qty=Decimal(6))
    other = NoticedLine("SO-2", "PO-2", 1, "BRG-1002", Decimal("0.25"), "CA")
    third = NoticedLine("SO-1", "PO-1", 3, "BRG-1003", Decimal(9), "EA", buyer_item="A-9")
    marks = {"carrier_id": "PARCEL-1", "tracking_no": "1Z999", "pack_id": "C-4"}
    eta_at = datetime(2026, 3, 4, 12, tzinfo=timezone(timedelta(hours=1)))
    notice = ShipNotice("SHP-9", SHIPPED_AT, SHIPPED_AT, "EAST", (first, other, third), eta_at=eta_at, **marks)

    assert said(notice) == [
        "BSN*00*SHP-9*20260302*164005*0004",
        "HL*1**S",
        "TD5**91*PARCEL-1",
        "MAN*CP*1Z999",
        "MAN*CA*C-4",
        "DTM*011*20260302*164005*UT",
        "DTM*017*20260304*110000*UT",
        "N1*SF**91*EAST",
        "HL*2*1*O",
        "PRF*PO-1",
        "REF*VN*SO-1",
        "HL*3*2*I",
        "LIN*1*VP*BRG-1001",
        "SN1*1*4*EA**6*EA",
        "HL*4*2*I",
        "LIN*3*VP*BRG-1003*BP*A-9",
        "SN1*3*9*EA",
        "HL*5*1*O",
        "PRF*PO-2",
        "REF*VN*SO-2",
        "HL*6*5*I",
        "LIN*1*VP*BRG-1002",
        "SN1*1*0.25*CA",
        "CTT*6",
    ]


def test_a_ship_notice_can_take_back_another(said: Any) -> None:
    line = NoticedLine("SO-1", "PO-1", 1, "BRG-1001", Decimal(0), "EA")
    notice = ShipNotice("SHP-9", SHIPPED_AT, SHIPPED_AT, "EAST", (line,), purpose=SetPurpose.CANCELLATION)
    assert said(notice)[0] == "BSN*01*SHP-9*20260302*164005*0004"


def test_a_shipping_advice_tells_what_became_of_the_ordered_quantity(said: Any) -> None:
    complete = ShippedLine(1, "BRG-1001", Decimal(6), Decimal(6), "EA", ShipmentOrderStatus.COMPLETE, tracking_no="1Z9")
    short = ShippedLine(
        2, "BRG-1002", Decimal(6), Decimal("4.5"), "EA", ShipmentOrderStatus.PARTIAL_WITHOUT_BACKORDER, lot_no="L7"
    )
    more = ShippedLine(3, "BRG-1003", Decimal(6), Decimal(8), "EA", ShipmentOrderStatus.COMPLETE_WITH_MORE)
    advice = ShippingAdvice("SO-1001", "SHP-9", date(2026, 3, 2), "WEST", (complete, short, more), "PO-1")

    assert said(advice) == [
        "W06*F*SO-1001*20260302*SHP-9**PO-1",
        "N1*WH**91*WEST",
        "LX*1",
        "MAN*CP*1Z9",
        "W12*CC*6*6*0*EA**VN*BRG-1001",
        "LX*2",
        "W12*CP*6*4.5*1.5*EA**VN*BRG-1002*L7",
        "LX*3",
        "W12*CM*6*8*-2*EA**VN*BRG-1003",
        "W03*18.5",
    ]


@pytest.mark.parametrize(("status", "shipped"), [("CC", 5), ("CM", 6), ("BP", 6), ("CP", 7)])
def test_a_shipped_quantity_that_contradicts_its_status_is_refused(status: str, shipped: int) -> None:
    with pytest.raises(BadDataError, match="'shipped_qty' does not go with the status"):
        ShippedLine(1, "BRG-1001", Decimal(6), Decimal(shipped), "EA", ShipmentOrderStatus(status))


def test_an_inventory_adjustment_tells_the_change_with_its_sign_and_reason(said: Any) -> None:
    found = AdjustedItem("BRG-1001", Decimal(3), "EA", AdjustmentReason.PHYSICAL_COUNT)
    lost = AdjustedItem("BRG-1002", Decimal("-2.5"), "EA", AdjustmentReason.DAMAGED_IN_FACILITY, lot_no="L7")

    assert said(InventoryAdjustment(date(2026, 3, 2), "MOV-5", "MOV-5", "WEST", (found, lost))) == [
        "W15*20260302*MOV-5*MOV-5",
        "N1*WH**91*WEST",
        "W19*AA*3*EA**VN*BRG-1001",
        "W19*AU*-2.5*EA**VN*BRG-1002***L7",
    ]


def test_an_inventory_advice_tells_what_can_be_sold(said: Any) -> None:
    free = AdvisedItem("BRG-1001", Decimal(30), "EA", buyer_item="A-1")
    there = AdvisedItem("BRG-1002", Decimal(0), "EA", QuantityQualifier.ON_HAND)

    assert said(InventoryAdvice("IB-20", SHIPPED_AT, (free, there), node="EAST")) == [
        "BIA*00*SI*IB-20*20260302*164005",
        "N1*WH**91*EAST",
        "LIN*1*VP*BRG-1001*BP*A-1",
        "QTY*33*30*EA",
        "LIN*2*VP*BRG-1002",
        "QTY*17*0*EA",
        "CTT*2",
    ]


@pytest.mark.parametrize(
    "empty",
    [
        acknowledgment,
        lambda: ShipNotice("SHP-9", SHIPPED_AT, SHIPPED_AT, "EAST", ()),
        lambda: ShippingAdvice("SO-1", "SHP-9", date(2026, 3, 2), "EAST", ()),
        lambda: InventoryAdjustment(date(2026, 3, 2), "M-1", "M-1", "EAST", ()),
        lambda: InventoryAdvice("IB-20", SHIPPED_AT, ()),
    ],
)
def test_a_document_without_lines_is_refused(empty: Callable[[], X12Document]) -> None:
    with pytest.raises(BadDataError, match="has no line"):
        empty()


@pytest.mark.parametrize(
    "negative",
    [
        lambda: answer(ordered_qty=Decimal(-1), acknowledged_qty=Decimal(-1)),
        lambda: NoticedLine("SO-1", "PO-1", 1, "BRG-1001", Decimal(-1), "EA"),
        lambda: ShippedLine(1, "BRG-1001", Decimal(-1), Decimal(-1), "EA", ShipmentOrderStatus.COMPLETE),
        lambda: AdvisedItem("BRG-1001", Decimal(-1), "EA"),
        lambda: AdvisedItem("BRG-1001", Decimal("NaN"), "EA"),
    ],
)
def test_a_quantity_below_zero_is_refused(negative: Callable[[], object]) -> None:
    with pytest.raises(BadDataError, match="cannot be"):
        negative()


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("IE", "Item Accepted, Price Pending"),
        ("IF", "Item on Hold, Incomplete Description"),
        ("IP", "Item Accepted - Price Changed"),
        ("IQ", "Item Accepted - Quantity Changed"),
    ],
)
def test_the_codes_that_are_often_confused_mean_what_the_dictionary_says(code: str, title: str) -> None:
    assert LineItemStatus(code).title_in_dictionary == title

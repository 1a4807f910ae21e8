"""What is made of documents that others wrote: habits are taken, what is missing or wrong is told where it stands."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from fulfillment_pipelines.domain.x12_codes import LineChange, LineItemStatus, SetPurpose, ShipmentOrderStatus
from fulfillment_pipelines.domain.x12_documents import (
    AcknowledgedLine,
    BilledInvoice,
    BilledLine,
    ChangedLine,
    NoticedLine,
    OrderAcknowledgment,
    OrderChange,
    OrderedLine,
    PurchaseOrder,
    ReleasedLine,
    ShipNotice,
    ShippingAdvice,
    ShippingOrder,
)
from fulfillment_pipelines.systems.transports.edi.guide.documents import Reading
from fulfillment_pipelines.systems.transports.edi.interchange import Document
from fulfillment_pipelines.systems.transports.edi.x12.guides import read_document

DAY = date(2026, 3, 2)
SHIPPED_AT = datetime(2026, 3, 2, 16, 40, tzinfo=UTC)


def document(kind: str, *segments: str) -> Document:
    body = tuple(tuple(segment.split("*")) for segment in (f"ST*{kind}*0001", *segments, "SE*9*0001"))
    return Document(kind, (("GS", "PO"), ("ISA",)), body, ">")


def read(kind: str, *segments: str) -> Reading:
    reading = read_document(document(kind, *segments))
    assert reading is not None
    return reading


ORDER = ("BEG*00*NE*PO-1**260302", "CUR*BY*USD", "N1*ST*Dock 4*92*S-1", "DTM*002*20260309")


def test_an_order_with_the_habits_of_another_house_is_read() -> None:
    lines = ("PO1**12*EA*.5**UP*012345678905*IN*A-7*VN*BRG-1", "PID*F****Bearing", "PO1*0002*3*CA", "DTM*002*20260312")

    assert read("850", *ORDER, *lines, "CTT*2*15") == Reading(
        PurchaseOrder(
            "PO-1",
            DAY,
            (
                OrderedLine(Decimal(12), "EA", None, Decimal("0.5"), "BRG-1", "A-7", "012345678905"),
                OrderedLine(Decimal(3), "CA", 2, requested_on=date(2026, 3, 12)),
            ),
            "NE",
            currency="USD",
            ship_to_id="S-1",
            requested_on=date(2026, 3, 9),
        ),
        (),
    )


def test_a_change_of_an_order_is_read() -> None:
    reading = read(
        "860", "BCH*04*SA*PO-1**2*20260302*****20260305", "POC*1*QD*8**EA*6.4**VP*BRG-1", "POC*2*DI", "CTT*2"
    )
    lines = (
        ChangedLine(LineChange.QUANTITY_DECREASED, Decimal(8), "EA", 1, Decimal("6.4"), "BRG-1"),
        ChangedLine(LineChange.DELETED, line_no=2),
    )
    change = OrderChange("PO-1", DAY, lines, change_no="2", changed_on=date(2026, 3, 5))
    assert reading == Reading(change, ())


def test_an_answer_may_say_two_things_of_one_line() -> None:
    reading = read(
        "855",
        *("BAK*00*AC*PO-1*20260302****SO-1", "PO1*1*12*EA*6.4**VP*BRG-1", "ACK*IQ*10*EA", "ACK*IB*2*EA*067*20260320"),
        "CTT*1",
    )
    line = {"line_no": 1, "sku": "BRG-1", "ordered_qty": Decimal(12), "uom": "EA", "unit_price": Decimal("6.4")}
    lines = (
        AcknowledgedLine(status=LineItemStatus.QUANTITY_CHANGED, acknowledged_qty=Decimal(10), **line),
        AcknowledgedLine(
            status=LineItemStatus.BACKORDERED, acknowledged_qty=Decimal(2), promised_on=date(2026, 3, 20), **line
        ),
    )
    assert reading == Reading(OrderAcknowledgment("PO-1", DAY, "SO-1", lines), ())


def test_an_invoice_tells_its_total_in_hundredths_or_with_a_point() -> None:
    body = ("BIG*20260302*I-1*20260301*PO-1", "IT1*1*12*EA*6.4**VP*BRG-1")
    line = BilledLine(Decimal(12), "EA", Decimal("6.4"), 1, "BRG-1")
    invoice = BilledInvoice("I-1", DAY, Decimal("76.80"), (line,), "PO-1", date(2026, 3, 1))

    for total in ("7680", "76.80"):
        assert read("810", *body, f"TDS*{total}", "SAC*C", "CTT*1") == Reading(invoice, ())


def test_an_order_to_ship_is_read() -> None:
    reading = read(
        "940",
        *(
            "W05*N*SO-1*PO-1",
            "N1*WH**91*WEST",
            "N1*ST*Store*91*S-1",
            "G62*10*20260305",
            "LX*1",
            "W01*12*EA**VN*BRG-1********L7",
        ),
        "W76*12",
    )
    line = ReleasedLine(1, "BRG-1", Decimal(12), "EA", "L7")
    order = ShippingOrder("SO-1", "WEST", (line,), "PO-1", "S-1", date(2026, 3, 5))
    assert reading == Reading(order, ())


def test_a_site_may_ship_one_line_from_two_lots() -> None:
    reading = read(
        "945",
        *("W06*F*SO-1*20260302*SH-1", "N1*WH**91*WEST", "LX*1", "W12*CC*8*8*0*EA**VN*BRG-1*L1"),
        *("W12*CC*4*4*0*EA**VN*BRG-1*L2", "W03*12"),
    )
    assert isinstance(reading.document, ShippingAdvice)
    assert [(line.lot_no, line.shipped_qty, line.status) for line in reading.document.lines] == [
        ("L1", 8, ShipmentOrderStatus.COMPLETE),
        ("L2", 4, ShipmentOrderStatus.COMPLETE),
    ]


NOTICE = ("BSN*00*SH-1*20260302*1640", "HL*1**S", "DTM*011*20260302*1640", "N1*SF**91*EAST", "HL*2*1*O", "PRF*PO-1")


def test_an_item_speaks_through_the_levels_above_it_whatever_packs_stand_between() -> None:
    reading = read(
        "856", *NOTICE, "REF*VN*SO-1", "HL*3*2*P", "MAN*CP*1Z9", "HL*4*3*I", "LIN*7*VP*BRG-1", "SN1**4*EA", "CTT*4"
    )
    line = NoticedLine("SO-1", "PO-1", 7, "BRG-1", Decimal(4), "EA")
    assert reading == Reading(ShipNotice("SH-1", SHIPPED_AT, SHIPPED_AT, "EAST", (line,)), ())


def test_a_notice_of_two_shipments_is_not_read_as_one() -> None:
    reading = read("856", *NOTICE, "REF*VN*SO-1", "HL*3**S", "HL*4*2*I", "LIN*7*VP*BRG-1", "SN1**4*EA")
    assert reading.document is None
    assert "it holds 2 shipments, and one is read" in [problem.what for problem in reading.problems]


def test_levels_that_are_each_other_s_parent_end_the_climb() -> None:
    reading = read("856", *NOTICE, "HL*5*6*I", "LIN*1*VP*A", "SN1**4*EA", "HL*6*5*I", "LIN*2*VP*B", "SN1**4*EA")
    assert [problem.what for problem in reading.problems] == [
        "no segment REF tells 'order_no'",
        "no segment PRF tells 'purchase_order_no'",
    ] * 2


@pytest.mark.parametrize(
    ("spoilt", "problem", "is_read"),
    [
        (("DTM*002*20260309", "DTM*002*20260230"), ("DTM", 5, "8", 2, "8", "20260230"), True),
        (("CUR*BY*USD", "CUR*BY*USD"), None, True),
        (("BEG*00*", "BEG*77*"), ("BEG", 2, "8", 1, "7", "77"), True),
        (("PO-1", ""), ("BEG", 2, "8", 3, "1", ""), False),
        (("BEG*00*NE*PO-1**260302", "REF*A"), ("BEG", 1, "3", 0, "", ""), False),
        (("PO1*1*12", "PO1*1*a dozen"), ("PO1", 6, "8", 2, "6", "a dozen"), False),
        (("PO1*1*12", "PO1*one*12"), ("PO1", 6, "8", 1, "6", "one"), True),
        (("PO1*1*12", "PO1*1*-12"), ("", 6, "8", 0, "", ""), False),
        (("PO1*1*12*EA", "REF*A"), ("", 1, "8", 0, "", ""), False),
    ],
    ids=["date", "sound", "code", "nothing", "no_segment", "number", "optional", "contradiction", "no_line"],
)
def test_what_is_wrong_is_told_where_it_stands(
    spoilt: tuple[str, str], problem: tuple[str, int, str, int, str, str] | None, *, is_read: bool
) -> None:
    segments = [segment.replace(*spoilt) for segment in (*ORDER, "PO1*1*12*EA", "CTT*1")]
    reading = read("850", *segments)

    found = [
        (one.segment, one.segment_no, one.segment_code, one.position, one.element_code, one.found)
        for one in reading.problems
    ]
    assert found[:1] == ([problem] if problem else [])
    assert (reading.document is not None) is is_read


def test_a_code_that_is_not_known_leaves_the_field_as_it_is_without_one() -> None:
    reading = read("850", *(segment.replace("BEG*00", "BEG*77") for segment in ORDER), "PO1*1*12*EA")
    assert isinstance(reading.document, PurchaseOrder)
    assert reading.document.purpose is SetPurpose.ORIGINAL


def test_a_transaction_set_without_a_guide_is_nothing_typed() -> None:
    assert read_document(document("204", "B2**SCAC")) is None

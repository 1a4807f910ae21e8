"""What each message says, segment by segment, and that any document comes back as the value it was written from."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydifact.segmentcollection import Interchange as ByPydifact

from fulfillment_pipelines.domain.x12_codes import AdjustmentReason, LineItemStatus, SetPurpose
from fulfillment_pipelines.domain.x12_documents import (
    AcknowledgedLine,
    AdjustedItem,
    BilledInvoice,
    BilledLine,
    InventoryAdjustment,
    NoticedLine,
    OrderAcknowledgment,
    OrderedLine,
    PurchaseOrder,
    ShipNotice,
    X12Document,
)
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.systems.transports.edi.edifact.envelope import ServiceCharacters
from fulfillment_pipelines.systems.transports.edi.edifact.guides import read_document
from fulfillment_pipelines.systems.transports.edi.edifact.reader import read_interchanges
from fulfillment_pipelines.systems.transports.edi.edifact.writer import EdifactProfile, write_interchange
from fulfillment_pipelines.systems.transports.edi.guide.documents import Reading
from fulfillment_pipelines.systems.transports.edi.interchange import COMPONENT, Interchange

AT = datetime(2026, 3, 2, 9, 5, 7, tzinfo=UTC)
DAY = date(2026, 3, 2)
PROFILE = EdifactProfile("4012345000009", "5098765000005", "14", "14", ServiceCharacters(line_break="\n"))
SAID = {
    "ORDERS": (
        PurchaseOrder(
            "PO+1",
            DAY,
            (
                OrderedLine(Decimal(12), "PCE", 1, Decimal("6.40"), "BRG'1", "A:7", "4012345678901", date(2026, 3, 9)),
                OrderedLine(Decimal("2.5"), "KGM", 2, sku="BRG-2"),
            ),
            currency="EUR",
            buyer_id="B1",
            ship_to_id="S1",
            requested_on=date(2026, 3, 5),
        ),
        [
            *("BGM+220+PO?+1+9", "DTM+137:20260302:102", "DTM+2:20260305:102", "NAD+BY+B1::92", "NAD+DP+S1::92"),
            *("CUX+2:EUR:9", "LIN+1++4012345678901:EN", "PIA+5+BRG?'1:SA+A?:7:IN", "QTY+21:12:PCE"),
            *("DTM+2:20260309:102", "PRI+AAA:6.4", "LIN+2", "PIA+5+BRG-2:SA", "QTY+21:2.5:KGM", "UNS+S", "CNT+2:2"),
        ],
    ),
    "ORDRSP": (
        OrderAcknowledgment(
            "PO-1",
            DAY,
            "SO-1",
            (
                AcknowledgedLine(1, "BRG", Decimal(12), "PCE", LineItemStatus.ACCEPTED, Decimal(12), Decimal("6.4")),
                AcknowledgedLine(
                    *(2, "BRG", Decimal(12), "PCE", LineItemStatus.CHANGED, Decimal(10)),
                    promised_on=date(2026, 3, 9),
                    substitute_sku="SUB",
                ),
            ),
            date(2026, 3, 3),
            "EUR",
        ),
        [
            *("BGM+231+SO-1+4", "DTM+137:20260303:102", "RFF+ON:PO-1", "DTM+171:20260302:102", "CUX+2:EUR:9"),
            *("LIN+1+5", "PIA+5+BRG:SA", "QTY+21:12:PCE", "QTY+113:12:PCE", "PRI+AAA:6.4", "LIN+2+6", "PIA+5+BRG:SA"),
            *("PIA+3+SUB:SA", "QTY+21:12:PCE", "QTY+113:10:PCE", "DTM+67:20260309:102", "UNS+S", "CNT+2:2"),
        ],
    ),
    "DESADV": (
        ShipNotice(
            *("SH-1", AT, AT, "EAST", (NoticedLine("SO-1", "PO-1", 1, "BRG", Decimal(4), "PCE", Decimal(6), "A7"),)),
            *(AT, "CARR", "1Z", "00340123450000000018", SetPurpose.REPLACEMENT),
        ),
        [
            *("BGM+351+SH-1+5", "DTM+137:20260302090507:204", "DTM+11:20260302090507:204"),
            *("DTM+17:20260302090507:204", "RFF+CN:1Z", "NAD+SF+EAST::92", "TDT+20++++CARR::92", "CPS+1", "PAC+1"),
            *("PCI+33E", "GIN+BJ+00340123450000000018", "LIN+1", "PIA+5+BRG:SA+A7:IN", "QTY+12:4:PCE"),
            *("QTY+21:6:PCE", "RFF+ON:PO-1", "RFF+VN:SO-1", "CNT+2:1"),
        ],
    ),
    "INVOIC": (
        BilledInvoice(
            *("I-1", DAY, Decimal("76.80"), (BilledLine(Decimal(12), "PCE", Decimal("6.4"), 1, "BRG"),)),
            *("PO-1", date(2026, 3, 1), "SO-1", "SH-1", "CR", "EUR", "B1"),
        ),
        [
            *("BGM+381+I-1+9", "DTM+137:20260302:102", "RFF+ON:PO-1", "DTM+171:20260301:102", "RFF+VN:SO-1"),
            *("RFF+DQ:SH-1", "NAD+BY+B1::92", "CUX+2:EUR:9", "LIN+1", "PIA+5+BRG:SA", "QTY+47:12:PCE", "PRI+AAA:6.4"),
            *("UNS+S", "MOA+77:76.8", "CNT+2:1"),
        ],
    ),
}


def read(text: str) -> Reading:
    (interchange,) = read_interchanges(text)
    assert isinstance(interchange, Interchange)
    assert interchange.problems == ()
    reading = read_document(interchange.documents[0])
    assert reading is not None
    return reading


@pytest.mark.parametrize("kind", SAID)
def test_a_message_says_each_fact_in_its_place(kind: str) -> None:
    document, body = SAID[kind]
    lines = write_interchange(PROFILE, document, 7, AT).removesuffix("'\n").split("'\n")

    assert lines == [
        "UNA:+.? ",
        "UNB+UNOC:3+4012345000009:14+5098765000005:14+260302:0905+7",
        f"UNH+7+{kind}:D:96A:UN",
        *body,
        f"UNT+{len(body) + 2}+7",
        "UNZ+1+7",
    ]


@pytest.mark.parametrize("kind", SAID)
def test_a_message_is_read_as_the_value_it_was_written_from(kind: str) -> None:
    document, _ = SAID[kind]
    assert read(write_interchange(PROFILE, document, 7, AT)) == Reading(document, ())


def test_several_documents_are_one_interchange() -> None:
    text = write_interchange(
        replace(PROFILE, association="EAN008", is_test=True), [SAID[kind][0] for kind in SAID], 7, AT
    )
    (interchange,) = read_interchanges(text)

    assert isinstance(interchange, Interchange)
    assert interchange.problems == ()
    assert [document.type for document in interchange.documents] == list(SAID)
    assert [document.segments[0][1] for document in interchange.documents] == ["1", "2", "3", "4"]
    assert "UNB+UNOC:3+4012345000009:14+5098765000005:14+260302:0905+7++++++1'" in text
    assert "ORDERS:D:96A:UN:EAN008" in text


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (replace(SAID["ORDRSP"][0], purpose=SetPurpose.CHANGE), "'purpose' of the order acknowledgment"),
        (replace(SAID["ORDERS"][0], order_type="NE"), "'order_type' of the purchase order"),
        (replace(SAID["ORDERS"][0], lines=(OrderedLine(Decimal(1), "PCE"),)), "'line_no' of the purchase order"),
        (replace(SAID["ORDERS"][0], purchase_order_no="Ω"), "'purchase_order_no' of the purchase order"),
        (replace(SAID["INVOIC"][0], invoice_type="PR"), "'invoice_type' of the invoice"),
        (
            InventoryAdjustment(
                DAY, "M-1", "M-1", "WEST", (AdjustedItem("A", Decimal(1), "EA", AdjustmentReason.OTHER),)
            ),
            "InventoryAdjustment is not written as EDIFACT",
        ),
    ],
)
def test_what_the_message_has_no_place_for_is_refused_and_not_lost(document: X12Document, said: str) -> None:
    with pytest.raises(BadDataError, match=said):
        write_interchange(PROFILE, document, 7, AT)


@pytest.mark.parametrize("number", [0, 100_000_000_000_000])
def test_a_reference_that_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(ConfigurationError, match="does not fit an interchange"):
        write_interchange(PROFILE, SAID["ORDERS"][0], number, AT)


FOREIGN = """UNB+UNOA:1+BUYER+SELLER+260302:0905+7'UNH+1+ORDERS:D:01B:UN:EAN010'BGM+220::9+PO-9+9'
DTM+137:202603021015:203'NAD+BY+5412345000013::9'NAD+ST+5412345000020::9'
LIN+1++SKU-1:SA'QTY+21:12,5'PRI+AAB:6,40:CA'LIN+2++5410000000012:SRV'PIA+1+B-2:BP'QTY+21:3:KGM'
UNS+S'CNT+2:2'UNT+14+1'UNZ+1+7'"""


def test_a_message_of_another_directory_with_its_own_habits_is_read() -> None:
    assert read(FOREIGN) == Reading(
        PurchaseOrder(
            "PO-9",
            DAY,
            (
                OrderedLine(Decimal("12.5"), "PCE", 1, Decimal("6.40"), "SKU-1"),
                OrderedLine(Decimal(3), "KGM", 2, buyer_item="B-2", gtin="5410000000012"),
            ),
            buyer_id="5412345000013",
            ship_to_id="5412345000020",
        ),
        (),
    )


def test_a_message_of_which_nothing_can_be_made_says_why() -> None:
    reading = read(FOREIGN.replace("QTY+21:12,5", "QTY+21:many").replace("20260302", "20261302"))

    assert reading.document is None
    assert sorted(problem.what for problem in reading.problems) == [
        "DTM01 of segment 3: 'ordered_on' should be a date that exists, and is '202613021015'",
        "QTY01 of segment 7: 'ordered_qty' should be a number, and is 'many'",
    ]


CHARACTERS = "".join(map(chr, [*range(32, 127), *range(161, 256)]))
texts = st.text(CHARACTERS, min_size=1, max_size=17).filter(lambda text: text == text.strip())
maybe = st.just("") | texts
days = st.none() | st.dates(date(2000, 1, 1), date(2099, 12, 31))
numbers = st.decimals(0, 99_999, places=4, allow_nan=False)
orders = st.builds(
    PurchaseOrder,
    purchase_order_no=texts,
    ordered_on=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    lines=st.lists(
        st.builds(
            OrderedLine,
            ordered_qty=numbers,
            uom=st.sampled_from(["PCE", "KGM"]),
            line_no=st.integers(1, 999_999),
            unit_price=st.none() | numbers,
            sku=maybe,
            buyer_item=maybe,
            gtin=maybe,
            requested_on=days,
        ),
        min_size=1,
        max_size=4,
    ).map(tuple),
    purpose=st.sampled_from(SetPurpose),
    currency=st.sampled_from(["", "EUR"]),
    buyer_id=maybe,
    ship_to_id=maybe,
    requested_on=days,
)
characters = st.permutations("+:*|~^!%'").flatmap(
    lambda marks: st.sampled_from(["", "\n", "\r\n"]).map(
        lambda end: ServiceCharacters(marks[0], marks[1], ".", marks[2], marks[3], end)
    )
)


@settings(
    max_examples=int(os.environ.get("EDI_FUZZ_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(order=orders, marks=characters)
def test_any_order_is_read_back_as_it_was_written(order: PurchaseOrder, marks: ServiceCharacters) -> None:
    text = write_interchange(replace(PROFILE, characters=marks), order, 7, AT)
    reading = read(text)

    assert reading == Reading(order, ())
    assert reading.document is not None
    assert write_interchange(replace(PROFILE, characters=marks), reading.document, 7, AT) == text


def _by_pydifact(text: str) -> list[list[Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of directories that it does not know
        segments = [one for message in ByPydifact.from_str(text).get_messages() for one in message.segments]
    return [[segment.tag, *segment.elements] for segment in segments]


@settings(
    max_examples=int(os.environ.get("EDI_FUZZ_EXAMPLES", "10")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(order=orders)
def test_a_parser_of_somebody_else_s_reads_the_same_elements(order: PurchaseOrder) -> None:
    text = write_interchange(replace(PROFILE, characters=ServiceCharacters()), order, 7, AT)
    (interchange,) = read_interchanges(text)
    assert isinstance(interchange, Interchange)
    ours = [
        [element.split(COMPONENT) if COMPONENT in element else element for element in segment]
        for segment in interchange.documents[0].segments[1:-1]
    ]
    assert _by_pydifact(text) == ours

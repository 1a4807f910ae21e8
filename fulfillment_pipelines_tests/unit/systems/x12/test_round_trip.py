"""Any document, written to any partner, is read back to the same content by two parsers that share nothing.

`EDI_FUZZ_EXAMPLES` asks for more examples than a default run takes time for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fulfillment_pipelines.domain.x12_acknowledgment import ElementError, SegmentError, SetAcknowledgment
from fulfillment_pipelines.domain.x12_codes import (
    AdjustmentReason,
    GroupAnswer,
    InventoryReportType,
    LineChange,
    LineItemStatus,
    QuantityQualifier,
    SetAnswer,
    SetPurpose,
    ShipmentOrderStatus,
)
from fulfillment_pipelines.domain.x12_documents import (
    AcknowledgedLine,
    AdjustedItem,
    AdvisedItem,
    BilledInvoice,
    BilledLine,
    ChangedLine,
    FunctionalAcknowledgment,
    InventoryAdjustment,
    InventoryAdvice,
    NoticedLine,
    OrderAcknowledgment,
    OrderChange,
    OrderedLine,
    PurchaseOrder,
    ReleasedLine,
    ShipNotice,
    ShippedLine,
    ShippingAdvice,
    ShippingOrder,
    X12Document,
)
from fulfillment_pipelines.systems.transports.edi.interchange import Interchange
from fulfillment_pipelines.systems.transports.edi.x12.envelope import Delimiters
from fulfillment_pipelines.systems.transports.edi.x12.guides import read_document
from fulfillment_pipelines.systems.transports.edi.x12.reader import read_interchanges

MARKS = "*|^>:~'!\x1c\x1d\x1e"
CHARACTERS = "".join(chr(code) for code in range(32, 127) if chr(code) not in MARKS)

delimiters = st.permutations(MARKS).flatmap(
    lambda marks: st.sampled_from(["", "\n", "\r\n"]).map(lambda end: Delimiters(*marks[:3], end))
)
days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001 - `timezones` adds it
    lambda moment: moment.replace(microsecond=0)
)
line_nos = st.integers(1, 999_999)
uoms = st.sampled_from(["EA", "CA", "KG"])


def texts(longest: int, shortest: int = 1) -> st.SearchStrategy[str]:
    written = st.text(CHARACTERS, min_size=shortest, max_size=longest)
    return written.filter(lambda text: text == text.strip())


def maybe(longest: int, shortest: int = 1) -> st.SearchStrategy[str]:
    return st.just("") | texts(longest, shortest)


def quantities(least: int = 0, most: int = 99_999) -> st.SearchStrategy[Decimal]:
    plain = st.decimals(least, most, allow_nan=False, allow_infinity=False, places=4)
    return plain | st.integers(least, most).map(lambda value: Decimal(f"{value}E+2")) | st.just(Decimal(0))


@st.composite
def acknowledged(draw: st.DrawFn) -> AcknowledgedLine:
    status = draw(st.sampled_from(LineItemStatus))
    ordered = draw(quantities())
    return AcknowledgedLine(
        line_no=draw(line_nos),
        sku=draw(texts(48)),
        ordered_qty=ordered,
        uom=draw(uoms),
        status=status,
        acknowledged_qty=ordered if status is LineItemStatus.ACCEPTED else draw(quantities()),
        unit_price=draw(st.none() | quantities()),
        buyer_item=draw(maybe(48)),
        promised_on=draw(days if status is LineItemStatus.RESCHEDULED else st.none() | days),
        substitute_sku=draw(texts(48) if status is LineItemStatus.SUBSTITUTED else maybe(48)),
    )


@st.composite
def shipped(draw: st.DrawFn) -> ShippedLine:
    quantity = draw(quantities(most=1_999))  # so that the sum of all lines fits as well
    less, more = [ShipmentOrderStatus("BP"), ShipmentOrderStatus("CP")], [ShipmentOrderStatus("CM")]
    difference = draw(st.decimals(-50, 50, places=2))
    if quantity + difference < 0 or difference == 0:
        difference, statuses = Decimal(0), [ShipmentOrderStatus("CC"), ShipmentOrderStatus("CS")]
    else:
        statuses = less if difference > 0 else more
    return ShippedLine(
        line_no=draw(line_nos),
        sku=draw(texts(48)),
        ordered_qty=quantity + difference,
        shipped_qty=quantity,
        uom=draw(uoms),
        status=draw(st.sampled_from(statuses)),
        lot_no=draw(maybe(12)),
        tracking_no=draw(maybe(48)),
    )


noticed = st.builds(
    NoticedLine,
    order_no=texts(30),
    purchase_order_no=texts(22),
    line_no=line_nos,
    sku=texts(48),
    shipped_qty=quantities(),
    uom=uoms,
    ordered_qty=st.none() | quantities(most=9_999),
    buyer_item=maybe(48),
)
adjusted = st.builds(
    AdjustedItem,
    sku=texts(48),
    adjusted_qty=quantities(-99_999),
    uom=uoms,
    reason=st.sampled_from(AdjustmentReason),
    lot_no=maybe(12),
)
advised = st.builds(
    AdvisedItem,
    sku=texts(48),
    qty=quantities(),
    uom=uoms,
    qualifier=st.sampled_from(QuantityQualifier),
    buyer_item=maybe(48),
)


def some(lines: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(lines, min_size=1, max_size=4).map(tuple)


items = {"sku": maybe(48), "buyer_item": maybe(48), "gtin": maybe(48)}
ordered = st.builds(
    OrderedLine,
    ordered_qty=quantities(),
    uom=uoms,
    line_no=st.none() | line_nos,
    unit_price=st.none() | quantities(),
    requested_on=st.none() | days,
    **items,
)
changed = st.builds(
    ChangedLine,
    change=st.sampled_from(LineChange),
    ordered_qty=st.none() | quantities(),
    uom=uoms,
    line_no=st.none() | line_nos,
    unit_price=st.none() | quantities(),
    **items,
)
billed = st.builds(
    BilledLine,
    invoiced_qty=quantities(most=9_999),
    uom=uoms,
    unit_price=quantities(),
    line_no=st.none() | line_nos,
    **items,
)
released = st.builds(
    ReleasedLine,
    line_no=line_nos,
    sku=texts(48),
    ordered_qty=st.integers(0, 9_999).map(Decimal),
    uom=uoms,
    lot_no=maybe(12),
)
purposes = st.sampled_from(SetPurpose)
currencies = st.sampled_from(["", "EUR"])
codes = st.text("0123456789ABCZ", min_size=1, max_size=2)
written_before: st.SearchStrategy[X12Document] = st.one_of(
    st.builds(
        OrderAcknowledgment,
        purchase_order_no=texts(22),
        ordered_on=days,
        order_no=texts(30),
        lines=some(acknowledged()),
        acknowledged_on=st.none() | days,
        currency=currencies,
        purpose=purposes,
    ),
    st.builds(
        ShipNotice,
        shipment_no=texts(30, 2),
        noticed_at=moments,
        shipped_at=moments,
        node=texts(80, 2),
        lines=some(noticed),
        eta_at=st.none() | moments,
        carrier_id=maybe(80, 2),
        tracking_no=maybe(48),
        pack_id=maybe(48),
        purpose=purposes,
    ),
    st.builds(
        ShippingAdvice,
        order_no=texts(22),
        shipment_no=texts(30),
        shipped_on=days,
        node=texts(80, 2),
        lines=some(shipped()),
        purchase_order_no=maybe(22),
    ),
    st.builds(
        InventoryAdjustment,
        adjusted_on=days,
        adjustment_no=texts(22),
        depositor_adjustment_no=texts(22),
        node=texts(80, 2),
        lines=some(adjusted),
    ),
    st.builds(
        InventoryAdvice,
        advice_no=texts(30),
        advised_at=moments,
        lines=some(advised),
        node=maybe(80, 2),
        report_type=st.sampled_from(InventoryReportType),
        purpose=purposes,
    ),
)


element_errors = st.builds(
    ElementError,
    position=st.integers(1, 99),
    code=codes,
    component=st.none() | st.integers(1, 99),
    found=maybe(99),
)
segment_errors = st.builds(
    SegmentError,
    segment=st.sampled_from(["BEG", "PO1", "N1"]),
    segment_no=st.integers(1, 999_999),
    code=codes,
    elements=st.lists(element_errors, max_size=3).map(tuple),
)
answers = st.builds(
    FunctionalAcknowledgment,
    functional_id=st.sampled_from(["PO", "IN"]),
    group_no=st.integers(1, 999_999_999).map(str),
    answer=st.sampled_from(GroupAnswer),
    declared_sets=st.integers(0, 999_999),
    received_sets=st.integers(500, 999_999),
    accepted_sets=st.integers(0, 500),
    sets=st.lists(
        st.builds(
            SetAcknowledgment,
            set_type=st.sampled_from(["850", "810"]),
            set_no=st.integers(1, 9_999).map("{:04d}".format),
            answer=st.sampled_from(SetAnswer),
            errors=st.lists(codes, max_size=5).map(tuple),
            segments=st.lists(segment_errors, max_size=3).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    errors=st.lists(codes, max_size=5).map(tuple),
)
written_since: st.SearchStrategy[X12Document] = st.one_of(
    st.builds(
        PurchaseOrder,
        purchase_order_no=texts(22),
        ordered_on=days,
        lines=some(ordered),
        order_type=texts(2, 2),
        purpose=purposes,
        currency=currencies,
        buyer_id=maybe(80, 2),
        ship_to_id=maybe(80, 2),
        requested_on=st.none() | days,
    ),
    st.builds(
        OrderChange,
        purchase_order_no=texts(22),
        ordered_on=days,
        lines=some(changed),
        order_type=texts(2, 2),
        purpose=purposes,
        change_no=maybe(8),
        changed_on=st.none() | days,
        currency=currencies,
    ),
    st.builds(
        BilledInvoice,
        invoice_no=texts(22),
        invoiced_on=days,
        total_amount=st.decimals(-99_999, 99_999, places=2),
        lines=some(billed),
        purchase_order_no=maybe(22),
        ordered_on=st.none() | days,
        order_no=maybe(30),
        shipment_no=maybe(30),
        invoice_type=texts(2, 2),
        currency=currencies,
        buyer_id=maybe(80, 2),
    ),
    st.builds(
        ShippingOrder,
        order_no=texts(22),
        node=texts(80, 2),
        lines=some(released),
        purchase_order_no=maybe(22),
        ship_to_id=maybe(80, 2),
        ship_on=st.none() | days,
        status=texts(1),
    ),
    answers,
)


def by_order(document: X12Document) -> X12Document:
    """Return a ship notice as it is written, lines of one order together; other documents as they are."""
    if not isinstance(document, ShipNotice):
        return document
    first = {}
    for position, line in enumerate(document.lines):
        first.setdefault((line.order_no, line.purchase_order_no), position)
    ordered = sorted(document.lines, key=lambda line: first[line.order_no, line.purchase_order_no])
    assert [key for key, _ in groupby(ordered, lambda line: (line.order_no, line.purchase_order_no))] == list(first)
    return replace(document, lines=tuple(ordered))


EXAMPLES = int(os.environ.get("EDI_FUZZ_EXAMPLES", "60"))
# The fixtures are functions without state, so that one of each serves every example.
thorough = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@thorough
@given(document=written_before, marks=delimiters, number=st.integers(1, 999_999_999))
def test_any_document_is_read_back_to_the_same_content(
    *,
    write: Callable[..., str],
    by_pyx12: Any,
    by_product: Any,
    understood: Any,
    document: X12Document,
    marks: Delimiters,
    number: int,
) -> None:
    text = write(document, delimiters=marks, number=number)
    by_others, by_us = by_pyx12(text), by_product(text)

    assert understood(by_others) == by_order(document)
    assert understood(by_us) == by_order(document)
    # The two agree on every element but the padding of the ISA, which ours takes off.
    assert [segment for segment in by_others if segment[0] not in ("ISA", "GE", "IEA")] == by_us[1:]


@thorough
@given(document=written_before | written_since, marks=delimiters, number=st.integers(1, 999_999_999))
def test_what_a_document_says_is_read_as_the_value_it_was_written_from(
    *, write: Callable[..., str], by_pyx12: Any, by_product: Any, document: X12Document, marks: Delimiters, number: int
) -> None:
    text = write(document, delimiters=marks, number=number)
    (interchange,) = read_interchanges(text)
    assert isinstance(interchange, Interchange)
    (found,) = interchange.documents
    reading = read_document(found)

    assert reading is not None
    assert reading.problems == ()
    assert reading.document == by_order(document)
    assert write(reading.document, delimiters=marks, number=number) == text
    assert [one for one in by_pyx12(text) if one[0] not in ("ISA", "GE", "IEA")] == by_product(text)[1:]

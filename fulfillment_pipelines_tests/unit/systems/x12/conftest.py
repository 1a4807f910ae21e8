"""Documents and the two who read them: the product's own reader and a parser of somebody else's."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

import pytest
from pyx12.x12file import X12Reader

from fulfillment_pipelines.domain.x12_codes import (
    AdjustmentReason,
    InventoryReportType,
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
from fulfillment_pipelines.systems.transports.edi.x12.envelope import Delimiters
from fulfillment_pipelines.systems.transports.edi.x12.reader import BrokenInterchange, read_interchanges
from fulfillment_pipelines.systems.transports.edi.x12.writer import PartnerProfile, Party, write_interchange

Segments: TypeAlias = list[list[str]]

SENT_AT = datetime(2026, 3, 2, 9, 5, 7, tzinfo=UTC)


def _by_pyx12(text: str) -> Segments:
    reader = X12Reader(io.StringIO(text))
    found = [[segment.get_seg_id(), *(element.format() for element in segment.elements)] for segment in reader]
    reader.cleanup()
    assert reader.pop_errors() == []
    return found


def _by_product(text: str) -> Segments:
    (interchange,) = read_interchanges(text)
    assert not isinstance(interchange, BrokenInterchange), interchange.problem
    (document,) = interchange.documents
    group, header = document.envelope
    return [list(header), list(group), *(list(segment) for segment in document.segments)]


@pytest.fixture
def by_pyx12() -> Callable[[str], Segments]:
    """Read an interchange with pyx12, which finds no fault with it; every segment as it finds it."""
    return _by_pyx12


@pytest.fixture
def by_product() -> Callable[[str], Segments]:
    """Read an interchange of one document with the product's reader: ISA, GS, ST to SE."""
    return _by_product


@pytest.fixture
def profile() -> Callable[..., PartnerProfile]:
    """Make a partner, by default ACME with the usual delimiters."""

    def make(delimiters: Delimiters = Delimiters(), **changes: Any) -> PartnerProfile:  # noqa: B008 - it is frozen
        return PartnerProfile(Party("ZZ", "DISTRIB"), Party("ZZ", "ACME"), delimiters, **changes)

    return make


@pytest.fixture
def write(profile: Callable[..., PartnerProfile]) -> Callable[..., str]:
    """Write a document to a partner, by default as interchange 7 of ACME."""

    def written(document: X12Document, *, number: int = 7, **changes: Any) -> str:
        return write_interchange(profile(**changes), document, number, SENT_AT)

    return written


class Reading:
    """A document's segments, looked at as a partner would who knows only where facts stand."""

    def __init__(self, segments: Sequence[Sequence[str]]) -> None:
        self.segments = [list(segment) for segment in segments]

    def all(self, identifier: str, qualifier: str = "") -> list[list[str]]:
        found = [segment for segment in self.segments if segment[0] == identifier]
        return [segment for segment in found if not qualifier or segment[1] == qualifier]

    def at(self, identifier: str, position: int, qualifier: str = "") -> str:
        found = self.all(identifier, qualifier)
        return element(found[0], position) if found else ""

    def loops(self, opening: str) -> list[Reading]:
        starts = [index for index, segment in enumerate(self.segments) if segment[0] == opening]
        ends = [*starts[1:], len(self.segments)]
        return [Reading(self.segments[start:end]) for start, end in zip(starts, ends, strict=True)]


def element(segment: Sequence[str], position: int) -> str:
    return segment[position] if position < len(segment) else ""


def _behind(segment: Sequence[str], label: str, first: int) -> str:
    """The element behind a qualifier, looked for where qualifiers stand."""
    return next((segment[at + 1] for at in range(first, len(segment) - 1, 2) if segment[at] == label), "")


def _day(text: str) -> date | None:
    return datetime.strptime(text + "+0000", "%Y%m%d%z").date() if text else None


def _moment(day: str, time: str) -> datetime:
    return datetime.strptime(day + time + "+0000", "%Y%m%d%H%M%S%z")


def _understand_855(said: Reading) -> OrderAcknowledgment:
    def line(loop: Reading) -> AcknowledgedLine:
        ordered, answer = loop.segments[0], loop.segments[1]
        return AcknowledgedLine(
            line_no=int(ordered[1]),
            sku=_behind(ordered, "VP", 6),
            ordered_qty=Decimal(ordered[2]),
            uom=ordered[3],
            status=LineItemStatus(answer[1]),
            acknowledged_qty=Decimal(answer[2]),
            unit_price=Decimal(ordered[4]) if ordered[4] else None,
            buyer_item=_behind(ordered, "BP", 6),
            promised_on=_day(element(answer, 5)) if element(answer, 4) == "067" else None,
            substitute_sku=_behind(answer, "VP", 7),
        )

    return OrderAcknowledgment(
        purchase_order_no=said.at("BAK", 3),
        ordered_on=_day(said.at("BAK", 4)),
        order_no=said.at("BAK", 8),
        lines=tuple(line(loop) for loop in said.loops("PO1")),
        acknowledged_on=_day(said.at("BAK", 9)),
        currency=said.at("CUR", 2, "SE"),
        purpose=SetPurpose(said.at("BAK", 1)),
    )


def _understand_856(said: Reading) -> ShipNotice:
    order = Reading([])
    lines = []
    for level in said.loops("HL"):
        if level.at("HL", 3) == "O":
            order = level
        elif level.at("HL", 3) == "I":
            shipped = level.all("SN1")[0]
            lines.append(
                NoticedLine(
                    order_no=order.at("REF", 2, "VN"),
                    purchase_order_no=order.at("PRF", 1),
                    line_no=int(level.at("LIN", 1)),
                    sku=_behind(level.all("LIN")[0], "VP", 2),
                    shipped_qty=Decimal(shipped[2]),
                    uom=shipped[3],
                    ordered_qty=Decimal(shipped[5]) if element(shipped, 5) else None,
                    buyer_item=_behind(level.all("LIN")[0], "BP", 2),
                )
            )
    return ShipNotice(
        shipment_no=said.at("BSN", 2),
        noticed_at=_moment(said.at("BSN", 3), said.at("BSN", 4)),
        shipped_at=_moment(said.at("DTM", 2, "011"), said.at("DTM", 3, "011")),
        node=said.at("N1", 4, "SF"),
        lines=tuple(lines),
        eta_at=_moment(*said.all("DTM", "017")[0][2:4]) if said.all("DTM", "017") else None,
        carrier_id=said.at("TD5", 3),
        tracking_no=said.at("MAN", 2, "CP"),
        pack_id=said.at("MAN", 2, "CA"),
        purpose=SetPurpose(said.at("BSN", 1)),
    )


def _understand_945(said: Reading) -> ShippingAdvice:
    def line(loop: Reading) -> ShippedLine:
        (shipped,) = loop.all("W12")
        return ShippedLine(
            line_no=int(loop.at("LX", 1)),
            sku=_behind(shipped, "VN", 7),
            ordered_qty=Decimal(shipped[2]),
            shipped_qty=Decimal(shipped[3]),
            uom=shipped[5],
            status=ShipmentOrderStatus(shipped[1]),
            lot_no=element(shipped, 9),
            tracking_no=loop.at("MAN", 2, "CP"),
        )

    return ShippingAdvice(
        order_no=said.at("W06", 2),
        shipment_no=said.at("W06", 4),
        shipped_on=_day(said.at("W06", 3)),
        node=said.at("N1", 4, "WH"),
        lines=tuple(line(loop) for loop in said.loops("LX")),
        purchase_order_no=said.at("W06", 6),
    )


def _understand_947(said: Reading) -> InventoryAdjustment:
    return InventoryAdjustment(
        adjusted_on=_day(said.at("W15", 1)),
        adjustment_no=said.at("W15", 2),
        depositor_adjustment_no=said.at("W15", 3),
        node=said.at("N1", 4, "WH"),
        lines=tuple(
            AdjustedItem(
                sku=_behind(line, "VN", 5),
                adjusted_qty=Decimal(line[2]),
                uom=line[3],
                reason=AdjustmentReason(line[1]),
                lot_no=element(line, 9),
            )
            for line in said.all("W19")
        ),
    )


def _understand_846(said: Reading) -> InventoryAdvice:
    def line(loop: Reading) -> AdvisedItem:
        (quantity,) = loop.all("QTY")
        return AdvisedItem(
            sku=_behind(loop.segments[0], "VP", 2),
            qty=Decimal(quantity[2]),
            uom=quantity[3],
            qualifier=QuantityQualifier(quantity[1]),
            buyer_item=_behind(loop.segments[0], "BP", 2),
        )

    return InventoryAdvice(
        advice_no=said.at("BIA", 3),
        advised_at=_moment(said.at("BIA", 4), said.at("BIA", 5)),
        lines=tuple(line(loop) for loop in said.loops("LIN")),
        node=said.at("N1", 4, "WH"),
        report_type=InventoryReportType(said.at("BIA", 2)),
        purpose=SetPurpose(said.at("BIA", 1)),
    )


_UNDERSTANDING = {
    "855": _understand_855,
    "856": _understand_856,
    "945": _understand_945,
    "947": _understand_947,
    "846": _understand_846,
}


@pytest.fixture
def understood() -> Callable[[Segments], X12Document]:
    """Make a document of what somebody has read, without anything of the writer."""

    def understand(segments: Segments) -> X12Document:
        said = Reading(segments)
        return _UNDERSTANDING[said.at("ST", 1)](said)

    return understand

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fulfillment_pipelines.domain.edi import DocumentLayout, DocumentRows, ElementAddress
from fulfillment_pipelines.domain.snapshot import Page, PageFormat, PageLayout, Scope, Snapshot
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.snapshots.decoding import DecodedSnapshot, decode
from fulfillment_pipelines.snapshots.landing import LandingArea
from fulfillment_pipelines.warehouse import scratch

LAYOUT = PageLayout(
    PageFormat.X12,
    ("po_number",),
    documents=DocumentLayout((DocumentRows(),), {"po_number": (ElementAddress("BEG", position=3),)}),
)
Decode = Callable[[bytes], DecodedSnapshot]


def order(po_number: str) -> bytes:
    blank = " " * 10
    return (
        f"ISA*00*{blank}*00*{blank}*ZZ*ACME*ZZ*DISTRIB*260302*0900*U*00401*7*0*P*>~GS*PO*ACME*DISTRIB*20260302*0900*1*X*"
        f"004010~ST*850*1~BEG*00*SA*{po_number}~SE*3*1~GE*1*1~IEA*1*7~"
    ).encode()


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in files.items():
            file.writestr(f"{name}.edi", content)
    return packed.getvalue()


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Decode]:
    warehouse = scratch()

    def landed_and_decoded(content: bytes) -> DecodedSnapshot:
        pages = (Page("files.zip", content, PageFormat.X12),)
        snapshot = Snapshot("edi", "orders", Scope(), datetime(2026, 3, 2, tzinfo=UTC), pages)
        area = LandingArea(tmp_path)
        landed = area.land(snapshot, contract_version="1", pulled_at=snapshot.as_of, duration_seconds=0)
        with warehouse.reading() as cursor:
            return decode(cursor, landed, LAYOUT)

    yield landed_and_decoded
    warehouse.close()


def test_documents_of_all_files_become_rows_in_the_order_of_the_files(read: Decode) -> None:
    decoded = read(archive(a=order("PO-1") + order("PO-2"), b=b"\xef\xbb\xbf" + order("PO-3")))

    assert decoded.records.column("po_number").to_pylist() == ["PO-1", "PO-2", "PO-3"]
    assert decoded.unreadable == ()


def test_a_broken_interchange_is_one_unreadable_line_and_the_rest_goes_on(read: Decode) -> None:
    decoded = read(archive(a=b"ISA*00*noise\n" + order("PO-2"), b=order("PO-3")))

    assert decoded.records.column("po_number").to_pylist() == ["PO-2", "PO-3"]
    (line,) = decoded.unreadable
    assert (line.page, line.line_no, line.problem) == ("a.edi", 1, "its ISA has 2 elements instead of 16")
    assert line.text.startswith("ISA*00*")
    assert decoded.landed_rows == 3


def test_a_half_written_interchange_gives_the_rows_of_its_closed_documents_and_tells_the_rest(read: Decode) -> None:
    two = order("PO-1").replace(b"GE*1*1~IEA*1*7~", b"ST*850*2~BEG*00*SA*PO-2~")
    decoded = read(archive(a=two, b=order("PO-3")))

    assert decoded.records.column("po_number").to_pylist() == ["PO-1", "PO-3"]
    (line,) = decoded.unreadable
    assert (line.page, line.line_no, line.text) == ("a.edi", 1, "ST*850*2")
    assert line.problem == (
        "document 2 has no SE: it is not taken (segment 8); group 1 has no GE (segment 8); "
        "interchange 7 has no IEA (segment 8)"
    )
    assert decoded.landed_rows == 3


def test_a_file_that_is_not_text_is_one_unreadable_line(read: Decode) -> None:
    decoded = read(archive(a=b"\xff\xfe\x00", b=order("PO-3")))

    assert decoded.records.num_rows == 1
    assert [(line.page, line.problem) for line in decoded.unreadable] == [("a.edi", "byte 0 is not utf-8 text")]


def test_an_archive_without_files_has_no_rows(read: Decode) -> None:
    assert read(archive()).landed_rows == 0


def test_a_landed_page_that_is_no_archive_is_bad_data(read: Decode) -> None:
    with pytest.raises(BadDataError, match="cannot be read"):
        read(b"ISA*00*")

"""What is read from files that are not plain comma-separated text, and what is said of those that cannot be read."""

from __future__ import annotations

import codecs
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fulfillment_pipelines.domain.snapshot import Page, PageFormat, PageLayout, Scope, Snapshot
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.snapshots.decoding import DecodedSnapshot, decode
from fulfillment_pipelines.snapshots.landing import LandingArea
from fulfillment_pipelines.systems.transports.files.json_lines import read_json_lines
from fulfillment_pipelines.systems.transports.files.records import UnreadableFileError
from fulfillment_pipelines.systems.transports.files.xml_records import MOST_DEPTH, read_xml
from fulfillment_pipelines.warehouse import Connection, scratch

Decode = Callable[[PageLayout, bytes], DecodedSnapshot]
CSV = PageLayout(PageFormat.CSV, ("id", "name"), delimiter=";")
LINES = PageLayout(PageFormat.JSON_LINES, ("id", "qty"), optional=frozenset({"qty"}))
SHEET = PageLayout(PageFormat.EXCEL, ("sku", "qty"))
XML = PageLayout(
    PageFormat.XML, ("@no", "sku", "qty", "../@number", "../customer/name"), records_path="orders/order/line"
)
ORDERS = b"""<?xml version="1.0" encoding="utf-8"?>
<x:export xmlns:x="urn:partner" xmlns="urn:other"><orders>
  <order number="SO-1"><customer id="7"><name>M\xc3\xbcller &amp; Co</name></customer>
    <line no="1"><sku>A-1</sku><qty uom="EA">2.50</qty></line>
    <line no="2"><sku>A-2</sku><qty/></line>
  </order>
  <order number="SO-2"><customer id="8"><name>Ibarra</name></customer>
    <line no="1"><sku>B-1</sku><qty>007</qty></line>
  </order>
</orders></x:export>"""


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    """A cursor without a lake."""
    warehouse = scratch()
    with warehouse.reading() as cursor:
        yield cursor
    warehouse.close()


@pytest.fixture
def read(connection: Connection, tmp_path: Path) -> Decode:
    """Land one page of a feed and decode it."""

    def landed_and_decoded(layout: PageLayout, content: bytes) -> DecodedSnapshot:
        moment = datetime(2026, 3, 2, tzinfo=UTC)
        snapshot = Snapshot("erp", "lines", Scope(), moment, [Page("page", content, layout.format)])
        landed = LandingArea(tmp_path).land(snapshot, contract_version="1", pulled_at=moment, duration_seconds=0)
        assert landed.page_paths[0].read_bytes() == content
        return decode(connection, landed, layout)

    return landed_and_decoded


def rows(decoded: DecodedSnapshot) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if name != "landed_row_no"} for row in decoded.records.to_pylist()
    ]


def workbook(*cells: list[Any], title: str = "Stock", more: tuple[str, ...] = ()) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for values in cells:
        sheet.append(values)
    for name in more:
        book.create_sheet(name).append(["sku", "qty"])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-8-sig", codecs.BOM_UTF8),
        ("cp1252", b""),
        ("latin-1", b""),
        ("utf-16", b""),
        ("utf-16-le", b""),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("cp850", b""),
    ],
)
def test_csv_is_read_in_its_encoding_with_or_without_a_mark(read: Decode, encoding: str, mark: bytes) -> None:
    layout = PageLayout(PageFormat.CSV, ("id", "name"), delimiter=";", encoding=encoding)
    text = "id;name\n1;Müller\n2;Søren\n"
    content = mark + text.encode("utf-8" if encoding == "utf-8-sig" else encoding)
    assert rows(read(layout, content)) == [{"id": "1", "name": "Müller"}, {"id": "2", "name": "Søren"}]


@pytest.mark.parametrize(
    ("declared", "content", "said"),
    [
        ("utf-8", "id;name\n1;Müller-Lüdenscheidt für Öl\n".encode("cp1252"), r"byte 11 \(0xfc\) is not, .*cp1252"),
        ("utf-8", "id;name\n1;Łódź żółć gęś\n".encode("cp1250"), r"byte 10 .* looks like cp1250"),
        ("utf-8", "id;name\n1;Müller\n".encode("utf-16"), "byte 0 .* looks like utf-16"),
        ("utf-16", b"id;name\n1;Miller\n", "byte 0 .* looks like utf-8"),
        ("cp1252", "id;name\n1;Müller\n".encode(), r"byte 11 \(0xc3\) is not, the file looks like utf-8"),
        ("ascii", "id;name\n1;Müller\n".encode(), r"byte 11 \(0xc3\) is not, the file looks like utf-8"),
        ("utf-16-le", "id;name\n1;Müller".encode("utf-16-le")[:-1], "is not"),
    ],
)
def test_wrong_encoding_is_told_with_its_byte_and_a_guess(
    read: Decode, declared: str, content: bytes, said: str
) -> None:
    with pytest.raises(BadDataError, match=f"Expected: {declared} text. Found: .*{said}"):
        read(PageLayout(PageFormat.CSV, ("id", "name"), delimiter=";", encoding=declared), content)


def test_quoted_values_may_span_lines_and_hold_delimiters_and_quotes(read: Decode) -> None:
    content = b'"id";"na\nme"\r\n"1";"a\r\nb;""c"""\r\n2;d\r\n'
    layout = PageLayout(PageFormat.CSV, ("id", "na\nme"), delimiter=";")
    assert rows(read(layout, content)) == [{"id": "1", "na\nme": 'a\r\nb;"c"'}, {"id": "2", "na\nme": "d"}]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("within", ["\n", "\r\n"])
def test_lines_may_end_in_other_ways_than_lines_within_values(read: Decode, line_end: str, within: str) -> None:
    content = line_end.join(("id;name", f'1;"a{within}b"', "2;c", "")).encode()
    assert rows(read(CSV, content)) == [{"id": "1", "name": f"a{within}b"}, {"id": "2", "name": "c"}]


def test_lines_of_one_file_may_end_in_different_ways(read: Decode) -> None:
    decoded = read(CSV, b"id;name\r\n1;a\n2;b\r\n3;b;surplus\n4;d\r5;e")
    assert [row["id"] for row in rows(decoded)] == ["1", "2", "4", "5"]
    assert [line.line_no for line in decoded.unreadable] == [4]


def test_file_whose_quotes_and_line_ends_are_both_broken_is_refused(read: Decode) -> None:
    with pytest.raises(BadDataError, match="Expected: a CSV file"):
        read(CSV, b'id;name\r\n1;"a\n2;b\r\n')


def test_quoted_values_span_lines_beside_a_trailer_and_in_another_encoding(read: Decode) -> None:
    layout = PageLayout(PageFormat.CSV, ("id", "name"), delimiter=";", encoding="cp1252", trailer_prefix="TRL;")
    assert rows(read(layout, 'id;name\n1;"ü\n€"\nTRL;1\n'.encode("cp1252"))) == [{"id": "1", "name": "ü\n€"}]


def test_fixed_width_line_keeps_a_character_that_unicode_takes_for_a_line_end(read: Decode) -> None:
    layout = PageLayout(PageFormat.FIXED_WIDTH, ("id", "name"), widths=(2, 3), encoding="latin-1")
    assert rows(read(layout, b"1 a\x85b\r\n2 cd \r\n")) == [{"id": "1", "name": "a\x85b"}, {"id": "2", "name": "cd"}]


def test_json_lines_keep_their_digits_and_need_not_all_have_every_field(read: Decode) -> None:
    decoded = read(LINES, b'\xef\xbb\xbf{"id": 12345678901234567890, "qty": 0.10}\r\n\n{"id": "b", "more": {"a": [1]}}')
    assert rows(decoded) == [{"id": "12345678901234567890", "qty": "0.10"}, {"id": "b", "qty": None}]
    assert decoded.undeclared == {"more": (None, '{"a": ["1"]}')}


def test_json_line_that_is_no_object_is_kept_with_its_number(read: Decode) -> None:
    decoded = read(LINES, b'{"id": 1}\n{"id": \n[2]\n{"id": 3}\n')
    assert [row["id"] for row in rows(decoded)] == ["1", "3"]
    assert [(line.line_no, line.text) for line in decoded.unreadable] == [(2, '{"id":'), (3, "[2]")]
    assert decoded.landed_rows == 4


def test_field_that_no_json_line_has_is_refused_by_name(read: Decode) -> None:
    with pytest.raises(BadDataError, match="has no field id in any record"):
        read(LINES, b'{"number": 1, "qty": 1}\n')


def test_json_lines_without_a_line_are_no_rows(read: Decode) -> None:
    assert read(LINES, b"\n").landed_rows == 0


@given(st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_every_line_of_json_lines_is_a_row_or_a_broken_one(text: str) -> None:
    found = read_json_lines(text, ("id",))
    assert len(found.columns["id"]) + len(found.broken) == sum(1 for line in text.split("\n") if line.strip())


def test_excel_cells_are_exact_text(read: Decode) -> None:
    layout = PageLayout(PageFormat.EXCEL, ("sku", "qty", "price", "day", "at", "hour", "span", "flag", "note"))
    content = workbook(
        list(layout.fields),
        ["007", 5, 0.1, date(2026, 3, 2), datetime(2026, 3, 2, 8, 30, 15), time(8, 5), timedelta(hours=30), True, " x"],  # noqa: DTZ001 - Excel knows no zones
        [7, 1e15, 1234.5678, date(1999, 12, 31), datetime(2026, 3, 2, 8, 30), None, None, False, None],  # noqa: DTZ001 - as above
        [],
        ["z", 1e-7, -2.5, None, None, None, None, None, "1.50"],
    )
    assert [tuple(row.values()) for row in rows(read(layout, content))] == [
        ("007", "5", "0.1", "2026-03-02", "2026-03-02T08:30:15", "08:05:00", "30:00:00", "true", " x"),
        ("7", "1000000000000000", "1234.5678", "1999-12-31", "2026-03-02T08:30:00", None, None, "false", None),
        ("z", "0.0000001", "-2.5", None, None, None, None, None, "1.50"),
    ]


def test_excel_header_may_stand_lower_and_its_sheet_among_others(read: Decode) -> None:
    layout = PageLayout(PageFormat.EXCEL, ("sku", "qty"), sheet="Stock", header_row=3)
    content = workbook(["Stock list"], [], ["qty ", "sku", "site"], [2, "A", "EAST"], more=("Notes",))
    decoded = read(layout, content)
    assert rows(decoded) == [{"sku": "A", "qty": "2"}]
    assert decoded.undeclared == {"site": ("EAST",)}


def test_excel_row_whose_cell_holds_an_error_is_kept_out_with_its_number(read: Decode) -> None:
    decoded = read(SHEET, workbook(["sku", "qty"], ["A", 1], ["B", "#N/A"], ["C", 3]))
    assert [row["sku"] for row in rows(decoded)] == ["A", "C"]
    assert [(line.line_no, line.problem, line.text) for line in decoded.unreadable] == [
        (3, "a cell holds an error in place of a value", "B")
    ]


@pytest.mark.parametrize(
    ("layout", "content", "said"),
    [
        (SHEET, b"sku,qty\n", "Expected: a whole Excel workbook"),
        (SHEET, workbook(["sku", "qty"])[:-40], "Expected: a whole Excel workbook"),
        (SHEET, workbook(["sku", "qty"], more=("Notes",)), "Found: Stock, Notes"),
        (PageLayout(PageFormat.EXCEL, ("sku",), sheet="Lager"), workbook(["sku"]), "a sheet 'Lager'. Found: Stock"),
        (PageLayout(PageFormat.EXCEL, ("sku",), header_row=9), workbook(["sku"]), "row 9 names its columns"),
        (SHEET, workbook(["sku", "qty", "sku"], ["A", 1, "B"]), "Found: sku twice"),
        (SHEET, workbook(["sku", "pieces"], ["A", 1]), "has no field qty"),
        (PageLayout(PageFormat.EXCEL, ("sku",), most_bytes=500), workbook(["sku"]), "unpacks to at most 500 bytes"),
    ],
    ids=["text", "cut_off", "two_sheets", "other_sheet", "no_header", "name_twice", "field_gone", "unpacks_to_more"],
)
def test_workbook_that_is_not_as_declared_is_refused(
    read: Decode, layout: PageLayout, content: bytes, said: str
) -> None:
    with pytest.raises(BadDataError, match=said):
        read(layout, content)


def spoilt(part: str, old: bytes, new: bytes) -> bytes:
    """Return a workbook with something else in one of its parts."""
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(["sku", "qty"], ["A", 1]))) as sound,
        zipfile.ZipFile(written, "w") as made,
    ):
        for name in sound.namelist():
            content = sound.read(name)
            assert name != part or old in content
            made.writestr(name, content.replace(old, new) if name == part else content)
    return written.getvalue()


@pytest.mark.parametrize(
    ("part", "old", "new", "said"),
    [
        ("xl/worksheets/sheet1.xml", b'r="A2"', b'r="XFD1048576"', "1048576 rows of 16384: perhaps one cell far away"),
        ("xl/worksheets/sheet1.xml", b'r="A2"', b'r="ZZZZ9"', "a cell is named ZZZZ9"),
        ("xl/worksheets/sheet1.xml", b'r="2"', b'r="all"', "invalid literal"),
        ("xl/worksheets/sheet1.xml", b"<worksheet", b"<!DOCTYPE a><worksheet", "it declares a document type"),
        ("xl/worksheets/sheet1.xml", b"</sheetData>", b"", "mismatched tag"),
        ("xl/workbook.xml", b"<workbook", b'<!DOCTYPE a [<!ENTITY b "bb">]><workbook', "DTDForbidden"),
        ("xl/_rels/workbook.xml.rels", b"rId1", b"rId9", "a whole Excel workbook"),
    ],
    ids=["far_cell", "cell_name", "row_number", "document_type", "not_whole", "entity", "part_missing"],
)
def test_workbook_that_would_harm_its_reader_is_refused_before(
    read: Decode, *, part: str, old: bytes, new: bytes, said: str
) -> None:
    with pytest.raises(BadDataError, match=said):
        read(SHEET, spoilt(part, old, new))


def test_excel_cells_need_not_say_where_they_are(read: Decode) -> None:
    content = spoilt("xl/worksheets/sheet1.xml", b'<c r="B2"', b"<c")
    assert rows(read(SHEET, content)) == [{"sku": "A", "qty": "1"}]


def test_reader_of_workbooks_that_is_not_installed_is_named(read: Decode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "python_calamine", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'fulfillment-pipelines\[excel\]'"):
        read(SHEET, workbook(["sku", "qty"]))


def test_xml_records_have_their_own_fields_and_those_above_them(read: Decode) -> None:
    decoded = read(XML, ORDERS)
    assert [tuple(row.values()) for row in rows(decoded)] == [
        ("1", "A-1", "2.50", "SO-1", "Müller & Co"),
        ("2", "A-2", None, "SO-1", "Müller & Co"),
        ("1", "B-1", "007", "SO-2", "Ibarra"),
    ]
    assert decoded.undeclared == {"qty/@uom": ("EA", None, None)}


def test_xml_record_may_hold_its_value_itself(read: Decode) -> None:
    layout = PageLayout(PageFormat.XML, (".", "@id"), records_path="sku")
    assert rows(read(layout, b'<all><sku id="1">A</sku><sku id="2"> B </sku></all>')) == [
        {".": "A", "@id": "1"},
        {".": "B", "@id": "2"},
    ]


def test_xml_says_its_own_encoding(read: Decode) -> None:
    layout = PageLayout(PageFormat.XML, ("name",), records_path="row")
    for encoding in ("utf-16", "cp1252", "iso-8859-1"):
        text = f'<?xml version="1.0" encoding="{encoding}"?><all><row><name>Ü</name></row></all>'
        assert rows(read(layout, text.encode(encoding))) == [{"name": "Ü"}]


def test_xml_record_that_says_a_field_twice_is_kept_out(read: Decode) -> None:
    layout = PageLayout(PageFormat.XML, ("sku",), records_path="row")
    decoded = read(layout, b"<all><row><sku>A</sku><sku>B</sku></row><row><sku>C</sku></row></all>")
    assert rows(decoded) == [{"sku": "C"}]
    assert [(line.line_no, line.problem) for line in decoded.unreadable] == [(1, "sku stands there more than once")]


def test_xml_without_records_is_empty_but_not_when_they_are_called_something_else(read: Decode) -> None:
    layout = PageLayout(PageFormat.XML, ("sku",), records_path="rows/row")
    assert read(layout, b"<all><rows/></all>").landed_rows == 0
    for renamed in (b"<all><rows><record/></rows></all>", b"<all><lines/></all>", b"<all/>"):
        with pytest.raises(BadDataError, match="records at 'rows/row'"):
            read(layout, renamed)


def test_field_that_no_xml_record_has_is_refused_by_name(read: Decode) -> None:
    with pytest.raises(BadDataError, match="has no field qty in any record"):
        read(PageLayout(PageFormat.XML, ("sku", "qty"), records_path="row"), b"<all><row><sku>A</sku></row></all>")


@pytest.mark.parametrize(
    "content",
    [
        b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a><row><sku>&c;</sku></row></a>',
        b'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/hostname">]><a><row><sku>&f;</sku></row></a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a><row><sku>A</sku></row></a>',
        b"<a><row><sku>A</sku></row>",
        b"",
        b"<a><row>" + b"<x>" * (MOST_DEPTH + 2) + b"</x>" * (MOST_DEPTH + 2) + b"</row></a>",
        b"<x>" * 200_000,
        b'<?xml version="1.0" encoding="klingon"?><a/>',
    ],
    ids=["bomb", "file", "foreign_type", "cut_off", "empty", "deep", "very_deep", "encoding"],
)
def test_xml_that_is_unsafe_or_not_whole_is_refused(read: Decode, content: bytes) -> None:
    with pytest.raises(BadDataError, match="cannot be read"):
        read(PageLayout(PageFormat.XML, ("sku",), records_path="row"), content)


@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([b"<a>", b"</a>", b"<row/>", b"&b;", b"\x00", b"<!"])).map(b"".join)
)
@settings(max_examples=80, deadline=None)
def test_no_bytes_break_the_reader_of_xml(content: bytes) -> None:
    try:
        found = read_xml(content, "row", ("sku",))
    except UnreadableFileError:
        return
    assert len(found.columns["sku"]) >= 0

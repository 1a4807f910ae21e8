from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fulfillment_pipelines.domain.snapshot import Page, PageFormat, PageLayout, Scope, Snapshot
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.snapshots.decoding import DecodedSnapshot, decode
from fulfillment_pipelines.snapshots.landing import LandingArea
from fulfillment_pipelines.warehouse import Connection, scratch

Decode = Callable[..., DecodedSnapshot]
JSON = PageLayout(PageFormat.JSON, ("id", "qty", "note"), records_path="data.rows", optional=frozenset({"note"}))
CSV = PageLayout(PageFormat.CSV, ("id", "qty"), delimiter=";")


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A cursor without a lake."""
    warehouse = scratch()
    with warehouse.reading() as cursor:
        yield cursor
    warehouse.close()


@pytest.fixture
def read(connection: Connection, tmp_path: Path) -> Decode:
    """Land pages of a feed and decode them."""

    def landed_and_decoded(layout: PageLayout, *contents: bytes) -> DecodedSnapshot:
        pages = [Page("page", content, layout.format) for content in contents]
        snapshot = Snapshot("erp", "lines", Scope(), datetime(2026, 3, 2, tzinfo=UTC), pages)
        area = LandingArea(tmp_path)
        landed = area.land(snapshot, contract_version="1", pulled_at=snapshot.as_of, duration_seconds=0)
        return decode(connection, landed, layout)

    return landed_and_decoded


def test_a_json_number_keeps_its_digits(read: Decode) -> None:
    decoded = read(JSON, b'{"data": {"rows": [{"id": 12345678901234567890, "qty": 0.10, "more": [1]}]}}')

    assert decoded.records.to_pylist() == [
        {"landed_row_no": 1, "id": "12345678901234567890", "qty": "0.10", "note": None}
    ]


def test_half_a_character_does_not_take_the_page_with_it(read: Decode) -> None:
    decoded = read(
        JSON,
        b'{"data": {"rows": [{"id": "a\\ud83d", "qty": 1, "other": "\\ude00"}, {"id": "b\\ud83d\\ude00", "qty": 2}]}}',
    )
    assert decoded.records.column("id").to_pylist() == ["a\ufffd", "b\U0001f600"]
    assert decoded.undeclared["other"] == ("\ufffd", None)
    lines = PageLayout(PageFormat.JSON_LINES, ("id",))
    assert read(lines, b'{"id": "a\\ud83d"}\n').records.column("id").to_pylist() == ["a\ufffd"]


def test_rows_are_numbered_across_pages(read: Decode) -> None:
    decoded = read(JSON, b'{"data": {"rows": [{"id": "a", "qty": 1}]}}', b'{"data": {"rows": [{"id": "b", "qty": 2}]}}')

    assert decoded.records.column("landed_row_no").to_pylist() == [1, 2]
    assert decoded.landed_rows == 2


@pytest.mark.parametrize(
    "content", [b'{"data": {"rows": [', b'{"data": {"rows": 5}}', b'{"data": []}', b"[]", b"\xff", b"[" * 100_000]
)
def test_a_json_page_without_its_list_of_records_is_refused(read: Decode, content: bytes) -> None:
    with pytest.raises(BadDataError, match=r"erp.lines: page 00001.json cannot be read.*Remedy: ask the owner"):
        read(JSON, content)


def test_a_field_that_no_record_has_is_refused_by_name(read: Decode) -> None:
    with pytest.raises(BadDataError, match=r"page 00001.json has no field qty in any record.*new contract version"):
        read(JSON, b'{"data": {"rows": [{"id": 1}, {"id": 2}]}}')


def test_a_page_without_records_needs_no_fields(read: Decode) -> None:
    assert read(JSON, b'{"data": {"rows": []}}').landed_rows == 0


def test_csv_is_text_under_the_names_of_its_header(read: Decode) -> None:
    decoded = read(CSV, b'qty;surplus;id\n007;x;"a;b"\n;y;c\n')

    assert decoded.records.to_pylist() == [
        {"landed_row_no": 1, "id": "a;b", "qty": "007"},
        {"landed_row_no": 2, "id": "c", "qty": None},
    ]


def test_a_csv_line_that_is_no_record_is_kept_with_its_number(read: Decode) -> None:
    decoded = read(CSV, b"id;qty\na;1\nb;2;3;4\nc;3\n")

    assert decoded.records.column("id").to_pylist() == ["a", "c"]
    assert [(line.line_no, line.text) for line in decoded.unreadable] == [(3, "b;2;3;4")]
    assert decoded.landed_rows == 3


def test_two_bad_csv_pages_are_both_reported(read: Decode) -> None:
    decoded = read(CSV, b"id;qty\na;1;1\n", b"id;qty\nb;2;2\n")

    assert [(line.page, line.text) for line in decoded.unreadable] == [("00001.csv", "a;1;1"), ("00002.csv", "b;2;2")]


def test_an_empty_csv_file_is_refused(read: Decode) -> None:
    with pytest.raises(BadDataError, match=r"Expected: a header line\. Found: an empty file"):
        read(CSV, b"")


def test_fixed_width_fields_are_cut_by_their_widths(read: Decode) -> None:
    layout = PageLayout(PageFormat.FIXED_WIDTH, ("id", "qty"), widths=(4, 3), trailer_prefix="TRL")

    decoded = read(layout, b"A-1   5\nA-22 \n\nB-1    \nTRL3\n")

    assert decoded.records.to_pylist() == [
        {"landed_row_no": 1, "id": "A-1", "qty": "5"},
        {"landed_row_no": 2, "id": "B-1", "qty": None},
    ]
    assert [(line.line_no, line.text) for line in decoded.unreadable] == [(2, "A-22 ")]


def test_parquet_keeps_the_types_of_its_source(read: Decode) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": ["a"], "qty": [1.5], "surplus": [1]}), sink)

    decoded = read(PageLayout(PageFormat.PARQUET, ("id", "qty")), sink.getvalue().to_pybytes())

    assert decoded.records.schema.field("qty").type == pa.float64()
    assert decoded.records.column_names == ["landed_row_no", "id", "qty"]


def test_a_parquet_file_that_is_none_is_refused(read: Decode) -> None:
    with pytest.raises(BadDataError, match="Expected: a Parquet file"):
        read(PageLayout(PageFormat.PARQUET, ("id",)), b"PAR1 not")

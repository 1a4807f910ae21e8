"""A page is changed as a careless release of the other system would change it, and in nothing else."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from fulfillment_pipelines.certification.page_changes import (
    ADDED_FIELD,
    WRONG_VALUE,
    can_be_changed,
    rewritten,
    with_added_field,
    with_wrong_types,
    without_field,
)
from fulfillment_pipelines.domain.snapshot import PageFormat, PageLayout

JSON = PageLayout(PageFormat.JSON, ("line", "qty"), records_path="data.rows")
CSV = PageLayout(PageFormat.CSV, ("line", "qty"), delimiter=";", trailer_prefix="TRL;", encoding="cp1252")
PARQUET = PageLayout(PageFormat.PARQUET, ("line", "qty"))
CSV_PAGE = 'line;qty\nL1;5\n"Läden; groß";7\nTRL;2\n'.encode("cp1252")


def _json(*rows: dict[str, object]) -> bytes:
    return json.dumps({"total": len(rows), "data": {"rows": rows}}).encode()


def _parquet(**columns: list[object]) -> bytes:
    written = io.BytesIO()
    parquet.write_table(pa.table(columns), written)
    return written.getvalue()


def test_field_is_taken_out_of_every_record_of_a_json_page() -> None:
    page = _json({"line": "L1", "qty": 5}, {"line": "L2"})
    assert without_field(page, JSON, "qty") == _json({"line": "L1"}, {"line": "L2"})


def test_field_is_added_and_retyped_where_the_records_are() -> None:
    page = _json({"line": "L1", "qty": 5})
    assert with_added_field(page, JSON) == _json({"line": "L1", "qty": 5, ADDED_FIELD: "1"})
    assert with_wrong_types(page, JSON, ["qty"]) == _json({"line": "L1", "qty": WRONG_VALUE})


def test_lines_of_json_are_records_each() -> None:
    layout = PageLayout(PageFormat.JSON_LINES, ("line", "qty"))
    page = b'{"line": "L1", "qty": 5}\n\n{"line": "L2"}\n'
    assert without_field(page, layout, "qty") == b'{"line": "L1"}\n{"line": "L2"}\n'


def test_csv_keeps_its_trailer_its_quotes_and_its_encoding() -> None:
    assert rewritten(CSV_PAGE, CSV) == CSV_PAGE
    assert without_field(CSV_PAGE, CSV, "qty").decode("cp1252") == 'line\nL1\n"Läden; groß"\nTRL;2\n'


def test_csv_without_a_row_keeps_its_header() -> None:
    assert with_added_field(b"line;qty\nTRL;0\n", CSV).decode() == f"line;qty;{ADDED_FIELD}\nTRL;0\n"


def test_parquet_loses_gains_and_retypes_whole_columns() -> None:
    page = _parquet(line=["L1", "L2"], qty=[5, None])
    changed = {
        "gone": without_field(page, PARQUET, "qty"),
        "added": with_added_field(page, PARQUET),
        "retyped": with_wrong_types(page, PARQUET, ["qty"]),
    }
    tables = {name: parquet.read_table(io.BytesIO(content)).to_pydict() for name, content in changed.items()}
    assert tables == {
        "gone": {"line": ["L1", "L2"]},
        "added": {"line": ["L1", "L2"], "qty": [5, None], ADDED_FIELD: ["1", "1"]},
        "retyped": {"line": ["L1", "L2"], "qty": [WRONG_VALUE, WRONG_VALUE]},
    }


@pytest.mark.parametrize(
    "layout",
    [
        PageLayout(PageFormat.FIXED_WIDTH, ("line",), widths=(4,)),
        PageLayout(PageFormat.CSV, ("line",), has_header=False),
    ],
    ids=["fixed_width", "csv_without_header"],
)
def test_page_that_names_no_fields_is_left_alone(layout: PageLayout) -> None:
    assert not can_be_changed(layout)

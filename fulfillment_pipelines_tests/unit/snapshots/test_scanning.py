"""What is told of pages of Parquet that are shown where they lie, without reading them whole."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.snapshots.scanning import ScannedPages


def _pages(path: Path, table: pa.Table, *fields: str, has_statistics: bool = True) -> ScannedPages:
    parquet.write_table(table, path, write_statistics=has_statistics)
    schema = pa.schema([table.schema.field(name) for name in fields])
    return ScannedPages((path,), (table.num_rows,), fields, schema, undeclared={})


@pytest.mark.parametrize("has_statistics", [True, False])
def test_missing_values_are_counted_beside_fields_that_hold_fields(tmp_path: Path, *, has_statistics: bool) -> None:
    table = pa.table(
        {
            "sealed": [{"by": None, "site": "EAST"}, {"by": None, "site": "EAST"}, {"by": None, "site": "EAST"}],
            "notes": [["a", None], [None, None, None], None],
            "site": ["EAST", None, "WEST"],
            "qty": [1, 2, 3],
        }
    )
    pages = _pages(tmp_path / "1.parquet", table, "site", "qty", has_statistics=has_statistics)
    assert {name: pages.null_count(name) for name in ("site", "qty", "gone")} == {"site": 1, "qty": 0, "gone": 3}


def test_a_damaged_page_is_named_whoever_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "1.parquet"
    pages = _pages(path, pa.table({"site": ["EAST", "WEST"]}), "site", has_statistics=False)
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 60 + content[64:])
    for read in (pages.sample, pages.look_through, lambda: pages.null_count("site"), lambda: pages.distinct("site")):
        with pytest.raises(BadDataError, match=r"1\.parquet: the page is damaged"):
            read()

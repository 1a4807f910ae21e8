"""Pages that are read where they lie give what decoded pages give: the same rows, quarantine, counts and changes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from fulfillment_pipelines.canonical.admission import Admission, Admitter, CanonicalFeed
from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.domain.snapshot import Page, PageFormat, PageLayout, Scope, Snapshot
from fulfillment_pipelines.snapshots.landing import LandedSnapshot, LandingArea
from fulfillment_pipelines.snapshots.merging import EVERY_KEY
from fulfillment_pipelines.sql_models import SqlModel
from fulfillment_pipelines.warehouse import Warehouse, scratch

_ROOT = Path(__file__).parents[3]
_AT = datetime(2026, 3, 6, tzinfo=UTC)
_FIELDS = ("shipment_no", "order_no", "line_no", "site", "item", "unit", "qty", "shipped_at", "confirmed_at")
_MAPPING = """
    select
        landed_row_no, shipment_no as shipment_id, order_no as order_id, line_no, site as node, item as sku,
        unit as uom, qty as shipped_qty, shipped_at, confirmed_at
    from landed
"""
_FEED = CanonicalFeed(
    system="erp",
    entity="shipments",
    contract=CONTRACTS["shipment_lines"],
    layout=PageLayout(format=PageFormat.PARQUET, fields=_FIELDS, optional=frozenset({"confirmed_at"})),
    mapping=SqlModel(name="snap_erp__shipments", header={}, body=_MAPPING, path=Path("snap_erp__shipments.sql")),
)
_SCHEMA = pa.schema(
    [
        ("shipment_no", pa.string()), ("order_no", pa.string()), ("line_no", pa.int64()), ("site", pa.string()),
        ("item", pa.string()), ("unit", pa.string()), ("qty", pa.decimal128(12, 2)),
        ("shipped_at", pa.timestamp("s", "UTC")), ("sealed_by", pa.string()),
    ]
)  # fmt: skip
_RESULTS = {
    "rows": "select * exclude (snapshot_id) from snap_erp__shipments order by source_key",
    "quarantine": "select * exclude (snapshot_id) from ops_quarantine order by all",
    "open quarantine": "select * exclude (snapshot_id) from ops_open_quarantine order by all",
    "snapshots": "select * exclude (snapshot_id, pulled_at) from ops_snapshots order by all",
    "changed keys": "select distinct * exclude (snapshot_id) from ops_changed_keys order by all",
}
Row = dict[str, Any]

_TEXT = st.sampled_from(["A", "B", " A", "A\u2003", "", None])
_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "shipment_no": _TEXT,
            "order_no": st.sampled_from(["SO-1", "SO-2 "]),
            "line_no": st.sampled_from([1, 2, None]),
            "site": st.sampled_from(["EAST", "MOON"]),
            "item": st.sampled_from(["WIDGET", "GADGET"]),
            "unit": st.sampled_from(["EA", "CS", "ZZ", None]),
            "qty": st.sampled_from([1, 2, -1]),
            "shipped_at": st.sampled_from([0, 86_400, None]),
            "sealed_by": st.none(),
        }
    ),
    max_size=8,
)


@pytest.fixture(scope="module")
def open_lake() -> Iterator[Callable[[], Warehouse]]:
    opened: list[Warehouse] = []

    def lake() -> Warehouse:
        warehouse = scratch()
        opened.append(warehouse)
        with warehouse.reading() as cursor:
            cursor.execute("create table memory.main.ref_units (sku varchar, uom varchar, base_qty decimal(18, 4))")
            cursor.execute("insert into memory.main.ref_units values ('*', 'EA', 1), ('WIDGET', 'CS', 12)")
            for file in sorted((_ROOT / "sql" / "00_operations").glob("*.sql")):
                cursor.execute(file.read_text(encoding="utf-8"))
        return warehouse

    yield lake
    for warehouse in opened:
        warehouse.close()


def _page(rows: Sequence[Row], name: str) -> Page:
    content = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(rows), _SCHEMA), content)
    return Page(name, content.getvalue(), PageFormat.PARQUET)


def _landed(
    folder: Path, rows: Sequence[Row], *, hours: int = 0, pages: int = 2, system: str = "erp", since: str | None = None
) -> LandedSnapshot:
    half = -(-len(rows) // pages)
    parts = [rows[half * number : half * (number + 1)] for number in range(pages)]
    snapshot = Snapshot(
        system=system,
        entity="shipments",
        scope=Scope(since=since),
        as_of=_AT + timedelta(hours=hours),
        pages=[_page(part, f"{number}.parquet") for number, part in enumerate(parts)],
    )
    return LandingArea(folder).land(snapshot, contract_version="1", pulled_at=_AT, duration_seconds=0.0)


def _admit(warehouse: Warehouse, landed: LandedSnapshot, *, scanned: bool) -> Admission:
    admitter = Admitter(warehouse, scanned_from_rows=0 if scanned else 10**9)
    staged = admitter.stage(_FEED, landed)
    assert (staged.decoded.scan is not None) is scanned
    (admission,) = admitter.merge([staged])
    return admission


def _results(warehouse: Warehouse) -> dict[str, list[Row]]:
    return {name: warehouse.query(statement).to_pylist() for name, statement in _RESULTS.items()}


def _row(number: int, **changed: object) -> Row:
    row = {
        "shipment_no": f"SH-{number:04}", "order_no": "SO-1", "line_no": 1, "site": "EAST", "item": "WIDGET",
        "unit": "EA", "qty": 1, "shipped_at": 0, "sealed_by": None,
    }  # fmt: skip
    return {**row, **changed}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=_ROWS, second=_ROWS, third=_ROWS)
def test_scanned_and_decoded_snapshots_leave_the_same_lake(
    first: list[Row],
    second: list[Row],
    third: list[Row],
    open_lake: Callable[[], Warehouse],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("landing")
    snapshots = [_landed(folder, rows, hours=hours) for rows, hours in ((first, 1), (second, 3), (third, 2))]
    left = []
    for scanned in (True, False):
        warehouse = open_lake()
        admissions = [replace(_admit(warehouse, one, scanned=scanned), outcomes=()) for one in snapshots]
        left.append((admissions, _results(warehouse)))
        warehouse.close()
    assert left[0] == left[1]


def test_first_load_of_many_rows_notes_the_feed_and_not_each_key(
    open_lake: Callable[[], Warehouse], tmp_path: Path
) -> None:
    warehouse = open_lake()
    rows = [_row(number) for number in range(100_001)]
    admission = _admit(warehouse, _landed(tmp_path, rows, pages=1), scanned=True)
    assert admission.merged.inserted_rows == len(rows)
    (noted,) = warehouse.query("select contract, source_key from ops_changed_keys").to_pylist()
    assert noted == {"contract": "shipment_lines", "source_key": EVERY_KEY}


@pytest.mark.parametrize(("numbers", "unreadable"), [(pa.array([1], pa.int16()), 0), (pa.array(["1"]), 1)])
def test_pages_whose_fields_have_other_types_are_decoded(
    numbers: pa.Array, unreadable: int, open_lake: Callable[[], Warehouse], tmp_path: Path
) -> None:
    warehouse = open_lake()
    landed = _landed(tmp_path, [_row(1), _row(2)])
    other = parquet.read_table(landed.page_paths[1]).set_column(2, "line_no", numbers)
    parquet.write_table(other, landed.page_paths[1])
    staged = Admitter(warehouse, scanned_from_rows=0).stage(_FEED, landed)
    assert staged.decoded.scan is None
    assert len(staged.decoded.unreadable) == unreadable


def test_field_that_is_gone_is_told_as_it_is_of_small_pages(open_lake: Callable[[], Warehouse], tmp_path: Path) -> None:
    landed = _landed(tmp_path, [_row(1)], pages=1)
    parquet.write_table(parquet.read_table(landed.page_paths[0]).drop_columns(["qty"]), landed.page_paths[0])
    staged = Admitter(open_lake(), scanned_from_rows=0).stage(_FEED, landed)
    (unreadable,) = staged.decoded.unreadable
    assert "has no field qty" in unreadable.problem


@pytest.mark.parametrize(("numbers", "is_sorted"), [(range(150_000), True), (range(150_000, 0, -1), False)])
def test_order_of_a_large_snapshot_is_known_without_sorting_it(
    numbers: range, is_sorted: bool, open_lake: Callable[[], Warehouse], tmp_path: Path
) -> None:
    landed = _landed(tmp_path, [_row(number) for number in (1, 2)], pages=1)
    names = [f"SH-{number:06}" for number in numbers]
    many = pa.table({"shipment_no": names, **{f.name: pa.nulls(len(names), f.type) for f in list(_SCHEMA)[1:]}})
    parquet.write_table(many, landed.page_paths[0])
    staged = Admitter(open_lake()).stage(_FEED, landed)
    assert staged.rows.is_scanned
    assert staged.rows.is_sorted is is_sorted


def _overwrite(path: Path, *, column: str, share: float) -> None:
    """Let the last share of a field's values be of another file, as after a broken copy."""
    parquet.write_table(
        parquet.read_table(path), path, use_dictionary=False, data_page_size=64, write_batch_size=10, compression="zstd"
    )
    file = parquet.ParquetFile(path).metadata
    chunks = [file.row_group(0).column(number) for number in range(file.num_columns)]
    place = next(chunk for chunk in chunks if chunk.path_in_schema == column)
    length = int(place.total_compressed_size * share)
    end = place.data_page_offset + place.total_compressed_size
    content = bytearray(path.read_bytes())
    content[end - length : end] = b"\xff" * length
    path.write_bytes(content)


@pytest.mark.parametrize("share", [1, 0.4], ids=["from the first row", "further down"])
@pytest.mark.parametrize("column", ["shipment_no", "unit", "shipped_at"], ids=["key", "unit", "another"])
@pytest.mark.parametrize("is_first", [True, False], ids=["first load", "later"])
def test_damaged_pages_are_quarantined_wherever_the_damage_is_and_hold_up_no_other_feed(
    column: str, share: float, is_first: bool, open_lake: Callable[[], Warehouse], tmp_path: Path
) -> None:
    warehouse = open_lake()
    admitter = Admitter(warehouse, scanned_from_rows=100)
    if not is_first:
        admitter.merge([admitter.stage(_FEED, _landed(tmp_path, [_row(7)], pages=1))])
    damaged = _landed(tmp_path, [_row(number) for number in range(150)], hours=1)
    _overwrite(damaged.page_paths[1], column=column, share=share)
    other_feed = replace(_FEED, system="other", mapping=replace(_FEED.mapping, name="snap_other__shipments"))
    whole = _landed(tmp_path, [_row(1)], hours=1, pages=1, system="other")

    admissions = admitter.merge([admitter.stage(_FEED, damaged), admitter.stage(other_feed, whole)])

    assert [(one.system, one.quarantined_rows, one.merged.inserted_rows) for one in admissions] == [
        ("erp", 1, 0),
        ("other", 0, 1),
    ]
    (quarantined,) = warehouse.query("select failed_checks from ops_open_quarantine").to_pylist()
    assert "page:readable" in quarantined["failed_checks"]
    kept = warehouse.query("select source_key from snap_erp__shipments").to_pylist()
    assert [row["source_key"] for row in kept] == ([] if is_first else ["SH-0007/SO-1/1"])


def _open_quarantine(warehouse: Warehouse) -> list[str]:
    return [row["source_key"] for row in warehouse.query("select source_key from ops_open_quarantine").to_pylist()]


def test_a_late_whole_snapshot_opens_no_quarantine_and_is_kept_on_record(
    open_lake: Callable[[], Warehouse], tmp_path: Path
) -> None:
    warehouse = open_lake()
    _admit(warehouse, _landed(tmp_path, [_row(1)], hours=3), scanned=False)
    late = _admit(warehouse, _landed(tmp_path, [_row(1, qty=-1)], hours=1), scanned=False)
    assert late.quarantined_rows == 1
    assert _open_quarantine(warehouse) == []
    assert len(warehouse.query("from ops_quarantine").to_pylist()) == 1


@pytest.mark.parametrize("since", [None, "2026-03-05"], ids=["whole", "of changes"])
def test_a_late_snapshot_closes_no_quarantine_that_a_newer_one_opened(
    since: str | None, open_lake: Callable[[], Warehouse], tmp_path: Path
) -> None:
    warehouse = open_lake()
    _admit(warehouse, _landed(tmp_path, [_row(1)], hours=1), scanned=False)
    _admit(warehouse, _landed(tmp_path, [_row(1, qty=-1)], hours=3, since="2026-03-05"), scanned=False)
    assert _open_quarantine(warehouse) == ["SH-0001/SO-1/1"]
    _admit(warehouse, _landed(tmp_path, [_row(1)], hours=2, since=since), scanned=False)
    assert _open_quarantine(warehouse) == ["SH-0001/SO-1/1"]
    _admit(warehouse, _landed(tmp_path, [_row(1)], hours=4, since=since), scanned=False)
    assert _open_quarantine(warehouse) == []

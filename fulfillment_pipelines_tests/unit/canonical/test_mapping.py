"""A mapping in YAML becomes a snapshot model, and what it cannot convert is quarantined, never guessed or lost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlglot
import yaml
from pydantic import TypeAdapter

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.feeds import canonical_feeds
from fulfillment_pipelines.canonical.mapping import mapped_model
from fulfillment_pipelines.canonical.row_checks import checking_select, failed_check_ids
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.sql_models import SqlModel, read_model
from fulfillment_pipelines.systems.declaration.mapping import MappedColumn
from fulfillment_pipelines.systems.declaration.memory import MemoryEntity
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.registry import Registry
from fulfillment_pipelines.warehouse import Warehouse, create_view

MOVEMENTS: dict[str, Any] = {
    "movement_id": "number",
    "node": {"literal": "EAST"},
    "sku": "item",
    "uom": {"field": "unit", "codes": {"PCE": "EA"}},
    "movement_qty": "qty",
    "movement_type": {"field": "kind", "codes": {"in": "RECEIPT", "out": "SHIPMENT"}},
    "moved_at": "at",
}
ROW: dict[str, Any] = {
    "number": "M-1", "item": "WIDGET", "unit": "PCE", "qty": "5", "kind": "in", "at": "2026-01-15T10:00:00Z", "way": "+"
}  # fmt: skip


def model(mapping: Mapping[str, Any], contract: str = "stock_movements") -> SqlModel:
    columns: dict[str, MappedColumn] = TypeAdapter(dict[str, MappedColumn]).validate_python(dict(mapping))
    return mapped_model("wms", "moves", columns, CONTRACTS[contract], lambda *key: f"wms.yaml:{'.'.join(key) or '0'}")


@pytest.fixture
def checked(stage: Warehouse) -> Any:
    """Give one record the mapping and the contract's checks; return the typed row and the checks it fails."""

    def check(mapping: Mapping[str, Any], *records: Mapping[str, Any]) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
        contract = CONTRACTS["stock_movements"]
        rows = [{"landed_row_no": number, **ROW, **record} for number, record in enumerate(records, start=1)]
        with stage.reading() as cursor:
            cursor.register("landed", pa.Table.from_pylist(rows))
            create_view(cursor, "mapped", model(mapping).body)
            cursor.execute("create or replace table memory.main.mapped_and_checked as " + checking_select(contract))
            found = cursor.execute("select * from memory.main.mapped_and_checked order by landed_row_no")
            typed = found.to_arrow_table().to_pylist()
        return [(row, failed_check_ids(contract, row["failed_mask"])) for row in typed]

    return check


def only(checked: Any, column: str, mapped: Any, **record: Any) -> tuple[Any, tuple[str, ...]]:
    ((row, failed),) = checked({**MOVEMENTS, column: mapped}, record)
    return row[column], failed


def test_the_printed_sql_is_the_file_that_could_stand_in_its_place(tmp_path: Path) -> None:
    made = model({**MOVEMENTS, "sku": "Item No", "movement_id": "order"})
    assert made.body.splitlines()[:8] == [
        "-- snapshot: wms/moves",
        "-- grain: one row per movement of stock at a node, as its wms logged it",
        "select",
        "    landed_row_no,",
        '    "order" as movement_id,',
        "    'EAST' as node,",
        '    "Item No" as sku,',
        "    case nullif(trim(cast(unit as text)), '')",
    ]
    file = tmp_path / "snap_wms__moves.sql"
    file.write_text(made.body)
    assert read_model(file).version == made.version
    assert made.columns == {"landed_row_no", *(column.name for column in CONTRACTS["stock_movements"].columns)}


def test_a_change_of_the_mapping_is_another_version() -> None:
    other = {**MOVEMENTS, "movement_type": {"field": "kind", "codes": {"in": "RECEIPT", "out": "ADJUSTMENT"}}}
    assert model(MOVEMENTS).version != model(other).version
    assert model(MOVEMENTS).version == model(dict(MOVEMENTS)).version


def test_a_good_row_passes_under_canonical_names(checked: Any) -> None:
    ((row, failed),) = checked(MOVEMENTS, {})
    assert failed == ()
    assert (row["movement_id"], row["uom"], row["movement_qty"], row["movement_type"]) == ("M-1", "EA", 5, "RECEIPT")


@pytest.mark.parametrize("kind", ["scrap", "RECEIPT", "IN"])
def test_a_code_that_is_in_no_map_is_quarantined_even_where_it_looks_like_ours(checked: Any, kind: str) -> None:
    value, failed = only(checked, "movement_type", MOVEMENTS["movement_type"], kind=kind)
    assert failed == ("movement_type:codes",)
    assert value == f"UNMAPPED {kind}"


def test_a_code_of_a_required_free_text_that_is_in_no_map_is_quarantined(checked: Any) -> None:
    by_code = {"field": "way", "codes": {"+": "EAST"}}
    assert only(checked, "node", by_code) == ("EAST", ())
    assert only(checked, "node", by_code, way="?") == (None, ("node:required",))


def test_a_unit_that_is_in_no_map_is_quarantined_even_where_the_crosswalk_knows_it(checked: Any) -> None:
    assert only(checked, "uom", MOVEMENTS["uom"], unit="CS")[1] == ("uom:known",)
    assert only(checked, "uom", {**MOVEMENTS["uom"], "otherwise": "keep"}, unit="CS") == ("CS", ())


@pytest.mark.parametrize(
    ("mapped", "sent", "expected"),
    [
        ({"decimal": ","}, "1.234,5", "1234.5"),
        ({"decimal": ","}, "-1 234 567,25", "-1234567.25"),
        ({"decimal": "."}, "1,234.5", "1234.5"),
        ({"decimal": "."}, "1234", "1234"),
        ({"factor": 12}, "2.5", "30"),
        ({"factor": 0.1}, "3", "0.3"),
        ({"decimal": ",", "factor": "0.001"}, "1.500,5", "1.5005"),
        ({"sign": "reversed"}, "3", "-3"),
        ({"sign": "absolute"}, "-3", "3"),
        ({"sign": {"field": "way", "negative": ["-"]}}, "3", "3"),
        ({"sign": {"field": "way", "negative": ["+"]}}, "3", "-3"),
        ({"missing": 0}, None, "0"),
        ({"missing": 0, "decimal": ","}, " ", "0"),
    ],
)
def test_numbers_are_read_as_declared(checked: Any, mapped: dict[str, Any], sent: str | None, expected: str) -> None:
    value, failed = only(checked, "movement_qty", {"field": "qty", **mapped}, qty=sent)
    assert (value, failed) == (Decimal(expected), ())


@pytest.mark.parametrize(
    ("mapped", "sent"),
    [
        ({"decimal": ","}, "12.50"),
        ({"decimal": ","}, "1.2345,0"),
        ({"decimal": "."}, "12,50"),
        ({"decimal": ","}, "twelve"),
        ({"factor": 12}, "a dozen"),
        ({"factor": 12}, "9" * 20),
        ({"sign": {"field": "way", "positive": ["in"], "negative": ["out"]}}, "3"),
    ],
)
def test_a_number_that_is_not_written_as_declared_is_quarantined(
    checked: Any, mapped: dict[str, Any], sent: str
) -> None:
    value, failed = only(checked, "movement_qty", {"field": "qty", **mapped}, qty=sent)
    assert value is None
    assert "movement_qty:type" in failed


@pytest.mark.parametrize(
    ("mapped", "sent", "expected"),
    [
        ({"zone": "Europe/Berlin"}, "2026-07-01 10:00:00", "2026-07-01 08:00:00+00:00"),
        ({"zone": "Europe/Berlin"}, "2026-01-01", "2025-12-31 23:00:00+00:00"),
        ({"zone": "Europe/Berlin"}, "2026-07-01T10:00:00+05:00", "2026-07-01 05:00:00+00:00"),
        ({"zone": "Europe/Berlin"}, "2026-07-01T10:00:00.5Z", "2026-07-01 10:00:00.500000+00:00"),
        ({"format": "%d.%m.%Y %H:%M", "zone": "UTC"}, "31.12.2025 10:30", "2025-12-31 10:30:00+00:00"),
        ({"format": "%Y%m%d%H%M%S%z"}, "20260701100000+0200", "2026-07-01 08:00:00+00:00"),
        ({"fields": ["at", "way"], "format": "%Y%m%d%H%M", "zone": "UTC"}, "20260701", "2026-07-01 10:30:00+00:00"),
        ({"epoch": "seconds"}, "1767225600", "2026-01-01 00:00:00+00:00"),
        ({"epoch": "milliseconds"}, "1767225600250", "2026-01-01 00:00:00.250000+00:00"),
    ],
)
def test_times_are_placed_in_their_zone(checked: Any, mapped: dict[str, Any], sent: str, expected: str) -> None:
    source = {} if "fields" in mapped else {"field": "at"}
    value, failed = only(checked, "moved_at", {**source, **mapped}, at=sent, way="1030")
    assert failed == ()
    assert str(value) == expected


@pytest.mark.parametrize(
    ("mapped", "sent"),
    [
        ({"zone": "UTC"}, "yesterday"),
        ({"format": "%d.%m.%Y", "zone": "UTC"}, "2025-12-31"),
        ({"epoch": "seconds"}, "2025-12-31"),
        ({"epoch": "seconds"}, "9" * 13 + ".5"),
    ],
)
def test_a_time_that_is_not_written_as_declared_is_quarantined(checked: Any, mapped: dict[str, Any], sent: str) -> None:
    assert "moved_at:type" in only(checked, "moved_at", {"field": "at", **mapped}, at=sent)[1]


@pytest.mark.parametrize(
    ("mapped", "sent", "expected"),
    [
        ({"field": "number", "remove_prefix": "M-"}, "M-17", "17"),
        ({"field": "number", "remove_prefix": "M-"}, "X-17", "X-17"),
        ({"field": "number", "trim_leading": "0"}, "000170", "170"),
        ({"field": "number", "remove_prefix": "M-", "trim_leading": "0"}, " M-00170 ", "170"),
        ({"fields": ["number", "way"], "separator": "/"}, "17", "17/+"),
    ],
)
def test_identities_are_cut_and_joined(checked: Any, mapped: dict[str, Any], sent: str, expected: str) -> None:
    assert only(checked, "movement_id", mapped, number=sent) == (expected, ())


def test_an_absent_value_stays_absent_through_every_conversion(checked: Any) -> None:
    for column, mapped, field in [
        ("movement_type", MOVEMENTS["movement_type"], "kind"),
        ("movement_type", {**MOVEMENTS["movement_type"], "otherwise": "ADJUSTMENT"}, "kind"),
        ("movement_qty", {"field": "qty", "decimal": ",", "factor": 2}, "qty"),
        ("moved_at", {"field": "at", "zone": "UTC"}, "at"),
        ("movement_id", {"field": "number", "trim_leading": "0"}, "number"),
    ]:
        value, failed = only(checked, column, mapped, **{field: None})
        assert (value, f"{column}:required" in failed) == (None, True)


def test_a_code_for_all_others_counts_where_it_is_declared(checked: Any) -> None:
    mapped = {**MOVEMENTS["movement_type"], "otherwise": "ADJUSTMENT"}
    assert only(checked, "movement_type", mapped, kind="scrap") == ("ADJUSTMENT", ())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"moved_at": None}, "wms.yaml:0: the mapping leaves out"),
        ({"movement_quantity": "qty"}, "wms.yaml:movement_quantity: the contract 'stock_movements' has no column"),
        ({"movement_type": {"literal": "MOVED"}}, "wms.yaml:movement_type: the mapping of 'movement_type'"),
        ({"movement_type": {"field": "kind", "codes": {"in": "IN"}}}, "wms.yaml:movement_type"),
        ({"movement_qty": {"literal": "many"}}, "wms.yaml:movement_qty"),
        ({"movement_qty": {"fields": ["qty", "way"]}}, "wms.yaml:movement_qty"),
        ({"movement_qty": {"field": "qty", "zone": "UTC"}}, "wms.yaml:movement_qty"),
        ({"moved_at": {"field": "at", "factor": 2}}, "wms.yaml:moved_at"),
        ({"node": {"literal": None}}, "wms.yaml:node"),
    ],
)
def test_what_can_never_give_a_good_row_is_told_with_its_line(changes: dict[str, Any], told: str) -> None:
    mapping = {name: mapped for name, mapped in {**MOVEMENTS, **changes}.items() if mapped is not None}
    with pytest.raises(ConfigurationError) as raised:
        model(mapping)
    assert told in str(raised.value)


def test_a_map_of_codes_for_a_text_that_nothing_checks_must_say_what_becomes_of_the_others() -> None:
    customer = {"customer_id": "number", "status": {"literal": "ACTIVE"}}
    terms: dict[str, Any] = {"field": "terms", "codes": {"1": "NET30"}}
    with pytest.raises(ConfigurationError, match="otherwise"):
        model({**customer, "payment_terms": terms}, "customers")
    assert "payment_terms" in model({**customer, "payment_terms": {**terms, "otherwise": "keep"}}, "customers").columns


def test_every_contract_can_be_mapped_from_fields_of_the_same_names() -> None:
    for contract in CONTRACTS.values():
        made = model({column.name: column.name for column in contract.columns}, contract.name)
        assert sqlglot.parse_one(made.body, read="duckdb").named_selects[1:] == [c.name for c in contract.columns]


DECLARATION = """\
system: wms
title: WMS
role: wms
contract_version: "1"
freshness_seconds: 60
transport: {kind: memory}
entities:
  moves:
    contract: stock_movements
    fields: [number, item, unit, qty, kind, at]
    key: [number]
    mapping:
      movement_id: number
      node: {literal: EAST}
      sku: item
      uom: unit
      movement_qty: qty
      movement_type: kind
      moved_at: at
"""


@pytest.fixture
def start(tmp_path: Path) -> Any:
    """Load a declaration as the platform does at its start."""

    def started(text: str) -> SqlModel:
        file = tmp_path / "wms.yaml"
        file.write_text(text)
        (tmp_path / "10_snapshots").mkdir(exist_ok=True)
        registry = Registry.load([file], References({}), FixedClock(datetime(2026, 1, 15, 12, tzinfo=UTC)))
        (feed,) = canonical_feeds(registry, tmp_path, {"wms": file})
        return feed.mapping

    return started


def test_a_feed_with_a_mapping_needs_no_file(start: Any) -> None:
    assert start(DECLARATION).name == "snap_wms__moves"


def test_a_mapping_and_a_file_of_the_same_feed_are_refused(start: Any, tmp_path: Path) -> None:
    (tmp_path / "10_snapshots").mkdir()
    (tmp_path / "10_snapshots" / "snap_wms__moves.sql").write_text("select 1")
    with pytest.raises(ConfigurationError, match=r"wms.yaml:12: wms/moves has a mapping and the SQL file"):
        start(DECLARATION)


def test_neither_a_mapping_nor_a_file_is_an_error_that_names_both(start: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"neither a mapping nor the SQL file snap_wms__moves.sql"):
        start(DECLARATION.partition("    mapping:")[0])


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("      moved_at: at\n", "", 12),
        ("      sku: item\n", "      item_no: item\n      sku: item\n", 15),
        ("movement_type: kind", "movement_type: {field: kind, codes: {in: IN}}", 18),
        ("movement_qty: qty", "movement_qty: quantity", 17),
        ("movement_qty: qty", "movement_qty: {field: qty, factor: 0}", 17),
        ("movement_qty: qty", "movement_qty: {field: qty, sign: {field: way, negative: [out]}}", 17),
        ("moved_at: at", "moved_at: {field: at, zone: Mars/Olympus}", 19),
        ("moved_at: at", "moved_at: {field: at, format: '%d.%m.%Y'}", 19),
        ("moved_at: at", "moved_at: {field: at, epoch: seconds, zone: UTC}", 19),
        ("sku: item", "sku: {field: item, otherwise: keep}", 15),
        ("sku: item", "sku: {field: item, codes: {yes: EA}}", 15),
        ("sku: item", "sku: {column: item}", 15),
    ],
)
def test_an_error_in_a_mapping_names_its_line_at_the_start(start: Any, before: str, after: str, line: int) -> None:
    assert before in DECLARATION
    with pytest.raises(ConfigurationError, match=rf"wms\.yaml:{line}:"):
        start(DECLARATION.replace(before, after))


def test_a_mapping_survives_being_written_and_read_again() -> None:
    declared = yaml.safe_load(DECLARATION)["entities"]["moves"]
    mapping = {**MOVEMENTS, "sku": {"fields": ["item", "qty"]}}
    entity = MemoryEntity.model_validate({**declared, "mapping": mapping, "fields": list(ROW)})
    assert MemoryEntity.model_validate(entity.model_dump(mode="json")).mapping == entity.mapping

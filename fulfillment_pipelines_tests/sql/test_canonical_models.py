"""The canonical models: one vocabulary, base units, and the node a hold is seen from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.models import CanonicalModels
from fulfillment_pipelines.canonical.row_checks import empty_select
from fulfillment_pipelines.reconcile.example_lake import ExampleLake, Row
from fulfillment_pipelines.sql_models import read_model, read_models
from fulfillment_pipelines.warehouse import query_rows

ROOT = Path(__file__).parent.parent.parent
SqlRunner = Callable[..., Any]


_CASE_OF_SIX = "BRG-1001"
_CASE_OF_TWELVE = "VLV-1001"
_EACH_ONLY = "BRG-1002"
_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def canonical(example_lake: ExampleLake, request: pytest.FixtureRequest) -> SqlRunner:
    """Return a function that runs the model of a contract on feed rows, typed as admission types them."""

    def run(contract: str, rows: Sequence[Mapping[str, Any]], **others: Sequence[Row]) -> list[Mapping[str, Any]]:
        with example_lake.showing(others, example=request.node.name) as cursor:
            schema = query_rows(cursor, empty_select(CONTRACTS[contract])).schema
            for label in ("system", "role", "feed_node"):
                schema = schema.append(pa.field(label, pa.string()))
            filled = [{"system": "erp", "role": "erp", "feed_node": "", **row} for row in rows]
            cursor.register(f"feed_{contract}", pa.Table.from_pylist(filled, schema))
            model = read_model(ROOT / "sql" / "20_canonical" / f"canon_{contract}.sql")
            return list(query_rows(cursor, model.body).to_pylist())

    return run


def test_a_case_is_counted_by_the_item_s_own_factor(canonical: SqlRunner) -> None:
    row = {"sku": _CASE_OF_SIX, "uom": "CS", "ordered_qty": Decimal(5), "cancelled_qty": Decimal(1)}
    row |= {"allocated_qty": Decimal("0.5"), "unit_price": Decimal(30)}
    (line,) = canonical("order_lines", [row])
    assert (line["ordered_qty"], line["cancelled_qty"], line["allocated_qty"]) == (30, 6, 3)
    assert line["unit_price"] == 5


def test_the_same_unit_of_another_item_has_another_factor(canonical: SqlRunner) -> None:
    rows = [{"sku": sku, "uom": "CS", "ordered_qty": Decimal(1)} for sku in (_CASE_OF_SIX, _CASE_OF_TWELVE)]
    quantities = {line["sku"]: line["ordered_qty"] for line in canonical("order_lines", rows)}
    assert quantities == {_CASE_OF_SIX: 6, _CASE_OF_TWELVE: 12}


def test_a_base_unit_is_counted_as_it_is_for_every_item(canonical: SqlRunner) -> None:
    rows = [{"sku": sku, "uom": "EA", "ordered_qty": Decimal("7.25")} for sku in (_CASE_OF_SIX, _EACH_ONLY, "NEW-1")]
    assert [line["ordered_qty"] for line in canonical("order_lines", rows)] == [Decimal("7.25")] * 3


def test_a_price_that_does_not_divide_keeps_four_places(canonical: SqlRunner) -> None:
    (line,) = canonical("order_lines", [{"sku": _CASE_OF_SIX, "uom": "CS", "unit_price": Decimal(20)}])
    assert line["unit_price"] == Decimal("3.3333")


def test_an_amount_is_not_divided_by_the_unit(canonical: SqlRunner) -> None:
    (line,) = canonical("order_lines", [{"sku": _CASE_OF_SIX, "uom": "CS", "freight_amount": Decimal("7.50")}])
    assert line["freight_amount"] == Decimal("7.50")


def _items_of(canonical: SqlRunner, references: Sequence[Row], lines: Sequence[Row]) -> dict[str, str | None]:
    """Return, by order, the items of lines of SO-1, of customer C-1, and SO-2, of C-2, by these references."""
    orders = [{"role": "erp", "order_id": f"SO-{number}", "customer_id": f"C-{number}"} for number in (1, 2)]
    others = {"canon_orders": orders, "canon_cross_references": references}
    return {line["order_id"]: line["sku"] for line in canonical("order_lines", lines, **others)}


def test_one_number_of_two_customers_stands_for_the_item_of_each(canonical: SqlRunner) -> None:
    references = [{"party_id": "C-1", "own_id": _CASE_OF_SIX}, {"party_id": "C-2", "own_id": _CASE_OF_TWELVE}]
    lines = [{"order_id": order, "foreign_sku": "X-1", "uom": "EA"} for order in ("SO-1", "SO-2")]
    assert _items_of(canonical, references, lines) == {"SO-1": _CASE_OF_SIX, "SO-2": _CASE_OF_TWELVE}


def test_a_number_of_another_customer_stands_for_nothing(canonical: SqlRunner) -> None:
    line = {"order_id": "SO-1", "foreign_sku": "X-1", "uom": "EA"}
    assert _items_of(canonical, [{"party_id": "C-2"}], [line]) == {"SO-1": None}


def test_a_number_that_stands_for_two_items_of_its_customer_stands_for_none(canonical: SqlRunner) -> None:
    line = {"order_id": "SO-1", "foreign_sku": "X-1", "uom": "EA"}
    assert _items_of(canonical, [{"own_id": _CASE_OF_SIX}, {"own_id": _CASE_OF_TWELVE}], [line]) == {"SO-1": None}


def test_an_item_that_is_said_counts_whatever_the_customer_calls_it(canonical: SqlRunner) -> None:
    line = {"order_id": "SO-1", "sku": _EACH_ONLY, "foreign_sku": "X-1", "uom": "EA"}
    assert _items_of(canonical, [{"own_id": _CASE_OF_SIX}], [line]) == {"SO-1": _EACH_ONLY}


def test_an_order_of_the_same_number_in_another_system_says_nothing_of_the_customer(canonical: SqlRunner) -> None:
    line = {"system": "portal", "role": "channel", "order_id": "SO-1", "foreign_sku": "X-1", "uom": "EA"}
    assert _items_of(canonical, [{}], [line]) == {"SO-1": None}


@pytest.mark.parametrize(
    ("changed", "noted"),
    [
        ({"contract": "orders", "source_key": "SO-1", "order_id": "SO-1", "customer_id": "C-2"}, {"SO-1/1"}),
        ({"contract": "cross_references", "source_key": "1", "foreign_id": "X-1"}, {"SO-1/1", "SO-2/1"}),
        ({"contract": "orders", "system": "portal", "source_key": "SO-1", "order_id": "SO-1"}, set()),
        ({"contract": "holds", "source_key": "H-1", "order_id": "SO-1"}, set()),
    ],
    ids=["its order becomes another customer's", "its number stands for another", "another system's", "a hold"],
)
def test_a_line_is_made_anew_when_what_its_number_stands_for_may_have_changed(
    example_lake: ExampleLake, changed: Row, noted: set[str]
) -> None:
    lines = [
        {"role": "erp", "source_key": "SO-1/1", "order_id": "SO-1", "foreign_sku": "X-1"},
        {"role": "erp", "source_key": "SO-1/2", "order_id": "SO-1", "line_no": 2},
        {"role": "erp", "source_key": "SO-2/1", "order_id": "SO-2", "foreign_sku": "X-1"},
    ]
    key = {"system": "erp", "snapshot_id": "snap-1", **changed}
    tables = {"canon_order_lines": lines, "ops_changed_keys": [key]}
    models = CanonicalModels(read_models(ROOT / "sql" / "20_canonical"), [])
    with example_lake.showing(tables, example="changed") as cursor:
        contracts = models.note_changes(cursor)
        rows = query_rows(cursor, "select source_key from changed_keys where contract = 'order_lines'").to_pylist()
    assert {row["source_key"] for row in rows} == noted
    assert ("order_lines" in contracts) is bool(noted)


def test_what_was_not_said_stays_unsaid(canonical: SqlRunner) -> None:
    (line,) = canonical("order_lines", [{"sku": _EACH_ONLY, "uom": "EA", "ordered_qty": Decimal(1)}])
    assert (line["allocated_qty"], line["node"], line["promised_at"]) == (None, None, None)


@pytest.mark.parametrize(
    ("contract", "columns"),
    [
        ("releases", ("released_qty", "picked_qty")),
        ("shipment_lines", ("shipped_qty",)),
        ("stock_levels", ("on_hand_qty", "reserved_qty", "available_qty")),
        ("stock_movements", ("movement_qty",)),
    ],
)
def test_every_quantity_of_an_item_is_in_base_units(
    canonical: SqlRunner, contract: str, columns: tuple[str, ...]
) -> None:
    row = {"sku": _CASE_OF_TWELVE, "uom": "CS", **dict.fromkeys(columns, Decimal(-2))}
    (found,) = canonical(contract, [row])
    assert {column: found[column] for column in columns} == dict.fromkeys(columns, -24)


def test_an_invoice_names_no_item_and_is_counted_by_the_general_factor(canonical: SqlRunner) -> None:
    row = {"uom": "EA", "invoiced_qty": Decimal(3), "unit_price": Decimal("2.50"), "line_amount": Decimal("7.50")}
    (line,) = canonical("invoice_lines", [row])
    assert (line["invoiced_qty"], line["unit_price"], line["line_amount"]) == (3, Decimal("2.50"), Decimal("7.50"))


def test_a_hold_is_seen_from_the_site_of_its_system(canonical: SqlRunner) -> None:
    rows = [
        {"hold_id": "H-1", "system": "erp", "role": "erp"},
        {"hold_id": "H-1", "system": "wms_east", "role": "wms", "feed_node": "EAST"},
    ]
    assert {hold["role"]: hold["node"] for hold in canonical("holds", rows)} == {"erp": "", "wms": "EAST"}


@pytest.mark.parametrize("contract", sorted(CONTRACTS))
def test_a_model_keeps_every_row_once_and_knows_where_it_is_from(canonical: SqlRunner, contract: str) -> None:
    labels = {"source_key": "K-1", "snapshot_id": "snap-1", "as_of": _NOON}
    unit = {"uom": "EA"} if CONTRACTS[contract].has_column("uom") else {}
    rows = [{**labels, **unit}, {**labels, **unit, "source_key": "K-2", "system": "other", "role": "channel"}]
    found = [(row["system"], row["role"], row["source_key"], row["snapshot_id"]) for row in canonical(contract, rows)]
    assert sorted(found) == [("erp", "erp", "K-1", "snap-1"), ("other", "channel", "K-2", "snap-1")]


@pytest.mark.parametrize("contract", sorted(CONTRACTS))
def test_a_model_gives_every_column_of_its_contract_but_the_unit(canonical: SqlRunner, contract: str) -> None:
    unit = {"uom": "EA"} if CONTRACTS[contract].has_column("uom") else {}
    (row,) = canonical(contract, [unit])
    assert {column.name for column in CONTRACTS[contract].columns} - {"uom"} <= set(row)

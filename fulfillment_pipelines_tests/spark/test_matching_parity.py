"""The selects of document matching read the same on Spark as in DuckDB, in a full run and in the run after a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fulfillment_pipelines.canonical.reference import ReferenceData
from fulfillment_pipelines.engines import Selecting
from fulfillment_pipelines.reconcile.example_lake import ExampleLake
from fulfillment_pipelines.reconcile.matching import DocumentMatcher, MatchingPolicy, read_matching_policy
from fulfillment_pipelines.reconcile.matching.matcher import TABLE
from fulfillment_pipelines.reconcile.rule_tests import EXAMPLE_NOW
from fulfillment_pipelines.reconcile.tolerances import Tolerances
from fulfillment_pipelines.sql_models import read_models, retarget
from fulfillment_pipelines.warehouse import Connection
from fulfillment_pipelines_tests.spark.comparing import ComparingEngine

Row = dict[str, Any]
World = dict[str, list[Row]]
_MADE_IN_PLACE = {TABLE}  # creates the table, and is no select


class _ComparingMatcher(DocumentMatcher):
    """A matcher whose every select is worked out on both engines before it is staged."""

    selecting: Selecting

    def _stage(self, transaction: Connection, name: str, names: Mapping[str, str] | None = None) -> None:
        model = self._models[name]
        self.selecting(replace(model, body=retarget(model.body, names)) if names else model, {})
        super()._stage(transaction, name, names)

    def _match(self, transaction: Connection, policy: MatchingPolicy) -> None:
        super()._match(transaction, policy)
        limits = {name: getattr(policy, name) for name in self._models["match_pairs"].parameters}
        self.selecting(self._models["match_pairs"], limits)

    def _run_changed(self, transaction: Connection, policy: MatchingPolicy) -> bool:
        moved = super()._run_changed(transaction, policy)
        self.selecting(self._models["match_moved_orders"], {})
        return moved


def _at(hour: int) -> datetime:
    return datetime(2026, 3, 2, hour, tzinfo=UTC)


def _order(number: int) -> Row:
    return {"role": "erp", "order_id": f"SO-{number}", "source_key": f"SO-{number}"}


def _leg(number: int, hour: int, shipped_qty: int) -> list[Row]:
    key = f"SH-{number}{hour}"
    leg = {"shipment_id": key, "source_key": key, "line_no": 1, "sku": "VLV-1", "shipped_qty": shipped_qty}
    return [{**_order(number), **leg, "role": role, "shipped_at": _at(hour)} for role in ("wms", "erp")]


def _document(number: int, invoiced_qty: int, unit_price: str, **others: Any) -> Row:
    return {
        "role": "finance",
        "invoice_id": f"IN-{number}",
        "source_key": f"IN-{number}/1",
        "order_id": None,
        "line_no": None,
        "shipment_id": None,
        "customer_id": "C-1",
        "sku": "VLV-1",
        "invoiced_qty": invoiced_qty,
        "unit_price": unit_price,
        "line_amount": "33.35",
        "posted_at": _at(11),
        **others,
    }


def _world() -> World:
    """Three orders of one customer and item, and documents that name them misspelled, half or not at all."""
    orders = [_order(number) for number in (1, 2, 3)]
    return {
        "canon_orders": [{**order, "customer_id": "C-1"} for order in orders],
        "canon_order_lines": [{**order, "line_no": 1, "sku": "VLV-1", "unit_price": "12.3450"} for order in orders],
        "canon_shipment_lines": [*_leg(1, 2, 3), *_leg(1, 7, 2), *_leg(2, 3, 4), *_leg(3, 9, 5)],
        "canon_invoice_lines": [
            _document(1, 5, "12.3450", order_id="S0 1"),
            _document(2, 4, "12.4067"),
            _document(3, 3, "11.9999"),
            _document(4, 1, "12.3450", document_type="CREDIT_MEMO"),
            _document(5, 2, "12.3450", customer_id=None, sku=None, order_id="XX"),
        ],
    }


def test_every_select_of_matching_reads_the_same_on_both(
    sql_folder: Path, seeds: Path, reference: ReferenceData, tolerances: Tolerances, comparing: ComparingEngine
) -> None:
    folder = sql_folder / "30_reconcile" / "matching"
    matcher = _ComparingMatcher(folder, read_matching_policy(seeds / "matching.yaml"))
    lake = ExampleLake(sql_folder, reference=reference, tolerances=tolerances, now=EXAMPLE_NOW)
    changed = {"contract": "invoice_lines", "system": "finance", "source_key": "IN-2/1", "order_id": "SO-2"}
    first, later = _world(), _world()
    later["canon_invoice_lines"][1]["invoiced_qty"] = 2
    for world, changes in ((first, []), (later, [changed])):
        with lake.showing({**world, "ops_changed_keys": changes}, example="a world") as cursor:
            cursor.execute("create or replace temp table affected_orders (key varchar)")
            cursor.execute("insert into affected_orders select order_id from ops_changed_keys")
            with comparing.running(cursor) as matcher.selecting:
                matcher.run(cursor, frozenset({TABLE}), full=not changes)
    lake.close()
    assert comparing.differences == []
    assert set(comparing.rows) == {model.name for model in read_models(folder)} - _MADE_IN_PLACE
    assert [name for name, rows in comparing.rows.items() if not rows] == []

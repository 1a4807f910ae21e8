"""Each invariant holds on rows that keep it and fails on rows that break it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row, Tables

ROOT = Path(__file__).parent.parent.parent
SqlRunner = Callable[..., Any]


_LINE: Row = {
    "ordered_qty": 10,
    "cancelled_qty": 1,
    "allocated_qty": 2,
    "released_qty": 10,
    "taken_in_qty": 10,
    "picked_qty": 8,
    "packed_qty": 7,
    "shipped_qty": 10,
    "confirmed_qty": 10,
    "delivered_qty": 6,
    "returned_qty": 3,
    "invoiced_qty": 12,
    "credited_qty": 2,
}
_SAID: Tables = {
    "canon_order_lines": [{"cancelled_qty": 1, "allocated_qty": 2}],
    "canon_releases": [{"role": "erp"}, {"role": "wms", "picked_qty": 8}],
    "canon_packs": [{"packed_qty": 7}],
    "canon_shipment_lines": [{"role": "wms"}, {"role": "erp"}, {"role": "channel"}],
    "canon_delivery_lines": [{"delivered_qty": 6}],
    "canon_returns": [{"returned_qty": 3}, {"order_id": "SO-9"}],
    "canon_invoice_lines": [
        {"invoiced_qty": 12},
        {"invoice_id": "CM-1", "document_type": "CREDIT_MEMO", "invoiced_qty": 2},
        {"invoice_id": "IN-9", "status": "VOID"},
    ],
}
_SPREAD: Row = {
    "ordered_qty": 20,
    "cancelled_qty": 2,
    "open_qty": 1,
    "backordered_qty": 2,
    "allocated_unreleased_qty": 1,
    "released_unpicked_qty": 2,
    "picked_unshipped_qty": 1,
    "short_closed_qty": 2,
    "shipped_qty": 10,
    "overshipped_qty": 1,
    "in_transit_qty": 4,
    "kept_qty": 4,
    "returned_qty": 2,
    "lost_qty": 1,
    "overdelivered_qty": 1,
    "claimed_qty": 1,
    "billed_qty": 5,
    "unbilled_qty": 3,
    "overbilled_qty": 1,
}
"""A line with a unit in every bucket; no real line has all of them at once."""

_STATES: Row = {
    "order_id": "SO-1",
    "line_no": 1,
    "order_state": "ACCEPTED",
    "line_state": "OPEN",
    "hold_state": "NOT_REQUIRED",
    "release_state": "NOT_SENT",
    "shipment_state": "PLANNED",
    "invoice_state": "NOT_DUE",
}
_AXES = [name for name in _STATES if name.endswith("_state")]
_DOCUMENT: Row = {"system": "finance", "source_key": "IN-1/1"}
_MATCHES: list[Row] = [
    {"system": "finance", "source_key": "IN-1/1", "billed_qty": 6},
    {"system": "finance", "source_key": "IN-1/1", "billed_qty": 4},
]
_BILLED: Tables = {
    "canon_invoice_lines": [_DOCUMENT, {**_DOCUMENT, "source_key": "IN-2/1"}],
    "rec_document_matches": _MATCHES,
    "rec_billed_lines": [{"system": "finance", "invoiced_qty": qty} for qty in (6, 4, 10)],
}
_PERFECT: Row = {
    "node": "EAST",
    "population_count": 6,
    "unknown_count": 1,
    "known_count": 5,
    "perfect_count": 2,
    "on_time_count": 4,
    "complete_count": 4,
    "undamaged_count": 5,
    "accurate_documents_count": 4,
}
_KEPT: dict[str, Tables] = {
    "buckets_conserved": {"rec_quantity_ledger": [_SPREAD]},
    "findings_unique": {"rec_findings": [{}, {"node": "WEST"}, {"code": "SHP-02"}, {"business_key": "SH-2/SO-1/1"}]},
    "landing_conserved": {
        "ops_snapshots": [
            {},
            {
                "mapped_rows": 15,
                "inserted_rows": 5,
                "updated_rows": 4,
                "unchanged_rows": 3,
                "superseded_rows": 2,
                "quarantined_rows": 1,
            },
        ]
    },
    "matches_conserved": _BILLED,
    "perfect_orders_bounded": {"kpi_perfect_order": [_PERFECT]},
    "quantities_conserved": {**_SAID, "rec_quantity_ledger": [_LINE]},
    "residuals_explained": {"rec_unexplained": []},
    "states_complete": {
        "rec_quantity_ledger": [{}, {"line_no": 2}],
        "rec_line_states": [_STATES, {**_STATES, "line_no": 2}],
    },
    "verdicts_complete": {
        "rec_quantity_ledger": [{}, {"line_no": 2}],
        "rec_line_verdicts": [
            {"order_id": "SO-1", "line_no": 1, "verdict": "AGREE"},
            {"order_id": "SO-1", "line_no": 2, "verdict": "DIFFER"},
        ],
    },
}
_BROKEN: list[tuple[str, str, Tables]] = [
    *(
        ("perfect_orders_bounded", f"{perfect} of 5 are perfect", {"kpi_perfect_order": [{**_PERFECT, **said}]})
        for perfect, said in ((5, {"perfect_count": 5}), (1, {"perfect_count": 1}))
    ),
    ("perfect_orders_bounded", "an order was lost", {"kpi_perfect_order": [{**_PERFECT, "unknown_count": 0}]}),
    ("findings_unique", "a finding stands twice", {"rec_findings": [{}, {}]}),
    ("landing_conserved", "a row vanished", {"ops_snapshots": [{"inserted_rows": 9}]}),
    ("landing_conserved", "a row was counted twice", {"ops_snapshots": [{"updated_rows": 1}]}),
    ("landing_conserved", "a landed row was never mapped", {"ops_snapshots": [{"landed_rows": 11}]}),
    *(
        ("buckets_conserved", f"{quantity} was lost", {"rec_quantity_ledger": [{**_SPREAD, quantity: 9}]})
        for quantity in _SPREAD
    ),
    (
        "buckets_conserved",
        "a bucket holds less than nothing",
        {"rec_quantity_ledger": [{**_SPREAD, "open_qty": -1, "backordered_qty": 4}]},
    ),
    (
        "matches_conserved",
        "more is matched than billed",
        {**_BILLED, "rec_document_matches": [*_MATCHES, {**_MATCHES[0], "billed_qty": 1}]},
    ),
    (
        "matches_conserved",
        "a matched document is unknown",
        {**_BILLED, "canon_invoice_lines": [{**_DOCUMENT, "source_key": "IN-9"}]},
    ),
    (
        "matches_conserved",
        "a document line was forgotten",
        {**_BILLED, "rec_billed_lines": [{"system": "finance", "invoiced_qty": 10}]},
    ),
    *(
        (
            "states_complete",
            f"a line has no {axis}",
            {"rec_quantity_ledger": [{}], "rec_line_states": [{**_STATES, axis: None}]},
        )
        for axis in _AXES
    ),
    (
        "states_complete",
        "a line stands twice",
        {"rec_quantity_ledger": [{}], "rec_line_states": [_STATES, _STATES]},
    ),
    *(
        ("quantities_conserved", f"{quantity} was lost", {**_SAID, "rec_quantity_ledger": [{**_LINE, quantity: 9}]})
        for quantity in _LINE
    ),
    ("quantities_conserved", "a line stands twice", {**_SAID, "rec_quantity_ledger": [_LINE, _LINE]}),
    ("quantities_conserved", "a line was forgotten", {**_SAID, "rec_quantity_ledger": []}),
    (
        "residuals_explained",
        "a residual has no finding",
        {"rec_unexplained": [{"edge": "shipped", "business_key": "SO-1/1", "node": "EAST", "residual_qty": 1}]},
    ),
    ("verdicts_complete", "a line has no verdict", {"rec_quantity_ledger": [{}]}),
    (
        "verdicts_complete",
        "a line has two verdicts",
        {
            "rec_quantity_ledger": [{}],
            "rec_line_verdicts": [
                {"order_id": "SO-1", "line_no": 1, "verdict": verdict} for verdict in ("AGREE", "TIMING")
            ],
        },
    ),
]


@pytest.mark.parametrize("check", list(_KEPT))
def test_an_invariant_that_is_kept_returns_no_row(run_sql: SqlRunner, check: str) -> None:
    assert run_sql(f"checks/{check}.sql", _KEPT[check]) == []


@pytest.mark.parametrize(
    ("check", "tables"), [pytest.param(check, tables, id=f"{check}: {how}") for check, how, tables in _BROKEN]
)
def test_an_invariant_that_is_broken_returns_rows(run_sql: SqlRunner, check: str, tables: Tables) -> None:
    assert run_sql(f"checks/{check}.sql", tables)


def test_every_invariant_is_shown_kept_and_broken() -> None:
    checks = {path.stem for path in Path(ROOT / "sql" / "checks").glob("*.sql")}
    assert checks == set(_KEPT) == {check for check, _, _ in _BROKEN}

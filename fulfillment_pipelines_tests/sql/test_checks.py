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
    "released_qty": 10,
    "shipped_qty": 10,
    "confirmed_qty": 10,
    "invoiced_qty": 12,
    "credited_qty": 2,
}
_SAID: Tables = {
    "canon_order_lines": [{}],
    "canon_releases": [{"role": "erp"}, {"role": "wms"}],
    "canon_shipment_lines": [{"role": "wms"}, {"role": "erp"}],
    "canon_invoice_lines": [
        {"invoiced_qty": 12},
        {"invoice_id": "CM-1", "document_type": "CREDIT_MEMO", "invoiced_qty": 2},
        {"invoice_id": "IN-9", "status": "VOID"},
    ],
}
_KEPT: dict[str, Tables] = {
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
    "quantities_conserved": {**_SAID, "rec_quantity_ledger": [_LINE]},
    "residuals_explained": {"rec_unexplained": []},
    "verdicts_complete": {
        "rec_quantity_ledger": [{}, {"line_no": 2}],
        "rec_line_verdicts": [
            {"order_id": "SO-1", "line_no": 1, "verdict": "AGREE"},
            {"order_id": "SO-1", "line_no": 2, "verdict": "DIFFER"},
        ],
    },
}
_BROKEN: list[tuple[str, str, Tables]] = [
    ("findings_unique", "a finding stands twice", {"rec_findings": [{}, {}]}),
    ("landing_conserved", "a row vanished", {"ops_snapshots": [{"inserted_rows": 9}]}),
    ("landing_conserved", "a row was counted twice", {"ops_snapshots": [{"updated_rows": 1}]}),
    ("landing_conserved", "a landed row was never mapped", {"ops_snapshots": [{"landed_rows": 11}]}),
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

"""A residual must be explained by a finding of a rule that speaks of its edge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row, Scalar
from fulfillment_pipelines.reconcile.rule_tests import EXAMPLE_NOW

SqlRunner = Callable[..., Any]


_STOCK_FINDING = {"code": "INV-01", "business_key": "VLV-1", "order_id": "", "line_no": None}


@pytest.fixture
def unexplained(run_sql: SqlRunner) -> SqlRunner:
    def run(*, reads_invoices: bool = True, **tables: list[Row]) -> list[tuple[str, str, str]]:
        feeds = list(tables.pop("rec_feeds", []))
        if reads_invoices and not any(feed["contract"] == "invoice_lines" for feed in feeds):
            feeds.append({"role": "finance", "contract": "invoice_lines", "node": ""})
        rows = run_sql("30_reconcile/rec_unexplained.sql", {**tables, "rec_feeds": feeds})
        return sorted((row["edge"], row["business_key"], row["node"]) for row in rows)

    return run


def test_a_ledger_without_residuals_needs_no_explanation(unexplained: SqlRunner) -> None:
    assert unexplained(rec_quantity_ledger=[{}], rec_stock_ledger=[{}]) == []


@pytest.mark.parametrize("edge", ["ordered", "released", "shipped", "delivered", "billed"])
@pytest.mark.parametrize("residual", [1, -1, 0.0001])
def test_a_residual_of_which_no_rule_speaks_is_unexplained(unexplained: SqlRunner, edge: str, residual: Scalar) -> None:
    found = unexplained(rec_quantity_ledger=[{f"residual_{edge}_qty": residual}])
    assert found == [(edge, "SO-1/1", "EAST")]


def test_what_was_billed_is_not_compared_where_no_invoices_are_read(unexplained: SqlRunner) -> None:
    ledger = [{"residual_billed_qty": 1, "residual_shipped_qty": 1}]
    assert unexplained(reads_invoices=False, rec_quantity_ledger=ledger) == [("shipped", "SO-1/1", "EAST")]


def test_a_finding_explains_the_edges_its_rule_names(unexplained: SqlRunner) -> None:
    ledger = [{"residual_released_qty": 1, "residual_shipped_qty": 1, "residual_billed_qty": 1}]
    assert unexplained(rec_quantity_ledger=ledger, rec_findings=[{"code": "SHP-01"}]) == [
        ("released", "SO-1/1", "EAST")
    ]


@pytest.mark.parametrize("verdict", ["TIMING", "UNKNOWN", "DIFFER"])
def test_a_young_or_doubtful_finding_explains_as_well(unexplained: SqlRunner, verdict: str) -> None:
    ledger = [{"residual_shipped_qty": 1}]
    assert unexplained(rec_quantity_ledger=ledger, rec_findings=[{"verdict": verdict}]) == []


@pytest.mark.parametrize("other", [{"order_id": "SO-2"}, {"line_no": 2}, {"code": "CRD-03"}])
def test_a_finding_of_something_else_explains_nothing(unexplained: SqlRunner, other: Row) -> None:
    ledger = [{"residual_shipped_qty": 1}]
    assert unexplained(rec_quantity_ledger=ledger, rec_findings=[other]) == [("shipped", "SO-1/1", "EAST")]


def test_a_finding_of_the_whole_order_explains_each_line(unexplained: SqlRunner) -> None:
    ledger = [{"line_no": 1, "residual_ordered_qty": 1}, {"line_no": 2, "residual_ordered_qty": 1}]
    finding = {"code": "INT-03", "line_no": None}
    assert unexplained(rec_quantity_ledger=ledger, rec_findings=[finding]) == []


def test_a_quarantined_row_of_the_order_explains_its_residuals(unexplained: SqlRunner) -> None:
    ledger = [{"residual_shipped_qty": 1}]
    assert unexplained(rec_quantity_ledger=ledger, ops_open_quarantine=[{"order_id": "SO-1"}]) == []


@pytest.mark.parametrize("edge", ["shipped", "billed"])
def test_what_a_site_that_never_spoke_could_explain_is_not_known_yet(unexplained: SqlRunner, edge: str) -> None:
    ledger = [{"node": node, f"residual_{edge}_qty": 1} for node in ("EAST", "WEST")]
    heard = {"role": "wms", "contract": "shipment_lines", "system": "wms_west", "node": "WEST"}
    unheard = heard | {"system": "wms_east", "node": "EAST", "as_of": None}
    assert unexplained(rec_quantity_ledger=ledger, rec_feeds=[heard, unheard]) == [(edge, "SO-1/1", "WEST")]


def test_a_line_whose_site_nobody_named_may_be_at_one_that_never_spoke(unexplained: SqlRunner) -> None:
    unheard = {"role": "wms", "contract": "releases", "node": "EAST", "as_of": None}
    ledger = [{"node": "", "residual_released_qty": 1}]
    assert unexplained(rec_quantity_ledger=ledger, rec_feeds=[unheard]) == []


def test_a_site_that_spoke_once_and_is_silent_now_must_be_explained(unexplained: SqlRunner) -> None:
    silent = {"role": "wms", "contract": "shipment_lines", "node": "EAST", "state": "FAILED"}
    ledger = [{"residual_shipped_qty": 1}]
    assert unexplained(rec_quantity_ledger=ledger, rec_feeds=[silent]) == [("shipped", "SO-1/1", "EAST")]


def test_stock_of_a_site_that_never_spoke_is_not_known_yet(unexplained: SqlRunner) -> None:
    unheard = {"role": "wms", "contract": "stock_levels", "node": "EAST", "as_of": None}
    ledger = [{"residual_on_hand_qty": 6}]
    assert unexplained(rec_stock_ledger=ledger, rec_feeds=[unheard]) == []


_BOOKED = [
    ("released", "last_taken_in_at", {"role": "erp", "contract": "releases", "node": ""}),
    ("shipped", "last_confirmed_at", {"role": "wms", "contract": "shipment_lines", "node": "EAST"}),
    ("billed", "last_posted_at", {"role": "wms", "contract": "shipment_lines", "node": "EAST"}),
]


@pytest.mark.parametrize(("edge", "booked", "feed"), _BOOKED)
def test_what_was_booked_after_the_other_system_was_read_is_no_residual(
    unexplained: SqlRunner, edge: str, booked: str, feed: Row
) -> None:
    ledger = [{f"residual_{edge}_qty": -1, booked: EXAMPLE_NOW + timedelta(seconds=1)}]
    assert unexplained(rec_quantity_ledger=ledger, rec_feeds=[feed]) == []


@pytest.mark.parametrize(("edge", "booked", "feed"), _BOOKED)
@pytest.mark.parametrize(("residual", "late"), [(-1, timedelta(minutes=-61)), (1, timedelta(seconds=1))])
def test_what_the_other_system_could_have_shown_is_a_residual(  # noqa: PLR0917 - two tables of cases, crossed
    unexplained: SqlRunner, edge: str, booked: str, feed: Row, residual: Scalar, late: timedelta
) -> None:
    ledger = [{f"residual_{edge}_qty": residual, booked: EXAMPLE_NOW + late}]
    assert unexplained(rec_quantity_ledger=ledger, rec_feeds=[feed]) == [(edge, "SO-1/1", "EAST")]


def test_a_draft_may_be_as_young_as_the_reading_of_finance(unexplained: SqlRunner) -> None:
    site = {"role": "wms", "contract": "shipment_lines", "node": "EAST"}
    finance = {"role": "finance", "contract": "invoice_lines", "system": "finance"}
    old = EXAMPLE_NOW - timedelta(hours=1)
    draft = [{"residual_billed_qty": -1, "last_posted_at": old, "has_undated_document": True}]
    assert unexplained(rec_quantity_ledger=draft, rec_feeds=[site, finance]) == []
    posted = [{"residual_billed_qty": -1, "last_posted_at": old, "has_undated_document": False}]
    assert unexplained(rec_quantity_ledger=posted, rec_feeds=[site, finance]) == [("billed", "SO-1/1", "EAST")]


def test_a_release_taken_in_is_on_its_way_back_for_an_hour(unexplained: SqlRunner) -> None:
    erp = {"role": "erp", "contract": "releases", "node": ""}
    young = [{"residual_released_qty": -1, "last_taken_in_at": EXAMPLE_NOW - timedelta(minutes=59)}]
    assert unexplained(rec_quantity_ledger=young, rec_feeds=[erp]) == []


def test_stock_within_the_tolerance_needs_no_explanation(unexplained: SqlRunner) -> None:
    within = [{"residual_on_hand_qty": 5}, {"node": "WEST", "wms_on_hand_qty": 1, "residual_on_hand_qty": -2}]
    assert unexplained(rec_stock_ledger=within) == []


@pytest.mark.parametrize("residual", [5.0001, -5.0001])
def test_stock_above_the_tolerance_must_be_explained(unexplained: SqlRunner, residual: Scalar) -> None:
    ledger = [{"residual_on_hand_qty": residual}]
    assert unexplained(rec_stock_ledger=ledger) == [("on_hand", "VLV-1", "EAST")]
    assert unexplained(rec_stock_ledger=ledger, rec_findings=[_STOCK_FINDING]) == []


def test_a_finding_at_another_site_explains_nothing(unexplained: SqlRunner) -> None:
    finding = {**_STOCK_FINDING, "node": "WEST"}
    found = unexplained(rec_stock_ledger=[{"residual_on_hand_qty": 6}], rec_findings=[finding])
    assert found == [("on_hand", "VLV-1", "EAST")]


def test_false_availability_must_be_explained_while_demand_is_open(unexplained: SqlRunner) -> None:
    promised = {"residual_available_qty": 3}
    assert unexplained(rec_stock_ledger=[promised]) == [("available", "VLV-1", "EAST")]
    assert unexplained(rec_stock_ledger=[{**promised, "open_demand_qty": 0}]) == []
    assert unexplained(rec_stock_ledger=[{"residual_available_qty": 2}]) == []
    assert unexplained(rec_stock_ledger=[{"residual_available_qty": -3}]) == []


def test_an_order_that_waits_for_a_mapping_is_told_by_the_number(unexplained: SqlRunner) -> None:
    ledger = [{"order_id": "P-1", "residual_ordered_qty": 1, "residual_billed_qty": 1}]
    intake = [{"order_id": "P-1", "line_no": 1, "reference_key": "ITEM/C-1/X-9"}]
    finding = {"code": "INT-05", "business_key": "ITEM/C-1/X-9", "node": "", "order_id": "", "line_no": None}
    found = unexplained(rec_quantity_ledger=ledger, rec_order_intake=intake, rec_findings=[finding])
    assert found == [("billed", "P-1/1", "EAST")]
    other = {**finding, "business_key": "ITEM/C-1/X-8"}
    assert ("ordered", "P-1/1", "EAST") in unexplained(
        rec_quantity_ledger=ledger, rec_order_intake=intake, rec_findings=[other]
    )


@pytest.mark.parametrize(("abc_class", "residual", "is_told"), [("A", 5, True), ("B", 5, True), ("C", 5, False)])
def test_stock_is_held_against_the_tolerance_of_its_class(
    unexplained: SqlRunner,
    abc_class: str,
    residual: Scalar,
    is_told: bool,
) -> None:
    ledger = [{"abc_class": abc_class, "residual_on_hand_qty": residual}]
    assert bool(unexplained(rec_stock_ledger=ledger)) is is_told


def test_a_finding_about_a_shipment_explains_every_line_on_it(unexplained: SqlRunner) -> None:
    ledger = [{"order_id": order_id, "residual_delivered_qty": 1} for order_id in ("SO-1", "SO-2", "SO-3")]
    finding = {"code": "SHP-04", "business_key": "SH-1", "scope_key": "SH-1", "line_no": None}
    legs = [
        {"role": "wms"},
        {"role": "wms", "order_id": "SO-2"},
        {"role": "wms", "order_id": "SO-3", "shipment_id": "SH-3"},
    ]
    found = unexplained(rec_quantity_ledger=ledger, rec_findings=[finding], canon_shipment_lines=legs)
    assert found == [("delivered", "SO-3/1", "EAST")]

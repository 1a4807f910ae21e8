"""The quantity ledger of order lines and the stock ledger of items: what adds up, and what is left over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row
from fulfillment_pipelines.reconcile.rule_tests import EXAMPLE_NOW

SqlRunner = Callable[..., Any]


_QUANTITIES = "30_reconcile/rec_quantity_ledger.sql"
_STOCK = "30_reconcile/rec_stock_ledger.sql"
_EDGES = ("ordered", "released", "shipped", "delivered", "billed")
_STEPS = (
    "open",
    "backordered",
    "allocated_unreleased",
    "released_unpicked",
    "picked_unshipped",
    "short_closed",
    "overshipped",
    "in_transit",
    "kept",
    "lost",
    "overdelivered",
    "unbilled",
    "overbilled",
)


def _residuals(line: Mapping[str, Any]) -> dict[str, int]:
    return {edge: int(line[f"residual_{edge}_qty"]) for edge in _EDGES if line[f"residual_{edge}_qty"]}


def _buckets(line: Mapping[str, Any]) -> dict[str, int]:
    return {step: int(line[f"{step}_qty"]) for step in _STEPS if line[f"{step}_qty"]}


@pytest.fixture
def only_line(run_sql: SqlRunner) -> SqlRunner:
    def run(**tables: Sequence[Row]) -> Mapping[str, Any]:
        (line,) = run_sql(_QUANTITIES, {"canon_orders": [{}], "canon_order_lines": [{}], **tables})
        return line

    return run


def test_a_line_that_all_systems_agree_on_leaves_nothing(only_line: SqlRunner) -> None:
    line = only_line(
        canon_orders=[{"channel_order_id": "P-1"}, {"role": "channel", "order_id": "P-1"}],
        canon_order_lines=[{}, {"role": "channel", "order_id": "P-1"}],
        canon_releases=[{"role": "erp"}, {"role": "wms", "picked_qty": 10}],
        canon_shipment_lines=[{"role": "wms"}, {"role": "erp"}],
        canon_invoice_lines=[{}],
    )
    assert _residuals(line) == {}
    assert (line["order_id"], line["channel_order_id"], line["channel_ordered_qty"]) == ("SO-1", "P-1", 10)
    assert line["picked_qty"] == 10
    assert _buckets(line) == {"in_transit": 10}


def test_a_release_that_was_not_taken_in_is_left_over(only_line: SqlRunner) -> None:
    line = only_line(canon_releases=[{"role": "erp"}])
    assert _residuals(line) == {"released": 10}
    assert _buckets(line) == {"released_unpicked": 10}


def test_a_departure_that_was_not_confirmed_is_left_over_and_not_yet_billed(only_line: SqlRunner) -> None:
    assert _residuals(only_line(canon_shipment_lines=[{"role": "wms"}])) == {"shipped": 10, "billed": 10}


def test_legs_of_a_split_shipment_are_added(only_line: SqlRunner) -> None:
    legs = [
        {"role": role, "shipment_id": shipment_id, "shipped_qty": qty}
        for role in ("wms", "erp")
        for shipment_id, qty in (("SH-1", 6), ("SH-2", 4))
    ]
    line = only_line(canon_shipment_lines=legs, canon_invoice_lines=[{}])
    assert _residuals(line) == {}
    assert (line["shipped_qty"], line["confirmed_qty"]) == (10, 10)


def test_a_credit_memo_is_taken_off_what_was_billed(only_line: SqlRunner) -> None:
    documents = [{"invoiced_qty": 12}, {"invoice_id": "CM-1", "document_type": "CREDIT_MEMO", "invoiced_qty": 2}]
    line = only_line(canon_shipment_lines=[{"role": "wms"}, {"role": "erp"}], canon_invoice_lines=documents)
    assert _residuals(line) == {}
    assert (line["invoiced_qty"], line["credited_qty"]) == (12, 2)


def test_a_void_document_bills_nothing(only_line: SqlRunner) -> None:
    line = only_line(canon_shipment_lines=[{"role": "wms"}, {"role": "erp"}], canon_invoice_lines=[{"status": "VOID"}])
    assert _residuals(line) == {"billed": 10}


def test_what_was_billed_and_never_shipped_is_left_over_with_a_sign(only_line: SqlRunner) -> None:
    assert _residuals(only_line(canon_invoice_lines=[{}])) == {"billed": -10}


def test_the_smallest_quantity_is_not_rounded_away(only_line: SqlRunner) -> None:
    line = only_line(canon_shipment_lines=[{"role": "wms", "shipped_qty": 10}, {"role": "erp", "shipped_qty": 9.9999}])
    assert line["residual_shipped_qty"] == Decimal("0.0001")


def test_what_is_cancelled_need_not_be_released(only_line: SqlRunner) -> None:
    line = only_line(canon_order_lines=[{"cancelled_qty": 4}], canon_releases=[{"role": "wms", "released_qty": 6}])
    assert _buckets(line) == {"released_unpicked": 6}


def test_every_unit_waits_at_the_step_it_has_reached(only_line: SqlRunner) -> None:
    line = only_line(
        canon_order_lines=[{"ordered_qty": 20, "allocated_qty": 13}],
        canon_releases=[
            {"role": "erp", "released_qty": 10},
            {"role": "wms", "released_qty": 10, "picked_qty": 7},
        ],
        canon_packs=[{"packed_qty": 5}],
        canon_shipment_lines=[{"role": "wms", "shipped_qty": 4}],
    )
    assert (line["packed_qty"], line["shipped_qty"]) == (5, 4)
    assert _buckets(line) == {
        "open": 7,
        "allocated_unreleased": 3,
        "released_unpicked": 3,
        "picked_unshipped": 3,
        "in_transit": 4,
        "unbilled": 4,
    }


def test_an_allocation_that_the_confirmation_has_reduced_is_not_missed(only_line: SqlRunner) -> None:
    line = only_line(
        canon_order_lines=[{"allocated_qty": 6}],
        canon_releases=[
            {"role": "erp", "released_qty": 4},
            {"role": "wms", "released_qty": 4, "picked_qty": 4},
        ],
        canon_shipment_lines=[{"role": role, "shipped_qty": 4} for role in ("wms", "erp")],
        canon_invoice_lines=[{"invoiced_qty": 4}],
    )
    assert _buckets(line) == {"allocated_unreleased": 6, "in_transit": 4}


def test_what_a_closed_pick_lacks_is_backordered(only_line: SqlRunner) -> None:
    line = only_line(
        canon_releases=[{"role": "erp"}, {"role": "wms", "picked_qty": 7, "pick_status": "CLOSED"}],
        canon_shipment_lines=[{"role": role, "shipped_qty": 7} for role in ("wms", "erp")],
        canon_invoice_lines=[{"invoiced_qty": 7}],
    )
    assert _buckets(line) == {"backordered": 3, "in_transit": 7}


def test_a_pick_in_several_steps_is_not_short_while_it_is_open(only_line: SqlRunner) -> None:
    line = only_line(canon_releases=[{"role": "erp"}, {"role": "wms", "picked_qty": 7, "pick_status": "OPEN"}])
    assert _buckets(line) == {"released_unpicked": 3, "picked_unshipped": 7}


def test_what_a_closed_order_did_not_ship_is_closed_short(only_line: SqlRunner) -> None:
    legs = [{"role": role, "shipped_qty": 7} for role in ("wms", "erp")]
    line = only_line(
        canon_orders=[{"status": "CLOSED"}],
        canon_releases=[{"role": "erp"}, {"role": "wms", "picked_qty": 10}],
        canon_shipment_lines=legs,
        canon_invoice_lines=[{"invoiced_qty": 7}],
    )
    assert _buckets(line) == {"short_closed": 3, "in_transit": 7}


def test_what_is_shipped_beyond_the_order_is_told_apart(only_line: SqlRunner) -> None:
    line = only_line(
        canon_shipment_lines=[{"role": role, "shipped_qty": 12} for role in ("wms", "erp")],
        canon_invoice_lines=[{"invoiced_qty": 12}],
    )
    assert _buckets(line) == {"overshipped": 2, "in_transit": 12}


def test_what_a_proof_of_delivery_lacks_is_lost_and_an_edge(only_line: SqlRunner) -> None:
    line = only_line(
        canon_shipment_lines=[{"role": "wms"}, {"role": "erp"}],
        canon_delivery_lines=[{"delivered_qty": 8}],
        canon_invoice_lines=[{}],
    )
    assert _residuals(line) == {"delivered": 2}
    assert _buckets(line) == {"kept": 8, "lost": 2}


def test_an_accepted_claim_settles_what_a_proof_of_delivery_lacks(only_line: SqlRunner) -> None:
    short = {
        "canon_shipment_lines": [{"role": "wms"}, {"role": "erp"}],
        "canon_delivery_lines": [{"delivered_qty": 8}],
        "canon_invoice_lines": [{}, {"invoice_id": "CM-1", "document_type": "CREDIT_MEMO", "invoiced_qty": 2}],
    }
    claim = {"shipment_id": "SH-1", "claimed_qty": 2, "accepted_at": EXAMPLE_NOW}
    assert _residuals(only_line(**short, canon_customer_cases=[claim])) == {}
    waiting = only_line(**short, canon_customer_cases=[{**claim, "accepted_at": None}])
    assert _residuals(waiting) == {"delivered": 2, "billed": 2}


def test_a_leg_on_its_way_is_no_edge_beside_one_that_arrived(only_line: SqlRunner) -> None:
    legs = [
        {"role": role, "shipment_id": shipment_id, "shipped_qty": qty}
        for role in ("wms", "erp")
        for shipment_id, qty in (("SH-1", 6), ("SH-2", 4))
    ]
    line = only_line(canon_shipment_lines=legs, canon_delivery_lines=[{"delivered_qty": 6}], canon_invoice_lines=[{}])
    assert _residuals(line) == {}
    assert _buckets(line) == {"kept": 6, "in_transit": 4}


@pytest.mark.parametrize(("declared_error", "bucket"), [(None, "lost"), ("DID_NOT_OCCUR", "in_transit")])
def test_a_lost_leg_is_lost_unless_that_was_an_error(
    only_line: SqlRunner, declared_error: str | None, bucket: str
) -> None:
    line = only_line(
        canon_shipment_lines=[{"role": "wms"}, {"role": "erp"}],
        canon_shipment_milestones=[{"milestone": "LOST", "declared_error": declared_error}],
        canon_invoice_lines=[{}],
    )
    assert _buckets(line) == {bucket: 10}


def test_goods_that_came_back_are_taken_off_what_is_to_be_billed(only_line: SqlRunner) -> None:
    legs = [{"role": "wms"}, {"role": "erp"}]
    delivered = {"canon_shipment_lines": legs, "canon_delivery_lines": [{}], "canon_returns": [{"returned_qty": 2}]}
    uncredited = only_line(**delivered, canon_invoice_lines=[{}])
    assert _residuals(uncredited) == {"billed": -2}
    assert _buckets(uncredited) == {"kept": 8, "overbilled": 2}
    memo = {"invoice_id": "CM-1", "document_type": "CREDIT_MEMO", "invoiced_qty": 2}
    assert _residuals(only_line(**delivered, canon_invoice_lines=[{}, memo])) == {}
    assert _residuals(only_line(**delivered, canon_invoice_lines=[{"invoiced_qty": 8}])) == {}


def test_goods_that_were_refused_come_back_without_being_delivered(only_line: SqlRunner) -> None:
    line = only_line(canon_shipment_lines=[{"role": "wms"}, {"role": "erp"}], canon_returns=[{"returned_qty": 10}])
    assert _residuals(line) == {}
    assert (line["returned_qty"], _buckets(line)) == (10, {})


def test_only_posted_documents_are_owed(only_line: SqlRunner) -> None:
    documents = [
        {"invoiced_qty": 6},
        {"invoice_id": "IN-2", "invoiced_qty": 4, "status": "DRAFT", "posted_at": None},
        {"invoice_id": "CM-1", "document_type": "CREDIT_MEMO", "invoiced_qty": 1, "status": "TRANSMITTED"},
    ]
    line = only_line(canon_shipment_lines=[{"role": "wms"}], canon_invoice_lines=documents)
    assert (line["posted_qty"], line["billed_qty"]) == (5, 9)


def test_a_draft_of_a_leg_that_has_not_left_is_no_edge(only_line: SqlRunner) -> None:
    draft = {"status": "DRAFT", "posted_at": None}
    assert _residuals(only_line(canon_invoice_lines=[draft])) == {}
    assert _residuals(only_line(canon_invoice_lines=[{}])) == {"billed": -10}
    legs = [{"role": "wms"}, {"role": "erp"}]
    assert _residuals(only_line(canon_shipment_lines=legs, canon_invoice_lines=[{**draft, "invoiced_qty": 12}])) == {
        "billed": -2
    }


def test_a_line_that_the_erp_lacks_belongs_to_its_order(run_sql: SqlRunner) -> None:
    tables = {
        "canon_orders": [{"channel_order_id": "P-1"}, {"role": "channel", "order_id": "P-1"}],
        "canon_order_lines": [{}, *({"role": "channel", "order_id": "P-1", "line_no": line} for line in (1, 2))],
    }
    lines = {line["line_no"]: line for line in run_sql(_QUANTITIES, tables)}
    assert (lines[2]["order_id"], _residuals(lines[1]), _residuals(lines[2])) == ("SO-1", {}, {"ordered": 10})


def test_the_same_cancellation_in_another_column_is_no_residual(only_line: SqlRunner) -> None:
    line = only_line(
        canon_orders=[{"channel_order_id": "P-1"}, {"role": "channel", "order_id": "P-1"}],
        canon_order_lines=[{"ordered_qty": 8}, {"role": "channel", "order_id": "P-1", "cancelled_qty": 2}],
    )
    assert _residuals(line) == {}


def test_an_order_that_only_the_channel_knows_is_a_line_without_a_site(only_line: SqlRunner) -> None:
    line = only_line(
        canon_orders=[{"role": "channel", "order_id": "P-1"}],
        canon_order_lines=[{"role": "channel", "order_id": "P-1"}],
    )
    assert (line["order_id"], line["node"], line["scope_key"]) == ("P-1", "", "P-1")
    assert _residuals(line) == {"ordered": 10}


def test_an_order_that_its_channel_cancelled_is_not_missed(run_sql: SqlRunner) -> None:
    tables = {
        "canon_orders": [{"role": "channel", "order_id": "P-1", "status": "CANCELLED"}],
        "canon_order_lines": [{"role": "channel", "order_id": "P-1"}],
    }
    assert run_sql(_QUANTITIES, tables) == []


def test_an_order_entered_twice_meets_its_channel_order_twice(run_sql: SqlRunner) -> None:
    tables = {
        "canon_orders": [
            {"order_id": "SO-1", "channel_order_id": "P-1"},
            {"order_id": "SO-2", "channel_order_id": "P-1"},
            {"role": "channel", "order_id": "P-1"},
        ],
        "canon_order_lines": [{"order_id": "SO-1"}, {"order_id": "SO-2"}, {"role": "channel", "order_id": "P-1"}],
    }
    lines = run_sql(_QUANTITIES, tables)
    assert sorted(line["order_id"] for line in lines) == ["SO-1", "SO-2"]
    assert [_residuals(line) for line in lines] == [{}, {}]


def test_lines_of_one_order_keep_their_own_legs(run_sql: SqlRunner) -> None:
    tables = {
        "canon_order_lines": [{"line_no": 1}, {"line_no": 2}],
        "canon_shipment_lines": [{"role": "wms", "line_no": 2, "shipped_qty": 3}],
    }
    shipped = {line["line_no"]: int(line["shipped_qty"]) for line in run_sql(_QUANTITIES, tables)}
    assert shipped == {1: 0, 2: 3}


def test_stock_on_its_way_between_the_books_is_no_residual(run_sql: SqlRunner) -> None:
    tables = {
        "canon_stock_levels": [
            {"role": "erp", "on_hand_qty": 100, "available_qty": 60},
            {"role": "wms", "on_hand_qty": 80, "available_qty": 70},
        ],
        "canon_order_lines": [{"ordered_qty": 40, "allocated_qty": 40}],
        "canon_releases": [{"role": "wms", "released_qty": 30}],
        "canon_shipment_lines": [{"role": "wms", "shipped_qty": 20}],
    }
    (item,) = run_sql(_STOCK, tables)
    assert (item["unconfirmed_qty"], item["unreleased_qty"], item["open_demand_qty"]) == (20, 10, 40)
    assert (item["residual_on_hand_qty"], item["residual_available_qty"]) == (0, 0)


def test_what_one_book_lacks_is_a_residual(run_sql: SqlRunner) -> None:
    levels = [{"role": "erp", "on_hand_qty": 95}, {"role": "wms", "on_hand_qty": 100}]
    (item,) = run_sql(_STOCK, {"canon_stock_levels": levels})
    assert (item["residual_on_hand_qty"], item["residual_available_qty"]) == (-5, 5)


def test_an_item_that_one_side_does_not_hold_is_not_compared(run_sql: SqlRunner) -> None:
    levels = [{"role": "erp"}, {"role": "wms", "node": "WEST"}]
    assert run_sql(_STOCK, {"canon_stock_levels": levels}) == []

"""Where a line and its order stand, on each axis by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row

SqlRunner = Callable[..., Any]

_NOTHING: Row = dict.fromkeys(
    (
        "cancelled_qty",
        "released_qty",
        "taken_in_qty",
        "packed_qty",
        "shipped_qty",
        "returned_qty",
        "invoiced_qty",
        "credited_qty",
        "posted_qty",
        "open_qty",
        "backordered_qty",
        "allocated_unreleased_qty",
        "released_unpicked_qty",
        "picked_unshipped_qty",
        "short_closed_qty",
        "in_transit_qty",
        "kept_qty",
        "lost_qty",
        "billed_qty",
        "unbilled_qty",
    ),
    0,
)
_SHIPPED: Row = {"released_qty": 10, "taken_in_qty": 10, "shipped_qty": 10}
_ARRIVED: Row = {**_SHIPPED, "kept_qty": 10}


@pytest.fixture
def states(run_sql: SqlRunner) -> SqlRunner:
    def run(*lines: Row, status: str | None = "OPEN", holds: Sequence[Row] = ()) -> list[Mapping[str, Any]]:
        ledger = [{"ordered_qty": 10, **_NOTHING, "line_no": at, **line} for at, line in enumerate(lines, start=1)]
        orders = [{"status": status}] if status else []
        tables = {"rec_quantity_ledger": ledger, "canon_orders": orders, "canon_holds": holds}
        rows: list[Mapping[str, Any]] = run_sql("30_reconcile/rec_line_states.sql", tables)
        return sorted(rows, key=lambda row: row["line_no"])

    return run


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ({"open_qty": 10}, "OPEN"),
        ({"backordered_qty": 3, **_SHIPPED, "in_transit_qty": 7}, "BACKORDERED"),
        ({"allocated_unreleased_qty": 10}, "ALLOCATED"),
        ({"released_unpicked_qty": 10}, "RELEASED"),
        ({"picked_unshipped_qty": 10}, "PICKED"),
        ({"picked_unshipped_qty": 10, "packed_qty": 10}, "PACKED"),
        ({"picked_unshipped_qty": 4, "packed_qty": 6, "shipped_qty": 6, "in_transit_qty": 6}, "PICKED"),
        ({**_SHIPPED, "in_transit_qty": 1, "kept_qty": 9}, "SHIPPED"),
        (_ARRIVED, "DELIVERED"),
        ({**_SHIPPED, "returned_qty": 10}, "RETURNED"),
        ({"short_closed_qty": 10}, "SHORT_CLOSED"),
        ({"cancelled_qty": 10}, "CANCELLED"),
    ],
)
def test_a_line_stands_where_its_slowest_units_are(states: SqlRunner, line: Row, state: str) -> None:
    (found,) = states(line)
    assert found["line_state"] == state


@pytest.mark.parametrize(
    ("lines", "status", "state"),
    [
        ([{"open_qty": 10}], "OPEN", "ACCEPTED"),
        ([{"open_qty": 10}, {"released_qty": 10, "released_unpicked_qty": 10}], "OPEN", "IN_FULFILMENT"),
        ([{**_ARRIVED, "unbilled_qty": 10}], "OPEN", "FULFILLED"),
        ([{**_ARRIVED, "billed_qty": 10}], "OPEN", "BILLED"),
        ([{**_ARRIVED, "billed_qty": 10}, {"cancelled_qty": 10}], "CLOSED", "CLOSED"),
        ([{**_ARRIVED, "billed_qty": 10}, {**_ARRIVED, "unbilled_qty": 1}], "CLOSED", "FULFILLED"),
        ([{"cancelled_qty": 10}], "OPEN", "CANCELLED"),
        ([{"open_qty": 10}], "CANCELLED", "CANCELLED"),
        ([{"ordered_qty": 0}], None, "RECEIVED"),
    ],
)
def test_an_order_stands_where_all_its_lines_are(
    states: SqlRunner, lines: list[Row], status: str | None, state: str
) -> None:
    assert {row["order_state"] for row in states(*lines, status=status)} == {state}


def test_a_line_of_two_units_is_not_hidden_by_one_of_many(states: SqlRunner) -> None:
    many = {"ordered_qty": 250_000, **_SHIPPED, "shipped_qty": 250_000, "kept_qty": 250_000, "billed_qty": 250_000}
    found = states(many, {"ordered_qty": 2, "open_qty": 2})
    assert [(row["order_state"], row["is_partial"]) for row in found] == [("IN_FULFILMENT", True)] * 2


@pytest.mark.parametrize(
    ("holds", "state", "is_on_hold"),
    [
        ([], "NOT_REQUIRED", False),
        ([{}], "HELD", True),
        ([{"status": "RESOLVED"}], "RELEASED", False),
        ([{"status": "RESOLVED"}, {"hold_id": "H-2", "status": "REJECTED"}], "REJECTED", False),
        ([{"status": "RESOLVED"}, {"hold_id": "H-2"}], "HELD", True),
        ([{"role": "wms", "node": "EAST"}], "NOT_REQUIRED", False),
    ],
)
def test_holds_are_an_axis_of_their_own(states: SqlRunner, holds: list[Row], state: str, is_on_hold: bool) -> None:
    (found,) = states({"open_qty": 10}, holds=holds)
    assert (found["hold_state"], found["is_on_hold"], found["order_state"]) == (state, is_on_hold, "ACCEPTED")


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ({}, "NOT_SENT"),
        ({"released_qty": 10, "taken_in_qty": 4}, "SENT"),
        ({"released_qty": 10, "taken_in_qty": 10}, "ACKED"),
        ({"taken_in_qty": 10}, "ACKED"),
    ],
)
def test_a_release_is_acked_when_the_site_has_taken_all_of_it_in(states: SqlRunner, line: Row, state: str) -> None:
    (found,) = states(line)
    assert found["release_state"] == state


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ({}, "PLANNED"),
        ({**_SHIPPED, "in_transit_qty": 10}, "DEPARTED"),
        (_ARRIVED, "DELIVERED"),
        ({**_SHIPPED, "returned_qty": 10}, "RETURNED"),
        ({**_SHIPPED, "lost_qty": 10}, "LOST"),
    ],
)
def test_a_shipment_is_judged_by_its_units(states: SqlRunner, line: Row, state: str) -> None:
    (found,) = states(line)
    assert found["shipment_state"] == state


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ({}, "NOT_DUE"),
        ({"unbilled_qty": 10}, "ELIGIBLE"),
        ({"invoiced_qty": 10}, "DRAFT"),
        ({"invoiced_qty": 10, "posted_qty": 10}, "POSTED"),
        ({"invoiced_qty": 10, "credited_qty": 2, "posted_qty": 8}, "PART_CREDITED"),
        ({"invoiced_qty": 10, "credited_qty": 10}, "CREDITED"),
    ],
)
def test_an_invoice_is_judged_by_what_is_billed_and_credited(states: SqlRunner, line: Row, state: str) -> None:
    (found,) = states(line)
    assert found["invoice_state"] == state

"""The KPIs about orders, on rows that are worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row

SqlRunner = Callable[..., Any]

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
READ: Row = {"state": "OK", "as_of": NOON, "node": "", "problem": ""}
FEEDS: list[Row] = [
    {**READ, "system": "erp", "entity": "orders", "role": "erp", "contract": "orders"},
    {**READ, "system": "erp", "entity": "lines", "role": "erp", "contract": "order_lines"},
    {**READ, "system": "tms", "entity": "deliveries", "role": "carrier", "contract": "delivery_lines"},
    {**READ, "system": "finance", "entity": "invoices", "role": "finance", "contract": "invoice_lines"},
]


def at(hour: float) -> datetime:
    """Return a moment of Monday, 2 March 2026."""
    return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=hour)


def an_order(order_id: str, **line: Any) -> dict[str, list[Row]]:
    """Return an order of one line over 10 units, promised at 11 and delivered at 10 unless told otherwise."""
    ordered, delivered = line.pop("ordered_qty", 10), line.pop("delivered_qty", 10)
    delivered_at, damaged = line.pop("delivered_at", at(10)), line.pop("damaged_qty", 0)
    outstanding = line.pop("in_transit_qty", 0)
    verdict, status = line.pop("verdict", "AGREE"), line.pop("status", "OPEN")
    promised_at, node = line.pop("promised_at", at(11)), line.pop("node", "EAST")
    assert not line
    own: Row = {"order_id": order_id}
    return {
        "canon_orders": [{**own, "ordered_at": at(0), "status": status}],
        "canon_order_lines": [
            {**own, "ordered_qty": ordered, "promised_at": promised_at, "release_due_at": at(4), "node": node}
        ],
        "rec_quantity_ledger": [
            {**own, "node": node, "ordered_qty": ordered, "cancelled_qty": 0, "delivered_qty": delivered}
            | dict.fromkeys(_BUCKETS, 0)
            | {"in_transit_qty": outstanding}
        ],
        "rec_line_verdicts": [{**own, "line_no": 1, "node": node, "verdict": verdict, "codes": ""}],
        "canon_delivery_lines": [
            {**own, "role": "carrier", "delivered_qty": delivered, "damaged_qty": damaged, "delivered_at": delivered_at}
        ]
        if delivered
        else [],
        "canon_releases": [{**own, "released_at": at(3)}],
    }


_BUCKETS = (
    "open_qty",
    "backordered_qty",
    "allocated_unreleased_qty",
    "released_unpicked_qty",
    "picked_unshipped_qty",
)


@pytest.fixture
def outcomes(run_sql: SqlRunner) -> SqlRunner:
    """Return a function that tells how orders went."""

    def run(*orders: dict[str, list[Row]], now: datetime = NOON, **further: list[Row]) -> list[dict[str, Any]]:
        tables: dict[str, list[Row]] = {"rec_feeds": FEEDS}
        for order in orders:
            for name, rows in order.items():
                tables[name] = [*tables.get(name, []), *rows]
        return list(run_sql("40_marts/mart_order_outcomes.sql", {**tables, **further}, now=now))

    return run


@pytest.fixture
def kpi(run_sql: SqlRunner, outcomes: SqlRunner) -> SqlRunner:
    """Return a function that gives the rows of a KPI for orders."""

    def run(name: str, *orders: dict[str, list[Row]], now: datetime = NOON, **further: list[Row]) -> list[Any]:
        told = outcomes(*orders, now=now, **further)
        return list(run_sql(f"40_marts/{name}.sql", {"mart_order_outcomes": told}, now=now))

    return run


FIVE = (
    an_order("SO-1"),
    an_order("SO-2", delivered_at=at(11.5)),
    an_order("SO-3", delivered_qty=8),
    an_order("SO-4", damaged_qty=1),
    an_order("SO-5"),
)
"""One perfect, one late, one short, one damaged, and one whose invoice was wrong."""
WRONG_INVOICE: Row = {"code": "FIN-04", "order_id": "SO-5", "verdict": "DIFFER"}


def test_an_order_is_perfect_only_where_all_four_components_hold(kpi: SqlRunner) -> None:
    (row,) = kpi("kpi_perfect_order", *FIVE, rec_findings=[WRONG_INVOICE])
    assert (row["node"], row["day"], row["population_count"], row["known_count"]) == ("EAST", date(2026, 3, 2), 5, 5)
    components = ("on_time_count", "complete_count", "undamaged_count", "accurate_documents_count")
    assert [row[name] for name in components] == [4, 4, 4, 4]
    assert (row["perfect_count"], row["perfect_order"]) == (1, Decimal("0.200000"))
    assert row["perfect_order_index"] == Decimal("0.409600")  # 0.8 four times over


def test_the_headline_lies_within_the_bounds_of_frechet(kpi: SqlRunner, run_sql: SqlRunner) -> None:
    rows = kpi("kpi_perfect_order", *FIVE, rec_findings=[WRONG_INVOICE])
    assert run_sql("checks/perfect_orders_bounded.sql", {"kpi_perfect_order": rows}) == []
    too_good = [{**rows[0], "perfect_count": 5}]
    assert len(run_sql("checks/perfect_orders_bounded.sql", {"kpi_perfect_order": too_good})) == 1


def test_a_wrong_document_that_was_corrected_was_wrong_and_one_that_healed_itself_was_not(outcomes: SqlRunner) -> None:
    cases: list[Row] = [
        {"case_id": "a", "code": "FIN-02", "order_id": "SO-1", "state": "VERIFIED"},
        {"case_id": "b", "code": "FIN-02", "order_id": "SO-2", "state": "AUTO_CLEARED"},
        {"case_id": "c", "code": "WHS-01", "order_id": "SO-3", "state": "VERIFIED"},
    ]
    told = outcomes(*FIVE[:3], ops_cases=cases)
    assert {row["order_id"]: row["has_accurate_documents"] for row in told} == {
        "SO-1": False,
        "SO-2": True,
        "SO-3": True,
    }


def test_an_order_that_is_not_due_is_not_counted_and_an_overdue_one_is_a_miss(kpi: SqlRunner) -> None:
    later = an_order("SO-8", promised_at=at(15))
    overdue = an_order("SO-9", promised_at=at(9), delivered_qty=0, in_transit_qty=10)
    (row,) = kpi("kpi_otif", an_order("SO-1"), later, overdue)
    assert (row["population_count"], row["otif_count"], row["otif"]) == (2, 1, Decimal("0.500000"))
    assert (row["date_basis"], row["window_hours"], row["level"]) == ("PROMISED", 0, "ORDER")


def test_what_came_in_time_but_short_and_what_came_full_but_late_are_no_otif(kpi: SqlRunner) -> None:
    (row,) = kpi("kpi_otif", *FIVE)
    assert (row["population_count"], row["otif_count"]) == (5, 3)  # damage and documents are not its matter


def test_a_cancelled_order_and_one_without_a_promise_are_left_out_and_counted(kpi: SqlRunner) -> None:
    orders = (an_order("SO-1"), an_order("SO-2", status="CANCELLED"), an_order("SO-3", promised_at=None))
    rows = kpi("kpi_otif", *orders)
    assert [sum(row[name] for row in rows) for name in ("population_count", "cancelled_count", "unpromised_count")] == [
        1,
        1,
        1,
    ]


def test_an_unknown_line_makes_its_order_unknown_and_coverage_says_so(kpi: SqlRunner) -> None:
    (row,) = kpi("kpi_perfect_order", an_order("SO-1"), an_order("SO-2", verdict="UNKNOWN"))
    assert (row["population_count"], row["unknown_count"], row["coverage"]) == (2, 1, Decimal("0.500000"))
    assert row["perfect_order"] == Decimal(1)


def test_with_a_stale_carrier_nothing_is_known_and_no_figure_is_given(kpi: SqlRunner) -> None:
    stale = [*FEEDS[:2], {**FEEDS[2], "state": "STALE"}, FEEDS[3]]
    (row,) = kpi("kpi_otif", an_order("SO-1"), rec_feeds=stale)
    assert (row["population_count"], row["unknown_count"], row["coverage"], row["otif"]) == (1, 1, Decimal(0), None)


def test_where_nobody_tells_of_deliveries_nothing_is_known(kpi: SqlRunner) -> None:
    (row,) = kpi("kpi_otif", an_order("SO-1"), rec_feeds=FEEDS[:2])
    assert (row["unknown_count"], row["otif"]) == (1, None)


def test_what_was_promised_after_the_carrier_was_read_is_unknown_until_it_is_read_again(outcomes: SqlRunner) -> None:
    order = an_order("SO-1", promised_at=at(12.5), delivered_qty=0, in_transit_qty=10)
    (row,) = outcomes(order, now=at(13))
    assert (row["is_due"], row["is_unknown"]) == (True, True)


def test_cycle_time_is_from_receipt_to_the_last_delivery_in_percentiles(kpi: SqlRunner) -> None:
    orders = [an_order(f"SO-{hours}", delivered_at=at(hours)) for hours in range(1, 12)]
    (row,) = kpi("kpi_order_cycle_time", *orders)
    assert (row["measure"], row["population_count"], row["mean_seconds"]) == ("DELIVERED", 11, 6 * 3600)
    assert [row[name] / 3600 for name in ("p50_seconds", "p90_seconds", "p95_seconds")] == [6, 10, 10.5]
    # The customer's date held each back until it was released after three hours.
    assert row["net_p50_seconds"] == 3 * 3600


def test_the_age_of_open_orders_stands_beside_the_cycle_time(kpi: SqlRunner) -> None:
    still_open = an_order("SO-2", promised_at=at(15), delivered_qty=0, in_transit_qty=10)
    rows = {row["measure"]: row for row in kpi("kpi_order_cycle_time", an_order("SO-1"), still_open)}
    assert (rows["OPEN"]["population_count"], rows["OPEN"]["p50_seconds"]) == (1, 12 * 3600)
    assert rows["DELIVERED"]["p50_seconds"] == 10 * 3600


def test_an_order_of_two_sites_belongs_to_neither(outcomes: SqlRunner) -> None:
    east, west = an_order("SO-1"), an_order("SO-1", node="WEST")
    second = {
        name: [{**row, "line_no": 2} for row in rows]
        for name, rows in west.items()
        if name not in {"canon_orders", "canon_releases"}
    }
    (row,) = outcomes(east, second)
    assert (row["node"], row["line_count"], row["is_complete"]) == ("SEVERAL", 2, True)

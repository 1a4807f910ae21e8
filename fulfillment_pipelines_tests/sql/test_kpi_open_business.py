"""Invoices in time, accuracy of inventory, and where orders stand and stall, on rows that are worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row, Tables
from fulfillment_pipelines.reconcile.kpis import read_kpis
from fulfillment_pipelines.sql_models import read_models

SqlRunner = Callable[..., Any]

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
FRIDAY_NOON = MONDAY + timedelta(days=4, hours=12)
FINANCE: Row = {"system": "finance", "entity": "invoices", "role": "finance", "contract": "invoice_lines", "node": ""}
BOOKS: Row = {"system": "erp", "entity": "shipments", "role": "erp", "contract": "shipment_lines", "node": ""}
READ: list[Row] = [{**feed, "state": "OK", "as_of": FRIDAY_NOON} for feed in (FINANCE, BOOKS)]
STOCK: list[Row] = [
    {"system": role, "entity": "stock", "role": role, "contract": "stock_levels", "node": "", "state": "OK"}
    for role in ("erp", "wms")
]
UNTOUCHED: Row = dict.fromkeys(
    (
        "ordered_qty",
        "cancelled_qty",
        "open_qty",
        "backordered_qty",
        "allocated_unreleased_qty",
        "released_unpicked_qty",
        "picked_unshipped_qty",
        "in_transit_qty",
        "unbilled_qty",
    ),
    0,
)


def at(days: float, hours: float = 0) -> datetime:
    """Return a moment of the week that begins on Monday, 2 March 2026."""
    return MONDAY + timedelta(days=days, hours=hours)


# --- invoices -------------------------------------------------------------------------------------------------------


def a_leg(number: int, *, billed_at: datetime | None, shipped_at: datetime | None = None, **said: Any) -> Tables:
    """Return a leg of 10 units at 2.50 that left, was confirmed an hour later, and was billed or not."""
    own: Row = {"shipment_id": f"SH-{number}", "order_id": f"SO-{number}"}
    shipped_at = shipped_at or at(0, 10)
    confirmed = said.get("confirmed_qty", 10)
    return {
        "canon_shipment_lines": [
            {**own, "shipped_at": shipped_at},
            {
                **own,
                "role": "erp",
                "shipped_at": shipped_at,
                "confirmed_at": shipped_at + timedelta(hours=1),
                "shipped_qty": confirmed,
            },
        ],
        "rec_quantity_ledger": [
            {**UNTOUCHED, **own_order(own), "node": "EAST", "unit_price": Decimal("2.50"), "currency": "USD"}
        ],
        "rec_line_verdicts": [
            {**own_order(own), "line_no": 1, "node": "EAST", "verdict": said.get("verdict", "AGREE"), "codes": ""}
        ],
        "rec_billed_lines": [{**own, "line_no": 1, "status": "POSTED", "posted_at": billed_at}] if billed_at else [],
        "canon_returns": [{**own, "returned_qty": said["returned_qty"]}] if "returned_qty" in said else [],
    }


def own_order(own: Row) -> Row:
    """Return the order of a leg."""
    return {"order_id": own["order_id"]}


@pytest.fixture
def invoicing(run_sql: SqlRunner) -> SqlRunner:
    """Return a function that gives the rows of the KPI at noon of Friday."""

    def run(*legs: Tables, feeds: list[Row] = READ) -> list[Any]:
        tables: dict[str, list[Row]] = {"rec_feeds": feeds}
        for leg in legs:
            for name, rows in leg.items():
                tables[name] = [*tables.get(name, []), *rows]
        told = run_sql("40_marts/mart_billable_legs.sql", tables, now=FRIDAY_NOON)
        return list(run_sql("40_marts/kpi_invoice_timeliness.sql", {"mart_billable_legs": told}, now=FRIDAY_NOON))

    return run


def test_a_leg_is_in_time_up_to_the_last_of_its_24_business_hours(invoicing: SqlRunner) -> None:
    # Confirmed on Monday at 11: six hours are left of that day, eight of Tuesday, eight of Wednesday, two of Thursday.
    in_time, late = a_leg(1, billed_at=at(3, 11)), a_leg(2, billed_at=at(3, 11.01))
    (row,) = invoicing(in_time, late)
    assert (row["population_count"], row["timely_count"], row["invoice_timeliness"]) == (2, 1, Decimal("0.500000"))
    assert (row["population_amount"], row["timely_amount"]) == (Decimal("50.00"), Decimal("25.00"))
    assert (row["day"], row["currency"]) == (MONDAY.date(), "USD")


def test_a_leg_that_was_never_billed_is_a_miss_once_it_is_due(invoicing: SqlRunner) -> None:
    (row,) = invoicing(a_leg(1, billed_at=None), a_leg(2, billed_at=at(1, 9)))
    assert (row["population_count"], row["timely_count"]) == (2, 1)


@pytest.mark.parametrize(
    ("leg", "left_out"),
    [
        (a_leg(1, billed_at=None, shipped_at=at(4, 9)), "not_due_count"),
        (a_leg(1, billed_at=None, confirmed_qty=9), "unconfirmed_count"),
        (a_leg(1, billed_at=None, returned_qty=10), "returned_count"),
    ],
    ids=["not due", "not confirmed", "returned"],
)
def test_what_need_not_be_billed_yet_is_left_out_and_counted(invoicing: SqlRunner, leg: Tables, left_out: str) -> None:
    (row,) = invoicing(leg)
    assert (row["population_count"], row[left_out], row["invoice_timeliness"]) == (0, 1, None)


def test_without_finance_no_leg_is_known(invoicing: SqlRunner) -> None:
    (row,) = invoicing(a_leg(1, billed_at=at(1)), feeds=[{**READ[0], "state": "STALE"}, READ[1]])
    assert (row["population_count"], row["unknown_count"], row["coverage"]) == (1, 1, Decimal(0))
    assert row["invoice_timeliness"] is None


# --- inventory ------------------------------------------------------------------------------------------------------


@pytest.fixture
def accuracy(run_sql: SqlRunner) -> SqlRunner:
    """Return a function that gives the rows of the KPI."""

    def run(records: list[Row], **further: list[Row]) -> list[Any]:
        levels: list[Row] = [
            {"role": role, "system": role, "sku": row["sku"], "node": "EAST"}
            for row in records
            for role in ("erp", "wms")
        ]
        tables = {"rec_feeds": STOCK, "rec_stock_ledger": records, "canon_stock_levels": levels, **further}
        told = run_sql("40_marts/mart_stock_records.sql", tables)
        return list(run_sql("40_marts/kpi_inventory_accuracy.sql", {"mart_stock_records": told}))

    return run


@pytest.mark.parametrize(("abc_class", "off_qty"), [("A", 1), ("B", 3), ("C", 5), (None, 5)])
def test_a_record_is_accurate_within_the_percentage_of_its_class(
    accuracy: SqlRunner, abc_class: str | None, off_qty: int
) -> None:
    record: Row = {"abc_class": abc_class, "wms_on_hand_qty": 100}
    rows = accuracy(
        [
            {**record, "sku": "less", "residual_on_hand_qty": -off_qty},
            {**record, "sku": "more", "residual_on_hand_qty": off_qty},
            {**record, "sku": "off", "residual_on_hand_qty": Decimal(off_qty) + Decimal("0.5")},
        ]
    )
    assert [(row["population_count"], row["within_count"]) for row in rows] == [(3, 2)]


def test_signs_are_never_netted(accuracy: SqlRunner) -> None:
    (row,) = accuracy([{"sku": "a", "residual_on_hand_qty": 50}, {"sku": "b", "residual_on_hand_qty": -50}])
    assert (row["within_count"], row["inventory_accuracy"]) == (0, Decimal(0))


def test_what_only_one_side_holds_is_left_out_and_counted(accuracy: SqlRunner) -> None:
    levels: list[Row] = [{"role": "erp", "system": "erp", "sku": "lonely", "node": "EAST"}]
    (row,) = accuracy([], canon_stock_levels=levels)
    assert (row["population_count"], row["one_sided_count"], row["coverage"]) == (0, 1, None)


def test_with_a_stale_warehouse_no_record_is_known(accuracy: SqlRunner) -> None:
    (row,) = accuracy([{"sku": "a"}], rec_feeds=[STOCK[0], {**STOCK[1], "state": "STALE"}])
    assert (row["unknown_count"], row["coverage"], row["inventory_accuracy"]) == (1, Decimal(0), None)


# --- what is open ---------------------------------------------------------------------------------------------------


def a_line(order_id: str, line_no: int = 1, **said: Any) -> Tables:
    """Return a line of the ERP that is promised for Friday at 12 unless told otherwise, with units in a bucket."""
    promised_at, state = said.pop("promised_at", FRIDAY_NOON), said.pop("line_state", "ALLOCATED")
    hold, order_state = said.pop("hold_state", "NOT_REQUIRED"), said.pop("order_state", "ACCEPTED")
    node, verdict = said.pop("node", "EAST"), said.pop("verdict", "AGREE")
    own: Row = {"order_id": order_id, "line_no": line_no}
    return {
        "canon_orders": [{"order_id": order_id, "ordered_at": at(0)}] if line_no == 1 else [],
        "canon_order_lines": [{**own, "promised_at": promised_at}],
        "rec_quantity_ledger": [{**UNTOUCHED, **own, "node": node, "unit_price": 2, "currency": "USD", **said}],
        "rec_line_states": [
            {
                **own,
                "node": node,
                "order_state": order_state,
                "line_state": state,
                "hold_state": hold,
                "release_state": "NOT_SENT",
                "shipment_state": "PLANNED",
                "invoice_state": "NOT_DUE",
            }
        ],
        "rec_line_verdicts": [{**own, "node": node, "verdict": verdict, "codes": ""}],
    }


@pytest.fixture
def open_lines(run_sql: SqlRunner) -> SqlRunner:
    """Return a function that gives the rows of `mart_open_lines`, by order and line."""

    def run(*lines: Tables, now: datetime = FRIDAY_NOON, **further: list[Row]) -> dict[tuple[str, int], Any]:
        tables: dict[str, list[Row]] = {"rec_feeds": READ, **further}
        for line in lines:
            for name, rows in line.items():
                tables[name] = [*tables.get(name, []), *rows]
        rows = run_sql("40_marts/mart_open_lines.sql", tables, now=now)
        return {(row["order_id"], row["line_no"]): row for row in rows}

    return run


@pytest.mark.parametrize(
    ("said", "stage", "team"),
    [
        ({"open_qty": 5, "order_state": "RECEIVED", "line_state": "OPEN"}, "RECEIVED", "Order Desk"),
        ({"open_qty": 5, "line_state": "OPEN"}, "VALIDATED", "Allocation"),
        ({"backordered_qty": 5, "line_state": "BACKORDERED"}, "VALIDATED", "Allocation"),
        ({"allocated_unreleased_qty": 5, "hold_state": "HELD"}, "CREDIT", "Credit"),
        ({"allocated_unreleased_qty": 5}, "ALLOCATED", "Allocation"),
        ({"released_unpicked_qty": 5, "line_state": "RELEASED"}, "RELEASED", "Site"),
        ({"picked_unshipped_qty": 5, "line_state": "PACKED"}, "PICKED", "Site"),
        ({"in_transit_qty": 5, "line_state": "SHIPPED"}, "SHIPPED", "Transport"),
        ({"unbilled_qty": 5, "line_state": "DELIVERED"}, "DELIVERED", "Billing"),
    ],
)
def test_a_line_stands_where_its_least_advanced_units_are(
    open_lines: SqlRunner, said: dict[str, Any], stage: str, team: str
) -> None:
    (row,) = open_lines(a_line("SO-1", **{"ordered_qty": 5, **said})).values()
    assert (row["stage"], row["owner"], row["open_qty"], row["open_amount"]) == (stage, team, 5, Decimal("10.00"))


def test_a_line_on_which_nothing_is_left_to_do_is_not_open(open_lines: SqlRunner) -> None:
    assert open_lines(a_line("SO-1", ordered_qty=5, line_state="DELIVERED", order_state="BILLED")) == {}


def test_an_order_stands_where_its_least_advanced_line_does(open_lines: SqlRunner) -> None:
    ahead, behind = (
        a_line("SO-1", in_transit_qty=1, line_state="SHIPPED"),
        a_line("SO-1", 2, open_qty=1, line_state="OPEN"),
    )
    rows = open_lines(ahead, behind)
    assert {line_no: (row["stage"], row["order_stage"]) for (_, line_no), row in rows.items()} == {
        1: ("SHIPPED", "VALIDATED"),
        2: ("VALIDATED", "VALIDATED"),
    }


def test_the_gravest_difference_says_whose_turn_it_is(open_lines: SqlRunner) -> None:
    findings: list[Row] = [
        {"code": "SYS-04", "severity": "S3", "owner": "EDI", "order_id": "SO-1", "line_no": None, "verdict": "DIFFER"},
        {"code": "SHP-01", "severity": "S1", "owner": "Site", "order_id": "SO-1", "line_no": 1, "verdict": "DIFFER"},
        {"code": "FIN-01", "severity": "S1", "owner": "Billing", "order_id": "SO-1", "line_no": 2, "verdict": "DIFFER"},
        {"code": "FIN-02", "severity": "S1", "owner": "Billing", "order_id": "SO-1", "line_no": 1, "verdict": "TIMING"},
    ]
    (row,) = open_lines(a_line("SO-1", in_transit_qty=1, line_state="SHIPPED"), rec_findings=findings).values()
    assert (row["owner"], row["code"], row["is_stalled"]) == ("Site", "SHP-01", True)


@pytest.mark.parametrize(
    ("days_over", "bucket"),
    [
        (-1, "NOT_DUE"),
        (0, "NOT_DUE"),
        (0.01, "DAYS_0_1"),
        (1.99, "DAYS_0_1"),
        (2, "DAYS_2_3"),
        (3.99, "DAYS_2_3"),
        (4, "DAYS_4_7"),
        (7.99, "DAYS_4_7"),
        (8, "DAYS_8_14"),
        (14.99, "DAYS_8_14"),
        (15, "DAYS_15_UP"),
    ],
)
def test_a_line_ages_by_whole_days_past_its_promise(open_lines: SqlRunner, days_over: float, bucket: str) -> None:
    promised_at = FRIDAY_NOON - timedelta(days=days_over)
    (row,) = open_lines(a_line("SO-1", allocated_unreleased_qty=1, promised_at=promised_at)).values()
    assert (row["age_bucket"], row["is_stalled"]) == (bucket, days_over > 0)


def test_what_is_delivered_is_no_backlog_and_what_has_no_promise_is_told_apart(
    open_lines: SqlRunner, run_sql: SqlRunner
) -> None:
    lines = open_lines(
        a_line("SO-1", unbilled_qty=3, line_state="DELIVERED"),
        a_line("SO-2", open_qty=4, line_state="OPEN", promised_at=None),
        a_line("SO-3", open_qty=5, line_state="OPEN", verdict="UNKNOWN"),
        a_line("SO-3", 2, open_qty=6, line_state="OPEN"),
    )
    rows = run_sql("40_marts/kpi_backlog_ageing.sql", {"mart_open_lines": list(lines.values())})
    columns = ("line_count", "order_count", "open_qty", "open_amount")
    told = {row["age_bucket"]: tuple(row[name] for name in columns) for row in rows}
    assert told == {"NO_PROMISE": (1, 1, 4, Decimal("8.00")), "NOT_DUE": (2, 1, 11, Decimal("22.00"))}
    assert {row["age_bucket"]: row["coverage"] for row in rows} == {"NO_PROMISE": 1, "NOT_DUE": Decimal("0.5")}


def test_orders_that_stall_are_counted_by_stage_site_and_team(open_lines: SqlRunner, run_sql: SqlRunner) -> None:
    late = FRIDAY_NOON - timedelta(days=3)
    lines = open_lines(
        a_line("SO-1", open_qty=1, line_state="OPEN", promised_at=late),
        a_line("SO-1", 2, open_qty=2, line_state="OPEN"),
        a_line("SO-2", open_qty=3, line_state="OPEN"),
        a_line("SO-3", open_qty=4, line_state="OPEN", node="WEST", promised_at=late),
    )
    rows = run_sql("40_marts/kpi_stalled_orders.sql", {"mart_open_lines": list(lines.values())})
    columns = ("population_count", "stalled_count", "line_count", "stalled_line_count", "open_amount", "stalled_amount")
    assert {(row["stage"], row["node"], row["owner"]): tuple(row[name] for name in columns) for row in rows} == {
        ("VALIDATED", "EAST", "Allocation"): (2, 1, 3, 1, Decimal(12), Decimal(2)),
        ("VALIDATED", "WEST", "Allocation"): (1, 1, 1, 1, Decimal(8), Decimal(8)),
    }


# --- definitions ----------------------------------------------------------------------------------------------------


def test_every_kpi_table_is_of_the_version_that_its_definition_says(sql_folder: Path) -> None:
    definitions = read_kpis(sql_folder.parent / "data" / "seeds").kpis
    tables = [model for model in read_models(sql_folder / "40_marts") if model.name.startswith("kpi_")]
    assert len(tables) == 7
    for model in tables:
        definition = definitions[model.required("kpi")]
        assert f"    {definition.version} as definition_version,\n" in model.body, model.name
        assert model.required("formula")
        assert model.required("source")
        assert model.required("refresh") == "full"
        assert {"watermark_at", "population_count", "unknown_count", "coverage"} <= model.columns

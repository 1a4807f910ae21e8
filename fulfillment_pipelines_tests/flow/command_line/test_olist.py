"""Real orders that nobody here wrote: the findings are what the Parquet files say when they are read independently."""

from __future__ import annotations

import subprocess
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

CONFIG = "data/samples/olist/olist.yaml"
CENT = Decimal("0.01")
NEVER_CHARGED = {"canceled", "unavailable"}
Findings = set[tuple[str, str, str]]


@pytest.fixture(scope="module")
def tables(olist_directory: Path) -> dict[str, list[dict[str, Any]]]:
    names = ("orders", "order_items", "payments")
    return {name: pq.read_table(olist_directory / f"{name}.parquet").to_pylist() for name in names}


@pytest.fixture(scope="module")
def findings(olist: Any, walk: Any) -> list[dict[str, Any]]:
    assert olist.exit_code == 0, olist.told
    statement = "select code, business_key, expected_value, actual_value, verdict from rec_findings"
    rows: list[dict[str, Any]] = walk.terminal.type("query", statement, "--config", CONFIG, "--json").json()
    return rows


def _found(findings: list[dict[str, Any]], code: str) -> Findings:
    chosen = [row for row in findings if row["code"] == code]
    return {(row["business_key"], row["expected_value"], row["actual_value"]) for row in chosen}


def _money(value: float) -> Decimal:
    return Decimal(str(value)).quantize(CENT)


def _wrong_payments(tables: dict[str, list[dict[str, Any]]]) -> Findings:
    ordered: defaultdict[str, Decimal] = defaultdict(Decimal)
    paid: defaultdict[str, Decimal] = defaultdict(Decimal)
    for item in tables["order_items"]:
        ordered[item["order_id"]] += _money(item["price"]) + _money(item["freight_value"])
    for payment in tables["payments"]:
        paid[payment["order_id"]] += _money(payment["payment_value"])
    owes_nothing = {row["order_id"] for row in tables["orders"] if row["order_status"] in NEVER_CHARGED} - set(paid)
    return {
        (order, f"{ordered.get(order, Decimal()):.2f}", f"{paid.get(order, Decimal()):.2f}")
        for order in ({*ordered, *paid} - owes_nothing)
        if abs(ordered.get(order, Decimal()) - paid.get(order, Decimal())) > CENT
    }


def _gaps(order: dict[str, Any]) -> list[str]:
    purchased, approved = order["order_purchase_timestamp"], order["order_approved_at"]
    handed_over, delivered = order["order_delivered_carrier_date"], order["order_delivered_customer_date"]
    found = {
        "CLOSED without DELIVERED": order["order_status"] == "delivered" and not delivered,
        "DELIVERED without HANDED_OVER": delivered and not handed_over,
        "HANDED_OVER without APPROVED": handed_over and not approved,
        "DELIVERED before HANDED_OVER": delivered and handed_over and delivered < handed_over,
        "HANDED_OVER before APPROVED": handed_over and approved and handed_over < approved,
        "APPROVED before PURCHASED": approved and approved < purchased,
    }
    return [gap for gap, there in found.items() if there]


def test_every_payment_that_is_not_items_and_freight_is_found_and_no_other(
    findings: list[dict[str, Any]], tables: dict[str, list[dict[str, Any]]]
) -> None:
    expected = _wrong_payments(tables)
    assert expected
    assert _found(findings, "FIN-04") == expected


def test_every_gap_in_the_milestones_is_found_and_no_other(
    findings: list[dict[str, Any]], tables: dict[str, list[dict[str, Any]]]
) -> None:
    expected = {
        (f"{order['order_id']}/{gap}", "milestones in order", gap) for order in tables["orders"] for gap in _gaps(order)
    }
    kinds = Counter(gap for _, _, gap in expected)
    assert {"CLOSED without DELIVERED", "HANDED_OVER without APPROVED", "HANDED_OVER before APPROVED"} <= set(kinds)
    assert _found(findings, "WHS-03") == expected


def test_nothing_else_is_wrong_and_nothing_is_unexplained(findings: list[dict[str, Any]], olist: Any) -> None:
    assert {(row["code"], row["verdict"]) for row in findings} == {("FIN-04", "DIFFER"), ("WHS-03", "DIFFER")}
    assert len({(row["code"], row["business_key"]) for row in findings}) == len(findings)
    assert "UNEXPLAINED = 0" in olist.stdout
    assert "0 rows in quarantine" in olist.stdout


def test_every_row_of_the_files_is_landed_and_current(
    olist: Any, walk: Any, tables: dict[str, list[dict[str, Any]]]
) -> None:
    assert olist.exit_code == 0, olist.told
    pulled = {row[0]: row[1].replace(",", "") for row in olist.rows if row[0].startswith("olist_")}
    portal = len(tables["orders"]) + len(tables["order_items"])
    assert pulled == {
        "olist_portal": str(portal),
        "olist_finance": str(len(tables["payments"])),
        "olist_carrier": str(len(tables["orders"])),
    }
    statement = "select count(*) as row_count from snap_olist_portal__orders"
    asked = walk.terminal.type("query", statement, "--config", CONFIG, "--json")
    assert asked.json() == [{"row_count": len(tables["orders"])}]


def test_cases_are_opened_and_nothing_is_sent(olist: Any, walk: Any, findings: list[dict[str, Any]]) -> None:
    assert olist.exit_code == 0, olist.told
    listed = walk.terminal.type("exceptions", "list", "--config", CONFIG, "--limit", "1000", "--json").json()
    assert {(case["code"], case["business_key"]) for case in listed} == {
        (row["code"], row["business_key"]) for row in findings
    }
    assert walk.terminal.type("corrections", "list", "--config", CONFIG, "--json").json() == []


def test_the_data_is_not_in_the_repository(project_root: Path) -> None:
    if not (project_root / ".git").exists():
        pytest.skip("not a git checkout, so the repository's files are not known")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=True).stdout
    assert [name for name in listed.splitlines() if name.endswith(".parquet")] == []
    held = [name for name in listed.splitlines() if "olist" in name and not name.endswith((".py", ".yaml", ".sql"))]
    assert held == []

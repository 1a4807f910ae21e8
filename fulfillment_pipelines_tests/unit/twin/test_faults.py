"""Every label of the history can be seen in the systems' own data, and nothing else is wrong there."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest

from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.twin.faults.fault_desk import INJECTORS
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.twin import Twin
from fulfillment_pipelines.twin.world.catalogue import ITEM_BY_SKU
from fulfillment_pipelines.twin.world.master_data import CONSOLIDATED_CUSTOMERS

Leg = tuple[str, str, int]


def _labels(outside: Any, code: str) -> list[Label]:
    return [label for label in outside.twin.labels() if label.code == code]


@pytest.fixture(scope="module")
def shipped(faulty: Any) -> dict[Leg, int]:
    """Base units of every leg that left, as the sites have it; rows with a broken contract are left out."""
    legs: dict[Leg, int] = {}
    for node, rows, names in (
        ("EAST", faulty.sql("WMS_EAST", "shipment_lines"), ("shipment_no", "order_no", "line_no", "item")),
        ("WEST", faulty.west("shipment-lines"), ("shipment", "order", "line", "sku")),
        ("NORTH", faulty.north("SHP"), ("shipment_no", "order_no", "line_no", "item")),
    ):
        for row in rows:
            shipment, order, line, item = (row[name] for name in names)
            if shipment and str(row["qty"]).split(".")[0].isdecimal():
                legs[shipment, order, int(line)] = int(row["qty"]) * ITEM_BY_SKU[item].factor_at(node)
    return legs


@pytest.fixture(scope="module")
def confirmed(faulty: Any) -> dict[Leg, int]:
    return {
        (row["shipment_no"], row["order_no"], row["line_no"]): row["qty"]
        for row in faulty.erp("shipment-confirmations")
    }


@pytest.fixture(scope="module")
def billed(faulty: Any) -> dict[Leg, list[dict[str, Any]]]:
    """Invoice lines that name their leg; consolidated ones and damaged references are looked at elsewhere."""
    documents: dict[Leg, list[dict[str, Any]]] = defaultdict(list)
    for row in faulty.sql("FINANCE", "invoice_lines"):
        if row["document_type"] == "INVOICE" and row["shipment_no"] is not None:
            documents[row["shipment_no"], row["order_no"], row["line_no"]].append(row)
    return documents


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory, working: Any) -> Iterator[Any]:
    """A twin that is struck by every kind of fault, so that it cannot be shared with other modules."""
    home = tmp_path_factory.mktemp("struck")
    with Twin.start(home, seed=12, faults=False) as twin, closing(type(working)(twin)) as outside:
        yield outside


def _as_written(order_no: str) -> str:
    """Return an order number with letters that stand for digits, and the other way round, put right."""
    return "SO" + order_no[2:].translate(str.maketrans("OISB", "0158"))


def test_the_history_has_at_least_two_faults_of_every_code(faulty: Any) -> None:
    counts = Counter(label.code for label in faulty.twin.labels())
    assert set(counts) == set(INJECTORS)
    assert min(counts.values()) >= 2


def test_no_two_faults_share_a_business_key_and_condition_follows_injection(faulty: Any) -> None:
    labels = faulty.twin.labels()
    assert len({(label.code, label.business_key, label.node) for label in labels}) == len(labels)
    for label in labels:
        assert label.injected_at <= label.condition_since <= datetime.fromisoformat("2026-03-09T14:05:00+00:00")


def test_shp_01_is_what_left_long_ago_and_the_erp_does_not_have(
    faulty: Any, shipped: dict[Leg, int], confirmed: dict[Leg, int]
) -> None:
    recent = {
        (row["shipment_no"], row["order_no"], int(row["line_no"]))
        for rows in (faulty.sql("WMS_EAST", "shipment_lines"), faulty.north("SHP"))
        for row in rows
        if str(row["departed_at"]).replace("T", " ") > "2026-03-09 13:20"
    } | {
        (row["shipment"], row["order"], row["line"])
        for row in faulty.west("shipment-lines")
        if row["departed_at"] > "2026-03-09T13:20"
    }
    missing = {"/".join(map(str, leg)) for leg in shipped.keys() - confirmed.keys() - recent}
    forgotten = {label.business_key.removeprefix("SHP-01/") for label in _labels(faulty, "SYS-03")}
    assert missing == {label.business_key for label in _labels(faulty, "SHP-01")} | forgotten


def test_shp_02_is_where_erp_and_site_have_other_quantities(
    faulty: Any, shipped: dict[Leg, int], confirmed: dict[Leg, int]
) -> None:
    both = shipped.keys() & confirmed.keys()
    differing = {"/".join(map(str, leg)) for leg in both if shipped[leg] != confirmed[leg]}
    assert differing == {label.business_key for label in _labels(faulty, "SHP-02")}


def test_fin_01_is_what_was_confirmed_days_ago_and_no_document_names(
    faulty: Any, billed: dict[Leg, list[dict[str, Any]]]
) -> None:
    damaged = {
        (_as_written(row["order_no"]), row["line_no"], int(row["qty"]))
        for row in faulty.sql("FINANCE", "invoice_lines")
        if row["shipment_no"] is None and row["order_no"] is not None
    }
    consolidated = {
        row["order_no"] for name in CONSOLIDATED_CUSTOMERS for row in faulty.erp("sales-orders", customer_no=name)
    }
    invented = {label.business_key.split("/")[0] for label in _labels(faulty, "SHP-06")}
    unbilled = {
        f"{row['order_no']}/{row['line_no']}/{row['shipment_no']}"
        for row in faulty.erp("shipment-confirmations")
        if row["confirmed_at"] < "2026-03-09T08:00:00Z"
        and (row["shipment_no"], row["order_no"], row["line_no"]) not in billed
        and (row["order_no"], row["line_no"], row["qty"]) not in damaged
        and row["order_no"] not in consolidated
        and row["shipment_no"] not in invented
    }
    assert unbilled == {label.business_key for label in _labels(faulty, "FIN-01")}


def test_fin_02_is_where_documents_bill_another_quantity_than_was_shipped(
    faulty: Any, shipped: dict[Leg, int], billed: dict[Leg, list[dict[str, Any]]]
) -> None:
    differing = {
        f"{order_no}/{line_no}"
        for (shipment_no, order_no, line_no), documents in billed.items()
        if sum(int(row["qty"]) for row in documents)
        != shipped.get((shipment_no, order_no, line_no), sum(int(row["qty"]) for row in documents))
    }
    assert differing == {label.business_key for label in _labels(faulty, "FIN-02")}


def test_int_02_is_a_customer_order_that_lives_twice(faulty: Any) -> None:
    orders = Counter(f"{row['customer_no']}/{row['customer_po']}" for row in faulty.erp("sales-orders", status="OPEN"))
    twice = {key for key, count in orders.items() if count > 1}
    assert twice == {label.business_key for label in _labels(faulty, "INT-02")}
    lines = defaultdict(list)
    for row in faulty.erp("sales-order-lines"):
        lines[row["order_no"]].append((row["line_no"], row["sku"], row["qty_ordered"]))
    for key in twice:
        customer, purchase_order = key.split("/")
        first, second = faulty.erp("sales-orders", customer_no=customer, customer_po=purchase_order)
        assert first["channel"] in {"PORTAL", "EDI"}
        assert second["channel"] == "INSIDE_SALES"
        assert lines[first["order_no"]] == lines[second["order_no"]]


def test_int_03_is_a_complete_portal_order_that_the_erp_does_not_have(faulty: Any) -> None:
    known = {row["channel_order_no"] for row in faulty.erp("sales-orders")}
    lost = {row["id"] for row in faulty.portal("orders") if row["placed_at"] < "2026-03-09T13:55"} - known
    parked = {label.business_key for label in _labels(faulty, "INT-01")}
    parked |= {number for label in _labels(faulty, "INT-05") for number in re.findall(r"P-\d+", label.note)}
    labels = {label.business_key for label in _labels(faulty, "INT-03") if label.business_key.startswith("P-")}
    assert lost - parked == labels
    assert parked <= lost


def test_whs_01_is_due_and_not_released_or_released_and_not_taken_in(faulty: Any) -> None:
    released = {(row["order_no"], row["line_no"]) for row in faulty.erp("releases")}
    held = {row["order_no"] for row in faulty.erp("holds", status="CREATED")}
    unreleased = {
        f"{row['order_no']}/{row['line_no']}"
        for row in faulty.erp("sales-order-lines")
        if row["release_due_at"] < "2026-03-09T13:40"
        and row["qty_allocated"] > 0
        and (row["order_no"], row["line_no"]) not in released
        and row["order_no"] not in held
    }
    taken_in = (
        {(row["order_no"], int(row["line_no"])) for row in faulty.sql("WMS_EAST", "release_lines")}
        | {(row["order"], row["line"]) for row in faulty.west("release-lines")}
        | {(row["order_no"], int(row["line_no"])) for row in faulty.north("REL")}
    )
    unacknowledged = {
        f"{row['order_no']}/{row['line_no']}"
        for row in faulty.erp("releases")
        if row["sent_at"] < "2026-03-09T13:00" and (row["order_no"], row["line_no"]) not in taken_in
    }
    labels = _labels(faulty, "WHS-01")
    assert unreleased == {label.business_key for label in labels if "never releases" in label.note}
    assert unacknowledged == {label.business_key for label in labels if "lost" in label.note}


def test_crd_03_is_a_hold_that_finance_resolved_and_another_system_keeps(faulty: Any) -> None:
    resolved = {
        row["hold_no"]
        for row in faulty.sql("FINANCE", "credit_holds")
        if row["status"] == "RESOLVED" and row["resolved_at"] < datetime.fromisoformat("2026-03-09T13:00:00+00:00")
    }
    active = {(row["hold_no"], "") for row in faulty.erp("holds", status="CREATED")}
    active |= {(row["hold_no"], "EAST") for row in faulty.sql("WMS_EAST", "order_holds") if row["status"] == "CREATED"}
    active |= {(row["hold"], "WEST") for row in faulty.west("holds") if row["active"]}
    active |= {(row["hold_no"], "NORTH") for row in faulty.north("HLD") if row["status"] == "CREATED"}
    stale = {(hold_no, node) for hold_no, node in active if hold_no in resolved}
    assert stale == {(label.business_key, label.node) for label in _labels(faulty, "CRD-03")}


def _positions(faulty: Any) -> dict[tuple[str, str], dict[str, int]]:
    rows = {
        "EAST": faulty.sql("WMS_EAST", "stock"),
        "WEST": [{**row, "item": row["sku"]} for row in faulty.west("stock")],
        "NORTH": faulty.north("STK"),
    }
    return {
        (node, row["item"]): {
            name: int(row[name]) * ITEM_BY_SKU[row["item"]].factor_at(node) for name in ("on_hand", "reserved", "free")
        }
        for node, of_node in rows.items()
        for row in of_node
    }


def test_inv_01_is_a_large_difference_of_stock_on_hand(faulty: Any, shipped: dict[Leg, int]) -> None:
    del shipped
    sites = _positions(faulty)
    different = set()
    for row in faulty.erp("inventory"):
        on_site = sites[row["site"], row["sku"]]["on_hand"]
        if abs(row["on_hand"] - on_site) > 0.05 * on_site:
            different.add((row["sku"], row["site"]))
    in_flight = {
        (line["sku"], line["site"])
        for label in (*_labels(faulty, "SHP-01"), *_labels(faulty, "SYS-03"))
        for line in faulty.erp(
            "sales-order-lines",
            order_no=label.business_key.removeprefix("SHP-01/").split("/")[1],
            line_no=int(label.business_key.removeprefix("SHP-01/").split("/")[2]),
        )
    }
    little_left = {(label.business_key, label.node) for label in _labels(faulty, "INV-03")}  # one leg is much of it
    found = different - in_flight - little_left
    assert found == {(label.business_key, label.node) for label in _labels(faulty, "INV-01")}


def test_inv_02_is_promised_by_the_erp_far_beyond_what_the_site_has_free(faulty: Any) -> None:
    sites = _positions(faulty)
    promised_too_much = {
        (row["sku"], row["site"])
        for row in faulty.erp("inventory")
        if row["atp"] - sites[row["site"], row["sku"]]["free"] > 24
    }
    again = {(label.business_key.removeprefix("INV-02/"), label.node) for label in _labels(faulty, "SYS-05")}
    assert promised_too_much == {(label.business_key, label.node) for label in _labels(faulty, "INV-02")} | again
    demand = {(row["sku"], row["site"]) for row in faulty.erp("sales-order-lines") if row["qty_allocated"] > 0}
    assert promised_too_much <= demand


def test_sys_02_breaks_a_number_a_key_and_a_code(faulty: Any) -> None:
    assert {label.business_key for label in _labels(faulty, "SYS-02")} == {
        "wms_north/shipments",
        "wms_west/shipments",
        "finance/invoice_lines",
    }
    assert [row["qty"] for row in faulty.north("SHP") if not row["qty"].isdecimal()] == ["1O,5"]
    assert sum(row["shipment"] is None for row in faulty.west("shipment-lines")) == 1
    statuses = Counter(row["status"] for row in faulty.sql("FINANCE", "invoice_lines"))
    assert statuses["PARKED"] == 1


def test_a_source_repairs_broken_rows_when_asked_and_by_itself(struck: Any) -> None:
    labels = struck.twin.inject("SYS-02", 3)
    assert [label.node for label in labels] == ["NORTH", "WEST", ""]
    struck.twin.advance(1_800)
    assert "1O,5" in struck.north_text("SHP")
    assert struck.twin.repair("wms_west/shipments") == 1
    assert all(row["shipment"] for row in struck.west("shipment-lines"))
    struck.twin.advance(7 * 3_600)
    assert "1O,5" not in struck.north_text("SHP")
    assert {row["status"] for row in struck.sql("FINANCE", "invoice_lines")} <= {"DRAFT", "POSTED"}


def test_a_duplicate_key_is_sent_with_another_content(struck: Any) -> None:
    struck.twin.inject("SYS-02", 6)
    struck.twin.advance(1_800)
    quantities = defaultdict(set)
    for row in struck.north("MOV"):
        quantities[row["movement_no"]].add(row["qty"])
    (differing,) = [sent for sent in quantities.values() if len(sent) > 1]  # others are sent twice, unchanged
    assert len(differing) == 2
    assert sum(row["movement_type"] is None for row in struck.sql("WMS_EAST", "stock_movements")) == 1
    with pytest.raises(RejectedError, match="nothing left"):
        struck.twin.inject("SYS-02")
    struck.twin.advance(7 * 3_600)


def test_an_unknown_code_is_refused_with_the_known_ones(faulty_twin: Twin) -> None:
    with pytest.raises(RejectedError, match="FIN-01"):
        faulty_twin.inject("XXX-99")


@pytest.mark.parametrize("code", sorted(INJECTORS))
def test_every_code_can_be_injected_at_night(struck: Any, code: str) -> None:
    before = len(struck.twin.labels())
    labels = struck.twin.inject(code, 2)
    assert [label.code for label in labels] == [code, code]
    assert len(struck.twin.labels()) == before + 2
    struck.twin.advance(60)

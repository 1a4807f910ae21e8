"""Orders at the portal and in the ERP: what is agreed, what drifts, what is parked, and how it is put right."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.twin import Twin
from fulfillment_pipelines.twin.world.catalogue import OWN_NUMBER_CUSTOMERS


def _labels(outside: Any, code: str) -> list[Label]:
    return [label for label in outside.twin.labels() if label.code == code]


def _line_key(row: dict[str, Any]) -> str:
    return f"{row['order_no']}/{row['line_no']}"


def _complete(working: Any, portal_id: str, body: dict[str, Any], *, key: str) -> Any:
    return working.portal_http.patch(f"/v2/orders/{portal_id}", json=body, headers={"Idempotency-Key": key})


def test_a_healthy_portal_order_says_where_when_and_on_what_terms_as_the_erp_does(working: Any) -> None:
    shown = {row["id"]: row for row in working.portal("orders")}
    compared = 0
    for order in working.erp("sales-orders", channel="PORTAL"):
        there = shown[order["channel_order_no"]]
        if order["revision_no"] != there["revision"]:
            continue  # on its way
        compared += 1
        assert (there["ship_to"], there["terms"], there["priority"]) == (
            order["ship_to_no"],
            order["payment_terms"],
            order["priority"],
        )
        assert datetime.fromisoformat(there["requested_at"]) == datetime.fromisoformat(order["requested_at"])
    assert compared > 200
    assert any(row["revision"] for row in shown.values())


def test_the_portal_writes_requested_dates_as_midnight_where_the_customer_lives(working: Any) -> None:
    offsets = {row["requested_at"][-6:] for row in working.portal("orders")}
    assert offsets >= {"-04:00", "-05:00"}  # daylight saving begins during the history
    # a day later is an hour later on the clock, for who asks for it across the change
    assert {row["requested_at"][11:19] for row in working.portal("orders")} <= {"00:00:00", "01:00:00"}


def test_customers_with_numbers_of_their_own_give_those_alone(faulty: Any) -> None:
    customers = {row["id"]: row["customer"] for row in faulty.portal("orders")}
    own = [row for row in faulty.portal("order-items") if customers[row["order_id"]] in OWN_NUMBER_CUSTOMERS]
    assert own
    assert all(row["sku"] is None and row["buyer_item"] for row in own)


def test_some_orders_are_placed_around_midnight(working: Any) -> None:
    minutes = {row["placed_at"][11:15] for row in working.portal("orders")}
    assert minutes & {"23:5", "00:0"}


def test_prices_under_contract_stay_within_half_a_percent(working: Any) -> None:
    agreed = {(row["customer_no"], row["sku"]): row["price"] for row in working.erp("contract-prices")}
    customers = {row["order_no"]: row["customer_no"] for row in working.erp("sales-orders")}
    drifted = {label.business_key for label in _labels(working, "INT-04")}
    off = set()
    for line in working.erp("sales-order-lines"):
        price = agreed.get((customers[line["order_no"]], line["sku"]))
        if price is not None and _line_key(line) not in drifted:
            assert abs(line["unit_price"] - price) <= 0.005 * price
            off.add(line["unit_price"] != price)
    assert off == {True, False}


def test_lines_accepted_ahead_of_their_stock_are_allocated_before_they_are_due(tmp_path: Path, working: Any) -> None:
    with Twin.start(tmp_path, seed=23, history=False) as twin, closing(type(working)(twin)) as outside:
        twin.advance_until(datetime.fromisoformat("2026-03-02T20:00:00+00:00"))
        ahead = {
            _line_key(line): line
            for line in outside.erp("sales-order-lines")
            if line["qty_allocated"] == 0 and line["qty_cancelled"] == 0 and line["release_due_at"] > "2026-03-02T20"
        }
        assert ahead
        assert all(outside.erp("inbound-supply", site=row["site"], sku=row["sku"]) for row in ahead.values())
        twin.advance_until(datetime.fromisoformat("2026-03-03T14:00:00+00:00"))
        released = {_line_key(row) for row in outside.erp("releases")}
        assert ahead.keys() <= released


def test_int_01_lacks_what_its_label_says_and_is_taken_in_when_completed(working: Any) -> None:
    labels = working.twin.inject("INT-01", 6)
    orders = {row["id"]: row for row in working.portal("orders")}
    no_ship_to, unknown, no_po, nothing, no_terms, early = (orders[label.business_key] for label in labels)
    assert (no_ship_to["ship_to"], no_po["po"], no_terms["terms"]) == (None, None, None)
    assert datetime.fromisoformat(early["requested_at"]) < datetime.fromisoformat(early["placed_at"])
    items = {(row["order_id"], row["line"]): row for row in working.portal("order-items")}
    assert items[unknown["id"], 1]["sku"].startswith("XXX-")
    assert items[nothing["id"], 1]["qty"] == "0"
    working.twin.advance(3_600)
    for label in labels:
        assert working.erp("sales-orders", channel_order_no=label.business_key) == []
    refused = working.post("sales-orders", {"channel": "PORTAL", "channel_order_no": no_po["id"]}, key="parked-1")
    assert refused.status_code == 422
    assert "po missing" in refused.json()["found"]
    done = _complete(working, no_po["id"], {"po": "PO-999001"}, key="complete-1")
    assert done.status_code == 200
    half = _complete(working, nothing["id"], {"po": "PO-999002"}, key="complete-2")
    assert half.status_code == 200
    working.twin.advance(120)
    (taken_in,) = working.erp("sales-orders", channel_order_no=no_po["id"])
    assert taken_in["customer_po"] == "PO-999001"
    assert working.erp("sales-orders", channel_order_no=nothing["id"]) == []
    assert working.twin.repair("portal/orders") >= 5
    working.twin.advance(120)
    for label in labels:
        assert len(working.erp("sales-orders", channel_order_no=label.business_key)) == 1
    again = _complete(working, no_po["id"], {"po": "PO-999003"}, key="complete-3")
    assert again.status_code == 409


def test_int_05_is_a_number_nobody_knows_and_the_order_waits_for_its_mapping(working: Any) -> None:
    label = next(label for _ in range(2) for label in working.twin.inject("INT-05") if "ITEM/" in label.business_key)
    _, customer_no, foreign_no = label.business_key.split("/")
    assert working.erp("cross-references", foreign_no=foreign_no) == []
    (item,) = [row for row in working.portal("order-items") if row["buyer_item"] == foreign_no]
    assert working.erp("sales-orders", channel_order_no=item["order_id"]) == []
    body = {"type": "ITEM", "party": customer_no, "foreign_no": foreign_no, "own_no": "MTR-1003"}
    assert working.post("cross-references", {**body, "own_no": "NONE-1"}, key="map-0").status_code == 404
    assert working.post("cross-references", body, key="map-1").status_code == 201
    assert working.post("cross-references", body, key="map-2").status_code == 409
    working.twin.advance(120)
    (order,) = working.erp("sales-orders", channel_order_no=item["order_id"])
    first = working.erp("sales-order-lines", order_no=order["order_no"], line_no=1)[0]
    assert (first["sku"], str(first["qty_ordered"])) == ("MTR-1003", item["qty"])


def test_int_05_is_a_unit_nobody_knows_in_a_feed(faulty: Any) -> None:
    units = [label.business_key for label in _labels(faulty, "INT-05") if label.business_key.startswith("UOM/")]
    assert units == ["UOM/wms_north/PALL"]
    assert sum(row["unit"] == "PALL" for row in faulty.north("REL")) == 1


def test_int_04_is_where_the_erp_says_something_else_and_is_over_when_it_takes_over(working: Any) -> None:
    labels = working.twin.inject("INT-04", 5)
    for number, label in enumerate(labels):
        order_no, _, line_no = label.business_key.partition("/")
        body = {"line_no": int(line_no) if line_no else None}
        answer = working.post(f"sales-orders/{order_no}/amendments", body, key=f"take-over-{number}")
        assert answer.status_code == 200
        assert working.erp("order-amendments", amendment_no=f"take-over-{number}")
        (order,) = working.erp("sales-orders", order_no=order_no)
        (shown,) = [row for row in working.portal("orders") if row["id"] == order["channel_order_no"]]
        assert (order["ship_to_no"], order["revision_no"]) == (shown["ship_to"], shown["revision"])
        assert datetime.fromisoformat(order["requested_at"]) == datetime.fromisoformat(shown["requested_at"])
        if line_no:
            (line,) = working.erp("sales-order-lines", order_no=order_no, line_no=int(line_no))
            assert line["qty_allocated"] == line["qty_ordered"]
    unknown = working.post("sales-orders/SO-1/amendments", {"line_no": None}, key="take-over-none")
    assert unknown.status_code == 404


def test_int_04_of_the_history_differs_as_its_label_says(faulty: Any) -> None:
    shown = {row["id"]: row for row in faulty.portal("orders")}
    items = {(row["order_id"], row["line"]): row for row in faulty.portal("order-items")}
    for label in _labels(faulty, "INT-04"):
        order_no, _, line_no = label.business_key.partition("/")
        (order,) = faulty.erp("sales-orders", order_no=order_no)
        there = shown[order["channel_order_no"]]
        if line_no:
            (line,) = faulty.erp("sales-order-lines", order_no=order_no, line_no=int(line_no))
            item = items[order["channel_order_no"], int(line_no)]
            price_off = abs(line["unit_price"] - float(item["price"])) > 0.005 * float(item["price"])
            assert (str(line["qty_ordered"]) != item["qty"]) + (line["sku"] != item["sku"]) + price_off >= 1
        else:
            assert (order["ship_to_no"], order["revision_no"]) != (there["ship_to"], there["revision"])


def test_inv_06_can_be_served_by_nothing_and_a_backorder_takes_allocation_away(working: Any, faulty: Any) -> None:
    for label in _labels(faulty, "INV-06"):
        (position,) = faulty.erp("inventory", site=label.node, sku=label.business_key)
        confirmed = faulty.erp("inbound-supply", site=label.node, sku=label.business_key, status="CONFIRMED")
        lines = faulty.erp("sales-order-lines", site=label.node, sku=label.business_key, qty_allocated=0)
        wanted = max(row["qty_ordered"] for row in lines)
        assert wanted > position["atp"] + sum(row["qty"] for row in confirmed) + 100
    line = next(
        row for row in working.erp("sales-order-lines") if row["qty_allocated"] > 2 and row["qty_cancelled"] == 0
    )
    (before,) = working.erp("inventory", site=line["site"], sku=line["sku"])
    path = f"sales-order-lines/{_line_key(line)}"
    body = {"qty_allocated": line["qty_allocated"] - 2, "expected_allocated": line["qty_allocated"]}
    assert working.patch(path, body, key="backorder-1").status_code == 200
    (after,) = working.erp("inventory", site=line["site"], sku=line["sku"])
    assert (after["allocated"], after["atp"]) == (before["allocated"] - 2, before["atp"] + 2)
    stale = working.patch(path, body, key="backorder-2")
    assert stale.status_code == 409
    more = {"qty_allocated": line["qty_allocated"], "expected_allocated": line["qty_allocated"] - 2}
    assert working.patch(path, more, key="backorder-3").status_code == 422


def test_the_portal_shows_states_within_minutes_and_takes_corrections(working: Any) -> None:
    working.twin.advance(600)
    shown = {row["order_no"]: row for row in working.portal("order-statuses")}
    orders = {row["order_no"]: row for row in working.erp("sales-orders", channel="PORTAL")}
    assert {row["status"] for row in shown.values()} >= {"ACCEPTED", "SHIPPED", "DELIVERED", "CANCELLED"}
    for order_no, row in shown.items():
        assert (row["status"] == "CANCELLED") == (orders[order_no]["status"] == "CANCELLED")
    order_no = next(name for name, row in shown.items() if row["status"] == "DELIVERED")
    url, headers = f"/v2/order-statuses/{order_no}", {"Idempotency-Key": "status-1"}
    body = {"status": "SHIPPED", "promise": shown[order_no]["promise"], "expected_status": "ACCEPTED"}
    assert working.portal_http.put(url, json=body, headers=headers).status_code == 409
    body["expected_status"] = "DELIVERED"
    assert working.portal_http.put(url, json=body, headers=headers).status_code == 200
    assert working.portal_http.get(url).json()["status"] == "SHIPPED"
    eta = {"eta": "2026-03-20T10:00:00Z"}
    assert working.portal_http.put(f"{url}/eta", json=eta, headers={"Idempotency-Key": "eta-1"}).status_code == 200
    assert working.portal_http.get(url).json()["eta"] == eta["eta"]
    unknown = working.portal_http.put("/v2/order-statuses/SO-0/eta", json=eta, headers={"Idempotency-Key": "eta-2"})
    assert unknown.status_code == 404


@pytest.mark.parametrize("name", ["customers", "customer-locations", "items", "cross-references", "contract-prices"])
def test_master_data_is_served(working: Any, name: str) -> None:
    assert working.erp(name)

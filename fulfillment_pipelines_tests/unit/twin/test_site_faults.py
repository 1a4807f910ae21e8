"""Faults at the sites can be seen in what the systems say, and what a site is asked to put right is put right."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.twin.labels import Label


def _labels(outside: Any, code: str) -> list[Label]:
    return [label for label in outside.twin.labels() if label.code == code]


def _line(business_key: str) -> tuple[str, int]:
    *_, order_no, line_no = business_key.split("/")
    return order_no, int(line_no)


def _of_line(rows: list[dict[str, Any]], line: tuple[str, int]) -> dict[str, Any]:
    (row,) = [row for row in rows if (row["order_no"], row["line_no"]) == line]
    return row


def _injected_at(working: Any, code: str, node: str, note: str = "") -> Label:
    for _ in range(9):
        (label,) = working.twin.inject(code)
        if label.node == node and note in label.note:
            return label
    raise AssertionError(f"no {code} at {node}")


def _told(working: Any, node: str, kind: str, body: dict[str, Any]) -> None:
    """Leave a message at a site in the way it takes them, and let it be worked on."""
    if node == "EAST":
        working.leave("WMS_EAST", f"{kind}-{body}", kind, body)
    else:
        inbound = Path(working.addresses["WMS_NORTH_DIRECTORY"]) / "inbound"
        (inbound / f"{kind}-{abs(hash(str(body)))}.json").write_text(json.dumps({"message_type": kind, **body}))
    working.twin.advance(1_860)


def test_inv_03_is_promised_beyond_what_is_sellable(faulty: Any) -> None:
    oversold = {
        (row["sku"], row["site"])
        for row in faulty.erp("inventory")
        if row["allocated"] > row["on_hand"] and row["atp"] < 0
    }
    confirmed: dict[tuple[str, int], int] = {}
    for row in faulty.erp("shipment-confirmations"):
        line = row["order_no"], row["line_no"]
        confirmed[line] = confirmed.get(line, 0) + row["qty"]
    too_much = {
        (f"{row['order_no']}/{row['line_no']}", row["site"])
        for row in faulty.erp("sales-order-lines")
        if row["qty_allocated"] > row["qty_ordered"] - row["qty_cancelled"]
    }
    assert oversold | too_much == {(label.business_key, label.node) for label in _labels(faulty, "INV-03")}
    assert oversold
    assert too_much


def test_inv_04_is_reserved_for_a_line_of_which_nothing_is_open(faulty: Any) -> None:
    shipped: dict[tuple[str, int], int] = {}
    for row in faulty.site("releases"):
        shipped[row["order_no"], row["line_no"]] = row["qty"]
    open_qty = {
        (row["order_no"], row["line_no"]): row["qty_ordered"] - row["qty_cancelled"]
        for row in faulty.erp("sales-order-lines")
    }
    for row in faulty.site("shipments"):
        open_qty[row["order_no"], row["line_no"]] -= row["qty"] if isinstance(row["qty"], int) else 0
    left = {
        (row["reservation_no"], row["node"])
        for row in faulty.site("reservations")
        if row["order_no"] and row["qty"] > open_qty[row["order_no"], row["line_no"]]
    }
    assert left == {(label.business_key, label.node) for label in _labels(faulty, "INV-04")}


def test_inv_05_is_reserved_less_than_released(faulty: Any) -> None:
    reserved = {(row["order_no"], row["line_no"]): row["qty"] for row in faulty.site("reservations")}
    labels = _labels(faulty, "INV-05")
    for label in labels:
        release = _of_line(faulty.site("releases"), _line(label.business_key))
        assert reserved.get(_line(label.business_key), 0) < release["qty"]
        assert release["pick_status"] == "OPEN"
    assert {_line(label.business_key) in reserved for label in labels} == {True, False}


def test_whs_02_is_a_closed_pick_of_less_than_was_released(faulty: Any) -> None:
    short = {
        (f"{row['order_no']}/{row['line_no']}", row["node"])
        for row in faulty.site("releases")
        if row["pick_status"] == "CLOSED" and row["picked_qty"] < row["qty"]
    }
    assert short == {(label.business_key, label.node) for label in _labels(faulty, "WHS-02")}


def test_whs_03_is_a_lost_or_misdated_pick_or_one_that_lies_for_days(faulty: Any) -> None:
    releases = {(row["order_no"], row["line_no"]): row for row in faulty.site("releases")}
    gone = {(row["order_no"], row["line_no"]) for row in faulty.site("shipments")}
    wrong = {
        line
        for line, row in releases.items()
        if (line in gone and row["picked_at"] is None)
        or (row["packed_at"] is not None and row["picked_at"] is not None and row["packed_at"] < row["picked_at"])
        or (line not in gone and row["picked_at"] and row["picked_at"].day < 6)
    }
    assert wrong == {_line(label.business_key) for label in _labels(faulty, "WHS-03")}
    assert len(wrong) == 3


def test_whs_04_is_packed_wrong_and_still_at_the_dock(faulty: Any) -> None:
    lines = {(row["order_no"], row["line_no"]): row for row in faulty.erp("sales-order-lines")}
    gone = {row["shipment_no"][-6:] for row in faulty.site("shipments") if row["shipment_no"]}
    wrong = set()
    for row in faulty.site("packs"):
        line = lines[row["order_no"], row["line_no"]]
        ordered = row["item"] in {line["sku"], line["substitute_sku"]}
        expired = row["expires_at"] is not None and row["expires_at"] < row["packed_at"]
        if not ordered or expired or row["lot_status"] in {"RECALLED", "recalled"}:
            wrong.add((f"{row['pack_no']}/{row['order_no']}/{row['line_no']}", row["node"]))
            assert row["pack_no"][-6:] not in gone
    assert wrong == {(label.business_key, label.node) for label in _labels(faulty, "WHS-04")}
    assert len(wrong) == 3


@pytest.mark.parametrize("node", ["EAST", "NORTH"])
def test_a_left_reservation_can_be_released_by_message(working: Any, node: str) -> None:
    label = _injected_at(working, "INV-04", node)
    working.twin.advance(1_860)
    assert label.business_key in {row["reservation_no"] for row in working.site("reservations")}
    for _ in range(2):  # a second time it changes nothing
        _told(working, node, "reservation.release", {"reservation_no": label.business_key, "again": _})
    assert label.business_key not in {row["reservation_no"] for row in working.site("reservations")}


def test_a_left_reservation_can_be_released_over_rest(working: Any) -> None:
    label = _injected_at(working, "INV-04", "WEST")
    path = f"/reservations/{label.business_key}/release"
    assert working.west_http.get(path).json() == {"state": "HELD"}
    assert working.west_http.post(path, json={}).status_code == 200
    assert working.west_http.get(path).json() == {"state": "RELEASED"}


def test_an_allocation_can_be_set_and_not_beyond_the_line(working: Any) -> None:
    label = _injected_at(working, "INV-05", "WEST")
    order_no, line_no = _line(label.business_key)
    release = _of_line(working.site("releases"), (order_no, line_no))
    path = f"/allocations/{order_no}/{line_no}"
    body = {"sku": release["item"], "unit": "EA", "qty": f"{release['qty']}.0000"}
    assert working.west_http.put(path, json={**body, "qty": release["qty"] + 1}).status_code == 422
    for _ in range(2):
        assert working.west_http.put(path, json=body).status_code == 200
        assert working.west_http.get(path).json() == {"qty": release["qty"]}


def test_a_site_that_reserved_nothing_reserves_by_message(working: Any) -> None:
    label = _injected_at(working, "INV-05", "EAST")
    order_no, line_no = _line(label.business_key)
    release = _of_line(working.site("releases"), (order_no, line_no))
    body = {"order_no": order_no, "line_no": line_no, "item": release["item"], "unit": "EA", "qty": release["qty"]}
    _told(working, "EAST", "allocation.set", body)
    assert _of_line(working.site("reservations"), (order_no, line_no))["qty"] == release["qty"]


def test_a_shipment_can_be_held_until_it_departs(working: Any) -> None:
    label = _injected_at(working, "WHS-04", "WEST")
    order_no, line_no = _line(label.business_key)
    path = f"/shipment-holds/{order_no}/{line_no}"
    assert working.west_http.get(path).status_code == 404
    assert working.west_http.put(path, json={}).status_code == 200
    assert working.west_http.get(path).json() == {"state": "HELD"}
    working.twin.advance(30 * 3_600)
    gone = {(row["order_no"], row["line_no"]) for row in working.site("shipments")}
    assert (order_no, line_no) not in gone


def test_what_has_departed_cannot_be_held(working: Any) -> None:
    releases = {(row["order_no"], row["line_no"]): row["qty"] for row in working.site("releases")}
    gone = next(
        row
        for row in working.site("shipments")
        if row["node"] == "NORTH" and row["qty"] == releases[row["order_no"], row["line_no"]]
    )
    _told(working, "NORTH", "shipment.hold", {"order_no": gone["order_no"], "line_no": gone["line_no"]})
    rejected = Path(working.addresses["WMS_NORTH_DIRECTORY"]) / "rejected"
    assert any("has departed" in path.read_text() for path in rejected.glob("*.problem.txt"))


def test_lost_pick_events_are_told_again_when_asked_for(working: Any) -> None:
    label = _injected_at(working, "WHS-03", "EAST", "the record of the pick was lost")
    order_no, line_no = _line(label.business_key)
    assert _of_line(working.site("releases"), (order_no, line_no))["picked_at"] is None
    _told(working, "EAST", "event.request", {"order_no": order_no, "line_no": line_no})
    release = _of_line(working.site("releases"), (order_no, line_no))
    assert release["picked_qty"] == release["qty"]
    assert release["pick_status"] == "CLOSED"
    assert release["acked_at"] <= release["picked_at"] <= release["packed_at"]


def test_a_line_that_lies_at_the_dock_leaves_once_somebody_asks(working: Any) -> None:
    label = _injected_at(working, "WHS-03", "EAST", "left lying")
    line = _line(label.business_key)
    working.twin.advance(86_400)
    assert line not in {(row["order_no"], row["line_no"]) for row in working.site("shipments")}
    _told(working, "EAST", "event.request", {"order_no": line[0], "line_no": line[1]})
    assert line in {(row["order_no"], row["line_no"]) for row in working.site("shipments")}


def test_a_count_finds_what_the_site_has(working: Any) -> None:
    _told(working, "EAST", "count.request", {"item": "BRG-1002"})
    (found,) = [row for row in working.sql("WMS_EAST", "stock_counts") if row["item"] == "BRG-1002"]
    assert found["status"] == "COUNTED"
    assert working.west_http.post("/counts/BRG-1002", json={}).status_code == 200
    assert working.west_http.get("/counts/BRG-1002").json() == {"state": "COUNTED"}
    assert working.west_http.post("/counts/NO-SUCH-ITEM", json={}).status_code == 404


def test_a_swallowed_correction_is_acknowledged_without_effect(working: Any) -> None:
    (label,) = working.twin.inject("SYS-03")
    code, shipment_no, order_no, line_no = label.business_key.split("/")
    assert (code, label.secondary) == ("SHP-01", ("SHP-01",))
    working.twin.advance(1_860)
    line = working.erp("sales-order-lines", order_no=order_no, line_no=int(line_no))[0]
    query = {"shipment_no": shipment_no, "order_no": order_no, "line_no": int(line_no)}
    body = {**query, "qty": line["qty_ordered"], "site": label.node, "sku": line["sku"]}
    for _ in range(2):
        assert working.post("shipment-confirmations", body, key="into the hole").status_code == 200
    assert working.erp("shipment-confirmations", **query) == []


def test_availability_that_was_lowered_is_set_up_again_after_an_hour_each_time(working: Any) -> None:
    (label,) = working.twin.inject("SYS-05")
    sku, path = label.business_key.split("/")[1], f"/api/v1/inventory/{label.node}/{label.business_key.split('/')[1]}"
    assert label.secondary == ("INV-02",)
    for attempt in range(2):
        promised = working.erp_http.get(path).json()
        lowered = promised["atp"] - 20
        answer = working.patch(f"inventory/{label.node}/{sku}", {"atp": lowered}, key=f"lower-{sku}-{attempt}")
        assert answer.status_code == 200
        working.twin.advance(1_860)
        reserved = working.erp_http.get(path).json()
        assert reserved["allocated"] >= promised["allocated"]
        assert reserved["on_hand"] - reserved["atp"] == reserved["allocated"]
        working.twin.advance(2 * 3_600)
        lines = working.erp("sales-order-lines", site=label.node, sku=sku)
        assert working.erp_http.get(path).json()["allocated"] == sum(row["qty_allocated"] for row in lines)


def test_a_label_keeps_its_secondary_codes_as_json(working: Any) -> None:
    (label,) = working.twin.inject("SYS-03")
    assert Label.from_json(json.loads(json.dumps(label.as_json()))) == label
    assert label.condition_since - label.injected_at <= timedelta(seconds=1_800)

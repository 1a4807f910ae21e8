"""Every correction changes its system once, is refused when it comes too late, and the world goes on from it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.twin.labels import Label


def _injected(working: Any, code: str, *, node: str | None = None) -> Label:
    for _ in range(10):
        (label,) = working.twin.inject(code)
        working.twin.advance(2_400)  # the legacy site's next cycle, and its message to the ERP
        if node is None or label.node == node:
            return label
    raise AssertionError(f"no {code} at {node}")


def _confirmation(working: Any, label: Label) -> tuple[dict[str, Any], dict[str, Any]]:
    """The body of a confirmation of the leg that left, as its site has it, and the query that finds it."""
    shipment_no, order_no, line_no = label.business_key.split("/")
    line = working.erp("sales-order-lines", order_no=order_no, line_no=line_no)[0]
    query = {"shipment_no": shipment_no, "order_no": order_no, "line_no": int(line_no)}
    shipped = {
        "EAST": lambda: [row for row in working.sql("WMS_EAST", "shipment_lines") if row["shipment_no"] == shipment_no],
        "WEST": lambda: [row for row in working.west("shipment-lines") if row["shipment"] == shipment_no],
    }[label.node]()[0]
    body = {**query, "site": label.node, "sku": line["sku"], "qty": f"{int(shipped['qty'])}.0000"}
    return {**body, "shipped_at": "2026-03-09T15:00:00Z"}, query


def _stock(working: Any, site: str, sku: str) -> dict[str, Any]:
    found: dict[str, Any] = working.erp_http.get(f"/api/v1/inventory/{site}/{sku}").json()
    return found


def test_a_lost_confirmation_can_be_posted_once_and_the_invoice_follows(working: Any) -> None:
    label = _injected(working, "SHP-01", node="EAST")
    body, query = _confirmation(working, label)
    before = _stock(working, "EAST", body["sku"])
    first = working.post("shipment-confirmations", body, key="confirm-1")
    again = working.post("shipment-confirmations", body, key="confirm-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert working.post("shipment-confirmations", body, key="another key").status_code == 409
    quantity = int(float(body["qty"]))
    assert [row["qty"] for row in working.erp("shipment-confirmations", **query)] == [quantity]
    assert _stock(working, "EAST", body["sku"])["on_hand"] == before["on_hand"] - quantity
    working.twin.advance(3 * 3_600)
    billed = [row for row in working.sql("FINANCE", "invoice_lines") if row["shipment_no"] == query["shipment_no"]]
    assert [(int(row["qty"]), row["status"]) for row in billed] == [(quantity, "POSTED")]


def test_a_wrong_confirmation_can_be_amended_only_from_the_value_that_was_read(working: Any) -> None:
    label = _injected(working, "SHP-02", node="WEST")
    body, query = _confirmation(working, label)
    booked = working.erp("shipment-confirmations", **query)[0]["qty"]
    shipped = int(float(body["qty"]))
    assert booked != shipped
    path = f"shipment-confirmations/{label.business_key}"
    stale = working.patch(path, {"qty": shipped, "expected_qty": booked + 5}, key="amend-1")
    assert stale.status_code == 409
    assert stale.json()["found"] == str(booked)
    before = _stock(working, "WEST", body["sku"])
    amended = working.patch(path, {"qty": str(shipped), "expected_qty": f"{booked}.0000"}, key="amend-1")
    assert amended.status_code == 200
    assert working.erp("shipment-confirmations", **query)[0]["qty"] == shipped
    assert _stock(working, "WEST", body["sku"])["on_hand"] == before["on_hand"] - (shipped - booked)
    unknown = working.patch("shipment-confirmations/SH-999999/SO-1/1", {"qty": 1}, key="amend-2")
    assert unknown.status_code == 404


def test_a_requested_invoice_is_posted_within_minutes_and_once(working: Any) -> None:
    label = _injected(working, "FIN-01", node="WEST")
    order_no, line_no, shipment_no = label.business_key.split("/")
    confirmed = working.erp("shipment-confirmations", shipment_no=shipment_no)[0]
    body = {"order_no": order_no, "line_no": int(line_no), "shipment_no": shipment_no, "unit": "EA"}
    body |= {"qty": f"{confirmed['qty']}.0000", "unit_price": "1.00", "currency": "USD"}
    working.leave("FINANCE", "request-1", "invoice.request", body)
    working.leave("FINANCE", "request-2", "invoice.request", body)
    working.twin.advance(600)
    billed = [row for row in working.sql("FINANCE", "invoice_lines") if row["shipment_no"] == shipment_no]
    assert [(int(row["qty"]), row["status"]) for row in billed] == [(confirmed["qty"], "POSTED")]
    working.leave("FINANCE", "request-3", "invoice.request", body)
    working.twin.advance(60)
    inbox = {row["message_key"]: row for row in working.sql("FINANCE", "interface_inbox")}
    assert inbox["request-1"]["applied_at"] is not None
    assert "cannot be billed" in inbox["request-3"]["problem"]


def test_a_draft_can_be_amended_and_a_posted_invoice_only_credited(working: Any) -> None:
    drafted, posted = None, None
    while drafted is None or posted is None:
        label = _injected(working, "FIN-02")
        order_no, line_no = label.business_key.split("/")
        lines = [
            row
            for row in working.sql("FINANCE", "invoice_lines")
            if (row["order_no"], str(row["line_no"])) == (order_no, line_no)
        ]
        if "drafted" in label.note:
            drafted = max(lines, key=lambda row: row["invoice_no"])
        else:
            posted = lines[0]
    assert (drafted["status"], posted["status"]) == ("DRAFT", "POSTED")
    for key, line in (("amend-draft", drafted), ("amend-posted", posted)):
        body = {"invoice_no": line["invoice_no"], "line_seq": 1, "qty": 7}
        working.leave("FINANCE", key, "invoice.amend", body)
    body = {"invoice_no": posted["invoice_no"], "line_seq": 1, "order_no": posted["order_no"], "line_no": 1, "qty": 2}
    working.leave("FINANCE", "credit", "credit.propose", body)
    working.twin.advance(600)
    documents = {row["invoice_no"]: row for row in working.sql("FINANCE", "invoice_lines")}
    amended = documents[drafted["invoice_no"]]
    assert (int(amended["qty"]), amended["status"]) == (7, "POSTED")
    assert amended["amount"] == amended["qty"] * amended["unit_price"]
    assert documents[posted["invoice_no"]]["qty"] == posted["qty"]
    inbox = {row["message_key"]: row for row in working.sql("FINANCE", "interface_inbox")}
    assert "status has changed" in inbox["amend-posted"]["problem"]
    memos = [row for row in documents.values() if row["invoice_no"].startswith("CM-0")]  # not those for returns
    assert [(int(row["qty"]), row["status"]) for row in memos] == [(2, "DRAFT")]


def test_a_lost_order_is_fetched_from_the_portal_once_and_is_served(working: Any) -> None:
    label = _injected(working, "INT-03")
    body = {"channel": "PORTAL", "channel_order_no": label.business_key}
    created = working.post("sales-orders", body, key="create-1")
    assert created.status_code == 201
    assert working.post("sales-orders", body, key="create-1").json() == created.json()
    assert working.post("sales-orders", body, key="create-2").status_code == 409
    (order,) = working.erp("sales-orders", channel_order_no=label.business_key)
    working.twin.advance(3 * 86_400)
    assert working.erp("sales-orders", order_no=order["order_no"])[0]["status"] == "CLOSED"
    missing = working.post("sales-orders", {"channel": "PORTAL", "channel_order_no": "P-0"}, key="create-3")
    assert missing.status_code == 404


def _release_body(working: Any, label: Label, release_no: str) -> dict[str, Any]:
    order_no, line_no = label.business_key.split("/")
    line = working.erp("sales-order-lines", order_no=order_no, line_no=line_no)[0]
    return {
        "release_no": release_no,
        "order_no": order_no,
        "line_no": int(line_no),
        "item": line["sku"],
        "unit": "EA",
        "qty": f"{line['qty_allocated']}.0000",
        "sent_at": "2026-03-09T15:00:00+00:00",
    }


def _stuck_at(working: Any, node: str, note: str) -> Label:
    for _ in range(12):
        (label,) = working.twin.inject("WHS-01")
        working.twin.advance(600)
        if label.node == node and note in label.note:
            return label
    raise AssertionError(f"no stuck release at {node}")


@pytest.mark.parametrize("node", ["EAST", "WEST", "NORTH"])
def test_a_release_sent_to_a_site_is_taken_in_and_told_to_the_erp_and_shipped(working: Any, node: str) -> None:
    label = _stuck_at(working, node, "never releases")
    body = _release_body(working, label, f"RL-FIX-{node}")
    assert working.erp("releases", order_no=body["order_no"], line_no=body["line_no"]) == []
    if node == "EAST":
        working.leave("WMS_EAST", "release-east", "release.send", body)
    elif node == "WEST":
        path = f"/release-lines/{body['release_no']}/{label.business_key}"
        content = {"sku": body["item"], "unit": "EA", "qty": body["qty"], "sent_at": body["sent_at"]}
        assert working.west_http.put(path, json=content).is_success
        assert working.west_http.put(path, json=content).is_success
        assert working.west_http.get(path).json()["qty"] == int(float(body["qty"]))
        other = f"/release-lines/RL-OTHER/{label.business_key}"
        assert working.west_http.put(other, json=content).status_code == 409
    else:
        inbound = Path(working.addresses["WMS_NORTH_DIRECTORY"]) / "inbound"
        (inbound / "release-north.json").write_text(json.dumps({"message_type": "release.send", **body}))
    working.twin.advance(2_400)
    (release,) = working.erp("releases", order_no=body["order_no"], line_no=body["line_no"])
    assert (release["release_no"], release["qty"]) == (body["release_no"], int(float(body["qty"])))
    if node == "NORTH":
        assert (inbound.parent / "processed" / "release-north.json").exists()
    working.twin.advance(3 * 86_400)
    confirmed = working.erp("shipment-confirmations", order_no=body["order_no"], line_no=body["line_no"])
    assert sum(row["qty"] for row in confirmed) == int(float(body["qty"]))


def test_a_lost_release_that_is_sent_again_keeps_its_number(working: Any) -> None:
    label = _stuck_at(working, "EAST", "lost on its way")
    order_no, line_no = label.business_key.split("/")
    (release,) = working.erp("releases", order_no=order_no, line_no=line_no)
    working.leave("WMS_EAST", "resend", "release.send", _release_body(working, label, release["release_no"]))
    working.twin.advance(60)
    taken_in = [row for row in working.sql("WMS_EAST", "release_lines") if row["release_no"] == release["release_no"]]
    assert [int(row["qty"]) for row in taken_in] == [release["qty"]]
    working.twin.advance(600)
    assert working.erp("releases", order_no=order_no, line_no=line_no) == [release]


def test_a_message_that_does_not_fit_is_refused_with_its_reason(working: Any) -> None:
    wrong = {"release_no": "RL-X", "order_no": "SO-0", "line_no": 1, "item": "X", "unit": "EA", "qty": 1}
    working.leave("WMS_EAST", "wrong-order", "release.send", {**wrong, "sent_at": "2026-03-09T15:00:00Z"})
    working.leave("WMS_EAST", "wrong-kind", "order.dance", {})
    working.leave("WMS_EAST", "wrong-body", "release.send", wrong)
    inbound = Path(working.addresses["WMS_NORTH_DIRECTORY"]) / "inbound"
    (inbound / "torn.json").write_text('{"message_type": "rel')
    working.twin.advance(1_800)
    problems = {row["message_key"]: row["problem"] for row in working.sql("WMS_EAST", "interface_inbox")}
    assert "no order line SO-0/1" in problems["wrong-order"]
    assert "does not know the message 'order.dance'" in problems["wrong-kind"]
    assert "sent_at" in problems["wrong-body"]
    assert (inbound.parent / "rejected" / "torn.json").exists()
    assert (inbound.parent / "rejected" / "torn.problem.txt").read_text()


def test_a_stale_hold_can_be_resolved_at_the_erp_and_the_order_flows_on(working: Any) -> None:
    label = _injected(working, "CRD-03", node="")
    (hold,) = working.erp("holds", hold_no=label.business_key)
    assert hold["status"] == "CREATED"
    body = {"resolved_at": "2026-03-09T15:00:00Z", "expected_status": "CREATED"}
    path = f"holds/{label.business_key}/resolve"
    assert working.post(path, {**body, "expected_status": "REJECTED"}, key="resolve-0").status_code == 409
    assert working.post(path, body, key="resolve-1").status_code == 200
    assert working.post(path, body, key="resolve-1").status_code == 200
    assert working.erp_http.get(f"/api/v1/holds/{label.business_key}").json()["status"] == "RESOLVED"


@pytest.mark.parametrize("node", ["EAST", "WEST", "NORTH"])
def test_a_stale_hold_can_be_resolved_at_a_site(working: Any, node: str) -> None:
    label = _injected(working, "CRD-03", node=node)
    body = {"hold_no": label.business_key, "resolved_at": "2026-03-09T15:00:00+00:00"}
    if node == "EAST":
        working.leave("WMS_EAST", f"hold-{label.business_key}", "hold.resolve", body)
    elif node == "WEST":
        path = f"/holds/{label.business_key}"
        assert working.west_http.get(path).json()["active"] is True
        end = {"ended_at": body["resolved_at"], "expected_active": True}
        assert working.west_http.post(f"{path}/end", json=end).is_success
        assert working.west_http.post(f"{path}/end", json=end).is_success
        assert working.west_http.get(path).json()["active"] is False
        return
    else:
        inbound = Path(working.addresses["WMS_NORTH_DIRECTORY"]) / "inbound"
        content = {"message_type": "hold.resolve", **body}
        (inbound / f"{label.business_key}.json").write_text(json.dumps(content))
    working.twin.advance(1_800)
    holds = working.sql("WMS_EAST", "order_holds") if node == "EAST" else working.north("HLD")
    (hold,) = [row for row in holds if row["hold_no"] == label.business_key]
    assert hold["status"] == "RESOLVED"


def _next_unreleased_order(working: Any) -> tuple[str, datetime]:
    """The order without a hold that is released next, and when its last line is due."""
    now = datetime.fromisoformat(working.twin.state().now)
    busy = {row["order_no"] for path in ("releases", "holds") for row in working.erp(path)}
    due: dict[str, datetime] = {}
    for row in working.erp("sales-order-lines"):
        if row["order_no"] not in busy and row["qty_allocated"] > 0:
            due_at = datetime.fromisoformat(row["release_due_at"])
            due[row["order_no"]] = max(due_at, due.get(row["order_no"], due_at))
    return min(((order_no, due_at) for order_no, due_at in due.items() if due_at > now), key=lambda found: found[1])


def test_a_hold_at_the_erp_blocks_the_release_until_it_is_resolved(working: Any) -> None:
    order_no, due_at = _next_unreleased_order(working)
    body = {"order_no": order_no, "type": "DUPLICATE", "reason": "entered twice"}
    held = working.post("holds", body, key="hold-1")
    assert held.json() == working.post("holds", body, key="hold-1").json()
    working.twin.advance_until(due_at + timedelta(hours=1))
    assert working.erp("releases", order_no=order_no) == []
    end = {"resolved_at": due_at.isoformat(), "expected_status": "CREATED"}
    assert working.post(f"holds/{held.json()['hold_no']}/resolve", end, key="hold-2").is_success
    working.twin.advance(900)
    assert len(working.erp("releases", order_no=order_no)) > 0


def test_an_order_that_waits_can_be_cancelled_once_with_its_allocation_and_its_hold(working: Any) -> None:
    order_no, due_at = _next_unreleased_order(working)
    working.post("holds", {"order_no": order_no, "type": "DUPLICATE", "reason": "entered twice"}, key="hold-c")
    before = working.erp("sales-order-lines", order_no=order_no)
    answers = [working.post(f"sales-orders/{order_no}/cancellation", {"reason": "twice"}, key="c-1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert working.post(f"sales-orders/{order_no}/cancellation", {"reason": "twice"}, key="c-2").status_code == 409
    lines = working.erp("sales-order-lines", order_no=order_no)
    assert [(row["qty_cancelled"], row["qty_allocated"]) for row in lines] == [
        (row["qty_ordered"], 0) for row in before
    ]
    assert working.erp_http.get(f"/api/v1/sales-orders/{order_no}").json()["status"] == "CANCELLED"
    assert [row["status"] for row in working.erp("holds", order_no=order_no)] == ["RESOLVED"]
    working.twin.advance_until(due_at + timedelta(hours=1))
    assert working.erp("releases", order_no=order_no) == []


def test_an_order_that_is_released_is_not_cancelled(working: Any) -> None:
    released = working.erp("releases")[-1]["order_no"]
    answer = working.post(f"sales-orders/{released}/cancellation", {"reason": "twice"}, key="c-3")
    assert answer.status_code == 409


def test_holds_of_two_types_on_one_order_at_one_moment_are_two_holds(working: Any) -> None:
    order_no, _ = _next_unreleased_order(working)
    answers = [
        working.post("holds", {"order_no": order_no, "type": kind}, key=f"hold-{kind}")
        for kind in ("CREDIT", "DUPLICATE")
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    held = {row["hold_no"]: row["type"] for row in working.erp("holds", order_no=order_no)}
    assert [held[answer.json()["hold_no"]] for answer in answers] == ["CREDIT", "DUPLICATE"]


def test_an_adjustment_is_booked_once_from_the_stock_that_was_read(working: Any) -> None:
    sku = "SNS-1002"
    before = _stock(working, "EAST", sku)
    body = {"site": "EAST", "sku": sku, "qty": "-5.0000", "reason": "181", "reference": "MV-T1"}
    stale = working.post("inventory-adjustments", {**body, "expected_on_hand": before["on_hand"] + 1}, key="adjust-1")
    assert stale.status_code == 409
    booked = working.post("inventory-adjustments", {**body, "expected_on_hand": before["on_hand"]}, key="adjust-1")
    assert booked.status_code == 201
    assert working.post("inventory-adjustments", body, key="adjust-2").status_code == 409
    after = _stock(working, "EAST", sku)
    assert (after["on_hand"], after["atp"]) == (before["on_hand"] - 5, before["atp"] - 5)
    assert len(working.erp("inventory-adjustments", reference="MV-T1")) == 1


def test_a_lowered_atp_stays_lowered(working: Any) -> None:
    path = "inventory/WEST/SNS-1002"
    before = _stock(working, "WEST", "SNS-1002")
    body = {"atp": before["atp"] - 40, "expected_atp": before["atp"]}
    assert working.patch(path, body, key="atp-1").status_code == 200
    assert working.patch(path, {**body, "atp": 1}, key="atp-2").status_code == 409
    after = _stock(working, "WEST", "SNS-1002")
    assert after["atp"] == before["atp"] - 40 == after["on_hand"] - after["allocated"]
    assert after["on_hand"] == before["on_hand"]


def test_a_write_needs_a_key_and_a_whole_body(working: Any) -> None:
    assert working.erp_http.post("/api/v1/holds", json={"order_no": "SO-100001", "type": "OTHER"}).status_code == 422
    incomplete = working.post("inventory-adjustments", {"site": "EAST"}, key="incomplete")
    assert incomplete.status_code == 422
    assert "sku" in incomplete.json()["found"]
    assert working.post("holds", {"order_no": "SO-100001", "type": "MOOD"}, key="mood").status_code == 422

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from fulfillment_pipelines.twin.twin import Twin


class Crm:
    """Reads and writes the CRM as a client of its would."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def rows(self, path: str, **filters: Any) -> list[dict[str, Any]]:
        page = self.http.get(f"/rest/{path}", params={"limit": 1000, **filters}).raise_for_status().json()
        assert page["next_cursor"] is None
        return list(page["data"])

    def order(self, order_no: str) -> dict[str, Any]:
        return dict(self.http.get(f"/rest/orders/{order_no}").raise_for_status().json())

    def put(self, path: str, body: dict[str, Any], *, key: str) -> httpx.Response:
        return self.http.put(f"/rest/{path}", json=body, headers={"Idempotency-Key": key})


@pytest.fixture(scope="module")
def moving_twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """A twin with a healthy history, whose time goes on as the tests do."""
    with Twin.start(tmp_path_factory.mktemp("moving"), seed=14, faults=False) as twin:
        yield twin


@pytest.fixture
def crm(moving_twin: Twin) -> Iterator[Crm]:
    with _client(moving_twin) as http:
        yield Crm(http)


@pytest.fixture
def faulty_crm(faulty_twin: Twin) -> Iterator[Crm]:
    with _client(faulty_twin) as http:
        yield Crm(http)


def _client(twin: Twin) -> httpx.Client:
    login = (twin.addresses["CRM_USER"], twin.addresses["CRM_PASSWORD"])
    return httpx.Client(base_url=twin.addresses["CRM_URL"], auth=login, timeout=20)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_crm_shows_every_order_of_the_erp_ten_minutes_behind_at_most(moving_twin: Twin, crm: Crm) -> None:
    moving_twin.advance(11 * 60)
    shown = crm.rows("orders")
    assert len(shown) >= moving_twin.state().erp_orders - 3
    assert set(Counter(order["status"] for order in shown)) >= {"ACCEPTED", "IN_FULFILMENT", "SHIPPED", "DELIVERED"}
    now = _at(moving_twin.state().now)
    assert all(_at(order["updated_at"]) <= now for order in shown)


def test_an_order_is_shown_as_delivered_once_the_tms_knows_of_every_arrival(moving_twin: Twin, crm: Crm) -> None:
    addresses = moving_twin.addresses
    tms = httpx.Client(base_url=addresses["TMS_URL"], headers={"X-Tms-Key": addresses["TMS_API_KEY"]})
    with tms:
        deliveries = tms.get("/deliveries", params={"size": 1000}).json()["rows"]
    arrived = {delivery["order"] for delivery in deliveries}
    delivered = {order["order"] for order in crm.rows("orders") if order["status"] == "DELIVERED"}
    assert len(delivered) > 50
    assert delivered <= arrived


@pytest.mark.slow
def test_the_state_shown_does_not_depend_on_how_time_is_cut(tmp_path_factory: pytest.TempPathFactory) -> None:
    shown = []
    for steps in (1, 9):
        home = tmp_path_factory.mktemp("cut")
        with Twin.start(home, seed=5, faults=False, history=False) as twin:
            for _ in range(steps):
                twin.advance(36 * 3_600 // steps)
            with _client(twin) as http:
                shown.append((Crm(http).rows("orders"), Crm(http).rows("cases")))
    assert _sorted(shown[0]) == _sorted(shown[1])


def _sorted(answers: tuple[list[dict[str, Any]], ...]) -> list[list[str]]:
    return [sorted(str(sorted(row.items(), key=str)) for row in rows) for rows in answers]


def test_customers_open_cases_and_no_claim_of_theirs_is_owed_a_credit(crm: Crm) -> None:
    cases = crm.rows("cases", opened_by="CUSTOMER")
    assert {case["type"] for case in cases} == {"DELIVERY", "FULFILMENT", "CLAIM"}
    assert {case["status"] for case in cases} <= {"OPEN", "CLOSED"}
    assert [case for case in cases if case["accepted_at"]] == []


def test_a_case_that_is_sent_twice_is_one_case(crm: Crm) -> None:
    order = crm.rows("orders")[0]["order"]
    body = {"order": order, "shipment": "SH-000001", "type": "DELIVERY", "subject": "late"}
    answers = [crm.http.post("/rest/cases", json=body, headers={"Idempotency-Key": "case-1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    found = crm.rows("cases", order=order, opened_by="PLATFORM")
    assert [case["case"] for case in found] == [answers[0].json()["id"]]
    assert found[0]["status"] == "OPEN"
    without_key = crm.http.post("/rest/cases", json=body)
    assert without_key.status_code == 422


def test_an_eta_is_shown_beside_the_promise(crm: Crm) -> None:
    order = crm.rows("orders")[1]
    eta = {"eta": "2026-03-20T10:00:00Z"}
    assert crm.put(f"orders/{order['order']}/eta", eta, key="eta-1").status_code == 200
    shown = crm.order(order["order"])
    assert (shown["eta"], shown["promise"]) == ("2026-03-20T10:00:00Z", order["promise"])


def test_a_status_that_stands_still_is_set_going_again(moving_twin: Twin, crm: Crm) -> None:
    (label,) = moving_twin.inject("SHP-05")
    order_no = label.business_key.removeprefix("crm/")
    stale = crm.order(order_no)
    moving_twin.advance(3_600)
    assert crm.order(order_no) == stale
    refused = crm.put(f"orders/{order_no}/status", {"status": "DELIVERED", "expected_status": "ACCEPTED"}, key="st-1")
    assert refused.status_code == 409
    body = {"status": "SHIPPED", "promise": stale["promise"], "expected_status": stale["status"]}
    assert crm.put(f"orders/{order_no}/status", body, key="st-2").status_code == 200
    moving_twin.advance(72 * 3_600)
    assert crm.order(order_no)["status"] == "DELIVERED"


def test_an_older_status_another_promise_or_the_portal_stands_still(faulty_twin: Twin, faulty_crm: Crm) -> None:
    labels = [label for label in faulty_twin.labels() if label.code == "SHP-05"]
    older, earlier, at_portal = labels[:3]
    assert (older.system, earlier.system, at_portal.system) == ("crm", "crm", "portal")
    assert older.note == f"goes on showing {faulty_crm.order(older.business_key.removeprefix('crm/'))['status']}"
    shown = faulty_crm.order(earlier.business_key.removeprefix("crm/"))
    others = [order for order in faulty_crm.rows("orders") if order["order"] != shown["order"]]
    assert _at(shown["promise"]) + timedelta(days=2) < max(_at(order["promise"]) for order in others)


def test_a_request_without_login_is_refused(moving_twin: Twin) -> None:
    assert httpx.get(moving_twin.addresses["CRM_URL"] + "/rest/orders").status_code == 401

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from fulfillment_pipelines.twin.twin import Twin


class Tms:
    """Reads and writes transport management as a client of its would."""

    def __init__(self, twin: Twin) -> None:
        self.http = httpx.Client(
            base_url=twin.addresses["TMS_URL"], headers={"X-Tms-Key": twin.addresses["TMS_API_KEY"]}, timeout=20
        )

    def close(self) -> None:
        self.http.close()

    def rows(self, path: str, size: int = 1_000, **filters: Any) -> list[dict[str, Any]]:
        answer = self.http.get(f"/{path}", params={"size": size, **filters}).raise_for_status()
        rows: list[dict[str, Any]] = answer.json()["rows"]
        while "next" in answer.links:
            answer = self.http.get(answer.links["next"]["url"]).raise_for_status()
            rows += answer.json()["rows"]
        assert len(rows) == answer.json()["total"]
        return rows


@pytest.fixture(scope="module")
def moving_twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """A twin with a healthy history, whose time goes on as the tests do."""
    with Twin.start(tmp_path_factory.mktemp("moving"), seed=13, faults=False) as twin:
        yield twin


@pytest.fixture
def tms(moving_twin: Twin) -> Iterator[Tms]:
    with closing(Tms(moving_twin)) as client:
        yield client


@pytest.fixture
def faulty_tms(faulty_twin: Twin) -> Iterator[Tms]:
    with closing(Tms(faulty_twin)) as client:
        yield client


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_every_leg_that_has_left_a_site_is_with_a_carrier(moving_twin: Twin, tms: Tms) -> None:
    confirmed = moving_twin.state().confirmed_legs
    transports = tms.rows("transports")
    assert len(transports) >= confirmed > 0
    assert {transport["carrier"] for transport in transports} == {"HARBOR", "MERIDIAN"}
    departures = [event for event in tms.rows("events") if event["status"] == "DEPARTED"]
    assert {event["shipment"] for event in departures} == {transport["shipment"] for transport in transports}


def test_healthy_goods_arrive_before_they_are_promised(moving_twin: Twin, tms: Tms) -> None:
    crm = httpx.Client(
        base_url=moving_twin.addresses["CRM_URL"],
        auth=(moving_twin.addresses["CRM_USER"], moving_twin.addresses["CRM_PASSWORD"]),
    )
    with crm:
        shown = crm.get("/rest/orders", params={"limit": 1000}).json()["data"]
    promise_of = {order["order"]: _at(order["promise"]) for order in shown}
    delivered = tms.rows("deliveries")
    touched = {label.business_key for label in moving_twin.labels()}
    for delivery in delivered:
        if delivery["shipment"] not in touched and delivery["order"] in promise_of:
            assert _at(delivery["signed_at"]) < promise_of[delivery["order"]]
    assert len(delivered) > 100


def test_one_carrier_speaks_utc_and_the_other_local_time(tms: Tms) -> None:
    carrier_of = {transport["shipment"]: transport["carrier"] for transport in tms.rows("transports")}
    offsets: dict[str, set[str]] = {"HARBOR": set(), "MERIDIAN": set()}
    for event in tms.rows("events"):
        offsets[carrier_of[event["shipment"]]].add(event["happened"][19:])
    assert offsets["HARBOR"] == {"Z"}
    assert {"-05:00", "-06:00", "-08:00"} <= offsets["MERIDIAN"]
    assert "-07:00" in offsets["MERIDIAN"]  # daylight saving has begun on the last day of the history


def test_an_event_that_is_sent_again_is_the_same_event(tms: Tms) -> None:
    sent: dict[str, set[str]] = {}
    times = Counter(event["event"] for event in tms.rows("events"))
    for event in tms.rows("events"):
        sent.setdefault(event["event"], set()).add(str(sorted(event.items())))
    assert max(times.values()) == 2
    assert all(len(contents) == 1 for contents in sent.values())


def test_an_event_is_shown_once_the_tms_has_heard_of_it(moving_twin: Twin, tms: Tms) -> None:
    now = _at(moving_twin.state().now)
    assert all(_at(event["received"]) <= now for event in tms.rows("events"))
    before = len(tms.rows("events"))
    moving_twin.advance(4 * 3_600)
    assert len(tms.rows("events")) > before


def test_a_walk_through_the_pages_stays_at_its_first_moment(moving_twin: Twin, tms: Tms) -> None:
    first = tms.http.get("/events", params={"size": 500}).raise_for_status()
    moving_twin.advance(2 * 3_600)
    second = tms.http.get(first.links["next"]["url"]).raise_for_status()
    assert second.json()["total"] == first.json()["total"]
    assert second.json()["as_of"] == first.json()["as_of"]


def test_a_request_without_the_key_is_refused(moving_twin: Twin) -> None:
    assert httpx.get(moving_twin.addresses["TMS_URL"] + "/transports").status_code == 401


def test_a_claim_that_is_filed_twice_is_one_claim(tms: Tms) -> None:
    delivery = tms.rows("deliveries")[0]
    claim = {"shipment": delivery["shipment"], "order": delivery["order"], "line": delivery["line"], "qty": "1.0000"}
    answers = [
        tms.http.post("/claims", json={**claim, "reason": "damaged"}, headers={"Idempotency-Key": "claim-1"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert [row["claim"] for row in tms.rows("claims", shipment=delivery["shipment"])] == [answers[0].json()["id"]]
    unknown = {**claim, "shipment": "SH-999999", "reason": "damaged"}
    refused = tms.http.post("/claims", json=unknown, headers={"Idempotency-Key": "claim-2"})
    assert refused.status_code == 404


def test_a_late_leg_is_expected_after_its_promise(moving_twin: Twin, tms: Tms) -> None:
    silent, *late = moving_twin.inject("SHP-03", 2)
    eta_of = {transport["shipment"]: _at(transport["eta"]) for transport in tms.rows("transports")}
    for label in late:
        told = [event["status"] for event in tms.rows("events", shipment=label.business_key)]
        assert "DELAYED" in told
        assert eta_of[label.business_key] > _at(moving_twin.state().now) + timedelta(days=1)
    heard = tms.rows("events", shipment=silent.business_key)
    moving_twin.advance(24 * 3_600)
    assert tms.rows("events", shipment=silent.business_key) == heard


def test_a_delivery_fails_in_four_ways(faulty_twin: Twin, faulty_tms: Tms) -> None:
    failed = [label for label in faulty_twin.labels() if label.code == "SHP-04"]
    pieces = {transport["shipment"]: transport["tendered_pieces"] for transport in faulty_tms.rows("transports")}
    refused, damaged, missed, short = failed[:4]

    def last(label: Any) -> str:
        events = faulty_tms.rows("events", shipment=label.business_key)
        return str(max(events, key=lambda event: (event["received"], event["event"]))["status"])

    def signed(label: Any) -> list[dict[str, Any]]:
        return faulty_tms.rows("deliveries", shipment=label.business_key)

    assert (last(refused), signed(refused)) == ("REFUSED", [])
    assert (last(missed), signed(missed)) == ("DELIVERY_MISSED", [])
    assert last(damaged) == "DELIVERED_WITH_EXCEPTION"
    assert signed(damaged)[0]["damaged"] == 1
    assert last(short) == "DELIVERED"
    assert signed(short)[0]["qty"] == pieces[short.business_key] - 1

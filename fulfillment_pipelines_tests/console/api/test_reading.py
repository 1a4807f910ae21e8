"""What the API shows: it is what lake and ledger hold, exact, and what cannot be known is not made up."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from fulfillment_pipelines.console.api.application import PATH
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console, build_console
from fulfillment_pipelines.console.reading.flow_kpis import read_kpi_figures
from fulfillment_pipelines.console.reading.flow_scope import FlowScope
from fulfillment_pipelines.domain.case import Case
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.ledger.case_queue import QueueFilter, read_page
from fulfillment_pipelines.ledger.readings import CaseFilter, CorrectionFilter, list_cases, list_corrections
from fulfillment_pipelines.loop.platform import build_platform
from fulfillment_pipelines_tests.console.api.conftest import Caller, a_case, token_for


def _lines(console: Console, verdict: str) -> list[tuple[str, int]]:
    rows = console.platform.warehouse.query(
        "select order_id, line_no from rec_line_verdicts where verdict = $verdict order by order_id, line_no",
        {"verdict": verdict},
    )
    return [(row["order_id"], row["line_no"]) for row in rows.to_pylist()]


def test_an_order_tells_the_verdict_of_every_line_and_the_worst_of_them(console: Console, caller: Caller) -> None:
    order_id, line_no = _lines(console, "DIFFER")[0]
    told = caller("ada").get(f"/orders/{order_id}/status").json()
    assert told["verdict"] == "DIFFER"
    assert {line["line_no"]: line["verdict"] for line in told["lines"]}[line_no] == "DIFFER"
    assert told["as_of"].endswith("Z")


def test_quantities_are_exact_text_and_every_unit_is_in_one_bucket(console: Console, caller: Caller) -> None:
    order_id, _ = _lines(console, "AGREE")[0]
    for line in caller("ada").get(f"/orders/{order_id}/status").json()["lines"]:
        units = {bucket: Decimal(value) for bucket, value in line["quantities"].items()}
        assert all(isinstance(value, str) for value in line["quantities"].values())
        waiting = sum(
            units[bucket]
            for bucket in ("open", "backordered", "allocated_unreleased", "released_unpicked", "picked_unshipped")
        )
        assert units["ordered"] - units["cancelled"] == waiting + units["shipped"] + units["short_closed"]


def test_what_agreed_is_not_known_once_a_feed_has_grown_stale_but_a_difference_stays(
    console: Console, caller: Caller
) -> None:
    differing = _lines(console, "DIFFER")[0][0]
    others = {order_id for verdict in ("DIFFER", "TIMING", "UNKNOWN") for order_id, _ in _lines(console, verdict)}
    agreeing = next(order_id for order_id, _ in _lines(console, "AGREE") if order_id not in others)
    object.__setattr__(console.platform, "clock", FixedClock(console.now() + timedelta(days=3)))
    client = caller("ada")
    told = client.get(f"/orders/{agreeing}/status").json()
    assert (told["verdict"], told["coverage"]) == ("UNKNOWN", "0")
    assert {feed["state"] for feed in told["distrusted"]} == {"STALE"}
    assert client.get(f"/orders/{differing}/status").json()["verdict"] == "DIFFER"
    stock = client.get("/availability", params={"limit": 5}).json()["items"]
    assert {item["verdict"] for item in stock} <= {"UNKNOWN", "DIFFER"}


def test_an_order_is_found_by_the_number_of_its_channel(caller: Caller) -> None:
    client = caller("ada")
    own = client.get("/orders/SO-100100/status").json()
    assert client.get(f"/orders/{own['channel_order_id']}/status").json()["order_id"] == "SO-100100"


def test_an_order_that_the_erp_has_not_taken_in_shows_what_its_channel_ordered(caller: Caller) -> None:
    client = caller("ada")
    case = a_case(client, code="INT-01")
    told = client.get(f"/orders/{case['order_id']}/status").json()
    assert told["order_state"] == "RECEIVED"
    assert all(Decimal(line["channel_ordered_qty"]) > 0 for line in told["lines"])


def test_milestones_come_in_the_order_in_which_they_happened(caller: Caller) -> None:
    told = caller("ada").get("/orders/SO-100100/milestones").json()
    moments = [one["occurred_at"] for one in told["milestones"]]
    assert moments == sorted(moments)
    assert {"order.accepted", "shipment.departed"} <= {one["milestone"] for one in told["milestones"]}
    assert told["planned"]


def test_open_exceptions_of_an_order_are_shown_to_who_may_see_cases(console: Console, caller: Caller) -> None:
    case = next(one for one in _open_cases(console) if one.order_id.startswith("SO-"))
    shown = caller("ada").get(f"/orders/{case.order_id}/status").json()["open_exceptions"]
    assert case.case_id in {one["case_id"] for one in shown}
    blind = caller("ada", "order.view").get(f"/orders/{case.order_id}/status").json()
    assert blind["open_exceptions"] == []


def _open_cases(console: Console) -> list[Case]:
    with console.reading() as work:
        return list(read_page(work, QueueFilter(), limit=200).cases)


def test_what_one_side_does_not_know_cannot_agree(caller: Caller) -> None:
    items = caller("ada").get("/availability", params={"node": "WEST", "limit": 200}).json()["items"]
    assert items
    for item in items:
        assert item["verdict"] == "UNKNOWN" or (item["erp"] and item["wms"])
        assert item["node"] == "WEST"


@pytest.mark.parametrize(
    ("path", "size"), [("/availability?node=WEST", 50), ("/exceptions", 9), ("/corrections", 20), ("/approvals", 7)]
)
def test_pages_together_are_the_list_and_nothing_comes_twice(caller: Caller, path: str, size: int) -> None:
    client = caller("ada")
    path, _, query = path.partition("?")
    asked = dict(part.split("=") for part in query.split("&") if part)
    whole = client.get(path, params={**asked, "limit": 200}).json()["items"]
    walked, cursor = [], ""
    while cursor is not None:
        told = client.get(path, params={**asked, "limit": size} | ({"cursor": cursor} if cursor else {})).json()
        walked += told["items"]
        cursor = told["next_cursor"]
    assert len(whole) > size
    assert walked == whole


@pytest.mark.parametrize("sort", ["due", "value", "age", "severity"])
def test_exceptions_are_paged_in_any_order(console: Console, caller: Caller, sort: str) -> None:
    client, seen, cursor = caller("ada"), [], ""
    while cursor is not None:
        told = client.get("/exceptions", params={"limit": 9, "sort": sort} | ({"cursor": cursor} if cursor else {}))
        seen += [item["case_id"] for item in told.json()["items"]]
        cursor = told.json()["next_cursor"]
    with console.reading() as work:
        all_open = {case.case_id for case in list_cases(work, CaseFilter(only_open=True))}
    assert len(seen) == len(set(seen))
    assert set(seen) == all_open


def test_filters_leave_only_what_was_asked_for(caller: Caller) -> None:
    client = caller("ada")
    found = client.get("/exceptions", params={"owner": ["Billing", "Credit"], "state": "PENDING_APPROVAL"}).json()
    assert found["items"]
    assert {(item["owner"], item["state"]) for item in found["items"]} == {
        ("Billing", "PENDING_APPROVAL"),
        ("Credit", "PENDING_APPROVAL"),
    }


def test_a_cursor_holds_only_for_the_question_it_was_given_for(caller: Caller) -> None:
    client = caller("ada")
    cursor = client.get("/corrections", params={"limit": 3}).json()["next_cursor"]
    other = client.get("/corrections", params={"limit": 3, "cursor": cursor, "state": "PENDING"})
    assert other.status_code == 422
    assert "cursor" in other.json()["detail"]
    assert client.get("/exceptions", params={"cursor": cursor}).status_code == 422


def test_a_correction_shows_what_changes_how_it_is_undone_and_what_came_of_it(console: Console, caller: Caller) -> None:
    with console.reading() as work:
        proved = list_corrections(work, CorrectionFilter(states=frozenset({CorrectionState.VERIFIED})))
    record = next(one for one in proved if one.diff != "[]")
    told = caller("ada").get(f"/corrections/{record.correction_id}").json()
    assert told["diff"][0]["attribute"]
    assert told["attempts"][0]["system"]
    assert told["content_hash"] == record.content_hash
    assert told["value_amount"] == f"{record.value_amount:.2f}"


def test_who_asks_for_their_own_approvals_gets_those_they_may_give(caller: Caller) -> None:
    mine = caller("ada").get("/approvals", params={"mine": True}).json()["items"]
    everything = caller("ada").get("/approvals", params={"limit": 200}).json()["items"]
    assert mine
    assert all(item["is_mine"] and "ada" in item["able"] for item in mine)
    assert len(mine) == sum(item["is_mine"] for item in everything) < len(everything)


def test_a_case_shows_its_evidence_its_history_and_its_corrections(caller: Caller) -> None:
    client = caller("ada")
    case = a_case(client, state="PENDING_APPROVAL", owner="Billing")
    told = client.get(f"/exceptions/{case['case_id']}").json()
    assert isinstance(told["evidence"], dict)
    assert told["history"][0]["event"] == "exception.opened"
    assert told["corrections"][0]["state"] == "PENDING"
    assert caller("ada", "case.view").get(f"/exceptions/{case['case_id']}").json()["corrections"] == []


def test_kpis_are_the_figures_of_the_flow_and_say_what_they_cover(console: Console, caller: Caller) -> None:
    told = {one["name"]: one for one in caller("ada").get("/kpis", params={"days": 90}).json()["items"]}
    with console.reading() as work:
        figures = read_kpi_figures(console, FlowScope(console.now(), days=90), work)
    assert {figure.name for figure in figures} == set(told) >= {"perfect_order", "otif", "sla_adherence"}
    for figure in figures:
        shown = told[figure.name]
        assert (shown["figure"] is None) == (figure.figure is None)
        assert figure.figure is None or Decimal(shown["figure"]) == figure.figure
        assert shown["standing"] == figure.standing
    perfect = told["perfect_order"]
    assert perfect["population_count"] > 0
    assert 0 <= Decimal(perfect["coverage"]) <= 1
    assert caller("ada").get("/kpis/perfect_order", params={"days": 90}).json() == perfect


def test_a_kpi_that_the_lake_does_not_have_is_absent_and_not_zero(console: Console, tmp_path: Path) -> None:
    settings = console.platform.settings.model_copy(update={"runtime_dir": tmp_path})
    with build_platform(settings) as prepared:
        prepared.prepare()
    with build_console(settings) as unreconciled:
        client = TestClient(create_app(unreconciled), base_url=f"http://127.0.0.1{PATH}")
        client.headers["Authorization"] = f"Bearer {token_for(unreconciled, 'ada')}"
        told, absent = client.get("/kpis"), client.get("/kpis/perfect_order")
    assert {one["name"] for one in told.json()["items"]} == {"sla_adherence", "exceptions_opened"}
    assert (absent.status_code, absent.headers["content-type"]) == (404, "application/problem+json")

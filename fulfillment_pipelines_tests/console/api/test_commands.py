"""What is done through the API: by who may, on what they have seen, and with their request in the audit log."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.ledger.tables import audit_log
from fulfillment_pipelines_tests.console.api.conftest import Caller, a_case
from fulfillment_pipelines_tests.lived_console import Visitor


def _audited(console: Console, subject: str) -> list[Any]:
    with console.reading() as work:
        return list(work.rows(select(audit_log).where(audit_log.c.subject == subject).order_by(audit_log.c.sequence)))


def test_a_case_is_taken_and_the_request_is_in_the_audit_log(console: Console, caller: Caller) -> None:
    client = caller("ada")
    case = a_case(client, owner="Billing", state="OPEN")
    answer = client.post(f"/exceptions/{case['case_id']}/take", headers={"X-Request-ID": "order-desk-000042"})
    assert (answer.status_code, answer.json()["assignee"], answer.json()["state"]) == (200, "ada", "IN_PROGRESS")
    assert answer.headers["X-Request-ID"] == "order-desk-000042"
    last = _audited(console, case["case_id"])[-1]
    assert (last.actor, json.loads(last.detail)["request_id"]) == ("ada", "order-desk-000042")


def test_a_request_id_that_is_none_is_replaced(caller: Caller) -> None:
    answer = caller("ada").get("/exceptions", headers={"X-Request-ID": "no\tgood; drop"})
    assert len(answer.headers["X-Request-ID"]) == 32


@pytest.mark.parametrize(
    ("command", "body", "event"),
    [
        ("assign", {"to": "ben", "reason": "Ben knows the customer."}, "exception.assigned"),
        ("comment", {"text": "Called the customer.\nThey will pay."}, "exception.commented"),
        ("wait", {"on_whom": "the carrier", "reason": "They look for the parcel."}, "exception.paused"),
        ("link", {"system": "crm", "reference": "CS-00042"}, "exception.linked"),
    ],
)
def test_what_is_done_to_a_case_is_in_its_history(
    caller: Caller, command: str, body: dict[str, object], event: str
) -> None:
    client = caller("ada")
    case = a_case(client, owner="Billing", state="OPEN")
    answer = client.post(f"/exceptions/{case['case_id']}/{command}", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["history"][-1]["event"], answer.json()["history"][-1]["actor"]) == (event, "ada")


def test_a_case_is_put_off_and_taken_up_again(console: Console, caller: Caller) -> None:
    client = caller("ada")
    case = a_case(client, owner="Billing", state="OPEN")
    until = (console.now() + timedelta(days=1)).isoformat()
    path = f"/exceptions/{case['case_id']}"
    snoozed = client.post(f"{path}/snooze", json={"until": until, "reason": "The month is closed tomorrow."})
    assert (snoozed.status_code, snoozed.json()["state"]) == (200, "SUPPRESSED")
    too_far = (console.now() + timedelta(days=1000)).isoformat()
    assert client.post(f"{path}/snooze", json={"until": too_far, "reason": "Later."}).status_code == 409
    assert client.post(f"{path}/resume", json={}).json()["state"] == "OPEN"


def test_a_case_of_another_team_is_seen_but_not_worked_on(caller: Caller) -> None:
    client = caller("ada")
    case = a_case(client, owner="Site")
    refused = client.post(f"/exceptions/{case['case_id']}/take")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:fulfillment:problem:forbidden")
    assert "Site" in refused.json()["expected"]
    assert client.post(f"/exceptions/{case['case_id']}/comment", json={"text": "Look here."}).status_code == 200


def test_a_token_does_no_more_than_its_scopes(caller: Caller) -> None:
    client = caller("ada", "case.view")
    case = a_case(client, owner="Billing", state="OPEN")
    assert client.post(f"/exceptions/{case['case_id']}/take").status_code == 403


def test_who_has_seen_an_older_case_changes_nothing(caller: Caller) -> None:
    client = caller("ada")
    case = a_case(client, owner="Billing", state="OPEN")
    path = f"/exceptions/{case['case_id']}"
    seen = client.get(path).headers["ETag"]
    first = client.post(f"{path}/comment", json={"text": "First."}, headers={"If-Match": seen})
    late = client.post(f"{path}/comment", json={"text": "Second."}, headers={"If-Match": seen})
    assert (first.status_code, late.status_code) == (200, 412)
    assert late.json()["remedy"]
    assert client.get(path).json()["history"][-1]["note"] == "First."
    again = client.post(f"{path}/comment", json={"text": "Second."}, headers={"If-Match": first.headers["ETag"]})
    assert again.status_code == 200


def test_what_the_table_of_moves_forbids_is_a_conflict(caller: Caller) -> None:
    ada, ben = caller("ada"), caller("ben")
    case = a_case(ada, owner="Billing", state="OPEN")
    ada.post(f"/exceptions/{case['case_id']}/take")
    refused = ben.post(f"/exceptions/{case['case_id']}/take")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:fulfillment:problem:illegal-move")


def test_a_correction_is_approved_once_and_by_who_may(console: Console, caller: Caller) -> None:
    ada = caller("ada")
    waiting = ada.get("/approvals", params={"mine": True, "code": "FIN-05"}).json()["items"][0]["correction"]
    path = f"/corrections/{waiting['correction_id']}"
    refused = caller("emil").post(f"{path}/approve", json={"reason": "Looks right."})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:fulfillment:problem:rejected")
    approved = ada.post(
        f"{path}/approve", json={"reason": "The goods are back."}, headers={"X-Request-ID": "approve-1"}
    )
    assert (approved.status_code, approved.json()["state"], approved.json()["decided_by"]) == (200, "APPROVED", "ada")
    assert ada.post(f"{path}/approve", json={"reason": "Again."}).status_code == 409
    entries = [row for row in _audited(console, waiting["correction_id"]) if row.actor == "ada"]
    assert {json.loads(row.detail)["request_id"] for row in entries} == {"approve-1"}


def test_a_correction_is_rejected_with_a_reason(caller: Caller) -> None:
    ada = caller("ada")
    waiting = ada.get("/approvals", params={"mine": True}).json()["items"][0]["correction"]
    path = f"/corrections/{waiting['correction_id']}"
    assert ada.post(f"{path}/reject", json={"reason": "   "}).status_code == 422
    stale = ada.post(f"{path}/reject", json={"reason": "No."}, headers={"If-Match": '"older"'})
    assert stale.status_code == 412
    rejected = ada.post(f"{path}/reject", json={"reason": "The customer keeps the goods."})
    assert (rejected.status_code, rejected.json()["state"]) == (200, "REJECTED")


def test_a_browser_needs_the_token_of_its_forms_and_a_token_does_not(visitor: Visitor, caller: Caller) -> None:
    browser = visitor("ada")
    case = a_case(caller("ada"), owner="Billing", state="OPEN")
    path = f"/api/v1/exceptions/{case['case_id']}/comment"
    assert browser.post(path, json={"text": "From the browser."}).status_code == 200
    del browser.headers["X-CSRF-Token"]
    refused = browser.post(path, json={"text": "From another site."})
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")

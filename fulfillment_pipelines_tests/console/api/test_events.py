"""Event intake: proved by a signature or a permission, taken once, and found in the inbox that feeds are read from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from fulfillment_pipelines.console.api.application import PATH
from fulfillment_pipelines.console.app import create_app
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.inbox import InboxMessage
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.ledger.inbox import LedgerInbox
from fulfillment_pipelines.systems.transports.events.signature import sign
from fulfillment_pipelines_tests.console.api.conftest import token_for

_DATA = '{"event_id": "E-1", "order": "SO-100100", "status": "SHIPPED", "weight": 1.10, "happened_at": "2026-03-09"}'


class Hub:
    """Posts events, as the declared source or as somebody else."""

    def __init__(self, console: Console, client: TestClient) -> None:
        self.console = console
        self.client = client

    def post(self, *, data: str = _DATA, secret: str = "the secret", age: float = 0, **changed: str) -> Response:
        envelope = {"schema_version": "2", "source": "hub", "entity": "milestones", "idempotency_key": "event-000001"}
        head = json.dumps(envelope | changed)[:-1]
        body = f'{head}, "data": {data}}}'.encode()
        headers = {}
        if secret:
            declared: Any = self.console.platform.registry.declarations["hub"]
            sent_at = int(self.console.machine_now().timestamp() - age)
            signature = sign(declared.transport.signature, secret, body, sent_at)
            headers = {"X-Signature": signature, "X-Timestamp": str(sent_at)}
        return self.client.post("/events", content=body, headers={"Content-Type": "application/json", **headers})

    def kept(self, entity: str = "milestones") -> list[bytes]:
        return [one.body for one in LedgerInbox(self.console.platform.ledger).read("hub", entity, 0)]


@pytest.fixture
def hub(hub_console: Console) -> Iterator[Hub]:
    object.__setattr__(hub_console.platform, "machine_clock", FixedClock(hub_console.machine_now()))
    with TestClient(create_app(hub_console), base_url=f"http://127.0.0.1{PATH}") as client:
        yield Hub(hub_console, client)


def test_a_signed_event_is_kept_byte_for_byte_and_read_by_the_next_pull(hub: Hub) -> None:
    answer = hub.post()
    assert (answer.status_code, answer.json()["message_id"]) == (202, "E-1")
    assert hub.kept() == [_DATA.encode()]
    snapshot = hub.console.platform.registry.source("hub", "milestones").pull(Scope())
    assert (snapshot.declared_rows, snapshot.complete) == (1, True)


def test_the_same_event_again_gets_the_same_answer_and_has_no_second_effect(hub: Hub) -> None:
    first, second = hub.post(), hub.post(age=1)
    assert (second.status_code, second.content) == (202, first.content)
    assert ("Idempotency-Replayed" in first.headers, second.headers["Idempotency-Replayed"]) == (False, "true")
    assert len(hub.kept()) == 1


def test_of_two_requests_with_the_same_event_at_once_the_second_gets_the_answer_of_the_first(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[Response] = []
    is_first = iter((True,))

    class Overtaken(LedgerInbox):
        """An inbox in which the other request is quicker."""

        def keep(self, messages: Sequence[InboxMessage]) -> int:
            if next(is_first, False):
                came.append(hub.post())
            return super().keep(messages)

    hub.client.headers["X-Request-ID"] = "the-same-event"
    monkeypatch.setattr("fulfillment_pipelines.console.api.events.LedgerInbox", Overtaken)
    second = hub.post()
    assert (second.status_code, second.content) == (202, came[0].content)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(hub.kept()) == 1


def test_another_event_under_a_known_key_is_refused(hub: Hub) -> None:
    hub.post()
    refused = hub.post(data=_DATA.replace("SHIPPED", "LOST"))
    assert (refused.status_code, len(hub.kept())) == (422, 1)
    assert "key" in refused.json()["detail"]


def test_the_same_number_under_another_key_is_kept_once(hub: Hub) -> None:
    hub.post()
    assert hub.post(idempotency_key="event-000002").status_code == 202
    assert len(hub.kept()) == 1


def test_where_no_field_numbers_messages_the_key_does(hub: Hub) -> None:
    hub.post(entity="notes", idempotency_key="event-000003")
    again = hub.post(entity="notes", idempotency_key="event-000004")
    assert (again.json()["message_id"], len(hub.kept("notes"))) == ("event-000004", 2)


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": "a guess"},
        {"secret": ""},
        {"age": 301},
        {"age": -301},
        {"source": "erp"},
        {"source": "nobody"},
    ],
)
def test_what_is_not_proved_is_refused_and_why_is_not_told(hub: Hub, forged: dict[str, Any]) -> None:
    answer = hub.post(**forged)
    assert (answer.status_code, hub.kept()) == (401, [])
    told = answer.json()
    assert told["detail"] == ("The event is not accepted." if forged.get("secret") != "" else "Nobody is signed in.")


def test_who_proves_nothing_does_not_learn_what_an_event_is_made_of(hub: Hub) -> None:
    answer = hub.client.post("/events", json={"source": 7})
    assert (answer.status_code, answer.json()["errors"]) == (401, [])


def test_a_signature_does_not_count_for_other_bytes(hub: Hub) -> None:
    declared: Any = hub.console.platform.registry.declarations["hub"]
    body = b'{"schema_version": "2", "source": "hub", "entity": "milestones", "idempotency_key": "event-1", "data": {}}'
    sent_at = int(hub.console.machine_now().timestamp())
    headers = {"X-Signature": sign(declared.transport.signature, "the secret", body, sent_at)}
    headers |= {"X-Timestamp": str(sent_at), "Content-Type": "application/json"}
    changed = body.replace(b"event-1", b"event-0000000002")
    assert hub.client.post("/events", content=changed, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"schema_version": "1"}, "2"),
        ({"entity": "orders"}, "hub/milestones"),
        ({"data": '{"order": "SO-1"}'}, "event_id"),
    ],
)
def test_what_is_not_declared_so_is_told_to_who_has_signed_it(hub: Hub, changed: dict[str, Any], expected: str) -> None:
    answer = hub.post(**changed)
    assert (answer.status_code, hub.kept()) == (422, [])
    assert expected in answer.json()["expected"]


def test_a_token_with_the_permission_needs_no_signature_and_leaves_its_name(hub: Hub) -> None:
    hub.client.headers["Authorization"] = f"Bearer {token_for(hub.console, 'ines', 'event.post')}"
    assert hub.post(secret="").status_code == 202
    hub.client.headers["Authorization"] = f"Bearer {token_for(hub.console, 'ada')}"
    assert hub.post(secret="", idempotency_key="event-000009").status_code == 403

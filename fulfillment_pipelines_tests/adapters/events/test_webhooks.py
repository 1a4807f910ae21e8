"""Webhooks, over real HTTP: only genuine messages are taken, each once, and an answer means that it is kept."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import uvicorn

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import Observed
from fulfillment_pipelines.domain.inbox import InboxMessage, KeptMessage
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import BadDataError, ConfigurationError, RetryableError
from fulfillment_pipelines.ledger.inbox import LedgerInbox
from fulfillment_pipelines.ledger.notices import Notice
from fulfillment_pipelines.systems.transports.events.receiver import Destinations, build_receiver
from fulfillment_pipelines.systems.transports.events.signature import sign
from fulfillment_pipelines.systems.transports.events.webhooks import WebhookSystem

_DECLARATION = """
system: carrier
title: Carrier
role: carrier
contract_version: "1"
freshness_seconds: 3600
transport:
  kind: webhook
  most_bytes: 400
  signature:
    header: X-Signature
    secrets: [{ref: CARRIER_SECRET}, {ref: CARRIER_SECRET_BEFORE}]
    prefix: "sha256="
    timestamp_header: X-Timestamp
    tolerance_seconds: 300
entities:
  milestones:
    contract: milestones
    path: /hooks/carrier/milestones
    id_field: event_id
    fields: [event_id, shipment, status]
    key: [event_id]
  scans:
    contract: milestones
    path: /hooks/carrier/scans
    id_header: X-Event-Id
    fields: [shipment]
    key: [shipment]
bells:
  changed: {path: /hooks/carrier/bell, wakes: [erp]}
notices:
  claims:
    path: /hooks/carrier/claims
    target: tms
    id_field: notice_id
    idempotency_key: our_key
    observed: outcome
    codes: {filed: APPLIED, refused: ABSENT}
    reference: claim_no
"""
_SECRETS = {"CARRIER_SECRET": "new secret", "CARRIER_SECRET_BEFORE": "old secret"}
EVENT = {"event_id": "E-1", "shipment": "SH-1", "status": "DELIVERED"}


class _SwitchedInbox:
    """An inbox that can be told to be busy."""

    def __init__(self, inbox: LedgerInbox) -> None:
        self._inbox = inbox
        self.busy = False

    def keep(self, messages: list[InboxMessage]) -> int:
        if self.busy:
            raise RetryableError("busy")
        return self._inbox.keep(messages)

    def read(self, system: str, entity: str, after: int, most: int | None = None) -> list[KeptMessage]:
        return list(self._inbox.read(system, entity, after, most))


@dataclass
class Carrier:
    """Posts to the receiver, as the carrier or as somebody else."""

    address: str
    declaration: Any
    inbox: _SwitchedInbox
    clock: FixedClock
    notices: list[Notice]

    def post(
        self, content: Any, *, path: str = "milestones", secret: str = "new secret", age: float = 0, **headers: str
    ) -> httpx.Response:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        sent_at = int((self.clock.now() - timedelta(seconds=age)).timestamp())
        signed = sign(self.declaration.transport.signature, secret, body, sent_at)
        proof = {"X-Signature": signed, "X-Timestamp": str(sent_at)}
        return httpx.post(
            f"{self.address}/hooks/carrier/{path}", content=body, headers={**proof, **headers}, timeout=10
        )

    def kept(self, entity: str = "milestones") -> list[bytes]:
        return [message.body for message in self.inbox.read("carrier", entity, 0)]

    @property
    def system(self) -> WebhookSystem:
        return WebhookSystem(self.declaration, self.clock, self.inbox)


@pytest.fixture
def carrier(declare: Callable[[str], Any], referring: Any, clock: FixedClock, inbox: LedgerInbox) -> Iterator[Carrier]:
    declaration, switched, notices = declare(_DECLARATION), _SwitchedInbox(inbox), []
    destinations = Destinations(switched, notices.append, clock, referring(**_SECRETS))
    server = uvicorn.Server(
        uvicorn.Config(build_receiver([declaration], destinations), port=0, log_level="error", lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the receiver did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Carrier(f"http://127.0.0.1:{port}", declaration, switched, clock, notices)
    server.should_exit = True
    thread.join(20)


def test_a_genuine_message_is_kept_and_read_by_the_next_pull(carrier: Carrier) -> None:
    assert carrier.post(EVENT).status_code == 200
    snapshot = carrier.system.source("milestones").pull(Scope())
    (page,) = snapshot.pages
    assert (json.loads(page.content), snapshot.declared_rows, snapshot.complete) == ([EVENT], 1, True)


def test_a_message_sent_again_is_answered_well_and_kept_once(carrier: Carrier) -> None:
    assert [carrier.post(EVENT).status_code for _ in range(3)] == [200, 200, 200]
    assert len(carrier.kept()) == 1


def test_the_secret_from_before_a_rotation_is_accepted_too(carrier: Carrier) -> None:
    assert carrier.post(EVENT, secret="old secret").status_code == 200


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": "guess"},
        {"age": 301},
        {"age": -301},
        {"X-Timestamp": "1"},
        {"X-Timestamp": "soon"},
        {"X-Timestamp": "1" * 5000},
        {"X-Signature": ""},
        {"X-Signature": "sha256=zz"},
        {"X-Signature": "sha1=00"},
    ],
    ids=lambda forged: str(forged)[:40],
)
def test_a_message_that_is_not_genuine_or_not_fresh_is_refused_and_not_told_why(
    carrier: Carrier, forged: dict[str, Any]
) -> None:
    answer = carrier.post(EVENT, **forged)
    assert (answer.status_code, answer.json()) == (401, {"error": "the signature is not accepted"})
    assert carrier.kept() == []


def test_a_body_that_was_changed_on_the_way_is_refused(carrier: Carrier) -> None:
    body = json.dumps(EVENT).encode()
    sent_at = int(carrier.clock.now().timestamp())
    headers = {
        "X-Signature": sign(carrier.declaration.transport.signature, "new secret", body, sent_at),
        "X-Timestamp": str(sent_at),
    }
    address = f"{carrier.address}/hooks/carrier/milestones"
    assert httpx.post(address, content=body.replace(b"SH-1", b"SH-2"), headers=headers).status_code == 401
    assert httpx.post(address, content=body, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "cannot be read"),
        (b"[]", "one JSON object"),
        ({"shipment": "SH-1"}, "event_id"),
        (b"\xff\xfe", "cannot be read"),
        (b"\xef\xbb\xbf" + json.dumps(EVENT).encode(), "cannot be read"),
        (json.dumps(EVENT).encode("utf-16"), "cannot be read"),
        (b'{"event_id": ' + b"[" * 150 + b"]" * 150 + b"}", "nested"),
        ({"event_id": "E" * 256}, "event_id"),
        ({"event_id": "E\0"}, "event_id"),
        (b'{"event_id": "E-\\ud83d"}', "event_id"),
    ],
)
def test_a_genuine_message_that_is_no_row_is_refused_with_the_reason(
    carrier: Carrier, content: Any, words: str
) -> None:
    answer = carrier.post(content)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_what_is_too_large_is_refused(carrier: Carrier) -> None:
    assert carrier.post({**EVENT, "note": "x" * 500}).status_code == 413


def test_a_number_in_a_header_counts_too(carrier: Carrier) -> None:
    scan = {"shipment": "SH-1"}
    assert carrier.post(scan, path="scans", **{"X-Event-Id": "S-1"}).status_code == 200
    assert carrier.post(scan, path="scans", **{"X-Event-Id": "S-1"}).status_code == 200
    assert carrier.post(scan, path="scans").status_code == 400
    assert len(carrier.kept("scans")) == 1


def test_what_cannot_be_kept_is_not_answered_well_and_comes_again(carrier: Carrier) -> None:
    carrier.inbox.busy = True
    answer = carrier.post(EVENT)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    carrier.inbox.busy = False
    assert carrier.post(EVENT).status_code == 200
    assert len(carrier.kept()) == 1


def test_paths_and_methods_that_are_not_declared_are_unknown(carrier: Carrier) -> None:
    assert carrier.post(EVENT, path="others").status_code == 404
    assert httpx.get(f"{carrier.address}/hooks/carrier/milestones").status_code == 405
    assert httpx.get(f"{carrier.address}/health").json() == {"status": "ok"}


def test_a_pull_goes_on_where_the_last_one_ended(carrier: Carrier) -> None:
    carrier.post(EVENT)
    source = carrier.system.source("milestones")
    cursor = source.pull(Scope()).cursor
    assert source.pull(Scope(since=cursor)).declared_rows == 0
    carrier.post({**EVENT, "event_id": "E-2"})
    later = source.pull(Scope(since=cursor))
    assert [row["event_id"] for row in json.loads(later.pages[0].content)] == ["E-2"]


def test_a_field_that_is_in_no_message_is_drift(carrier: Carrier) -> None:
    carrier.post({"event_id": "E-1", "shipment": "SH-1"})
    with pytest.raises(BadDataError, match="has no field status"):
        carrier.system.source("milestones").pull(Scope())


def test_what_became_of_a_correction_reaches_its_delivery(carrier: Carrier) -> None:
    told = {"notice_id": "N-1", "our_key": "key-1", "outcome": "filed", "claim_no": "C-9"}
    assert carrier.post(told, path="claims").status_code == 200
    expected = Notice("tms", "N-1", "key-1", Observed.APPLIED, "C-9", carrier.clock.now())
    assert carrier.notices == [expected]
    carrier.post({**told, "notice_id": "N-2", "outcome": "in progress"}, path="claims")
    assert carrier.notices[1] == replace(expected, notice_id="N-2", observed=Observed.UNKNOWN)


@pytest.mark.parametrize("wrong", [{"our_key": "k" * 65}, {"our_key": "k\0"}, {"notice_id": "N" * 129}], ids=str)
def test_a_notice_that_the_ledger_could_not_keep_is_refused(carrier: Carrier, wrong: dict[str, str]) -> None:
    told = {"notice_id": "N-1", "our_key": "key-1", "outcome": "filed", "claim_no": "C\0-9"}
    assert carrier.post({**told, **wrong}, path="claims").status_code == 400
    assert carrier.notices == []
    carrier.post(told, path="claims")
    assert carrier.notices[0].reference == "C-9"


def test_a_check_reads_none_of_the_messages(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    carrier.post(EVENT)
    read: list[int] = []
    ask = carrier.inbox.read

    def counted(system: str, entity: str, after: int) -> list[KeptMessage]:
        found = ask(system, entity, after)
        read.append(len(found))
        return found

    monkeypatch.setattr(carrier.inbox, "read", counted)
    carrier.system.check()
    assert read == [0]


def test_a_system_that_posts_to_us_takes_no_corrections(carrier: Carrier, correction: Any) -> None:
    with pytest.raises(ConfigurationError, match="takes no message"):
        carrier.system.sink().apply(correction())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("path: /hooks/carrier/scans", "each for one entity"),
        ("id_field: event_id\n    id_header: X", "either `id_field` or `id_header`"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(declare: Callable[[str], Any], line: str, expected: str) -> None:
    wrong = _DECLARATION.replace(
        "path: /hooks/carrier/milestones" if line.startswith("path") else "id_field: event_id", line
    )
    with pytest.raises(ConfigurationError, match=expected):
        declare(wrong)


def test_a_bell_is_noted_for_its_name_and_rings_close_together_are_one(carrier: Carrier) -> None:
    for _ in range(3):
        assert carrier.post({"anything": 1}, path="bell").status_code == 200
    assert carrier.post({"anything": 1}, path="bell", secret="forged").status_code == 401
    assert carrier.kept("changed") == [b"{}"]

"""A message broker, with a real server: at least once from it, once in the inbox, once into its stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import nats
import pytest

from fulfillment_pipelines.domain.correction import Observed
from fulfillment_pipelines.domain.inbox import InboxMessage
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import ConfigurationError, RetryableError, SystemDownError
from fulfillment_pipelines.ledger.inbox import LedgerInbox
from fulfillment_pipelines.systems.transports.events.nats import NatsSystem
from fulfillment_pipelines_tests.nats_server import nats_server

_DECLARATION = """
system: hub
title: Hub
role: carrier
contract_version: "1"
freshness_seconds: 3600
transport: {kind: nats, url: {ref: HUB_URL}, stream: HUB, timeout_seconds: 2}
entities:
  milestones:
    contract: milestones
    subject: hub.milestones.>
    durable: fulfillment
    id_header: Nats-Msg-Id
    fields: [event_id, status]
    key: [event_id]
messages:
  qty.set:
    subject: hub.corrections.{idempotency_key}
    body: {line_id: line_id, qty: qty}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with nats_server(tmp_path_factory.mktemp("nats")) as url:
        yield url


Connect = Callable[[str, Any], NatsSystem]


class Hub:
    """The other side of the broker."""

    def __init__(self, url: str) -> None:
        self.url = url

    def do(self, ask: Callable[[Any], Any]) -> Any:
        async def asked() -> Any:
            client = await nats.connect(self.url)
            try:
                return await ask(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(asked())

    def begin(self, retention: str = "limits") -> None:
        async def make(stream: Any) -> None:
            if any(one.config.name == "HUB" for one in await stream.streams_info()):
                await stream.delete_stream("HUB")
            await stream.add_stream(name="HUB", subjects=["hub.>"], retention=retention)

        self.do(make)

    def send(self, number: str, content: Any) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.do(lambda stream: stream.publish("hub.milestones.SH-1", body, headers={"Nats-Msg-Id": number}))

    def published(self) -> list[Any]:
        async def read(stream: Any) -> list[Any]:
            info = await stream.stream_info("HUB", subjects_filter="hub.corrections.>")
            subjects = info.state.subjects or {}
            return [json.loads((await stream.get_last_msg("HUB", subject)).data) for subject in subjects]

        found: list[Any] = self.do(read)
        return found


@pytest.fixture
def hub(server: str) -> Hub:
    made = Hub(server)
    made.begin()
    return made


@pytest.fixture
def connect(declare: Any, referring: Any, clock: Any) -> Iterator[Connect]:
    """Connect with a broker's address and an inbox; everything is closed when the test is over."""
    opened: list[NatsSystem] = []

    def make(url: str, inbox: Any) -> NatsSystem:
        opened.append(NatsSystem(declare(_DECLARATION), referring(HUB_URL=url), clock, inbox))
        return opened[-1]

    yield make
    for system in opened:
        system.close()


@pytest.fixture
def system(hub: Hub, connect: Connect, inbox: LedgerInbox) -> NatsSystem:
    return connect(hub.url, inbox)


def pull(system: NatsSystem, since: str | None = None) -> Snapshot:
    return system.source("milestones").pull(Scope(since=since))


def rows(snapshot: Snapshot) -> list[Any]:
    found: list[Any] = json.loads(snapshot.pages[0].content)
    return found


def test_what_was_published_is_read_once_and_acknowledged(hub: Hub, system: NatsSystem) -> None:
    events = [{"event_id": f"E-{number}", "status": "DEPARTED"} for number in range(3)]
    for event in events:
        hub.send(event["event_id"], event)
    first = pull(system)
    assert rows(first) == events
    assert rows(pull(system, first.cursor)) == []
    waiting = hub.do(lambda stream: stream.consumer_info("HUB", "fulfillment"))
    assert (waiting.num_ack_pending, waiting.num_pending) == (0, 0)


def test_a_busy_machine_that_gives_up_waiting_found_nothing_and_no_broker_down(
    hub: Hub, system: NatsSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def take(stream: Any) -> None:
        consumer = await stream.pull_subscribe("hub.milestones.>", durable="fulfillment", stream="HUB")
        await consumer.fetch(1, timeout=5)

    async def gives_up(*_: Any, **__: Any) -> None:
        raise TimeoutError  # the plain one, which the client raises where its own deadline has passed already

    hub.send("E-1", {"event_id": "E-1", "status": "DEPARTED"})
    hub.do(take)
    monkeypatch.setattr(nats.js.client.JetStreamContext.PullSubscription, "fetch", gives_up)
    assert rows(pull(system)) == []


def test_a_crash_between_keeping_and_acknowledging_brings_the_message_again_and_it_is_kept_once(
    hub: Hub, system: NatsSystem, inbox: LedgerInbox, clock: Any
) -> None:
    event = {"event_id": "E-1", "status": "DEPARTED"}
    # The inbox has it already, as after a crash before the acknowledgement; the broker still offers it.
    inbox.keep([InboxMessage("hub", "milestones", "E-1", clock.now(), json.dumps(event).encode())])
    hub.send("E-1", event)
    assert rows(pull(system)) == [event]


def test_a_broker_that_holds_more_than_one_pull_takes_says_so_until_all_is_taken(
    hub: Hub, declare: Any, referring: Any, clock: Any, inbox: LedgerInbox
) -> None:
    for number in range(3):
        hub.send(f"E-{number}", {"event_id": f"E-{number}", "status": "DEPARTED"})
    few = _DECLARATION.replace("durable: fulfillment", "durable: fulfillment\n    most_messages: 2")
    with closing(NatsSystem(declare(few), referring(HUB_URL=hub.url), clock, inbox)) as system:
        pieces = [system.source("milestones").pull(Scope(since=since, most_rows=2)) for since in ("0", "2", "3")]
    assert [(len(rows(piece)), piece.has_more) for piece in pieces] == [(2, True), (1, False), (0, False)]


def test_nothing_is_acknowledged_that_could_not_be_kept(hub: Hub, connect: Connect, inbox: LedgerInbox) -> None:
    class Busy:
        def keep(self, _: Any) -> int:
            raise RetryableError("the ledger is busy")

        def read(self, *_: Any) -> list[Any]:
            raise AssertionError("nothing was kept")

    hub.send("E-1", {"event_id": "E-1", "status": "DEPARTED"})
    with pytest.raises(RetryableError, match="busy"):
        pull(connect(hub.url, Busy()))
    pending = hub.do(lambda stream: stream.consumer_info("HUB", "fulfillment"))
    assert pending.num_ack_pending == 1
    assert inbox.read("hub", "milestones", 0) == []


def test_a_message_that_cannot_be_read_is_kept_as_words_and_stops_nothing(hub: Hub, system: NatsSystem) -> None:
    hub.send("E-1", b"\xff not json")
    hub.send("E-2", {"event_id": "E-2", "status": "DELIVERED"})
    broken, sound = rows(pull(system))
    assert "not json" in broken["unreadable_message"]
    assert sound["event_id"] == "E-2"


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"event_id":' * 200 + b"1" + b"}" * 200,
        json.dumps({"event_id": "E-1", "status": "DEPARTED"}).encode("utf-16"),
    ],
    ids=["nested, never closed", "nested", "UTF-16"],
)
def test_a_message_that_would_spoil_a_page_is_kept_as_words_too(hub: Hub, system: NatsSystem, content: bytes) -> None:
    hub.send("E-1", content)
    hub.send("E-2", {"event_id": "E-2", "status": "DELIVERED"})
    spoilt, sound = rows(pull(system))
    assert set(spoilt) == {"unreadable_message", "problem"}
    assert sound["event_id"] == "E-2"


def test_a_consumer_that_listens_elsewhere_is_refused_and_nothing_is_taken_for_what_it_is_not(
    hub: Hub, system: NatsSystem, inbox: LedgerInbox
) -> None:
    async def theirs(stream: Any) -> None:
        await stream.pull_subscribe("hub.others.>", durable="fulfillment", stream="HUB")
        await stream.publish("hub.others.1", b'{"event_id": "E-1", "status": "DEPARTED"}')

    hub.do(theirs)
    with pytest.raises(ConfigurationError, match=r"'fulfillment' listens.*hub\.others\.>"):
        pull(system)
    assert inbox.read("hub", "milestones", 0) == []


def test_a_number_that_no_database_keeps_stops_nothing(hub: Hub, system: NatsSystem) -> None:
    hub.send("E" * 300, {"event_id": "E-1", "status": "DEPARTED"})
    hub.send("E-2", {"event_id": "E-2", "status": "DELIVERED"})
    broken, sound = rows(pull(system))
    assert "Nats-Msg-Id" in broken["problem"]
    assert sound["event_id"] == "E-2"


def test_a_queue_that_forgets_what_was_taken_is_not_proof_that_nothing_was_sent(
    hub: Hub, system: NatsSystem, correction: Any
) -> None:
    hub.begin(retention="workqueue")
    sink = system.sink()
    sink.apply(correction())

    async def take(stream: Any) -> None:
        consumer = await stream.pull_subscribe("hub.corrections.>", durable="theirs", stream="HUB")
        (message,) = await consumer.fetch(1, timeout=5)
        await message.ack_sync()

    hub.do(take)
    assert sink.read_back(correction()) is Observed.UNKNOWN


def test_a_correction_is_in_the_stream_once_however_often_it_is_sent(
    hub: Hub, system: NatsSystem, correction: Any
) -> None:
    sink = system.sink()
    assert sink.read_back(correction()) is Observed.ABSENT
    first, second = sink.apply(correction()), sink.apply(correction())
    assert (first.observed, first.reference) == (Observed.QUEUED, second.reference)
    assert sink.read_back(correction()) is Observed.QUEUED
    assert hub.published() == [{"line_id": "L1", "qty": "7"}]
    other = replace(correction(), idempotency_key="key-2")
    sink.apply(other)
    assert len(hub.published()) == 2


def test_a_broker_that_is_away_is_a_system_that_is_down(
    hub: Hub, connect: Connect, inbox: LedgerInbox, correction: Any
) -> None:
    away = connect("nats://127.0.0.1:1", inbox)
    for ask in (away.check, lambda: pull(away), lambda: away.sink().apply(correction())):
        with pytest.raises(SystemDownError, match="hub"):
            ask()
    assert hub.published() == []


def test_a_stream_that_is_not_there_is_told_by_name(hub: Hub, system: NatsSystem) -> None:
    hub.do(lambda stream: stream.delete_stream("HUB"))
    with pytest.raises(ConfigurationError, match="no stream 'HUB'"):
        system.check()
    with pytest.raises(ConfigurationError, match="no stream 'HUB'"):
        pull(system)


def test_a_system_that_was_closed_opens_again(hub: Hub, system: NatsSystem) -> None:
    system.check()
    system.close()
    hub.send("E-1", {"event_id": "E-1", "status": "DEPARTED"})
    assert len(rows(pull(system))) == 1

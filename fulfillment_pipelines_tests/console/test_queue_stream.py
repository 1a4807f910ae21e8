"""An open queue is told of changes: one look at the ledger for all, and none once nobody watches or may."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest

from fulfillment_pipelines.console.access.guard import Actor
from fulfillment_pipelines.console.access.signing_in import begin_session
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.pages import queue_stream
from fulfillment_pipelines.console.reading.ledger_watch import LedgerWatch
from fulfillment_pipelines.console.reading.queue_memory import QueueMemory, Remembered
from fulfillment_pipelines.exceptions.working.noting import comment
from fulfillment_pipelines.ledger.case_queue import QueueFilter, read_page
from fulfillment_pipelines.ledger.sessions import end_session
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines_tests.lived_console import Visitor

PATIENCE = 20.0


@pytest.fixture
def actor(console: Console, monkeypatch: pytest.MonkeyPatch) -> Actor:
    """Ada with a session, before a stream whose waits are short."""
    monkeypatch.setattr(queue_stream, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(queue_stream, "_REST_SECONDS", 0.0)
    console.watch = LedgerWatch(console.reading, seconds=0.05)
    with console.deciding("test") as work:
        begun = begin_session(work, "ada", "password", policies=console.policies, now=console.machine_now())
        work.commit()
    person = console.policies.people.require_active("ada")
    return Actor(person, console.policies.access, "test", session_hash=begun.session.session_hash)


def _comment(console: Console) -> None:
    with console.deciding("test") as work:
        case = read_page(work, QueueFilter(), limit=1).cases[0]
        comment(work, case.case_id, "seen", by="ada", now=console.now())
        work.commit()


async def _until(events: AsyncIterator[str], wanted: str) -> None:
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            if wanted in event:
                return
    raise AssertionError("the stream ended")


def test_every_page_that_is_open_is_told_of_a_change(console: Console, actor: Actor) -> None:
    async def story() -> None:
        streams = [queue_stream._events(console, actor) for _ in range(3)]
        for stream in streams:
            await _until(stream, "retry")
        for stream in streams:
            await _until(stream, ": here")
        _comment(console)
        for stream in streams:
            await _until(stream, "event: changed")

    asyncio.run(story())


def test_a_stream_ends_with_the_session(console: Console, actor: Actor) -> None:
    async def story() -> None:
        events = queue_stream._events(console, actor)
        await _until(events, ": here")
        with console.deciding("test") as work:
            end_session(work, actor.session_hash)
            work.commit()
        async with asyncio.timeout(PATIENCE):
            assert [event async for event in events if "changed" in event] == []

    asyncio.run(story())


def test_a_stream_ends_with_the_console(console: Console, actor: Actor) -> None:
    async def story() -> None:
        events = queue_stream._events(console, actor)
        await _until(events, "retry")
        console.watch.close()
        async with asyncio.timeout(PATIENCE):
            assert [event async for event in events if "changed" in event] == []

    asyncio.run(story())


def test_the_ledger_is_looked_at_once_for_all_and_not_when_nobody_watches(console: Console) -> None:
    looks = [0]

    @contextmanager
    def counting() -> Iterator[UnitOfWork]:
        looks[0] += 1
        with console.reading() as work:
            yield work

    watch = LedgerWatch(counting, seconds=0.05)

    async def story() -> None:
        with watch.watching() as first, watch.watching() as second:
            named = [thread for thread in threading.enumerate() if thread.name == "ledger-watch"]
            assert len(named) == 1
            _wait_until(lambda: looks[0] > 1)
            _comment(console)
            assert await first.waits(PATIENCE)
            assert await second.waits(PATIENCE)
            assert not await first.waits(0.2)

    asyncio.run(story())
    _wait_until(lambda: watch._looker is None)
    assert not [thread for thread in threading.enumerate() if thread.name == "ledger-watch"]


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_may_not_see_cases_watches_none(visitor: Visitor) -> None:
    assert visitor("").get("/queue/stream").status_code in {303, 401}


def test_many_readers_cost_one_count(console: Console) -> None:
    counted = [0]
    gate = threading.Event()

    @contextmanager
    def counting() -> Iterator[UnitOfWork]:
        counted[0] += 1
        gate.wait(PATIENCE)
        with console.reading() as work:
            yield work

    memory = QueueMemory()
    readers = [threading.Thread(target=memory.count, args=(QueueFilter(), counting)) for _ in range(5)]
    for reader in readers:
        reader.start()
    gate.set()
    for reader in readers:
        reader.join(PATIENCE)
    with console.reading() as work:
        shown = len(read_page(work, QueueFilter(), limit=500).cases)
    assert memory.count(QueueFilter(), counting).cases == shown
    assert counted[0] == 1


def test_what_is_remembered_is_forgotten_in_time_and_when_there_is_too_much() -> None:
    short: Remembered[str, int] = Remembered(0.0)
    assert (short.keep("a", 1), short.get("a")) == (1, None)
    small: Remembered[int, int] = Remembered(60, most=2)
    for number in range(3):
        small.keep(number, number)
    assert [small.get(number) for number in range(3)] == [None, 1, 2]

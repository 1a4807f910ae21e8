"""How fast a system is asked: never more than it is declared to bear, and never a worker kept waiting for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from fulfillment_pipelines.domain.correction import Correction
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import RetryableError, SystemDownError
from fulfillment_pipelines.systems.declaration.http import Rate
from fulfillment_pipelines.systems.transports.http.pace import Pace, half_of
from fulfillment_pipelines.systems.transports.http.system import HttpSystem

Connect = Callable[..., HttpSystem]

DECLARED = """
entities:
  lines:
    contract: lines
    path: /lines
    records: rows
    paging: {kind: offset, parameter: skip, size: 1}
    fields: [line_id]
    key: [line_id]
messages:
  qty.set:
    method: PUT
    path: /lines/{line_id}
    body: {qty: qty}
    read_back: {path: "/lines/{line_id}", expect: {qty: qty}}
"""


class Time:
    """Seconds that pass only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds

    @property
    def options(self) -> dict[str, Any]:
        return {"monotonic": self.monotonic, "sleep": self.sleep}


def test_pages_are_asked_for_no_faster_than_declared(connect: Connect, server: Any) -> None:
    time, moments = Time(), []

    def answer(_: Any) -> Any:
        moments.append(time.now)
        return server.answer(200, server.page(*["L"] * (len(moments) < 7)))

    server.script = answer
    system = connect(DECLARED, transport="rate: {requests: 3, per_seconds: 10}", options=time.options)
    assert system.source("lines").pull(Scope()).complete
    assert moments == [0, 0, 0, 10, 10, 10, 20]


def test_no_window_of_time_holds_more_requests_than_declared() -> None:
    """Also around a pause, where a bucket that fills would let twice as many through."""
    time, moments = Time(), []
    pace = Pace(Rate(requests=5, per_seconds=10), time.monotonic, time.sleep)
    for number in range(60):
        time.now += (number * 7) % 4
        pace.keep()
        moments.append(time.now)
    assert all(later - earlier >= 10 for earlier, later in zip(moments, moments[5:], strict=False))
    assert moments[-1] < 60 / 5 * 10 + 10


def test_tokens_and_logins_count_too(connect: Connect, server: Any) -> None:
    time, moments = Time(), []

    def answer(asked: Any) -> Any:
        moments.append(time.now)
        return server.answer(200, {"access_token": "t"} if asked.path == "/token" else server.page())

    server.script = answer
    oauth = "{kind: oauth2_client_credentials, token_path: /token, client_id: us, client_secret: {ref: SITE_SECRET}}"
    transport = f"rate: {{requests: 1, per_seconds: 5}}\nauth: {oauth}"
    connect(DECLARED, transport=transport, options=time.options).source("lines").pull(Scope())
    assert moments == [0, 5]


def test_worker_that_holds_a_correction_is_told_to_come_back_instead_of_waiting(
    connect: Connect, server: Any, correction: Callable[..., Correction]
) -> None:
    time = Time()
    server.script = lambda _: server.answer(200, {"id": 1})
    system = connect(DECLARED, transport="rate: {requests: 1, per_seconds: 60}", options=time.options)
    sink = system.sink()
    sink.apply(correction())
    time.now = 15.0
    with pytest.raises(RetryableError, match="`rate`") as raised:
        sink.apply(correction(key="key-2"))
    assert raised.value.retry_after_seconds == 45
    with pytest.raises(SystemDownError, match="`rate`"):
        sink.read_back(correction())
    assert (len(server.requests), time.now) == (1, 15.0)


def test_reading_many_pages_leaves_half_of_the_rate_to_corrections(
    connect: Connect, server: Any, correction: Callable[..., Correction]
) -> None:
    time, reads, sent = Time(), [], []

    def answer(asked: Any) -> Any:
        if asked.path != "/lines":
            return server.answer(200, {"id": 1})
        reads.append(time.now)
        return server.answer(200, server.page(*["L"] * (len(reads) < 6)))

    server.script = answer
    system = connect(DECLARED, transport="rate: {requests: 4, per_seconds: 10}", options=time.options)
    assert system.source("lines").pull(Scope(leaves_room=True)).complete
    for number in range(2):
        system.sink().apply(correction(key=f"key-{number}"))
        sent.append(time.now)
    assert (reads, sent) == ([0, 0, 10, 10, 20, 20], [20, 20])


def test_reading_takes_one_request_in_twice_the_time_where_only_one_is_allowed() -> None:
    assert half_of(Rate(requests=1, per_seconds=5)) == Rate(requests=1, per_seconds=10)


def test_threads_share_the_pace(connect: Connect, server: Any) -> None:
    time = Time()
    server.script = lambda _: server.answer(200, server.page())
    system = connect(DECLARED, transport="rate: {requests: 2, per_seconds: 10}", options=time.options)
    threads = [threading.Thread(target=system.source("lines").pull, args=(Scope(),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 6
    assert time.now >= 20

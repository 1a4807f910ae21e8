"""Delivery beside the live loop: what protects goes first, and a slow target holds up no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from fulfillment_pipelines.corrections.delivering.dispatch import Dispatcher
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposing.proposals import propose
from fulfillment_pipelines.domain.clock import WallClock
from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines.loop.live.deliveries import Deliveries
from fulfillment_pipelines_tests.faults.delivering import billed_too_soon, unbilled

_DEADLINE_SECONDS = 30


class GatedSink:
    """A target that answers each message only when it is let.

    Attributes:
        begun: What it was asked for, in that order.
    """

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.gate = threading.Semaphore(0)

    def apply(self, correction: Correction) -> Receipt:
        self.begun.append(correction.message)
        self.gate.acquire(timeout=_DEADLINE_SECONDS)
        return Receipt(correction.idempotency_key, Observed.APPLIED, "I-1", received_at=datetime.now(UTC))

    def read_back(self, _correction: Correction) -> Observed:
        return Observed.ABSENT


Approve = Callable[..., None]


@pytest.fixture
def approve(
    sqlite_ledger: Ledger, case_policy: CasePolicy, policies: Policies, make_finding: Callable[..., Finding]
) -> Approve:
    """Let corrections be approved, due at once."""

    def approve(make: Callable[..., Finding], *orders: str, target: str = "finance") -> None:
        findings, now = [make(make_finding, order) for order in orders], datetime.now(UTC)
        with sqlite_ledger.unit_of_work() as work:
            intake(work, findings, [], policy=case_policy, now=now)
            proposed = propose(work, findings, policies=policies, target_of=lambda *_: target, now=now)
            work.commit()
        assert len(proposed.approved) == len(orders)

    return approve


@pytest.fixture
def deliveries(sqlite_ledger: Ledger, policies: Policies) -> Iterator[Callable[..., Deliveries]]:
    """Start deliveries to sinks, by system."""
    started: list[tuple[Deliveries, dict[str, GatedSink]]] = []

    def start(**sinks: GatedSink) -> Deliveries:
        def new_dispatcher(clock: Any, leaves_out: frozenset[str]) -> Dispatcher:
            return Dispatcher(
                sqlite_ledger,
                sinks.__getitem__,  # type: ignore[arg-type]
                policies.delivery,
                clock=clock,
                machine_clock=WallClock(),
                jitter=lambda: 0.0,
                leaves_out=leaves_out,
            )

        declared = SimpleNamespace(declarations={name: SimpleNamespace(messages={"any": 1}) for name in sinks})
        platform: Any = SimpleNamespace(
            clock=WallClock(),
            registry=declared,
            ledger=sqlite_ledger,
            policies=policies,
            new_dispatcher=new_dispatcher,
        )
        made = Deliveries(platform)
        made.start()
        started.append((made, sinks))
        return made

    yield start
    for made, sinks in started:
        for sink in sinks.values():
            sink.gate.release(1000)
        made.stop()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_protects_overtakes_what_a_slow_target_was_given_before(
    approve: Approve, deliveries: Callable[..., Deliveries]
) -> None:
    finance = GatedSink()
    approve(unbilled, *(f"SO-{number}" for number in range(15)))
    running = deliveries(finance=finance)
    _until(lambda: len(finance.begun) == 1)
    approve(billed_too_soon, "SO-100")
    running.tell(datetime.now(UTC))
    _until(lambda: any(line.priority == 0 for line in running.backlog))
    for _ in range(3):
        finance.gate.release()
    _until(lambda: "invoice.hold" in finance.begun)
    # One was under way, another may have begun before the watch saw what came.
    assert finance.begun.index("invoice.hold") <= 2
    finance.gate.release(100)
    _until(lambda: len(finance.begun) == 16)


def test_a_worker_goes_on_after_an_error_that_nobody_foresaw(
    approve: Approve, deliveries: Callable[..., Deliveries], monkeypatch: pytest.MonkeyPatch
) -> None:
    errors, original = [ZeroDivisionError()], Dispatcher.run

    def run(dispatcher: Dispatcher, **how: Any) -> Any:
        if errors:
            raise errors.pop()
        return original(dispatcher, **how)

    monkeypatch.setattr(Dispatcher, "run", run)
    finance = GatedSink()
    finance.gate.release(1)
    approve(unbilled, "SO-1")
    deliveries(finance=finance)
    _until(lambda: len(finance.begun) == 1)
    assert errors == []


def test_a_target_that_hangs_holds_up_no_other(approve: Approve, deliveries: Callable[..., Deliveries]) -> None:
    slow, quick = GatedSink(), GatedSink()
    quick.gate.release(100)
    approve(unbilled, *(f"SO-{number}" for number in range(5)))
    approve(unbilled, *(f"SO-{number}" for number in range(50, 55)), target="finance_west")
    running = deliveries(finance=slow, finance_west=quick)
    _until(lambda: len(quick.begun) == 5)
    assert len(slow.begun) <= 1
    _until(lambda: running.delivered.get("finance_west") == 5)

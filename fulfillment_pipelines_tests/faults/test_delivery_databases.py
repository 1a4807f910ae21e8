"""The ledger's database fails while corrections are delivered: restarted, cut off, or locked by somebody else.

Each fault hits every transaction that a worker makes, at its beginning, before its commit, and between the commit and
its answer. Where it passes at once, the worker repeats the transaction; where it lasts, the worker stops with an error
that says so, and goes on when it is started again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.case import case_id_of
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.exceptions.intake import CasePolicy
from fulfillment_pipelines.ledger.readings import show_case
from fulfillment_pipelines_tests.faults.delivering import (
    CountingSink,
    assert_the_audit_chain_is_whole,
    billed_too_soon,
    decide,
    dispatcher_of,
    run_out,
    unbilled,
    with_worker_limits,
)
from fulfillment_pipelines_tests.faults.pointed_ledger import (
    BEGINS,
    COMMITS,
    HAS_COMMITTED,
    READS,
    PointedLedger,
)
from fulfillment_pipelines_tests.postgres_server import PostgresServer

FINDINGS = {"invoice.hold": billed_too_soon, "invoice.request": unbilled}
DURATIONS = {
    "for a moment": "the worker repeats its transaction",
    "for long": "the worker stops with an error; started again, it looks first where it may have sent",
}
REPEATS = {"for a moment": "transactions repeated", "for long": "transactions not repeated"}
POINTS = {"for a moment": (COMMITS, HAS_COMMITTED), "for long": (READS, BEGINS, COMMITS, HAS_COMMITTED)}
# Holds the write lock of a SQLite file from the word "locked" until it is told to end.
LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
connection.execute("begin immediate")
print("locked", flush=True)
sys.stdin.readline()
"""


class FailingLedger(PointedLedger):
    """A ledger that calls a function at one of the points that its transactions pass.

    Attributes:
        passed: The points that were passed, in their order.
        fails_at: How many points are passed before the fault; None for never.
        fault: What is called there.
        mend: What ends it.
        lasts: Whether it is ended only when the worker has stopped.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.passed: list[str] = []
        self.fails_at: int | None = None
        self.fault: Callable[[], object] = lambda: None
        self.mend: Callable[[], object] = lambda: None
        self.lasts = True

    def pass_point(self, point: str) -> bool:
        """Pass a point; return whether the fault came there."""
        fails = self.fails_at == len(self.passed)
        self.passed.append(point)
        if fails:
            self.fails_at = None
            self.fault()
            if not self.lasts:
                self.mend()
        return fails


@dataclass
class Delivery:
    """One correction after the other, through a ledger that fails."""

    ledger: FailingLedger
    target: CountingSink
    decide: Callable[[Finding, datetime], tuple[str, ...]]
    policies: Policies
    make_finding: Callable[..., Finding]
    clock: FixedClock
    orders: int = 0

    def points(self, message: str) -> list[str]:
        """Deliver one correction undisturbed; return the points that its transactions pass."""
        finding = self._approve(message)
        self.ledger.passed.clear()
        self._dispatch()
        passed = list(self.ledger.passed)
        assert self.amiss(finding) == ""
        return passed

    def interrupted(self, message: str, fails_at: int) -> Finding:
        """Deliver one correction, fail at a point, and go on."""
        finding = self._approve(message)
        self.ledger.passed.clear()
        self.ledger.fails_at = fails_at
        if self.ledger.lasts:
            with pytest.raises(RetryableError):
                self._dispatch()
            self.ledger.mend()
        self._dispatch()
        assert self.ledger.fails_at is None, "the fault was never injected"
        return finding

    def amiss(self, finding: Finding) -> str:
        """Return what is wrong in the end; empty where there is one effect and its receipt."""
        with self.ledger.reading() as work:
            found = show_case(work, case_id_of(finding.code, finding.business_key, finding.node))
        (delivered,) = found.corrections
        effects = self.target.effects.count(delivered.correction.idempotency_key)
        state, receipts = delivered.correction.state, len(delivered.receipts)
        as_it_should = effects == 1 and state is CorrectionState.ACKED and receipts > 0
        return "" if as_it_should else f"{effects} effects, {state}, {receipts} receipts"

    def _approve(self, message: str) -> Finding:
        self.orders += 1
        self.clock.at += timedelta(minutes=1)
        finding = FINDINGS[message](self.make_finding, f"SO-{self.orders}")
        assert len(self.decide(finding, self.clock.at)) == 1
        return finding

    def _dispatch(self) -> None:
        attempts = 1 if self.ledger.lasts else self.policies.delivery.workers.ledger_attempts
        policies = with_worker_limits(self.policies, ledger_attempts=attempts)
        dispatcher = dispatcher_of(self.ledger, self.target, policies, self.clock, worker="the worker")
        run_out(self.ledger, dispatcher, self.clock)


@pytest.fixture
def delivery_on(
    case_policy: CasePolicy, policies: Policies, make_finding: Callable[..., Finding], noon: datetime
) -> Callable[[FailingLedger], Delivery]:
    def on(ledger: FailingLedger) -> Delivery:
        def decide_one(finding: Finding, now: datetime) -> tuple[str, ...]:
            return decide(ledger, [finding], case_policy=case_policy, policies=policies, now=now)

        return Delivery(ledger, CountingSink(), decide_one, policies, make_finding, FixedClock(noon))

    return on


def _hit_everywhere(delivery: Delivery, message: str, points: tuple[str, ...]) -> dict[str, str]:
    """Deliver a correction for each point of the transactions, hit there; return what went amiss, by point."""
    amiss = {}
    delivery.points(message)  # the first message to a target does more than the others
    for number, point in enumerate(delivery.points(message)):
        if point in points:
            finding = delivery.interrupted(message, number)
            if wrong := delivery.amiss(finding):
                amiss[f"point {number}: {point}"] = wrong
    assert_the_audit_chain_is_whole(delivery.ledger)
    return amiss


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that is not shared, since it is stopped."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def own_ledger(own_server: PostgresServer, request: pytest.FixtureRequest) -> Iterator[FailingLedger]:
    name = f"test_{abs(hash(request.node.nodeid)):x}"
    with psycopg.connect(own_server.url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    url = own_server.url.removesuffix("/postgres").replace("postgresql://", "postgresql+psycopg://")
    with closing(FailingLedger(f"{url}/{name}")) as ledger:
        ledger.migrate()
        yield ledger


@pytest.mark.parametrize("message", FINDINGS)
@pytest.mark.parametrize("duration", DURATIONS)
@pytest.mark.usefixtures("ledger_url")
@pytest.mark.parametrize("ledger_url", ["postgresql"])
def test_a_database_that_is_restarted_in_mid_transaction_leaves_one_effect(
    *,
    own_server: PostgresServer,
    own_ledger: FailingLedger,
    delivery_on: Callable[[FailingLedger], Delivery],
    message: str,
    duration: str,
    fault_outcome: Any,
) -> None:
    own_ledger.lasts = duration == "for long"
    own_ledger.fault, own_ledger.mend = own_server.stop_at_once, own_server.start
    assert _hit_everywhere(delivery_on(own_ledger), message, POINTS[duration]) == {}
    fault_outcome(
        fault=f"Database away {duration} while `{message}` is delivered",
        injected="server stopped in immediate mode at each point of each transaction, and started again",
        outcome=DURATIONS[duration],
        effects=1,
    )


@pytest.mark.parametrize("message", FINDINGS)
@pytest.mark.parametrize("duration", DURATIONS)
@pytest.mark.usefixtures("ledger_url")
@pytest.mark.parametrize("ledger_url", ["postgresql"])
def test_a_connection_that_is_cut_in_mid_transaction_leaves_one_effect(
    *,
    postgres_database_url: str,
    delivery_on: Callable[[FailingLedger], Delivery],
    message: str,
    duration: str,
    fault_outcome: Any,
) -> None:
    def cut() -> None:
        with psycopg.connect(postgres_database_url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )

    with closing(FailingLedger(postgres_database_url)) as cut_off:
        cut_off.migrate()
        cut_off.lasts = duration == "for long"
        cut_off.fault = cut
        cut_off.mend = lambda: None
        assert _hit_everywhere(delivery_on(cut_off), message, (COMMITS, HAS_COMMITTED)) == {}
    fault_outcome(
        fault=f"Connection to the database cut while `{message}` is delivered, {REPEATS[duration]}",
        injected="the server ends the connection before each commit, and between each commit and its answer",
        outcome=DURATIONS[duration],
        effects=1,
    )


@pytest.mark.parametrize("message", FINDINGS)
@pytest.mark.usefixtures("ledger_url")
@pytest.mark.parametrize("ledger_url", ["sqlite"])
def test_a_database_that_is_locked_for_too_long_leaves_one_effect(
    *,
    migrated_sqlite: Path,
    tmp_path: Path,
    delivery_on: Callable[[FailingLedger], Delivery],
    message: str,
    fault_outcome: Any,
) -> None:
    path = shutil.copy(migrated_sqlite, tmp_path / "ledger.sqlite")
    with closing(FailingLedger(f"sqlite:///{path}?timeout=0.1")) as locked, ExitStack() as lockers:
        locked.fault = lambda: lockers.enter_context(_locking(path))
        locked.mend = lockers.close
        assert _hit_everywhere(delivery_on(locked), message, (BEGINS,)) == {}
    fault_outcome(
        fault=f"Database locked by another process while `{message}` is delivered",
        injected="another process holds SQLite's write lock longer than the worker waits, at each transaction",
        outcome=DURATIONS["for long"],
        effects=1,
    )


@contextmanager
def _locking(path: Path) -> Iterator[None]:
    command = [sys.executable, "-c", LOCKER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as locker:
        assert locker.stdin is not None
        assert locker.stdout is not None
        assert locker.stdout.readline() == "locked\n"
        yield
        locker.stdin.write("end\n")

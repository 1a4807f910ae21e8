"""The ledger's database fails while corrections are delivered: restarted, cut off, or locked by somebody else.

Each fault hits every transaction that a worker makes, at its beginning, before its commit, and between the commit and
its answer. The worker stops with an error that can be tried again, and then goes on.
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
from sqlalchemy import literal, select

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.case import case_id_of
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.exceptions.intake import CasePolicy
from fulfillment_pipelines.ledger.readings import show_case
from fulfillment_pipelines.ledger.unit_of_work import Ledger, UnitOfWork
from fulfillment_pipelines_tests.faults.delivering import (
    CountingSink,
    assert_the_audit_chain_is_whole,
    billed_too_soon,
    decide,
    dispatcher_of,
    run_out,
    unbilled,
)
from fulfillment_pipelines_tests.postgres_server import PostgresServer

FINDINGS = {"invoice.hold": billed_too_soon, "invoice.request": unbilled}
BEGIN, COMMIT, ANSWER = "begins", "commits", "has committed"
# Holds the write lock of a SQLite file from the word "locked" until it is told to end.
LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
connection.execute("begin immediate")
print("locked", flush=True)
sys.stdin.readline()
"""


class _Work(UnitOfWork):
    """A transaction that tells what it comes to."""

    def __init__(self, work: UnitOfWork, tell: Callable[[str], bool]) -> None:
        super().__init__(work._connection)
        self._tell = tell

    def commit(self) -> None:
        self._tell(COMMIT)
        super().commit()
        if self._tell(ANSWER):
            self.rows(
                select(literal(1))
            )  # the answer is lost: what the driver says now, it would have said to the commit


class FailingLedger(Ledger):
    """A ledger that calls a function at one point of one of its writing transactions.

    Attributes:
        transactions: How many were begun.
        fails_at: Number of the transaction, and the point in it; None for never.
        fault: What is called there.
        mend: What is called when the worker has stopped with an error.
    """

    transactions = 0
    fails_at: tuple[int, str] | None = None
    fault: Callable[[], None]
    mend: Callable[[], None]

    @contextmanager
    def unit_of_work(self) -> Iterator[UnitOfWork]:
        tell = self._teller()
        tell(BEGIN)
        with super().unit_of_work() as work:
            yield _Work(work, tell)

    @contextmanager
    def reading(self) -> Iterator[UnitOfWork]:
        self._teller()(BEGIN)
        with super().reading() as work:
            yield work

    def _teller(self) -> Callable[[str], bool]:
        self.transactions += 1
        number = self.transactions

        def tell(point: str) -> bool:
            fails = self.fails_at == (number, point)
            if fails:
                self.fails_at = None
                self.fault()
            return fails

        return tell


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

    def transactions_of_one(self, message: str) -> int:
        """Deliver one correction undisturbed; return how many transactions it took."""
        finding = self._approve(message)
        self.ledger.transactions = 0
        self._dispatch()
        assert self.amiss(finding) == ""
        return self.ledger.transactions

    def interrupted(self, message: str, number: int, point: str) -> Finding:
        """Deliver one correction, fail at a point, and go on."""
        finding = self._approve(message)
        self.ledger.transactions, self.ledger.fails_at = 0, (number, point)
        with pytest.raises(RetryableError):
            self._dispatch()
        assert self.ledger.fails_at is None, "the fault was never injected"
        self.ledger.mend()
        self._dispatch()
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
        dispatcher = dispatcher_of(self.ledger, self.target, self.policies, self.clock, worker="the worker")
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
    """Deliver a correction for each point of each transaction, hit there; return what went amiss, by place."""
    amiss = {}
    for number in range(1, delivery.transactions_of_one(message) + 1):
        for point in points:
            finding = delivery.interrupted(message, number, point)
            if wrong := delivery.amiss(finding):
                amiss[f"when transaction {number} {point}"] = wrong
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
@pytest.mark.usefixtures("ledger_url")
@pytest.mark.parametrize("ledger_url", ["postgresql"])
def test_a_database_that_is_restarted_in_mid_transaction_leaves_one_effect(
    *,
    own_server: PostgresServer,
    own_ledger: FailingLedger,
    delivery_on: Callable[[FailingLedger], Delivery],
    message: str,
    fault_outcome: Any,
) -> None:
    own_ledger.fault, own_ledger.mend = own_server.stop_at_once, own_server.start
    assert _hit_everywhere(delivery_on(own_ledger), message, (BEGIN, COMMIT, ANSWER)) == {}
    fault_outcome(
        fault=f"Database restarted while `{message}` is delivered",
        injected="server stopped in immediate mode at each point of each transaction, and started again",
        outcome="the worker stops with an error; it goes on by looking first where it may have sent",
        effects=1,
    )


@pytest.mark.parametrize("message", FINDINGS)
@pytest.mark.usefixtures("ledger_url")
@pytest.mark.parametrize("ledger_url", ["postgresql"])
def test_a_connection_that_is_cut_in_mid_transaction_leaves_one_effect(
    *,
    postgres_database_url: str,
    delivery_on: Callable[[FailingLedger], Delivery],
    message: str,
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
        cut_off.fault = cut
        cut_off.mend = lambda: None
        assert _hit_everywhere(delivery_on(cut_off), message, (COMMIT, ANSWER)) == {}
    fault_outcome(
        fault=f"Connection to the database cut while `{message}` is delivered",
        injected="the server ends the connection before each commit, and between each commit and its answer",
        outcome="the worker stops with an error; it goes on by looking first where it may have sent",
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
        assert _hit_everywhere(delivery_on(locked), message, (BEGIN,)) == {}
    fault_outcome(
        fault=f"Database locked by another process while `{message}` is delivered",
        injected="another process holds SQLite's write lock longer than the worker waits, at each transaction",
        outcome="the worker stops with an error; it goes on by looking first where it may have sent",
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

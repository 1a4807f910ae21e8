"""A target whose answers a test chooses, and the way from a finding to an approved correction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from fulfillment_pipelines.corrections.confirm import ConfirmResult, confirm
from fulfillment_pipelines.corrections.dispatch import Dispatcher
from fulfillment_pipelines.corrections.loop_guard import stop_loops
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.corrections.proposals import ProposalResult, propose
from fulfillment_pipelines.domain.case import RuleRun
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy, intake
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.readings import list_corrections
from fulfillment_pipelines.ledger.unit_of_work import Ledger

MACHINE_TIME = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass
class Target:
    """A system that does as it is told, or answers as a test has prepared.

    Attributes:
        answers: What the next calls of `apply` do: answer with that, or raise it. Then they apply.
        sights: What the next calls of `read_back` do. Then they tell the truth.
        effects: The keys whose effect it has, once for each time it had it.
        calls: The verbs it was asked, in order.
    """

    system: str = "finance"
    answers: list[Observed | Exception] = field(default_factory=list)
    sights: list[Observed | Exception] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    received: list[Correction] = field(default_factory=list)

    def apply(self, correction: Correction) -> Receipt:
        self.calls.append("apply")
        self.received.append(correction)
        answer = self.answers.pop(0) if self.answers else Observed.APPLIED
        if isinstance(answer, Exception):
            raise answer
        self.effects.append(correction.idempotency_key)
        return Receipt(correction.idempotency_key, answer, "INV-9", datetime.now(UTC))

    def read_back(self, correction: Correction) -> Observed:
        self.calls.append("read_back")
        sight = self.sights.pop(0) if self.sights else None
        if isinstance(sight, Exception):
            raise sight
        return sight or (Observed.APPLIED if correction.idempotency_key in self.effects else Observed.ABSENT)


@dataclass
class Desk:
    """One ledger, one target, one clock: what the loop does after reconciliation."""

    ledger: Ledger
    case_policy: CasePolicy
    policies: Policies
    clock: FixedClock
    machine_clock: FixedClock
    target: Target = field(default_factory=Target)

    def take_in(self, *findings: Finding) -> tuple[ConfirmResult, ProposalResult]:
        """Do what one reconciliation does, in one transaction; all its rules were evaluated at the clock's time."""
        now = self.clock.now()
        codes = ("FIN-01", "INT-02", "INT-03", "SYS-05")
        runs = [RuleRun(code, None, now, trustworthy=True) for code in codes]
        with self.ledger.unit_of_work() as work:
            intake(work, findings, runs, policy=self.case_policy, now=now)
            confirmed = confirm(work, findings, now=now)
            stop_loops(work, findings, now=now)
            proposed = propose(work, findings, policies=self.policies, target_of=lambda role, *_: role, now=now)
            work.commit()
        return confirmed, proposed

    def dispatcher(self, worker: str = "", **changes: Callable[[str], bool]) -> Dispatcher:
        """Return a dispatcher without chance in its waits."""
        return Dispatcher(
            self.ledger,
            lambda _system: self.target,
            self.policies.delivery.limits,
            clock=self.clock,
            machine_clock=self.machine_clock,
            jitter=lambda: 1.0,
            worker=worker,
            **changes,
        )

    def wait(self, seconds: float) -> None:
        """Let both clocks go on."""
        self.clock.at += timedelta(seconds=seconds)
        self.machine_clock.at += timedelta(seconds=seconds)

    def corrections(self) -> list[CorrectionRecord]:
        """Return all corrections, newest first."""
        with self.ledger.reading() as work:
            return list_corrections(work)

    def only(self) -> CorrectionRecord:
        """Return the one correction there is."""
        (record,) = self.corrections()
        return record


@pytest.fixture
def desk(sqlite_ledger: Ledger, case_policy: CasePolicy, policies: Policies, noon: datetime) -> Desk:
    """A desk on SQLite."""
    return Desk(sqlite_ledger, case_policy, policies, FixedClock(noon), FixedClock(MACHINE_TIME))


@pytest.fixture
def both_desk(ledger: Ledger, case_policy: CasePolicy, policies: Policies, noon: datetime) -> Desk:
    """A desk on each database."""
    return Desk(ledger, case_policy, policies, FixedClock(noon), FixedClock(MACHINE_TIME))


@pytest.fixture
def make_direct(make_finding: Callable[..., Finding]) -> Callable[..., Finding]:
    """Return a finding whose message is sent at once, without a look first."""

    def make(**changes: object) -> Finding:
        return make_finding(**{"message": "invoice.amend", **changes})

    return make

"""Clocks that jump while corrections are under way: the machine's, by which leases run, and the deployment's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from fulfillment_pipelines.corrections.delivering.dispatch import Dispatcher
from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import CorrectionState
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.exceptions.intake import CasePolicy
from fulfillment_pipelines.ledger.corrections import CorrectionRecord
from fulfillment_pipelines.ledger.readings import list_corrections
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines_tests.faults.delivering import (
    CountingSink,
    assert_the_audit_chain_is_whole,
    billed_too_soon,
    decide,
    dispatcher_of,
    is_finished,
    run_out,
    unbilled,
)

JUMPS = {"back an hour": timedelta(hours=-1), "ahead a day": timedelta(days=1)}
PERIOD = timedelta(minutes=10)
"""Within which nothing may be stuck, whatever the machine's clock does."""


class Died(BaseException):
    """The end of a worker of which nobody here knows, since it ran on another machine."""


@dataclass
class Office:
    """Two workers on two machines whose clocks agree, until they do not."""

    ledger: Ledger
    policies: Policies
    clock: FixedClock
    machine_clock: FixedClock
    approve: Callable[[Iterable[Finding]], tuple[str, ...]]
    make_finding: Callable[..., Finding]
    at_the_next_send: list[Callable[[], None]] = field(default_factory=list)
    after_the_effect: list[Callable[[], None]] = field(default_factory=list)
    target: CountingSink = field(init=False)

    def __post_init__(self) -> None:
        self.target = CountingSink(
            before_effect=lambda: self.at_the_next_send and self.at_the_next_send.pop()(),
            after_first_effect=lambda: self.after_the_effect and self.after_the_effect.pop()(),
        )

    def worker(self, name: str) -> Dispatcher:
        """Return a worker that can tell of no other whether it lives."""
        return dispatcher_of(
            self.ledger,
            self.target,
            self.policies,
            self.clock,
            machine_clock=self.machine_clock,
            worker=name,
            is_gone=lambda _worker: False,
        )

    def pass_time(self, period: timedelta) -> None:
        """Let a second worker work while time passes on both clocks."""
        second, end = self.worker("second"), self.clock.at + period
        second.run()
        while not is_finished(self.ledger) and self.clock.at < end:
            self.clock.at += timedelta(seconds=10)
            self.machine_clock.at += timedelta(seconds=10)
            second.run()

    @property
    def corrections(self) -> list[CorrectionRecord]:
        """All corrections."""
        with self.ledger.reading() as work:
            return list_corrections(work)

    def assert_one_effect_each(self) -> None:
        """Every correction is acknowledged, and happened once."""
        assert {record.state for record in self.corrections} == {CorrectionState.ACKED}
        assert sorted(self.target.effects) == sorted(record.idempotency_key for record in self.corrections)


@pytest.fixture
def office(
    ledger: Ledger, case_policy: CasePolicy, policies: Policies, make_finding: Callable[..., Finding], noon: datetime
) -> Office:
    clock, machine_clock = FixedClock(noon), FixedClock(noon)

    def approve(findings: Iterable[Finding]) -> tuple[str, ...]:
        return decide(ledger, findings, case_policy=case_policy, policies=policies, now=clock.at)

    return Office(ledger, policies, clock, machine_clock, approve, make_finding)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_jump_of_the_machine_clock_keeps_no_lease_of_a_dead_worker(
    office: Office, jump: str, fault_outcome: Any
) -> None:
    office.approve([unbilled(office.make_finding, "SO-1"), billed_too_soon(office.make_finding, "SO-2")])

    def die() -> None:
        raise Died

    office.at_the_next_send.append(die)
    with pytest.raises(Died):
        office.worker("first").run()
    office.machine_clock.at += JUMPS[jump]
    office.pass_time(PERIOD)
    office.assert_one_effect_each()
    assert_the_audit_chain_is_whole(office.ledger)
    fault_outcome(
        fault=f"Machine's clock jumps {jump} while a dead worker holds a lease",
        injected="the clock is set after the worker of another machine has died before its first send",
        outcome="the next worker takes its rows over within minutes, looks first, and has them acknowledged",
        effects=2,
    )


@pytest.mark.parametrize("jump", JUMPS)
def test_a_jump_of_the_machine_clock_lets_no_two_workers_send(office: Office, jump: str, fault_outcome: Any) -> None:
    office.approve([billed_too_soon(office.make_finding, order_id) for order_id in ("SO-1", "SO-2", "SO-3")])

    def lose_the_lease() -> None:
        office.machine_clock.at += JUMPS[jump]
        office.worker("second").run()

    office.at_the_next_send.append(lose_the_lease)
    office.worker("first").run()
    office.pass_time(PERIOD)
    office.assert_one_effect_each()
    assert_the_audit_chain_is_whole(office.ledger)
    fault_outcome(
        fault=f"Machine's clock jumps {jump} while a worker sends",
        injected="the clock is set, and a second worker runs, while the first waits for the answer to its first send",
        outcome="the second takes the rows over and looks only when answers have settled; the first sends no more",
        effects=3,
    )


@pytest.mark.parametrize("jump", JUMPS)
def test_a_worker_that_has_lost_its_rows_sends_none_of_them(office: Office, jump: str, fault_outcome: Any) -> None:
    office.approve([billed_too_soon(office.make_finding, order_id) for order_id in ("SO-1", "SO-2", "SO-3")])

    def lose_the_lease_for_long() -> None:
        office.machine_clock.at += JUMPS[jump]
        office.pass_time(PERIOD)

    office.after_the_effect.append(lose_the_lease_for_long)
    office.worker("first").run()
    office.assert_one_effect_each()
    assert_the_audit_chain_is_whole(office.ledger)
    fault_outcome(
        fault=f"Machine's clock jumps {jump} while a worker stands still",
        injected="the clock is set, and a second worker delivers all, while the first waits for its first answer",
        outcome="the first asks before each send whether the row is still its own, and sends no more",
        effects=3,
    )


@pytest.mark.parametrize("jump", JUMPS)
def test_a_jump_of_the_deployment_clock_neither_doubles_nor_loses(
    office: Office, jump: str, fault_outcome: Any
) -> None:
    office.approve([unbilled(office.make_finding, f"SO-{number}") for number in range(3)])

    def refuse() -> None:
        raise RetryableError("The target is busy.")

    office.at_the_next_send.extend([refuse, refuse])
    office.worker("first").run()
    office.clock.at += JUMPS[jump]
    run_out(office.ledger, office.worker("first"), office.clock)
    office.assert_one_effect_each()
    assert_the_audit_chain_is_whole(office.ledger)
    fault_outcome(
        fault=f"Deployment's clock jumps {jump} between two attempts",
        injected="the clock is set after the target has refused two of three messages for the moment",
        outcome="waits end when the clock has come to them again; each is acknowledged",
        effects=3,
    )


def test_a_deployment_clock_ahead_of_the_budget_ends_in_a_dead_letter(office: Office, fault_outcome: Any) -> None:
    office.approve([billed_too_soon(office.make_finding, "SO-1")])
    office.clock.at += timedelta(days=1)
    office.worker("first").run()
    (record,) = office.corrections
    assert (record.state, office.target.effects) == (CorrectionState.DEAD_LETTER, [])
    assert "not delivered within its time" in record.decision_reason
    assert_the_audit_chain_is_whole(office.ledger)
    fault_outcome(
        fault="Deployment's clock jumps ahead of the time a message may take",
        injected="the clock is set a day ahead before a hold is sent that is given four hours",
        outcome="nothing is sent; a dead letter says that its time is over, and a person decides",
        effects=0,
    )

"""Corrections under everything at once: random interleavings against a target that counts its effects.

People, workers, clocks, snapshots and the target take turns in any order; hypothesis looks for an order that breaks a
promise. `DELIVERY_MODEL_EXAMPLES=2000` searches for longer, from another start each time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as search

from fulfillment_pipelines.corrections.policies import Policies
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.exceptions.intake import CasePolicy
from fulfillment_pipelines.ledger.switches import KillSwitch, SwitchScope
from fulfillment_pipelines.ledger.unit_of_work import Ledger
from fulfillment_pipelines_tests.faults.delivery_world import (
    IN_FLIGHT_SECONDS,
    Act,
    DeliveryWorld,
    Difference,
    TargetEvent,
)
from fulfillment_pipelines_tests.faults.scripted_target import Reply, Sight

EXAMPLES = {"sqlite": 40, "postgresql": 10}
LONG_SEARCH = int(os.environ.get("DELIVERY_MODEL_EXAMPLES", "0"))
STEPS = 40
# A long search tells what it has found as it found it: to shorten it takes minutes for each world.
PHASES = (Phase.generate,) if LONG_SEARCH else (Phase.generate, Phase.shrink)
SLOTS = ("A", "B")
REPLIES = st.tuples(st.sampled_from(Reply), st.sampled_from([Sight.TRUE, Sight.TRUE, Sight.DOWN, Sight.UNREADABLE]))
PEOPLE = st.sampled_from(["ada", "ben"])
SWITCHES = st.sampled_from(
    [
        KillSwitch(SwitchScope.EVERYTHING),
        KillSwitch(SwitchScope.TARGET, "finance"),
        KillSwitch(SwitchScope.RULE, "FIN-01"),
        KillSwitch(SwitchScope.RULE, "FIN-03"),
    ]
)
DIFFERENCES = st.builds(
    Difference,
    message=st.sampled_from(["invoice.request", "invoice.hold"]),
    order_id=st.sampled_from(["SO-1", "SO-2", "SO-3"]),
    qty=st.sampled_from(["10", "7"]),
    is_judged=st.sampled_from([False, False, False, True]),
).map(lambda one: one if one.message == "invoice.request" else Difference(one.message, one.order_id, "", one.is_judged))
SECONDS = st.sampled_from([31, 61, 300, 3600, 6 * 3600])
SHORT_SECONDS = st.sampled_from([1, 6, IN_FLIGHT_SECONDS])
JUMPS = st.sampled_from([timedelta(hours=-1), timedelta(minutes=-2), timedelta(hours=1), timedelta(days=1)])

NewWorld = Callable[[bool], DeliveryWorld]


class Deliveries(RuleBasedStateMachine):
    """What may happen next, whatever has happened."""

    new_world: NewWorld

    @initialize(takes_keys=st.booleans(), differences=st.lists(DIFFERENCES, min_size=1, max_size=4))
    def begin(self, takes_keys: bool, differences: list[Difference]) -> None:
        self.world = self.new_world(takes_keys)
        for difference in differences:
            self.world.differ(difference)
        self.world.snapshot()

    @rule(difference=DIFFERENCES)
    def something_differs(self, difference: Difference) -> None:
        self.world.differ(difference)
        self.world.snapshot()

    @rule()
    def a_snapshot_is_taken(self) -> None:
        self.world.snapshot()

    @precondition(lambda self: self.world.waits_for_people)
    @rule(act=st.sampled_from(Act), by=PEOPLE)
    def a_person_acts(self, act: Act, by: str) -> None:
        self.world.act(act, by)

    @rule(switch=SWITCHES)
    def a_kill_switch_is_moved(self, switch: KillSwitch) -> None:
        if self.world.engaged:
            self.world.release_all()
        else:
            self.world.engage(switch)

    @precondition(lambda self: self.world.has_work and len(self.world.at_the_door) < len(SLOTS))
    @rule()
    def a_worker_begins(self) -> None:
        self.world.begin(next(slot for slot in SLOTS if slot not in self.world.at_the_door))

    @precondition(lambda self: self.world.has_work and len(self.world.at_the_door) < len(SLOTS))
    @rule(replies=st.lists(REPLIES, min_size=1, max_size=4))
    def a_worker_runs(self, replies: list[tuple[Reply, Sight]]) -> None:
        slot = next(slot for slot in SLOTS if slot not in self.world.at_the_door)
        self.world.begin(slot)
        for reply, sight in replies:
            if slot in self.world.at_the_door:
                self.world.reply(slot, reply, sight)

    @precondition(lambda self: self.world.at_the_door)
    @rule(which=st.integers(0, 1), reply=REPLIES)
    def the_target_answers(self, which: int, reply: tuple[Reply, Sight]) -> None:
        self.world.reply(self._one_at_the_door(which), *reply)

    @precondition(lambda self: self.world.at_the_door)
    @rule(which=st.integers(0, 1), arrives=st.sampled_from(["late", "at once", "never"]), is_known=st.booleans())
    def a_worker_dies_at_the_door(self, which: int, arrives: str, is_known: bool) -> None:
        self.world.kill(self._one_at_the_door(which), arrives=arrives, is_known=is_known)

    @precondition(lambda self: self.world.at_the_door)
    @rule(which=st.integers(0, 1), points=st.integers(0, 5), reply=REPLIES)
    def a_worker_dies_at_the_ledger(self, which: int, points: int, reply: tuple[Reply, Sight]) -> None:
        slot = self._one_at_the_door(which)
        self.world.doom(slot, points)
        self.world.reply(slot, *reply)

    @precondition(lambda self: self.world.target.asked)
    @rule(event=st.sampled_from(TargetEvent))
    def the_target_does_something_by_itself(self, event: TargetEvent) -> None:
        self.world.happen(event)

    @precondition(lambda self: self.world.has_work)
    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        if self.world.may_pass(seconds):
            self.world.pass_seconds(seconds)

    @precondition(lambda self: self.world.has_work)
    @rule(seconds=SHORT_SECONDS)
    def a_little_time_passes(self, seconds: float) -> None:
        if self.world.may_pass(seconds):
            self.world.pass_seconds(seconds)

    @rule(jump=JUMPS)
    def the_clock_of_the_machine_jumps(self, jump: timedelta) -> None:
        self.world.machine_clock.at += jump

    @precondition(lambda self: self.world.is_quiet)
    @rule(jump=JUMPS)
    def the_clock_of_the_deployment_jumps(self, jump: timedelta) -> None:
        self.world.clock.at += jump

    def _one_at_the_door(self, which: int) -> str:
        waiting = self.world.at_the_door
        return waiting[which % len(waiting)]

    @invariant()
    def nothing_that_was_promised_is_broken(self) -> None:
        if hasattr(self, "world"):
            self.world.require_promises()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.world.run_out()
                self.world.require_a_good_end()
            finally:
                self.world.close()


@contextmanager
def _empty_ledgers(database: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Callable[[], str]]:
    """Yield a function that returns the address of one more empty, migrated ledger."""
    numbers = count(1)
    if database == "sqlite":
        template: Path = request.getfixturevalue("migrated_sqlite")
        yield lambda: f"sqlite:///{shutil.copy(template, folder / f'{next(numbers)}.sqlite')}"
        return
    url: str = request.getfixturevalue("postgres_database_url")
    migrated = Ledger(url)
    migrated.migrate()
    migrated.close()
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres".replace("+psycopg", ""), autocommit=True) as connection:
        made: list[str] = []

        def make() -> str:
            made.append(f"{name}_{next(numbers)}")
            connection.execute(f"create database {made[-1]} template {name}")
            return f"{server}/{made[-1]}"

        yield make
        for one in made:
            connection.execute(f"drop database {one} with (force)")


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"])
def test_no_order_of_events_doubles_or_loses_an_effect(
    *,
    ledger_url: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    policies: Policies,
    case_policy: CasePolicy,
    make_finding: Callable[..., Finding],
    noon: datetime,
    fault_outcome: Any,
) -> None:
    with _empty_ledgers(ledger_url, request, tmp_path) as new_ledger:

        def new_world(takes_keys: bool) -> DeliveryWorld:
            return DeliveryWorld(
                ledger_url=new_ledger(),
                policies=policies,
                case_policy=case_policy,
                make_finding=make_finding,
                noon=noon,
                takes_keys=takes_keys,
            )

        model = type("Model", (Deliveries,), {"new_world": staticmethod(new_world)})
        search(
            model,
            settings=settings(
                max_examples=LONG_SEARCH or EXAMPLES[ledger_url],
                stateful_step_count=STEPS,
                derandomize=not LONG_SEARCH,
                deadline=None,
                database=None,
                phases=PHASES,
                suppress_health_check=list(HealthCheck),
            ),
        )
    fault_outcome(
        fault="Everything at once, in random order",
        injected="two workers step by step, deaths, every answer, people, switches, snapshots, notices, clock jumps",
        outcome="each approved correction has one effect, or its dead letter or case says why not",
        effects="at most 1 each",
    )

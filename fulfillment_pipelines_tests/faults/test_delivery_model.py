"""Corrections under everything at once: random interleavings against a target that counts its effects.

People, workers, clocks, snapshots and the target take turns in any order; hypothesis looks for an order that breaks a
promise. `DELIVERY_MODEL_EXAMPLES=2000` searches for longer, from another start each time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
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

EXAMPLES = {"sqlite": 25, "postgresql": 8}
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
SECONDS = (1, 6, IN_FLIGHT_SECONDS, 31, 61, 300, 3600, 6 * 3600)
SETTLED_SECONDS = 31
JUMPS = st.sampled_from([timedelta(hours=-1), timedelta(minutes=-2), timedelta(hours=1), timedelta(days=1)])

Draw = Callable[[st.SearchStrategy[Any]], Any]
NewWorld = Callable[[bool], DeliveryWorld]
# How often each event comes in comparison with the others, and when it may.
EVENTS: Mapping[str, tuple[int, Callable[[DeliveryWorld], object]]] = {
    "something_differs": (1, lambda _world: True),
    "a_snapshot_is_taken": (1, lambda world: world.target.asked),
    "a_person_acts": (2, lambda world: world.waits_for_people),
    "a_kill_switch_is_engaged": (1, lambda world: world.has_work and not world.engaged),
    "the_kill_switches_are_released": (3, lambda world: world.engaged),
    "a_worker_begins": (4, lambda world: world.has_work and not world.engaged and len(world.at_the_door) < len(SLOTS)),
    "the_target_answers": (6, lambda world: world.at_the_door),
    "a_worker_dies_while_it_sends": (2, lambda world: world.sending),
    "a_worker_dies_at_the_ledger": (1, lambda world: world.at_the_door),
    "the_target_does_something_by_itself": (1, lambda world: world.target.asked),
    "time_passes": (2, lambda world: world.has_work and world.may_pass(1)),
    "the_clock_of_the_machine_jumps": (1, lambda world: world.has_work),
    "the_clock_of_the_deployment_jumps": (1, lambda world: world.has_work and world.is_quiet),
}


class Deliveries(RuleBasedStateMachine):
    """What may happen next, whatever has happened.

    It is one rule: hypothesis would leave most of many rules out of each search, and it takes nearly all of them
    together for anything to go wrong.
    """

    new_world: NewWorld

    @initialize(
        takes_keys=st.sampled_from([False, False, True]), differences=st.lists(DIFFERENCES, min_size=1, max_size=3)
    )
    def begin(self, takes_keys: bool, differences: list[Difference]) -> None:
        self.world = self.new_world(takes_keys)
        for difference in differences:
            self.world.differ(difference)
        self.world.snapshot()

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        possible = [
            name for name, (weight, may_happen) in EVENTS.items() if may_happen(self.world) for _ in range(weight)
        ]
        name = data.draw(st.sampled_from(possible), label="event")
        getattr(self, name)(data.draw)

    def something_differs(self, draw: Draw) -> None:
        self.world.differ(draw(DIFFERENCES))
        self.world.snapshot()

    def a_snapshot_is_taken(self, draw: Draw) -> None:
        del draw
        self.world.snapshot()

    def a_person_acts(self, draw: Draw) -> None:
        self.world.act(draw(st.sampled_from(Act)), draw(PEOPLE))

    def a_kill_switch_is_engaged(self, draw: Draw) -> None:
        self.world.engage(draw(SWITCHES))

    def the_kill_switches_are_released(self, draw: Draw) -> None:
        del draw
        self.world.release_all()

    def a_worker_begins(self, draw: Draw) -> None:
        del draw
        slot = next(slot for slot in SLOTS if slot not in self.world.at_the_door)
        self.world.begin(slot)
        if slot not in self.world.at_the_door and self.world.may_pass(SETTLED_SECONDS):
            self.world.pass_seconds(SETTLED_SECONDS)
            self.world.begin(slot)

    def the_target_answers(self, draw: Draw) -> None:
        self.world.reply(draw(st.sampled_from(self.world.at_the_door)), *draw(REPLIES))

    def a_worker_dies_while_it_sends(self, draw: Draw) -> None:
        slot = draw(st.sampled_from(self.world.sending))
        self.world.kill(slot, arrives=draw(st.sampled_from(["late", "at once", "never"])), is_known=draw(st.booleans()))

    def a_worker_dies_at_the_ledger(self, draw: Draw) -> None:
        slot = draw(st.sampled_from(self.world.at_the_door))
        self.world.doom(slot, draw(st.integers(0, 5)))
        self.world.reply(slot, *draw(REPLIES))

    def the_target_does_something_by_itself(self, draw: Draw) -> None:
        self.world.happen(draw(st.sampled_from(TargetEvent)))

    def time_passes(self, draw: Draw) -> None:
        self.world.pass_seconds(draw(st.sampled_from([one for one in SECONDS if self.world.may_pass(one)])))

    def the_clock_of_the_machine_jumps(self, draw: Draw) -> None:
        self.world.machine_clock.at += draw(JUMPS)

    def the_clock_of_the_deployment_jumps(self, draw: Draw) -> None:
        self.world.clock.at += draw(JUMPS)

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

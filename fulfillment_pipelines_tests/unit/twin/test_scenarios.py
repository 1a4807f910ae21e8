from __future__ import annotations

from typing import Any

import pytest

from fulfillment_pipelines.twin.faults.fault_desk import INJECTORS
from fulfillment_pipelines.twin.scenarios import script
from fulfillment_pipelines.twin.scenarios.catalogue import SCENARIOS
from fulfillment_pipelines.twin.systems.switches import SYSTEMS


def _subjects(step: script.Step) -> list[Any]:
    return [step, step.claim] if isinstance(step, script.Expect) else [step]


def test_every_scenario_of_the_domain_book_has_a_script() -> None:
    assert list(SCENARIOS) == [f"SCN-{letter}" for letter in "ABCDEFGH"]
    assert all(one.title and one.story for one in SCENARIOS.values())


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda one: one.scenario_id)
def test_a_script_speaks_only_of_what_it_has_injected_and_of_what_there_is(scenario: script.Scenario) -> None:
    injected: set[str] = set()
    for step in scenario.steps:
        for subject in _subjects(step):
            if isinstance(subject, script.Inject):
                assert subject.code in INJECTORS
                injected.add(subject.fault)
            elif hasattr(subject, "fault"):
                assert subject.fault in injected, step
            if hasattr(subject, "system"):
                assert subject.system in SYSTEMS, step


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda one: one.scenario_id)
def test_a_script_ends_with_what_must_be_true(scenario: script.Scenario) -> None:
    assert isinstance(scenario.steps[-1], script.Expect)
    assert all(step.says.endswith(".") for step in scenario.steps)

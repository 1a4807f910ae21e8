"""Play a scenario: let its steps happen to a twin and in the product, and look whether its claims hold.

What is printed belongs to the command; what happens belongs to the scripts of the twin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fulfillment_pipelines.commands.scenario_claims import Findings, examine
from fulfillment_pipelines.corrections.approving.approval import approve
from fulfillment_pipelines.domain.case import case_id_of
from fulfillment_pipelines.loop.passes import run_pass
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.twin.control.operations import TwinOperations
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.scenarios import script

SECONDS_BETWEEN_PASSES = 31 * 60
"""Longer than the legacy site's cycle and every other system's lag, so that each pass sees what the last one did."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What one step brought.

    Attributes:
        number: Its place in the script, from 1.
        step: Its kind.
        says: What it is in the story.
        at: The distributor's time after it, ISO 8601.
        did: What happened, or what was found.
        held: Whether the expectation held; None for a step that expects nothing.
    """

    number: int
    step: str
    says: str
    at: str
    did: str
    held: bool | None


@dataclass
class ScenarioPlayer:
    """Plays one scenario.

    Args:
        twin: The distributor, healthy so far.
        platform: The product, prepared, with nothing pulled yet.
        told: Told each step as it ends.
    """

    twin: TwinOperations
    platform: Platform
    told: Callable[[StepOutcome], None]
    _faults: dict[str, tuple[Label, ...]] = field(default_factory=dict)

    def play(self, scenario: script.Scenario) -> Sequence[StepOutcome]:
        """Let every step happen, also after an expectation that did not hold."""
        outcomes = []
        for number, step in enumerate(scenario.steps, start=1):
            did, held = self._do(step)
            kind = type(step).__name__
            outcomes.append(StepOutcome(number, kind, step.says, self.twin.state().now, did, held))
            self.told(outcomes[-1])
        return outcomes

    @property
    def faults(self) -> Mapping[str, tuple[Label, ...]]:
        """What was injected, by the script's names."""
        return self._faults

    def _do(self, step: script.Step) -> tuple[str, bool | None]:
        match step:
            case script.Expect(claim=claim):
                return examine(claim, Findings(self.platform, self._faults))
            case script.Run(full=full, times=times):
                return self._run(full=full, times=times), None
            case script.Approve(fault=fault, by=by):
                return self._approve(fault, by, step.says), None
            case _:
                return self._disturb(step), None

    def _disturb(self, step: script.Step) -> str:
        match step:
            case script.Inject(fault=fault, code=code, count=count):
                self._faults[fault] = (*self._faults.get(fault, ()), *self.twin.inject(code, count))
                return "; ".join(f"{label.code} {label.business_key}: {label.note}" for label in self._faults[fault])
            case script.Advance(seconds=seconds):
                return f"it is {self.twin.advance(seconds).now}"
            case script.Outage(system=system, on=on):
                self.twin.outage(system, on=on)
                return f"{system} is {'down' if on else 'back'}"
            case script.AnswersLost(system=system, on=on):
                self.twin.switch(system, answers_lost=on)
                return f"answers of {system} {'get lost' if on else 'arrive again'}"
            case script.Settle(fault=fault):
                for label in self._faults[fault]:
                    self.twin.settle(label.code, label.business_key, label.node)
                return f"{len(self._faults[fault])} settled"
        raise AssertionError(f"a step of the kind {type(step).__name__} is not played")

    def _run(self, *, full: bool, times: int) -> str:
        said = []
        for number in range(times):
            if number:
                self.twin.advance(SECONDS_BETWEEN_PASSES)
            result = run_pass(self.platform, full=full and number == 0)
            taken = result.decisions.taken
            cured = len(taken.verified) + len(taken.cleared)
            opened = len(taken.opened) + len(taken.reopened)
            said.append(
                f"{opened} opened, {cured} cured, {len(result.decisions.proposed.approved)} corrections approved"
            )
        return "; ".join(said)

    def _approve(self, fault: str, by: str, reason: str) -> str:
        done = []
        for label in self._faults[fault]:
            case_id = case_id_of(label.code, label.business_key, label.node)
            with self.platform.ledger.unit_of_work() as work:
                record = approve(
                    work,
                    case_id,
                    by=by,
                    reason=reason,
                    policies=self.platform.policies,
                    now=self.platform.clock.now(),
                )
                work.commit()
            done.append(f"{record.message} to {record.target} approved by {by}")
        return "; ".join(done)

"""One pass of the loop, all stages in order, and what it brought: the same for the command line and for Dagster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fulfillment_pipelines.canonical.admission import Admission
from fulfillment_pipelines.canonical.expectations import Validator
from fulfillment_pipelines.corrections.delivering.dispatch import DispatchResult
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.reconcile.runner import Reconciliation
from fulfillment_pipelines.snapshots.pulling import PullAttempt


@dataclass(frozen=True, slots=True)
class PassListener:
    """What is told while a pass runs; each does nothing unless replaced."""

    stage: Callable[[str, int], None] = lambda _name, _steps: None
    step: Callable[[str], None] = lambda _what: None


@dataclass(frozen=True, slots=True)
class PassResult:
    """What one pass brought, stage by stage."""

    attempts: list[PullAttempt]
    admissions: list[Admission]
    reconciliation: Reconciliation
    decisions: stages.Decisions
    delivered: DispatchResult


def run_pass(
    platform: Platform,
    *,
    full: bool,
    validator: Validator | None = None,
    listener: PassListener | None = None,
) -> PassResult:
    """Run pull, admit, reconcile, decide and dispatch once.

    Args:
        platform: The platform, prepared.
        full: Pull everything and revisit every key; otherwise continue from cursors and revisit what changed.
        validator: Lets Great Expectations judge the snapshots too.
        listener: Told each stage with its number of steps, and each step.

    Raises:
        InvariantError: A promise is broken; nothing was decided and nothing sent.
    """
    told = listener or PassListener()
    told.stage("pull", len(platform.feeds))
    attempts = stages.pull(platform, whole=full, done=lambda attempt: told.step(f"{attempt.system}/{attempt.entity}"))
    told.stage("check and merge", sum(attempt.landed is not None for attempt in attempts))
    admissions = stages.admit(
        platform, validator=validator, done=lambda admission: told.step(f"{admission.system}/{admission.entity}")
    )
    told.stage("reconcile", len(platform.reconciler.rules) + 2)
    reconciliation = stages.reconcile(platform, full=full, progress=told.step)
    stages.require_invariants(reconciliation)
    told.stage("decide", 1)
    decisions = stages.decide(platform)
    told.step("cases and corrections")
    told.stage("deliver", 1)
    delivered = stages.dispatch(platform)
    told.step("outbox")
    return PassResult(attempts, admissions, reconciliation, decisions, delivered)

"""What each step of the rehearsal says of writing to the system; it is played once, for the first that asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fulfillment_pipelines.certification.checks.rehearsal import STOPPED, Rehearsal
from fulfillment_pipelines.certification.examination import Examination, Step
from fulfillment_pipelines.certification.verdicts import Finding, not_applicable, not_run


def step_of(step: Step) -> Callable[[Examination, str], Finding]:
    """Return the look at one step."""
    return partial(_look, step)


def _look(step: Step, examination: Examination, _: str) -> Finding:
    if not examination.subject.declaration.messages:
        return not_applicable("The system is only read: it declares no messages.")
    if examination.example is None:
        return not_run("No example correction was given (--write), so nothing was written.")
    if not examination.rehearsed:
        # Said before it is tried: what breaks in our own hands is not played a second time.
        examination.rehearsed.update(dict.fromkeys(Step, not_run(STOPPED)))
        examination.rehearsed.update(Rehearsal(examination, examination.example).play())
    return examination.rehearsed[step]

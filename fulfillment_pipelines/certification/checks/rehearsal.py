"""One example correction, played through once: sent, lost, read back, sent again, taken back.

The system is changed once and put back once, whatever number of checks looks at it; each step leaves a finding.
What the steps are called on a certificate stands in `suite.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Final

from fulfillment_pipelines.certification.benches.bench import Bent, Fault
from fulfillment_pipelines.certification.checks.check import told
from fulfillment_pipelines.certification.examination import Examination, Step
from fulfillment_pipelines.certification.example import ExampleCorrections
from fulfillment_pipelines.certification.verdicts import Finding, Verdict, failed, not_applicable, not_run, passed
from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt
from fulfillment_pipelines.errors import (
    FulfillmentError,
    PreconditionError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.port import CorrectionSink, System

_COMPARING: Final = ("precondition", "precondition_read", "expect")
_SEEN: Final = (Observed.APPLIED, Observed.QUEUED)
STOPPED: Final = "The rehearsal stopped before."
"""Said of a step that was never reached."""


@dataclass(slots=True)
class Rehearsal:
    """One example correction on the bench.

    Attributes:
        examination: The system.
        example: The change, and what takes it back.
    """

    examination: Examination
    example: ExampleCorrections
    _before: Observed = Observed.UNKNOWN
    _receipt: Receipt | None = None
    _may_be_there: bool = False

    def play(self) -> Mapping[Step, Finding]:
        """Send, lose, look, send again, take back; what may be there is taken back even where a step failed."""
        findings: dict[Step, Finding] = dict.fromkeys(Step, not_run(STOPPED))
        with self.examination.bench.plain() as system:
            sink = self._sink_of(system)
            self._before = sink.read_back(self._correction)
            if self._before is Observed.APPLIED:
                return dict.fromkeys(Step, not_run("The system shows the example's effect already: name another one."))
            steps = {
                Step.UNSENT: self._unsent,
                Step.OUT_OF_DATE: lambda: self._out_of_date(sink),
                Step.UNKNOWN_OUTCOME: lambda: self._sent(sink),
                Step.READ_BACK: lambda: self._seen(sink),
                Step.TWICE: lambda: self._again(system, sink),
            }
            try:
                for step, act in steps.items():
                    findings[step] = told(act)
                    if findings[step].verdict is Verdict.FAILED:
                        break
            finally:  # also where somebody interrupts
                if self._may_be_there:
                    findings[Step.UNDONE] = told(lambda: self._taken_back(sink))
        return findings

    @property
    def _correction(self) -> Correction:
        return self.example.change

    def _sink_of(self, system: System) -> CorrectionSink:
        return self.examination.subject.sink_of(system)

    def _unsent(self) -> Finding:
        """A correction that could not be sent may be sent again later."""
        connection = self.examination.bent(Fault.REFUSED, self.examination.subject.entities[0])
        if isinstance(connection, Finding):
            return connection
        with connection as bent:
            try:
                self._sink_of(bent.system).apply(self._correction)
            except RetryableError as error:
                return passed("Where nobody answers, a correction is known to be unsent.", told=error.what)
            except RejectedError:
                raise  # the decision rights refuse the example: that says all there is to say
            except FulfillmentError as error:
                return failed("Nobody answered, and something else was told.", told=error.what)
        return failed("Nobody answered, and a receipt was given.")

    def _out_of_date(self, sink: CorrectionSink) -> Finding:
        """A correction that was decided on another value is refused, and changes nothing."""
        declared = self.examination.subject.declaration.messages[self._correction.message]
        if not any(getattr(declared, name, None) for name in _COMPARING):
            return not_applicable("The declaration compares nothing before this message is delivered.")
        if self.example.out_of_date is None:
            return not_run("The example names no precondition.")
        try:
            sink.apply(self.example.out_of_date)
        except PreconditionError as error:
            if sink.read_back(self._correction) is self._before:
                return passed("A correction that was decided on another value is refused.", told=error.what)
            self._may_be_there = True
            return failed("A correction that was out of date was refused, and had an effect.")
        except RejectedError as error:
            return not_run("It was refused for another reason than the value.", told=error.what)
        self._may_be_there = True
        return failed("A correction that was decided on another value was taken.")

    def _sent(self, sink: CorrectionSink) -> Finding:
        """Send with the answer lost; where nothing can be lost, send."""
        connection = self.examination.bench.silent(self._correction)
        self._may_be_there = True
        finding = connection if isinstance(connection, Finding) else self._lost(connection, sink)
        if finding.verdict is not Verdict.FAILED and self._receipt is None:
            self._receipt = sink.apply(self._correction)  # as the dispatcher does when it has read back
        return finding

    def _lost(self, connection: AbstractContextManager[Bent], sink: CorrectionSink) -> Finding:
        with connection as bent:
            try:
                self._receipt = self._sink_of(bent.system).apply(self._correction)
            except UnknownOutcomeError as error:
                said = error.what
            except FulfillmentError as error:
                return failed("The answer was lost, and something else was told.", told=error.what)
            else:
                unseen = not_run("The answer could not be lost: its moment was not seen on the wire.")
                known = failed("The answer was lost, and a receipt was given all the same.")
                return known if bent.struck() else unseen
        return self._found_out(sink, said)

    def _found_out(self, sink: CorrectionSink, error: str) -> Finding:
        seen = self._awaited(sink, _SEEN)
        if seen in _SEEN:
            said = "An answer that is lost leaves an unknown outcome, and reading back says what became of it."
            return passed(said, told=error, read_back=seen.value)
        if getattr(self.examination.subject.declaration.messages[self._correction.message], "then", ()):
            said = "An answer that is lost leaves an unknown outcome; the steps that follow are still to be sent."
            return passed(said, told=error, read_back=seen.value)
        return failed("The answer was lost, and reading back does not find the effect.", read_back=seen.value)

    def _seen(self, sink: CorrectionSink) -> Finding:
        """The effect is seen when it is read back."""
        seen = self._awaited(sink, (Observed.APPLIED,))
        evidence = {"before": self._before.value, "after": seen.value}
        seconds = f"{self.examination.policy.effect_within_seconds:g} s"
        if seen is Observed.APPLIED:
            return passed("The effect is seen when it is read back.", **evidence)
        if seen is Observed.QUEUED:
            return not_run(f"The system has taken it in and not worked it within {seconds}.", **evidence)
        return failed(f"The effect is not seen within {seconds}.", **evidence)

    def _again(self, system: System, sink: CorrectionSink) -> Finding:
        """The same correction again has no second effect: neither its receipt nor any row changes."""
        first, again = self._receipt, sink.apply(self._correction)
        evidence = {"first": _shown(first), "again": _shown(again)}
        if first is not None and "" not in (first.reference, again.reference) and again.reference != first.reference:
            return failed("The same correction twice was given two references.", **evidence)
        if self._rows_changed_by(system, partial(sink.apply, self._correction)):
            if self._rows_changed_by(system, lambda: None):
                return not_run("The system changes by itself; certify it in a quiet moment.", **evidence)
            return failed("Rows changed when the correction was sent again.", **evidence)
        if sink.read_back(self._correction) not in _SEEN:
            return failed("Sent again, the correction lost its effect.", **evidence)
        return passed("The same correction again changed nothing.", **evidence)

    def _rows_changed_by(self, system: System, act: Callable[[], object]) -> bool:
        """Whether rows are others afterwards, twice in a row: the first time, the effect itself may have come late."""
        return all(self._rows_changed_once(system, act) for _ in range(2))

    def _rows_changed_once(self, system: System, act: Callable[[], object]) -> bool:
        entities = self.examination.subject.entities
        before = {entity: self.examination.pull(system, entity).rows for entity in entities}
        act()
        after = {entity: self.examination.pull(system, entity).rows for entity in entities}
        return any(self.examination.workbench.difference(before[entity], after[entity]) for entity in entities)

    def _taken_back(self, sink: CorrectionSink) -> Finding:
        """The change is taken back by the example's own undoing."""
        undo = self.example.undo
        by_hand = f"Take it back by hand: {self._correction.message} {dict(self._correction.payload)}."
        if undo is None:
            return not_run(f"The example does not say how it is taken back. {by_hand}")
        try:
            sink.apply(undo)
        except FulfillmentError as error:
            return failed(f"The change could not be taken back. {by_hand}", told=error.what)
        seen = self._awaited(sink, (Observed.APPLIED,), undo)
        if seen is Observed.APPLIED:
            return passed("The change was taken back, and that is seen.", message=undo.message)
        if seen in (Observed.QUEUED, Observed.UNKNOWN):
            return not_run("Taking it back was taken in; whether it was worked is not seen yet.", read_back=seen.value)
        return failed(f"Taking it back had no effect that is seen. {by_hand}", read_back=seen.value)

    def _awaited(
        self, sink: CorrectionSink, wanted: tuple[Observed, ...], correction: Correction | None = None
    ) -> Observed:
        """Look until something wanted is seen, or the patience is over."""
        deadline = self.examination.monotonic() + self.examination.policy.effect_within_seconds
        seen = sink.read_back(correction or self._correction)
        while seen not in wanted and self.examination.monotonic() < deadline:
            self.examination.wait(self.examination.policy.poll_seconds)
            seen = sink.read_back(correction or self._correction)
        return seen


def _shown(receipt: Receipt | None) -> str:
    return "no receipt" if receipt is None else f"{receipt.observed.value} {receipt.reference}".strip()

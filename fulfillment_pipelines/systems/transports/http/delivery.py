"""Deliver one correction: the steps of its message in their order, each looked for before it is sent.

What the caller makes of it, and looking for the effect afterwards, belong in `sink.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.errors import ConfigurationError, PreconditionError
from fulfillment_pipelines.systems.declaration.http import ErrorKind
from fulfillment_pipelines.systems.declaration.http_messages import (
    HttpMessage,
    HttpPreconditionRead,
    HttpStep,
    KeyInField,
    KeyInHeader,
)
from fulfillment_pipelines.systems.declaration.http_requests import RequestForm
from fulfillment_pipelines.systems.transports.http.filling import MessageValues
from fulfillment_pipelines.systems.transports.http.looking import Looker, held, shows
from fulfillment_pipelines.systems.transports.http.outcomes import Outcome, outcome_of
from fulfillment_pipelines.systems.transports.http.requests import HttpRequest
from fulfillment_pipelines.systems.transports.http.session import HttpSession
from fulfillment_pipelines.systems.transports.messages import precondition_fields


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt at one correction.

    Attributes:
        named: System, message and key, for errors.
        correction: What is delivered.
        message: As the system declares it.
        session: The connection.
        codes: What the system's own error codes mean.
    """

    named: str
    correction: Correction
    message: HttpMessage
    session: HttpSession
    codes: Mapping[str, ErrorKind]

    def run(self) -> Outcome:
        """Take the steps; one that shows that an earlier attempt did it is not taken again.

        A first step that is not taken again is not compared with its precondition either: it was, before it was sent.

        Raises:
            PreconditionError: The system holds another value than was read.
            RejectedError: The system refuses a step, or a lookup finds none or several records.
            RetryableError: The step was not sent, or the system says that it did nothing; those before it are done.
            UnknownOutcomeError: A step was sent, and its answer did not come, could not be read, or says of a failure.
            DuplicateEffectError: The system shows a step more than once.
            ConfigurationError: The message, the payload, the address or the credentials are wrong.
        """
        looker = Looker(self.session)
        values = MessageValues(self.correction)
        outcomes: list[Outcome] = []
        for number, step in enumerate((self.message, *self.message.then), start=1):
            what = self._step_named(number)
            values = looker.looked_up(what, step.lookups, values)
            done = looker.done_before(what, step.skip_if, values)
            if done is None:
                outcome = self._sent(number, step, values, looker)
                outcomes.append(outcome)
                done = values.widened(outcome.taken)
            values = done
        is_queued = any(outcome.observed is Observed.QUEUED for outcome in outcomes)
        return Outcome(
            observed=Observed.QUEUED if is_queued else Observed.APPLIED,
            reference=next((outcome.reference for outcome in outcomes if outcome.reference), ""),
            taken={},
        )

    def _step_named(self, number: int) -> str:
        if not self.message.then:
            return self.named
        before = " (those before it are done)" if number > 1 else ""
        return f"{self.named}, step {number} of {len(self.message.then) + 1}{before}"

    def _sent(self, number: int, step: HttpStep, values: MessageValues, looker: Looker) -> Outcome:
        what = self._step_named(number)
        request = self._request(step, values)
        headers = dict(self._condition(what, values, looker)) if step is self.message else {}
        if isinstance(self.message.idempotency, KeyInHeader):
            key = self.correction.idempotency_key
            headers[self.message.idempotency.header] = key if step is self.message else f"{key}-{number}"
        response = self.session.send(request, headers=headers)
        return outcome_of(what, step, response, codes=self.codes, precondition=self.correction.precondition)

    def _request(self, step: HttpStep, values: MessageValues) -> HttpRequest:
        method = step.method or "POST"
        if step.form is not RequestForm.REST or not isinstance(step.content, dict | None):
            return values.request(step, method)
        fields = values.body(step.body)
        if step is self.message:
            fields |= precondition_fields(self.correction, self.message.precondition)
            if isinstance(self.message.idempotency, KeyInField):
                fields[self.message.idempotency.field] = self.correction.idempotency_key
        return values.request(step, method, fields)

    def _condition(self, what: str, values: MessageValues, looker: Looker) -> Mapping[str, str]:
        """Compare what the system holds now, and return what makes the write depend on its staying so."""
        declared = self.message.precondition_read
        if declared is None:
            return {}
        seen = looker.seen(declared, values)
        self._compare(what, declared, seen.readable(what))
        if not declared.if_match:
            return {}
        if not seen.version:
            raise ConfigurationError(
                f"{what}: the system does not name the version of what it holds.",
                expected="the header ETag",
                remedy="leave `if_match` out of `precondition_read`, or ask the system's owner for the header",
            )
        return {"If-Match": seen.version}

    def _compare(self, what: str, declared: HttpPreconditionRead, records: Sequence[Mapping[str, Any]]) -> None:
        expected = precondition_fields(self.correction, declared.expect)
        if not records if declared.absent else any(shows(record, expected) for record in records):
            return
        raise PreconditionError(
            f"{what} is out of date.",
            expected="nothing there yet"
            if declared.absent
            else ", ".join(f"{name}={value}" for name, value in expected.items()),
            found=held(records, tuple(expected)),
            remedy="pull again and decide anew",
        )

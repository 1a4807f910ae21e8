"""Messages over HTTP: what came of a delivery, and whether its effect shows."""

from __future__ import annotations

from dataclasses import replace

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt
from fulfillment_pipelines.errors import (
    ConfigurationError,
    DuplicateEffectError,
    PreconditionError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.declaration.http import HttpDeclaration
from fulfillment_pipelines.systems.declaration.http_messages import HttpMessage, HttpReadBack
from fulfillment_pipelines.systems.declaration.http_requests import placeholders_in
from fulfillment_pipelines.systems.transports.http.delivery import Delivery
from fulfillment_pipelines.systems.transports.http.filling import MessageValues
from fulfillment_pipelines.systems.transports.http.looking import Looker, shows
from fulfillment_pipelines.systems.transports.http.session import HttpSession
from fulfillment_pipelines.systems.transports.messages import declared_message

_UNSEEN = (RetryableError, RejectedError, ConfigurationError)


class HttpSink:
    """Sends messages to an HTTP system and looks for their effect."""

    def __init__(self, declaration: HttpDeclaration, session: HttpSession, clock: Clock) -> None:
        self.system = declaration.name
        self._messages = declaration.messages
        self._codes = declaration.transport.error_codes
        self._session = session
        self._looker = Looker(session)
        self._clock = clock

    def apply(self, correction: Correction) -> Receipt:
        """Send the message once, under its idempotency key; of several steps those that were not yet done.

        What the system holds is compared just before, where that is declared, and its effect looked at directly
        after. A value that is not what the correction was decided on may be its own effect, of an attempt whose
        answer never came: then it is applied, and not out of date.

        Raises:
            PreconditionError: The system holds another value than was read, and does not show the effect.
            RejectedError: The system refuses the correction, or a lookup finds none or several records.
            RetryableError: Nothing was sent, or the system says that it did nothing; steps before may be done.
            UnknownOutcomeError: It was sent, and its answer did not come, could not be read, or says of a failure.
            DuplicateEffectError: The system shows the effect more than once.
            ConfigurationError: The message, the payload, the address or the credentials are wrong.
        """
        message = declared_message(self._messages, correction)
        try:
            receipt = self._delivered(correction, message)
        except PreconditionError:
            if not self._is_applied(correction):
                raise
            return Receipt(correction.idempotency_key, Observed.APPLIED, "", self._clock.now())
        if message.read_back is not None and message.read_back.after_send:
            return self._looked_at(correction, receipt)
        return receipt

    def read_back(self, correction: Correction) -> Observed:
        """Return whether the effect is there; UNKNOWN where nothing declared or readable shows it.

        The lookups of a message are made where the read-back needs what they find.

        Raises:
            SystemDownError: The system did not answer.
            RejectedError: It refuses the request.
            DuplicateEffectError: It shows the effect more than once, where that is declared to be wrong.
            ConfigurationError: The message, the payload, the address or the credentials are wrong.
        """
        message = declared_message(self._messages, correction)
        if message.read_back is None:
            return Observed.UNKNOWN
        return self._observed(correction, message, message.read_back)

    def _observed(self, correction: Correction, message: HttpMessage, read_back: HttpReadBack) -> Observed:
        what = self._named(correction)
        values = MessageValues(correction)
        if _names(read_back) & {name for lookup in message.lookups for name in lookup.take}:
            try:
                values = self._looker.looked_up(what, message.lookups, values)
            except RejectedError:
                return Observed.UNKNOWN  # what was looked up before a send may be gone because of it
        records = self._looker.seen(read_back, values).records
        if records is None:
            return Observed.UNKNOWN
        expected = values.fields(read_back.expect)
        showing = [record for record in records if shows(record, expected)]
        if read_back.only_one and len(showing) > 1:
            raise DuplicateEffectError(
                f"{what} shows more than once.",
                expected="one record",
                found=f"{len(showing)} records",
                remedy="undo in the system what is too much, then close the case",
            )
        return Observed.APPLIED if showing else Observed.ABSENT

    def _delivered(self, correction: Correction, message: HttpMessage) -> Receipt:
        outcome = Delivery(self._named(correction), correction, message, self._session, self._codes).run()
        return Receipt(correction.idempotency_key, outcome.observed, outcome.reference, self._clock.now())

    def _is_applied(self, correction: Correction) -> bool:
        try:
            return self.read_back(correction) is Observed.APPLIED
        except _UNSEEN:
            return False  # the refusal that led here says more

    def _looked_at(self, correction: Correction, receipt: Receipt) -> Receipt:
        """Return the receipt as far as the system shows what it says."""
        try:
            observed = self.read_back(correction)
        except _UNSEEN as error:
            raise UnknownOutcomeError(
                f"{self._named(correction)} was taken and cannot be looked at.",
                found=error.what,
                remedy="read back before anything is sent again",
                retry_after_seconds=error.retry_after_seconds,
            ) from error
        return receipt if observed is Observed.APPLIED else replace(receipt, observed=Observed.QUEUED)

    def _named(self, correction: Correction) -> str:
        return f"{self.system}: '{correction.message}' {correction.idempotency_key}"


def _names(look: HttpReadBack) -> frozenset[str]:
    """Return the names of the values a look is made with."""
    compared = {source for source in look.expect.values() if isinstance(source, str)}
    return placeholders_in(look.path) | placeholders_in(look.template) | compared

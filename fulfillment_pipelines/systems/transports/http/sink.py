"""Messages over HTTP: one request each, and what its answer means."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt, Scalar
from fulfillment_pipelines.errors import (
    ConfigurationError,
    DuplicateEffectError,
    PreconditionError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.declaration.http import HttpDeclaration, HttpPreconditionRead
from fulfillment_pipelines.systems.transports.http.paging import PageRequest, field_at
from fulfillment_pipelines.systems.transports.http.session import HttpSession, retry_after_seconds
from fulfillment_pipelines.systems.transports.messages import (
    declared_message,
    filled_path,
    payload_fields,
    precondition_fields,
    shows,
)

_SHOWN_CHARACTERS = 300
_SHOWN_RECORDS = 3


class HttpSink:
    """Sends messages to an HTTP system and looks for their effect."""

    def __init__(self, declaration: HttpDeclaration, session: HttpSession, clock: Clock) -> None:
        self.system = declaration.name
        self._messages = declaration.messages
        self._session = session
        self._clock = clock

    def apply(self, correction: Correction) -> Receipt:
        """Send the message once, under its idempotency key.

        What the system holds is compared just before, where that is declared, and its effect looked at directly
        after. A value that is not what the correction was decided on may be its own effect, of an attempt whose
        answer never came: then it is applied, and not out of date.

        Raises:
            PreconditionError: The system holds another value than was read, and does not show the effect.
            RejectedError: The system refuses the correction.
            RetryableError: Nothing was sent, or the system says that it did nothing.
            UnknownOutcomeError: It was sent, and its answer did not come, could not be read, or says of a failure.
            DuplicateEffectError: The system shows the effect more than once.
            ConfigurationError: The message, the payload, the address or the credentials are wrong.
        """
        message = declared_message(self._messages, correction)
        body = {**payload_fields(correction, message.body), **precondition_fields(correction, message.precondition)}
        path = filled_path(correction, message.path)
        try:
            condition = self._condition(correction, message.precondition_read)
            headers = {"Idempotency-Key": correction.idempotency_key, **condition}
            receipt = self._receipt(correction, self._session.send(message.method, path, body, headers=headers))
        except PreconditionError:
            if not self._is_applied(correction):
                raise
            return Receipt(correction.idempotency_key, Observed.APPLIED, "", self._clock.now())
        if message.read_back is not None and message.read_back.after_send:
            return self._looked_at(correction, receipt)
        return receipt

    def read_back(self, correction: Correction) -> Observed:
        """Return whether the effect is there; UNKNOWN where nothing declared or readable shows it.

        Raises:
            SystemDownError: The system did not answer.
            RejectedError: It refuses the request.
            DuplicateEffectError: It shows the effect more than once, where that is declared to be wrong.
            ConfigurationError: The message, the payload, the address or the credentials are wrong.
        """
        read_back = declared_message(self._messages, correction).read_back
        if read_back is None:
            return Observed.UNKNOWN
        response = self._session.find(PageRequest(filled_path(correction, read_back.path)))
        records = [] if response is None else _records(response, read_back.records)
        if records is None:
            return Observed.UNKNOWN
        expected = payload_fields(correction, read_back.expect)
        showing = [record for record in records if shows(record, expected)]
        if read_back.only_one and len(showing) > 1:
            raise DuplicateEffectError(
                f"{self._named(correction)} shows more than once.",
                expected="one record",
                found=f"{len(showing)} records",
                remedy="undo in the system what is too much, then close the case",
            )
        return Observed.APPLIED if showing else Observed.ABSENT

    def _condition(self, correction: Correction, declared: HttpPreconditionRead | None) -> dict[str, str]:
        """Compare what the system holds now, and return what makes the write depend on its staying so."""
        if declared is None:
            return {}
        response = self._session.find(PageRequest(filled_path(correction, declared.path)))
        records = [] if response is None else _records(response, declared.records)
        what = self._named(correction)
        if records is None:
            raise RetryableError(f"{what}: what the system holds cannot be read.", remedy="it is looked at again later")
        expected = precondition_fields(correction, declared.expect)
        holds = not records if declared.absent else any(shows(record, expected) for record in records)
        if not holds:
            raise PreconditionError(
                f"{what} is out of date.",
                expected="nothing there yet" if declared.absent else _listed(expected),
                found=_held(records, expected),
                remedy="pull again and decide anew",
            )
        if not declared.if_match:
            return {}
        tag = "" if response is None else response.headers.get("ETag", "")
        if not tag:
            raise ConfigurationError(
                f"{what}: the system does not name the version of what it holds.",
                expected="the header ETag",
                remedy="leave `if_match` out of `precondition_read`, or ask the system's owner for the header",
            )
        return {"If-Match": tag}

    def _is_applied(self, correction: Correction) -> bool:
        try:
            return self.read_back(correction) is Observed.APPLIED
        except (RetryableError, RejectedError, ConfigurationError):
            return False  # the refusal that led here says more

    def _looked_at(self, correction: Correction, receipt: Receipt) -> Receipt:
        """Return the receipt as far as the system shows what it says."""
        try:
            observed = self.read_back(correction)
        except (RetryableError, RejectedError, ConfigurationError) as error:
            raise UnknownOutcomeError(
                f"{self._named(correction)} was taken and cannot be looked at.",
                found=error.what,
                remedy="read back before anything is sent again",
                retry_after_seconds=error.retry_after_seconds,
            ) from error
        return receipt if observed is Observed.APPLIED else replace(receipt, observed=Observed.QUEUED)

    def _receipt(self, correction: Correction, response: httpx.Response) -> Receipt:
        if not response.is_success:
            raise self._refusal(correction, response)
        if not _is_readable(response):
            raise UnknownOutcomeError(
                f"{self._named(correction)} was answered with what is no answer.",
                expected=f"JSON with HTTP {response.status_code}",
                found=f"{response.headers.get('Content-Type', 'no type')}: {_told(response)}",
                remedy="read back before anything is sent again",
            )
        taken_in = response.status_code == httpx.codes.ACCEPTED
        return Receipt(
            idempotency_key=correction.idempotency_key,
            observed=Observed.QUEUED if taken_in else Observed.APPLIED,
            reference=_reference(response),
            received_at=self._clock.now(),
        )

    def _refusal(
        self, correction: Correction, response: httpx.Response
    ) -> ConfigurationError | RejectedError | RetryableError | UnknownOutcomeError:
        what = self._named(correction)
        found = f"HTTP {response.status_code} {_told(response)}".strip()
        match response.status_code:
            case httpx.codes.CONFLICT | httpx.codes.PRECONDITION_FAILED:
                return PreconditionError(
                    f"{what} is out of date.",
                    expected=_listed(correction.precondition),
                    found=found,
                    remedy="pull again and decide anew",
                )
            case httpx.codes.TOO_MANY_REQUESTS | httpx.codes.TOO_EARLY | httpx.codes.LOCKED:
                return RetryableError(
                    f"{what} came too soon.",
                    found=found,
                    remedy="it is sent again later",
                    retry_after_seconds=retry_after_seconds(response),
                )
            case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
                return ConfigurationError(
                    f"{what} is refused with our credentials.",
                    expected="credentials that may write it",
                    found=found,
                    remedy="correct the references under `transport.auth`, or have the access granted",
                )
            case _ if response.is_redirect:
                return self._unknown(f"{what} was sent and answered with a redirect; is the address right?", response)
            case status if response.is_server_error or status == httpx.codes.REQUEST_TIMEOUT:
                return self._unknown(f"{what} was sent and the system failed on it.", response)
            case _:
                return RejectedError(f"{what} is refused.", found=found, remedy="decide on it by hand")

    def _named(self, correction: Correction) -> str:
        return f"{self.system}: '{correction.message}' {correction.idempotency_key}"

    def _unknown(self, what: str, response: httpx.Response) -> UnknownOutcomeError:
        return UnknownOutcomeError(
            what,
            found=f"HTTP {response.status_code} {_told(response)}".strip(),
            remedy="read back before anything is sent again",
            retry_after_seconds=retry_after_seconds(response),
        )


def _is_readable(response: httpx.Response) -> bool:
    """Whether an answer is what a system of JSON says: JSON, or nothing. A proxy's page, or half of it, is neither."""
    if not response.content:
        return True
    try:
        response.json()
    except ValueError:
        return False
    return True


def _reference(response: httpx.Response) -> str:
    """Return the system's own identifier of the effect, from `Location` or the body's `id`."""
    if location := response.headers.get("Location"):
        return str(location)
    try:
        body = response.json()
    except ValueError:
        return ""
    reference = body.get("id") if isinstance(body, Mapping) else None
    return "" if reference is None else str(reference)


def _records(response: httpx.Response, path: str) -> list[Mapping[str, Any]] | None:
    """Return the records of an answer; None where it cannot be read."""
    try:
        body = json.loads(response.content, parse_float=Decimal)
    except ValueError:
        return None
    found = field_at(body, path)
    records = found if isinstance(found, list) else [found]
    return records if all(isinstance(record, Mapping) for record in records) else None


def _listed(values: Mapping[str, Scalar]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _held(records: Sequence[Mapping[str, Any]], expected: Mapping[str, Scalar]) -> str:
    """Return what the system holds in the fields that were compared."""
    shown = [
        _listed({name: record.get(name) for name in expected}) or "a record" for record in records[:_SHOWN_RECORDS]
    ]
    return "; ".join(shown) or "nothing"


def _told(response: httpx.Response) -> str:
    """Return the beginning of the answer, which says why; requests and credentials are not in it."""
    return response.text[:_SHOWN_CHARACTERS].replace("\n", " ")

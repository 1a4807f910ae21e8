"""Messages over HTTP: one request each, and what its answer means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.correction import Correction, Observed, Receipt
from fulfillment_pipelines.errors import (
    ConfigurationError,
    PreconditionError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.declaration.http import HttpDeclaration, HttpReadBack
from fulfillment_pipelines.systems.transports.http_session import HttpSession
from fulfillment_pipelines.systems.transports.messages import (
    declared_message,
    filled_path,
    payload_fields,
    precondition_fields,
    shows,
)
from fulfillment_pipelines.systems.transports.paging import PageRequest, field_at

_SHOWN_CHARACTERS = 300


class HttpSink:
    """Sends messages to an HTTP system and looks for their effect."""

    def __init__(self, declaration: HttpDeclaration, session: HttpSession, clock: Clock) -> None:
        self.system = declaration.name
        self._messages = declaration.messages
        self._session = session
        self._clock = clock

    def apply(self, correction: Correction) -> Receipt:
        """Send the message once, under its idempotency key.

        Raises:
            PreconditionError: Answered 409 or 412: the system holds another value than was read.
            RejectedError: Answered any other 4xx.
            RetryableError: Nothing was sent, or answered 429.
            UnknownOutcomeError: No answer came, or a 5xx, after which the effect may be there.
            ConfigurationError: The message, the payload, the address or the credentials are wrong.
        """
        message = declared_message(self._messages, correction)
        body = {
            **payload_fields(correction, message.body),
            **precondition_fields(correction, message.precondition),
        }
        path = filled_path(correction, message.path)
        response = self._session.send(message.method, path, body, idempotency_key=correction.idempotency_key)
        if not response.is_success:
            raise self._refusal(correction, response)
        taken_in = response.status_code == httpx.codes.ACCEPTED
        return Receipt(
            idempotency_key=correction.idempotency_key,
            observed=Observed.QUEUED if taken_in else Observed.APPLIED,
            reference=_reference(response),
            received_at=self._clock.now(),
        )

    def read_back(self, correction: Correction) -> Observed:
        """Return whether the effect is there; UNKNOWN where nothing declared or readable shows it.

        Raises:
            SystemDownError: The system did not answer.
            RejectedError: It refuses the request.
            ConfigurationError: The message, the payload, the address or the credentials are wrong.
        """
        read_back = declared_message(self._messages, correction).read_back
        if read_back is None:
            return Observed.UNKNOWN
        response = self._session.find(PageRequest(filled_path(correction, read_back.path)))
        if response is None:
            return Observed.ABSENT
        records = _records(response, read_back)
        if records is None:
            return Observed.UNKNOWN
        expected = payload_fields(correction, read_back.expect)
        return Observed.APPLIED if any(shows(record, expected) for record in records) else Observed.ABSENT

    def _refusal(
        self, correction: Correction, response: httpx.Response
    ) -> ConfigurationError | RejectedError | RetryableError | UnknownOutcomeError:
        what = f"{self.system}: '{correction.message}' {correction.idempotency_key}"
        found = f"HTTP {response.status_code} {_told(response)}".strip()
        match response.status_code:
            case httpx.codes.CONFLICT | httpx.codes.PRECONDITION_FAILED:
                return PreconditionError(
                    f"{what} is out of date.",
                    expected=", ".join(f"{name}={value}" for name, value in correction.precondition.items()),
                    found=found,
                    remedy="pull again and decide anew",
                )
            case httpx.codes.TOO_MANY_REQUESTS:
                return RetryableError(f"{what} came too soon.", found=found, remedy="it is sent again later")
            case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
                return ConfigurationError(
                    f"{what} is refused with our credentials.",
                    expected="credentials that may write it",
                    found=found,
                    remedy="correct the references under `transport.auth`, or have the access granted",
                )
            case status if status >= httpx.codes.INTERNAL_SERVER_ERROR:
                return UnknownOutcomeError(
                    f"{what} was sent and the system failed on it.",
                    found=found,
                    remedy="read back before anything is sent again",
                )
            case _:
                return RejectedError(f"{what} is refused.", found=found, remedy="decide on it by hand")


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


def _records(response: httpx.Response, read_back: HttpReadBack) -> list[Mapping[str, Any]] | None:
    try:
        body = json.loads(response.content, parse_float=Decimal)
    except ValueError:
        return None
    found = field_at(body, read_back.records)
    records = found if isinstance(found, list) else [found]
    return records if all(isinstance(record, Mapping) for record in records) else None


def _told(response: httpx.Response) -> str:
    """Return the beginning of the answer, which says why; requests and credentials are not in it."""
    return response.text[:_SHOWN_CHARACTERS].replace("\n", " ")

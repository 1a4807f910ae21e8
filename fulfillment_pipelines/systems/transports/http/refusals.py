"""What follows for us when a request to an HTTP system was not answered, or a read was refused.

What the answer to a write means belongs in `outcomes.py`.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import httpx

from fulfillment_pipelines.errors import (
    BadDataError,
    ConfigurationError,
    FulfillmentError,
    RejectedError,
    RetryableError,
    SystemDownError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.declaration.http import ErrorKind
from fulfillment_pipelines.systems.transports.http.answers import Problem
from fulfillment_pipelines.systems.transports.http.requests import HttpRequest


class Refusals:
    """Makes the errors of one system.

    Args:
        system: Its name.
        timeout_seconds: How long an answer may take.
    """

    def __init__(self, system: str, timeout_seconds: float) -> None:
        self._system = system
        self._timeout_seconds = timeout_seconds

    def of_read(self, request: HttpRequest, response: httpx.Response) -> FulfillmentError:
        """Return the error for a read that was answered with another status than success."""
        what, found = f"{self._system}: {request.shown}", f"HTTP {response.status_code}"
        if response.is_server_error:
            return SystemDownError(f"{what} failed.", found=found, remedy="see the system's own log")
        if response.is_redirect and response.status_code != httpx.codes.NOT_MODIFIED:
            return ConfigurationError(
                f"{what} is answered with a redirect.",
                expected="the system itself at the declared address",
                found=found,
                remedy="declare the address it redirects to",
            )
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return self._misfit_credentials(what, found)
        return self._refused(what, found)

    def told(self, request: HttpRequest, problem: Problem) -> FulfillmentError:
        """Return the error for a read whose answer tells of one in its body."""
        what, found = f"{self._system}: {request.shown}", problem.shown
        if problem.is_partial:
            return BadDataError(
                f"{what} is answered with a part of the data and an error.",
                expected="all of it, or an error alone",
                found=found,
                remedy="leave out of `query` what the system cannot give, or tell its owner",
            )
        match problem.kind:
            case ErrorKind.CREDENTIALS:
                return self._misfit_credentials(what, found)
            case ErrorKind.CONFIGURATION:
                return ConfigurationError(
                    f"{what} is not understood.",
                    expected="a request as the system's interface describes it",
                    found=found,
                    remedy="compare `call` and `params`, or `query` and `variables`, with it",
                )
            case ErrorKind.BUSY | ErrorKind.UNKNOWN:
                return SystemDownError(f"{what} failed.", found=found, remedy="see the system's own log")
            case ErrorKind.REJECTED | ErrorKind.OUT_OF_DATE:
                return self._refused(what, found)

    def away(self, kind: type[RetryableError], what: str, error: httpx.HTTPError | httpx.StreamError) -> RetryableError:
        """Return the error for a request that was not served now."""
        if isinstance(error, httpx.HTTPStatusError):
            return kind(
                f"{self._system}: {what} is put off.",
                found=_reason(error),
                remedy="see whether the system has too much to do, or is being maintained; it is tried again",
                retry_after_seconds=retry_after_seconds(error.response),
            )
        return kind(
            f"{self._system}: {what} got no answer.",
            expected=self._answer_in_time(),
            found=_reason(error),
            remedy="see whether the system runs and is reachable; it is tried again",
        )

    def unknown(self, request: HttpRequest, error: httpx.HTTPError | httpx.StreamError) -> UnknownOutcomeError:
        """Return the error for a write that was sent and not answered."""
        return UnknownOutcomeError(
            f"{self._system}: {request.shown} was sent and its outcome is not known.",
            expected=self._answer_in_time(),
            found=_reason(error),
            remedy="read back before anything is sent again",
        )

    def unusable(self, error: Exception) -> ConfigurationError:
        """Return the error for what cannot be sent at all; its own text may hold a secret."""
        return ConfigurationError(
            f"{self._system}: the declared address or credentials cannot be used in a request.",
            expected="an http or https URL, and credentials without line breaks",
            found=type(error).__name__,
            remedy="correct the references under `transport`",
        )

    def _answer_in_time(self) -> str:
        return f"an answer within {self._timeout_seconds:g} seconds"

    @staticmethod
    def _misfit_credentials(what: str, found: str) -> ConfigurationError:
        return ConfigurationError(
            f"{what} is refused with our credentials.",
            expected="credentials that may read it",
            found=found,
            remedy="correct the references under `transport.auth`, or have the access granted",
        )

    @staticmethod
    def _refused(what: str, found: str) -> RejectedError:
        return RejectedError(
            f"{what} is refused.",
            expected="an answer with rows",
            found=found,
            remedy="compare path and parameters in the system's YAML with its interface",
        )


def retry_after_seconds(response: httpx.Response) -> float | None:
    """Return what a `Retry-After` header asks for (RFC 9110 §10.2.3): seconds, or a date by the system's own clock."""
    written = response.headers.get("Retry-After")
    if written is None:
        return None
    try:
        return max(0.0, float(written))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(written)
        answered_at = parsedate_to_datetime(response.headers.get("Date", ""))
        return max(0.0, (until - answered_at).total_seconds())
    except (ValueError, TypeError):  # no date, or one with a zone and one without
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    return type(error).__name__

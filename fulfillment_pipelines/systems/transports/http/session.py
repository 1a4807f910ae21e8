"""Requests to one HTTP system: authenticated, timed, and with httpx's errors translated.

Reads are repeated, writes never are: what may be sent twice is decided by the ledger's dispatch, which
reads back first. What an answer means belongs in `system.py` and `sink.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import stamina

from fulfillment_pipelines.errors import (
    ConfigurationError,
    RejectedError,
    RetryableError,
    SystemDownError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.declaration.http import HttpDeclaration
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.http.auth import Authenticator, authenticator_for
from fulfillment_pipelines.systems.transports.http.paging import PageRequest

_REPEATED = frozenset({429, 502, 503, 504})
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_NEVER_SENDABLE = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, httpx.CookieConflict)


class HttpSession:
    """A client of one system, opened on first use.

    Args:
        declaration: Address, authentication, time limit and patience.
        references: Where address and secrets come from.
        monotonic: Seconds that only ever grow, for token lifetimes.
    """

    def __init__(
        self, declaration: HttpDeclaration, references: References, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._system = declaration.name
        self._declaration = declaration
        self._references = references
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._opened: tuple[httpx.Client, Authenticator] | None = None

    def get(self, request: PageRequest) -> httpx.Response:
        """Return the answer to a read, repeated while the system is busy or away.

        Raises:
            SystemDownError: No answer after all attempts.
            ConfigurationError: The address or the credentials are wrong.
            RejectedError: The system refuses the request.
        """
        response = self._get(request)
        if response.is_success:
            return response
        raise self._refusal(f"GET {_shown(request)}", response)

    def find(self, request: PageRequest) -> httpx.Response | None:
        """Return the answer to a read, or None where the system knows nothing under that path.

        The whole answer must come within the time limit: a worker waits for it that holds a correction.

        Raises:
            SystemDownError, ConfigurationError, RejectedError: As `get`.
        """
        response = self._get(request, may_drip=False)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.is_success:
            return response
        raise self._refusal(f"GET {_shown(request)}", response)

    def send(self, method: str, path: str, body: Mapping[str, Any], *, headers: Mapping[str, str]) -> httpx.Response:
        """Send a write once and return whatever the system answered.

        A request refused with 401 had no effect, so it is sent again under a new token, once.

        Args:
            method: HTTP method.
            path: Path below the base URL.
            body: Content, sent as JSON.
            headers: What the request carries beside the credentials: its idempotency key, its condition.

        Raises:
            RetryableError: Nothing was sent.
            UnknownOutcomeError: It was sent and no answer came.
            ConfigurationError: The address or the credentials are wrong.
        """
        what = f"{method} {_shown(PageRequest(path))}"
        client, authenticator = self._client()
        for may_renew in (True, False):
            credentials = self._credentials(client, authenticator)
            request = client.build_request(method, path, json=dict(body), headers={**credentials, **headers})
            try:
                response = self._whole_answer(client, request)
            except _NEVER_SENDABLE as error:
                raise self._unusable(error) from error
            except _NOT_SENT as error:
                raise self._away(RetryableError, what, error) from error
            except (httpx.RequestError, httpx.StreamError) as error:
                raise UnknownOutcomeError(
                    f"{self._system}: {what} was sent and its outcome is not known.",
                    expected=f"an answer within {self._declaration.transport.timeout_seconds:g} seconds",
                    found=_reason(error),
                    remedy="read back before anything is sent again",
                ) from error
            if (
                response.status_code != httpx.codes.UNAUTHORIZED
                or not may_renew
                or not authenticator.renew(credentials)
            ):
                break
        return response

    def close(self) -> None:
        """Close the client; a later use opens a new one."""
        with self._lock:
            if self._opened is not None:
                self._opened[0].close()
            self._opened = None

    def _client(self) -> tuple[httpx.Client, Authenticator]:
        with self._lock:
            if self._opened is None:
                transport = self._declaration.transport
                base_url = self._references.resolve(transport.base_url, system=self._system).get_secret_value()
                authenticator = authenticator_for(self._declaration, self._references, self._monotonic)
                try:
                    # trust_env off: what is reached is what is declared, not what a proxy variable says.
                    client = httpx.Client(base_url=base_url, timeout=transport.timeout_seconds, trust_env=False)
                except (httpx.InvalidURL, ValueError) as error:
                    raise self._unusable(error) from None  # its text repeats the address
                self._opened = client, authenticator
            return self._opened

    def _whole_answer(self, client: httpx.Client, request: httpx.Request) -> httpx.Response:
        """Return an answer that came within the time limit as a whole; httpx itself limits each wait for more of it."""
        limit_at = self._monotonic() + self._declaration.transport.timeout_seconds
        received: list[bytes] = []
        streamed = client.send(request, stream=True)
        try:
            for part in streamed.iter_raw():
                received.append(part)
                if self._monotonic() > limit_at:
                    raise httpx.ReadTimeout("It still comes, too slowly.", request=request)
        finally:
            streamed.close()
        return httpx.Response(
            streamed.status_code, headers=streamed.headers, content=b"".join(received), request=request
        )

    def _get(self, request: PageRequest, *, may_drip: bool = True) -> httpx.Response:
        retry = self._declaration.transport.retry
        what = f"GET {_shown(request)}"
        response: httpx.Response | None = None
        try:
            for attempt in stamina.retry_context(
                on=self._patience,
                attempts=retry.attempts,
                timeout=None,
                wait_initial=retry.wait_initial_seconds,
                wait_max=retry.wait_max_seconds,
                wait_jitter=retry.wait_jitter_seconds,
            ):
                with attempt:
                    response = self._get_once(request, may_drip=may_drip)
        except _NEVER_SENDABLE as error:
            raise self._unusable(error) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._away(SystemDownError, what, error) from error
        if response is None:
            raise SystemDownError(f"{self._system}: {what} was never attempted.", remedy="raise `retry.attempts`")
        return response

    def _get_once(self, request: PageRequest, *, may_drip: bool) -> httpx.Response:
        client, authenticator = self._client()

        def ask(credentials: Mapping[str, str]) -> httpx.Response:
            read = client.build_request("GET", request.path, params=request.parameters or None, headers=credentials)
            return client.send(read) if may_drip else self._whole_answer(client, read)

        credentials = authenticator.headers(client)
        response = ask(credentials)
        if response.status_code == httpx.codes.UNAUTHORIZED and authenticator.renew(credentials):
            response = ask(authenticator.headers(client))
        if response.status_code in _REPEATED:
            response.raise_for_status()
        return response

    def _credentials(self, client: httpx.Client, authenticator: Authenticator) -> Mapping[str, str]:
        try:
            return authenticator.headers(client)
        except _NEVER_SENDABLE as error:
            raise self._unusable(error) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._away(RetryableError, "asking for a token", error) from error

    def _patience(self, error: Exception) -> bool | float:
        """Say whether a read is repeated, and after how many seconds where the system says so."""
        if isinstance(error, httpx.HTTPStatusError):
            if error.response.status_code not in _REPEATED:
                return False
            asked_seconds = retry_after_seconds(error.response)
            return (
                True
                if asked_seconds is None
                else min(asked_seconds, self._declaration.transport.retry.wait_max_seconds)
            )
        return isinstance(error, httpx.TransportError) and not isinstance(error, _NEVER_SENDABLE)

    def _refusal(self, what: str, response: httpx.Response) -> ConfigurationError | RejectedError | SystemDownError:
        found = f"HTTP {response.status_code}"
        if response.is_server_error:
            return SystemDownError(f"{self._system}: {what} failed.", found=found, remedy="see the system's own log")
        if response.is_redirect:
            return ConfigurationError(
                f"{self._system}: {what} is answered with a redirect.",
                expected="the system itself at the declared address",
                found=found,
                remedy="declare the address it redirects to",
            )
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return ConfigurationError(
                f"{self._system}: {what} is refused with our credentials.",
                expected="credentials that may read it",
                found=found,
                remedy="correct the references under `transport.auth`, or have the access granted",
            )
        return RejectedError(
            f"{self._system}: {what} is refused.",
            expected="an answer with rows",
            found=found,
            remedy="compare path and parameters in the system's YAML with its interface",
        )

    def _away(
        self, kind: type[RetryableError], what: str, error: httpx.HTTPError | httpx.StreamError
    ) -> RetryableError:
        if isinstance(error, httpx.HTTPStatusError):
            return kind(
                f"{self._system}: {what} is put off.",
                found=_reason(error),
                remedy="see whether the system has too much to do, or is being maintained; it is tried again",
                retry_after_seconds=retry_after_seconds(error.response),
            )
        return kind(
            f"{self._system}: {what} got no answer.",
            expected=f"an answer within {self._declaration.transport.timeout_seconds:g} seconds",
            found=_reason(error),
            remedy="see whether the system runs and is reachable; it is tried again",
        )

    def _unusable(self, error: Exception) -> ConfigurationError:
        return ConfigurationError(
            f"{self._system}: the declared address or credentials cannot be used in a request.",
            expected="an http or https URL, and credentials without line breaks",
            found=type(error).__name__,
            remedy="correct the references under `transport`",
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


def _shown(request: PageRequest) -> str:
    """Return the path alone: address and parameters may carry what is not for logs."""
    path = request.path.partition("?")[0]
    return "/" + path.partition("://")[2].partition("/")[2] if "://" in path else path


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    return type(error).__name__

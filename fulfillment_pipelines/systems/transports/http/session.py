"""Requests to one HTTP system: authenticated, timed, paced, and with httpx's errors translated.

Reads are repeated, writes never are: what may be sent twice is decided by the ledger's dispatch, which
reads back first. What an answer means belongs in `system.py` and `outcomes.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx
import stamina

from fulfillment_pipelines.errors import RetryableError, SystemDownError
from fulfillment_pipelines.systems.declaration.http import ErrorKind, HttpDeclaration
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.http.answers import Problem, problem_in
from fulfillment_pipelines.systems.transports.http.auth import Authenticator, authenticator_for, fixed_headers
from fulfillment_pipelines.systems.transports.http.pace import Pace, half_of
from fulfillment_pipelines.systems.transports.http.refusals import Refusals, retry_after_seconds
from fulfillment_pipelines.systems.transports.http.requests import HttpRequest, versioned
from fulfillment_pipelines.systems.transports.http.whole_answers import whole_answer

_REPEATED = frozenset({429, 502, 503, 504})
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_NEVER_SENDABLE = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, httpx.CookieConflict)


@dataclass(frozen=True, slots=True)
class _Connection:
    client: httpx.Client
    authenticator: Authenticator
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a read is made.

    Attributes:
        may_drip: Whether the answer may come in pieces over longer than the time limit.
        leaves_room: Whether it passes the pace of half the rate first.
    """

    may_drip: bool
    leaves_room: bool = False


class _ToldProblemError(Exception):
    """An answer to a read tells of an error in its body."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem


class HttpSession:
    """A client of one system, opened on first use.

    Args:
        declaration: Address, authentication, time limit, pace and patience.
        references: Where address and secrets come from.
        monotonic: Seconds that only ever grow, for lifetimes and pace.
        sleep: Waits for some seconds, to keep the pace.
    """

    def __init__(
        self,
        declaration: HttpDeclaration,
        references: References,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._system = declaration.name
        self._declaration = declaration
        self._references = references
        self._monotonic = monotonic
        self._pace = Pace(declaration.transport.rate, monotonic, sleep)
        self._reading_pace = Pace(half_of(declaration.transport.rate), monotonic, sleep)
        self._refusals = Refusals(declaration.name, declaration.transport.timeout_seconds)
        self._lock = threading.Lock()
        self._opened: _Connection | None = None

    def get(
        self, request: HttpRequest, *, headers: Mapping[str, str] | None = None, leaves_room: bool = False
    ) -> httpx.Response:
        """Return the answer to a read, repeated while the system is busy or away.

        Args:
            request: What is asked.
            headers: A condition; then the answer may be that nothing has changed (304).
            leaves_room: Whether half of the declared rate is left to corrections, however many pages are read.

        Raises:
            SystemDownError: No answer after all attempts.
            ConfigurationError: The address or the credentials are wrong.
            RejectedError: The system refuses the request.
            BadDataError: It answers with an error and a part of the data.
        """
        response = self._read(request, headers or {}, _Manner(may_drip=True, leaves_room=leaves_room))
        if response.is_success or (response.status_code == httpx.codes.NOT_MODIFIED and headers):
            return response
        raise self._refusals.of_read(request, response)

    def find(self, request: HttpRequest) -> httpx.Response | None:
        """Return the answer to a read, or None where the system knows nothing under that path.

        The whole answer must come within the time limit: a worker waits for it that holds a correction.

        Raises:
            SystemDownError, ConfigurationError, RejectedError, BadDataError: As `get`.
        """
        response = self._read(request, {}, _Manner(may_drip=False))
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.is_success:
            return response
        raise self._refusals.of_read(request, response)

    def send(self, request: HttpRequest, *, headers: Mapping[str, str]) -> httpx.Response:
        """Send a write once and return whatever the system answered.

        A request refused for its credentials had no effect, so it is sent again under new ones, once.

        Args:
            request: What is sent.
            headers: What it carries beside the credentials: its idempotency key, its condition.

        Raises:
            RetryableError: Nothing was sent.
            UnknownOutcomeError: It was sent and no answer came.
            ConfigurationError: The address or the credentials are wrong.
        """
        connection = self._connection()
        for may_renew in (True, False):
            credentials = self._credentials(connection)
            built = self._built(connection, request, {**credentials, **headers})
            self._refuse_long_wait(request, RetryableError)
            self._pace.keep()
            try:
                response = whole_answer(connection.client, built, self._monotonic)
            except _NEVER_SENDABLE as error:
                raise self._refusals.unusable(error) from error
            except _NOT_SENT as error:
                raise self._refusals.away(RetryableError, request.shown, error) from error
            except (httpx.RequestError, httpx.StreamError) as error:
                raise self._refusals.unknown(request, error) from error
            if (
                not may_renew
                or not self._is_refused_for_credentials(request, response)
                or not connection.authenticator.renew(credentials)
            ):
                break
        return response

    def close(self) -> None:
        """Close the client; a later use opens a new one."""
        with self._lock:
            if self._opened is not None:
                self._opened.client.close()
            self._opened = None

    def _connection(self) -> _Connection:
        with self._lock:
            if self._opened is None:
                transport = self._declaration.transport
                base_url = self._references.resolve(transport.base_url, system=self._system).get_secret_value()
                headers = fixed_headers(self._declaration, self._references)
                authenticator = authenticator_for(self._declaration, self._references, self._monotonic, self._pace.keep)
                try:
                    # trust_env off: what is reached is what is declared, not what a proxy variable says.
                    client = httpx.Client(base_url=base_url, timeout=transport.timeout_seconds, trust_env=False)
                except (httpx.InvalidURL, ValueError) as error:
                    raise self._refusals.unusable(error) from None  # its text repeats the address
                self._opened = _Connection(client, authenticator, headers)
            return self._opened

    def _built(self, connection: _Connection, request: HttpRequest, headers: Mapping[str, str]) -> httpx.Request:
        typed = {"Content-Type": "application/json"} if request.content else {}
        # Given `params`, httpx would drop the parameters that stand in the path.
        return connection.client.build_request(
            request.method,
            httpx.URL(request.path).copy_merge_params(request.parameters) if request.parameters else request.path,
            content=versioned(request.content, request.form, self._declaration.transport.json_rpc),
            headers={**typed, **connection.headers, **headers},
        )

    def _read(self, request: HttpRequest, headers: Mapping[str, str], manner: _Manner) -> httpx.Response:
        retry = self._declaration.transport.retry
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
                    response = self._read_once(request, headers, manner)
        except _ToldProblemError as error:
            raise self._refusals.told(request, error.problem) from None
        except _NEVER_SENDABLE as error:
            raise self._refusals.unusable(error) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._refusals.away(SystemDownError, request.shown, error) from error
        if response is None:
            raise SystemDownError(
                f"{self._system}: {request.shown} was never attempted.", remedy="raise `retry.attempts`"
            )
        return response

    def _read_once(self, request: HttpRequest, headers: Mapping[str, str], manner: _Manner) -> httpx.Response:
        connection = self._connection()
        credentials = connection.authenticator.headers(connection.client)
        response = self._asked(connection, request, {**credentials, **headers}, manner)
        if self._is_refused_for_credentials(request, response) and connection.authenticator.renew(credentials):
            credentials = connection.authenticator.headers(connection.client)
            response = self._asked(connection, request, {**credentials, **headers}, manner)
        if response.status_code in _REPEATED:
            response.raise_for_status()
        problem = self._problem(request, response)
        if problem is not None:
            raise _ToldProblemError(problem)
        return response

    def _asked(
        self, connection: _Connection, request: HttpRequest, headers: Mapping[str, str], manner: _Manner
    ) -> httpx.Response:
        built = self._built(connection, request, headers)
        if not manner.may_drip:
            self._refuse_long_wait(request, SystemDownError)
        if manner.leaves_room:
            self._reading_pace.keep()
        self._pace.keep()
        if manner.may_drip:
            return connection.client.send(built)
        return whole_answer(connection.client, built, self._monotonic)

    def _credentials(self, connection: _Connection) -> Mapping[str, str]:
        try:
            return connection.authenticator.headers(connection.client)
        except _NEVER_SENDABLE as error:
            raise self._refusals.unusable(error) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._refusals.away(RetryableError, "asking for a token", error) from error

    def _problem(self, request: HttpRequest, response: httpx.Response) -> Problem | None:
        return problem_in(response, request.form, self._declaration.transport.error_codes)

    def _is_refused_for_credentials(self, request: HttpRequest, response: httpx.Response) -> bool:
        if response.status_code in self._declaration.transport.renew_on:
            return True
        problem = self._problem(request, response)
        return problem is not None and problem.kind is ErrorKind.CREDENTIALS and not problem.is_partial

    def _refuse_long_wait(self, request: HttpRequest, kind: type[RetryableError]) -> None:
        """A worker that holds a correction does not wait long for our own pace."""
        wait_seconds = self._pace.wait_seconds()
        if wait_seconds > self._declaration.transport.timeout_seconds:
            raise kind(
                f"{self._system}: {request.shown} is put off, to keep the declared `rate`.",
                remedy="it is sent again later",
                retry_after_seconds=wait_seconds,
            )

    def _patience(self, error: Exception) -> bool | float:
        """Say whether a read is repeated, and after how many seconds where the system says so."""
        if isinstance(error, _ToldProblemError):
            return error.problem.kind is ErrorKind.BUSY
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

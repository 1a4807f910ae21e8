"""Credentials that are fetched: bearer tokens of OAuth2, sessions of systems that log in.

All are kept until shortly before they expire, or until they are refused.
"""

from __future__ import annotations

import base64
import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from fulfillment_pipelines.errors import BadDataError, ConfigurationError, SystemDownError
from fulfillment_pipelines.systems.declaration.http import ErrorKind
from fulfillment_pipelines.systems.declaration.http_auth import (
    AnswerHeader,
    OAuth2ClientCredentials,
    OAuth2RefreshToken,
    SessionLogin,
)
from fulfillment_pipelines.systems.declaration.http_requests import JsonRpcVersion
from fulfillment_pipelines.systems.transports.http.answers import problem_in
from fulfillment_pipelines.systems.transports.http.filling import filled, in_text
from fulfillment_pipelines.systems.transports.http.json_text import read_json
from fulfillment_pipelines.systems.transports.http.paging import field_at
from fulfillment_pipelines.systems.transports.http.requests import versioned, wrapped
from fulfillment_pipelines.systems.transports.http.whole_answers import whole_answer

_DEFAULT_LIFETIME_SECONDS = 300.0
_LARGEST_MARGIN_SECONDS = 30.0
_TRANSIENT = frozenset({429, 500, 502, 503, 504})


def sendable(value: str, *, system: str) -> str:
    """Return a header value that httpx will take; its own error would show the secret.

    Raises:
        ConfigurationError: It has characters that cannot stand in a header.
    """
    if not (value.isascii() and value.isprintable()):
        raise ConfigurationError(
            f"{system}: a credential cannot be sent in a header.",
            expected="printable ASCII characters",
            found="others, which are not shown",
            remedy="correct the reference under `transport`",
        )
    return value


class FetchedHeaders(ABC):
    """Headers that are fetched when needed and kept until shortly before they expire.

    Args:
        system: Name of the system, for errors.
        monotonic: Seconds that only ever grow; lifetimes are real time, whatever the systems' clock says.
        pace: Returns when a request may go out.
    """

    def __init__(self, system: str, monotonic: Callable[[], float], pace: Callable[[], None]) -> None:
        self._system = system
        self._monotonic = monotonic
        self._pace = pace
        self._lock = threading.Lock()
        self._headers: Mapping[str, str] | None = None
        self._renew_at = 0.0

    def headers(self, client: httpx.Client) -> Mapping[str, str]:
        """Return the headers, fetching them where none are fresh."""
        with self._lock:
            if self._headers is None or self._monotonic() >= self._renew_at:
                self._pace()
                asked_at = self._monotonic()
                self._headers, lifetime_seconds = self._fetch(client)
                margin_seconds = min(_LARGEST_MARGIN_SECONDS, lifetime_seconds / 10)
                self._renew_at = asked_at + lifetime_seconds - margin_seconds
            return self._headers

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget the headers, unless another thread has already fetched newer ones."""
        with self._lock:
            if self._headers is not None and self._headers == refused:
                self._headers = None
            return True

    @abstractmethod
    def _fetch(self, client: httpx.Client) -> tuple[Mapping[str, str], float]:
        """Return the headers and how many seconds they are good."""


class ClientCredentialsToken(FetchedHeaders):
    """A bearer token, fetched with the client's own credentials.

    Args:
        system: Name of the system, for errors.
        declared: The token endpoint.
        client_id: The client's identifier.
        client_secret: The client's secret.
        monotonic: Seconds that only ever grow.
        pace: Returns when a request may go out.
    """

    def __init__(
        self,
        system: str,
        declared: OAuth2ClientCredentials,
        *,
        client_id: str,
        client_secret: str,
        monotonic: Callable[[], float],
        pace: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(system, monotonic, pace)
        self._declared = declared
        self._credentials = (client_id, client_secret)

    def _fetch(self, client: httpx.Client) -> tuple[Mapping[str, str], float]:
        answer = _token_answer(
            self._system, client, self._declared, self._credentials, form={}, monotonic=self._monotonic
        )
        return _bearer(self._system, answer)


class RefreshedToken(FetchedHeaders):
    """A bearer token, fetched with a refresh token, which the answer may replace.

    Args:
        system: Name of the system, for errors.
        declared: The token endpoint.
        client_id: The client's identifier.
        client_secret: The client's secret; None for a public client.
        refresh_token: The first refresh token.
        monotonic: Seconds that only ever grow.
        pace: Returns when a request may go out.
    """

    def __init__(
        self,
        system: str,
        declared: OAuth2RefreshToken,
        *,
        client_id: str,
        client_secret: str | None,
        refresh_token: str,
        monotonic: Callable[[], float],
        pace: Callable[[], None],
    ) -> None:
        super().__init__(system, monotonic, pace)
        self._declared = declared
        self._credentials = (client_id, client_secret)
        self._refresh_token = refresh_token

    def _fetch(self, client: httpx.Client) -> tuple[Mapping[str, str], float]:
        form = {"refresh_token": self._refresh_token}
        answer = _token_answer(
            self._system, client, self._declared, self._credentials, form=form, monotonic=self._monotonic
        )
        renewed = answer.get("refresh_token")
        if isinstance(renewed, str) and renewed:
            self._refresh_token = renewed
        return _bearer(self._system, answer)


class SessionToken(FetchedHeaders):
    """A header made of what the answer to a login holds.

    Args:
        system: Name of the system, for errors.
        declared: The login.
        username: Who logs in.
        password: Its password.
        fixed_headers: Headers of every request to the system.
        json_rpc: Version of JSON-RPC that is spoken.
        monotonic: Seconds that only ever grow.
        pace: Returns when a request may go out.
    """

    def __init__(
        self,
        system: str,
        declared: SessionLogin,
        *,
        username: str,
        password: str,
        fixed_headers: Mapping[str, str],
        json_rpc: JsonRpcVersion,
        monotonic: Callable[[], float],
        pace: Callable[[], None],
    ) -> None:
        super().__init__(system, monotonic, pace)
        self._declared = declared
        self._credentials = {"username": username, "password": password}
        self._fixed_headers = dict(fixed_headers)
        self._json_rpc = json_rpc

    def _fetch(self, client: httpx.Client) -> tuple[Mapping[str, str], float]:
        taken = self._taken(self._login(client))
        value = in_text(filled(self._declared.value, {**taken, "username": self._credentials["username"]}.__getitem__))
        if self._declared.encoding == "base64":
            value = base64.b64encode(value.encode()).decode("ascii")
        value = sendable(f"{self._declared.scheme} {value}".strip(), system=self._system)
        lifetime_seconds = self._declared.lifetime_seconds
        return {self._declared.header: value}, math.inf if lifetime_seconds is None else lifetime_seconds

    def _login(self, client: httpx.Client) -> httpx.Response:
        login = self._declared.login
        method, content = wrapped(login, login.method, filled(login.template, self._credentials.__getitem__))
        headers = {**self._fixed_headers, "Content-Type": "application/json"}
        request = client.build_request(
            method, login.path, content=versioned(content, login.form, self._json_rpc), headers=headers
        )
        response = whole_answer(client, request, self._monotonic)
        if response.status_code in _TRANSIENT:
            response.raise_for_status()
        problem = problem_in(response, login.form, {})
        if problem is not None and problem.kind in (ErrorKind.BUSY, ErrorKind.UNKNOWN):
            raise SystemDownError(
                f"{self._system}: the login failed.",
                expected="a session",
                found=f"the error {problem.code or 'without a code'}",
                remedy="see the system's own log; it is tried again",
            )
        if problem is not None or not response.is_success:
            raise self._refused(f"HTTP {response.status_code}{f', {problem.code}' if problem is not None else ''}")
        return response

    def _taken(self, response: httpx.Response) -> dict[str, Any]:
        try:
            body = read_json(response.content)
        except ValueError:
            body = None
        taken = {
            name: response.headers.get(place.header) if isinstance(place, AnswerHeader) else field_at(body, place)
            for name, place in self._declared.take.items()
        }
        missing = [name for name, value in taken.items() if value is None or value == ""]
        if missing:
            raise self._refused(f"an answer (HTTP {response.status_code}) without {', '.join(missing)}")
        return taken

    def _refused(self, found: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self._system}: the login is refused.",
            expected=f"an answer that holds {', '.join(self._declared.take)}",
            found=found,
            remedy="correct `username`, the reference of `password`, or `take` under `transport.auth`",
        )


def _token_answer(
    system: str,
    client: httpx.Client,
    declared: OAuth2ClientCredentials | OAuth2RefreshToken,
    credentials: tuple[str, str | None],
    *,
    form: Mapping[str, str],
    monotonic: Callable[[], float],
) -> Mapping[str, Any]:
    """Return what the token endpoint answers."""
    client_id, client_secret = credentials
    asked = {"grant_type": declared.kind.removeprefix("oauth2_"), **form}
    if declared.scope is not None:
        asked["scope"] = declared.scope
    auth = None
    if client_secret is not None and declared.client_authentication == "basic":
        auth = httpx.BasicAuth(client_id, client_secret)
    else:
        asked |= {"client_id": client_id} | ({"client_secret": client_secret} if client_secret is not None else {})
    response = whole_answer(client, client.build_request("POST", declared.token_path, data=asked), monotonic, auth=auth)
    if response.status_code in _TRANSIENT:
        response.raise_for_status()
    if not response.is_success:
        raise ConfigurationError(
            f"{system}: the token endpoint refuses the client's credentials.",
            expected="a token",
            found=f"HTTP {response.status_code}",
            remedy="correct the references under `transport.auth`, or have the client enabled",
        )
    try:
        answer = read_json(response.content)
    except ValueError as error:
        raise _unreadable_token(system, error) from error
    return answer if isinstance(answer, Mapping) else {}


def _bearer(system: str, answer: Mapping[str, Any]) -> tuple[Mapping[str, str], float]:
    try:
        token = sendable(str(answer["access_token"]), system=system)
        return {"Authorization": f"Bearer {token}"}, float(answer.get("expires_in", _DEFAULT_LIFETIME_SECONDS))
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable_token(system, error) from error


def _unreadable_token(system: str, error: Exception) -> BadDataError:
    return BadDataError(
        f"{system}: the token endpoint's answer cannot be read.",
        expected="JSON with access_token and expires_in (RFC 6749 §5.1)",
        found=type(error).__name__,
        remedy="see whether `token_path` is the token endpoint",
    )

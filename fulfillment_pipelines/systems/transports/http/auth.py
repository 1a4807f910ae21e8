"""How a request proves who sends it: headers made from secrets that are resolved on first use."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

import httpx

from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.systems.declaration.http import (
    ApiKeyAuth,
    BasicAuth,
    HttpDeclaration,
    NoAuth,
    OAuth2ClientCredentials,
)
from fulfillment_pipelines.systems.references import References

_DEFAULT_LIFETIME_SECONDS = 300.0
_LARGEST_MARGIN_SECONDS = 30.0
_TRANSIENT = frozenset({429, 500, 502, 503, 504})


class Authenticator(Protocol):
    """Gives every request its credentials."""

    def headers(self, client: httpx.Client) -> Mapping[str, str]:
        """Return the headers to send; may ask the system for a token first.

        Raises:
            httpx.HTTPError: The token endpoint did not answer; the session translates it.
            ConfigurationError: It refuses the credentials.
        """
        ...

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget credentials that were refused; return whether there are others to be had."""
        ...


class FixedHeaders:
    """Credentials that are the same in every request."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    def headers(self, client: httpx.Client) -> Mapping[str, str]:  # noqa: ARG002 - nothing is fetched
        """Return the headers."""
        return self._headers

    def renew(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002 - there are no others
        """Return False: asking again would send the same."""
        return False


class ClientCredentialsToken:
    """A bearer token, fetched when needed, kept until shortly before it expires.

    Args:
        system: Name of the system, for errors.
        declared: The token endpoint.
        client_id: The client's identifier.
        client_secret: The client's secret.
        monotonic: Seconds that only ever grow; token lifetimes are real time, whatever the systems' clock says.
    """

    def __init__(
        self,
        system: str,
        declared: OAuth2ClientCredentials,
        *,
        client_id: str,
        client_secret: str,
        monotonic: Callable[[], float],
    ) -> None:
        self._system = system
        self._declared = declared
        self._credentials = (client_id, client_secret)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._headers: Mapping[str, str] | None = None
        self._renew_at = 0.0

    def headers(self, client: httpx.Client) -> Mapping[str, str]:
        """Return the bearer header, fetching a token where none is fresh."""
        with self._lock:
            if self._headers is None or self._monotonic() >= self._renew_at:
                self._headers = self._fetch(client)
            return self._headers

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Forget the token, unless another thread has already fetched a newer one."""
        with self._lock:
            if self._headers is not None and self._headers == refused:
                self._headers = None
            return True

    def _fetch(self, client: httpx.Client) -> Mapping[str, str]:
        form = {"grant_type": "client_credentials"}
        if self._declared.scope is not None:
            form["scope"] = self._declared.scope
        asked_at = self._monotonic()
        response = client.post(self._declared.token_path, data=form, auth=self._credentials)
        if response.status_code in _TRANSIENT:
            response.raise_for_status()
        if not response.is_success:
            raise ConfigurationError(
                f"{self._system}: the token endpoint refuses the client's credentials.",
                expected="a token",
                found=f"HTTP {response.status_code}",
                remedy="correct the references of `client_id` and `client_secret`, or have the client enabled",
            )
        token, lifetime_seconds = self._read(response)
        margin_seconds = min(_LARGEST_MARGIN_SECONDS, lifetime_seconds / 10)
        self._renew_at = asked_at + lifetime_seconds - margin_seconds
        return {"Authorization": f"Bearer {token}"}

    def _read(self, response: httpx.Response) -> tuple[str, float]:
        try:
            answer = response.json()
            return str(answer["access_token"]), float(answer.get("expires_in", _DEFAULT_LIFETIME_SECONDS))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadDataError(
                f"{self._system}: the token endpoint's answer cannot be read.",
                expected="JSON with access_token and expires_in (RFC 6749 §5.1)",
                found=type(error).__name__,
                remedy="see whether `token_path` is the token endpoint",
            ) from error


def _sendable(value: str, *, system: str) -> str:
    """Return a header value that httpx will take; its own error would show the secret."""
    if not (value.isascii() and value.isprintable()):
        raise ConfigurationError(
            f"{system}: a credential cannot be sent in a header.",
            expected="printable ASCII characters",
            found="others, which are not shown",
            remedy="correct the reference under `transport.auth`",
        )
    return value


def authenticator_for(
    declaration: HttpDeclaration, references: References, monotonic: Callable[[], float]
) -> Authenticator:
    """Return what the declaration asks for, with its secrets resolved.

    Raises:
        ConfigurationError: A reference is not set.
    """
    system = declaration.name
    match declaration.transport.auth:
        case NoAuth():
            return FixedHeaders({})
        case ApiKeyAuth(header=header, value=value):
            key = references.resolve(value, system=system).get_secret_value()
            return FixedHeaders({header: _sendable(key, system=system)})
        case BasicAuth(username=username, password=password):
            name = references.resolve(username, system=system).get_secret_value()
            secret = references.resolve(password, system=system).get_secret_value()
            encoded = base64.b64encode(f"{name}:{secret}".encode()).decode("ascii")
            return FixedHeaders({"Authorization": f"Basic {encoded}"})
        case OAuth2ClientCredentials() as declared:
            return ClientCredentialsToken(
                system,
                declared,
                client_id=references.resolve(declared.client_id, system=system).get_secret_value(),
                client_secret=references.resolve(declared.client_secret, system=system).get_secret_value(),
                monotonic=monotonic,
            )

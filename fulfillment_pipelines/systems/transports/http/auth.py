"""How a request proves who sends it: headers made from secrets that are resolved on first use."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import httpx

from fulfillment_pipelines.systems.declaration.http import HttpDeclaration
from fulfillment_pipelines.systems.declaration.http_auth import (
    ApiKeyAuth,
    BasicAuth,
    BearerAuth,
    NoAuth,
    OAuth2ClientCredentials,
    OAuth2RefreshToken,
    SessionLogin,
)
from fulfillment_pipelines.systems.declaration.parts import Setting
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.http.tokens import (
    ClientCredentialsToken,
    RefreshedToken,
    SessionToken,
    sendable,
)


class Authenticator(Protocol):
    """Gives every request its credentials."""

    def headers(self, client: httpx.Client) -> Mapping[str, str]:
        """Return the headers to send; may ask the system for a token first.

        Raises:
            httpx.HTTPError: The token endpoint did not answer; the session translates it.
            ConfigurationError: It refuses the credentials.
            SystemDownError: It answers that it cannot serve now.
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


def fixed_headers(declaration: HttpDeclaration, references: References) -> Mapping[str, str]:
    """Return the headers of every request that are declared beside the credentials.

    Raises:
        ConfigurationError: A reference is not set, or a value cannot be sent.
    """
    system = declaration.name
    return {
        name: sendable(references.resolve(value, system=system).get_secret_value(), system=system)
        for name, value in declaration.transport.headers.items()
    }


def authenticator_for(
    declaration: HttpDeclaration,
    references: References,
    monotonic: Callable[[], float],
    pace: Callable[[], None],
) -> Authenticator:
    """Return what the declaration asks for, with its secrets resolved.

    Args:
        declaration: The system.
        references: Where its secrets come from.
        monotonic: Seconds that only ever grow, for lifetimes.
        pace: Returns when a request may go out.

    Raises:
        ConfigurationError: A reference is not set.
    """
    making = _Making(declaration, references, monotonic, pace)
    match declaration.transport.auth:
        case OAuth2ClientCredentials() as declared:
            return making.client_credentials(declared)
        case OAuth2RefreshToken() as declared:
            return making.refreshed(declared)
        case SessionLogin() as declared:
            return making.session(declared)
        case declared:
            return FixedHeaders(_unchanging(declared, making.plain, declaration.name))


@dataclass(frozen=True, slots=True)
class _Making:
    """What every authenticator that fetches is made of."""

    declaration: HttpDeclaration
    references: References
    monotonic: Callable[[], float]
    pace: Callable[[], None]

    def plain(self, setting: Setting) -> str:
        return self.references.resolve(setting, system=self.declaration.name).get_secret_value()

    def client_credentials(self, declared: OAuth2ClientCredentials) -> ClientCredentialsToken:
        return ClientCredentialsToken(
            self.declaration.name,
            declared,
            client_id=self.plain(declared.client_id),
            client_secret=self.plain(declared.client_secret),
            monotonic=self.monotonic,
            pace=self.pace,
        )

    def refreshed(self, declared: OAuth2RefreshToken) -> RefreshedToken:
        return RefreshedToken(
            self.declaration.name,
            declared,
            client_id=self.plain(declared.client_id),
            client_secret=None if declared.client_secret is None else self.plain(declared.client_secret),
            refresh_token=self.plain(declared.refresh_token),
            monotonic=self.monotonic,
            pace=self.pace,
        )

    def session(self, declared: SessionLogin) -> SessionToken:
        return SessionToken(
            self.declaration.name,
            declared,
            username=self.plain(declared.username),
            password=self.plain(declared.password),
            fixed_headers=fixed_headers(self.declaration, self.references),
            json_rpc=self.declaration.transport.json_rpc,
            monotonic=self.monotonic,
            pace=self.pace,
        )


def _unchanging(
    declared: NoAuth | ApiKeyAuth | BasicAuth | BearerAuth, plain: Callable[[Setting], str], system: str
) -> Mapping[str, str]:
    match declared:
        case NoAuth():
            return {}
        case ApiKeyAuth(header=header, value=value):
            return {header: sendable(plain(value), system=system)}
        case BearerAuth(token=token):
            return {"Authorization": f"Bearer {sendable(plain(token), system=system)}"}
        case BasicAuth(username=username, password=password):
            encoded = base64.b64encode(f"{plain(username)}:{plain(password)}".encode()).decode("ascii")
            return {"Authorization": f"Basic {encoded}"}

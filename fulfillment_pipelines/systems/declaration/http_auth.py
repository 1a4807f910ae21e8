"""How a request to an HTTP system proves who sends it, as declared: keys, passwords, tokens, sessions.

Secrets are always references. Fetching tokens belongs in `transports/http/tokens.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.systems.declaration.http_requests import HttpForm, RequestForm, placeholders_in
from fulfillment_pipelines.systems.declaration.parts import Declared, Secret, Setting


class NoAuth(Declared):
    """The system asks for no credentials."""

    kind: Literal["none"] = "none"


class ApiKeyAuth(Declared):
    """A key in a header of every request."""

    kind: Literal["api_key"]
    header: str
    value: Secret


class BasicAuth(Declared):
    """User name and password in every request (RFC 7617)."""

    kind: Literal["basic"]
    username: Setting
    password: Secret


class BearerAuth(Declared):
    """A token in every request that somebody else keeps fresh (RFC 6750)."""

    kind: Literal["bearer"]
    token: Secret


class OAuth2ClientCredentials(Declared):
    """A bearer token, fetched with the client's own credentials (RFC 6749 §4.4).

    Attributes:
        token_path: Path of the token endpoint, or its absolute URL.
        client_id: The client's identifier.
        client_secret: The client's secret.
        scope: What is asked for; without it, what the client has.
        client_authentication: Whether the client proves itself by a header or in the form (RFC 6749 §2.3.1).
    """

    kind: Literal["oauth2_client_credentials"]
    token_path: str
    client_id: Setting
    client_secret: Secret
    scope: str | None = None
    client_authentication: Literal["basic", "body"] = "basic"


class OAuth2RefreshToken(Declared):
    """A bearer token, fetched with a refresh token that a person once obtained (RFC 6749 §6).

    A refresh token that the answer renews is kept in memory. After a restart the declared one must still be good:
    a system that takes each refresh token only once needs a secret store that is kept up to date.

    Attributes:
        token_path: Path of the token endpoint, or its absolute URL.
        refresh_token: The first refresh token.
        client_id: The client's identifier.
        client_secret: The client's secret; none for a public client.
        scope: What is asked for; without it, what was granted.
        client_authentication: Whether the client proves itself by a header or in the form.
    """

    kind: Literal["oauth2_refresh_token"]
    token_path: str
    refresh_token: Secret
    client_id: Setting
    client_secret: Secret | None = None
    scope: str | None = None
    client_authentication: Literal["basic", "body"] = "basic"


class AnswerHeader(Declared):
    """A value that stands in a header of an answer: `{header: vendure-auth-token}`."""

    header: str


class LoginRequest(HttpForm):
    """The request that logs in; `{username}` and `{password}` stand for the credentials.

    Attributes:
        method: HTTP method of a REST request.
    """

    method: Literal["POST", "PUT", "GET"] = "POST"

    @model_validator(mode="after")
    def _knows_its_placeholders(self) -> Self:
        unknown = placeholders_in(self.template) - {"username", "password"}
        if unknown:
            raise PydanticCustomError(
                "login", "the placeholders username and password only, not {names}", {"names": sorted(unknown)}
            )
        if self.form is not RequestForm.REST and "method" in self.model_fields_set:
            raise PydanticCustomError("method", "no `method` with `call` and `query`: they are posted")
        return self


class SessionLogin(Declared):
    """A login whose answer holds what every later request carries in a header.

    The session is renewed when it is refused, and before that where `lifetime_seconds` says how long it is good.

    Attributes:
        username: Who logs in.
        password: Its password.
        login: The request.
        take: Name to where its value stands in the answer: a dotted path of the JSON, or a header.
        header: Header of every later request.
        scheme: What stands before its value; empty for nothing.
        value: Template of the value, of `username` and the names in `take`.
        encoding: Whether the value is sent as it is or in Base64.
        lifetime_seconds: How long a session is good; without it, until it is refused.
    """

    kind: Literal["session_login"]
    username: Setting
    password: Secret
    login: LoginRequest
    take: Mapping[str, str | AnswerHeader] = Field(min_length=1)
    header: str = "Authorization"
    scheme: str = "Bearer"
    value: str = "{token}"
    encoding: Literal["none", "base64"] = "none"
    lifetime_seconds: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _value_is_taken(self) -> Self:
        missing = placeholders_in(self.value) - {"username", *self.take}
        if missing or not placeholders_in(self.value) & set(self.take):
            raise PydanticCustomError(
                "value",
                "`value` made of `username` and the names in `take`: {names}",
                {"names": ", ".join(self.take)},
            )
        return self


HttpAuth: TypeAlias = Annotated[
    NoAuth | ApiKeyAuth | BasicAuth | BearerAuth | OAuth2ClientCredentials | OAuth2RefreshToken | SessionLogin,
    Field(discriminator="kind"),
]
"""How a system wants to know who asks."""

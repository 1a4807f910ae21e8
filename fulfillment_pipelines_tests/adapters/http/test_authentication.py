"""Who sends a request: tokens that expire, keys, passwords, and that none of them is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import yaml

from fulfillment_pipelines.domain.correction import Correction
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import (
    BadDataError,
    ConfigurationError,
    RetryableError,
    SystemDownError,
)
from fulfillment_pipelines.systems.declaration.http_auth import OAuth2ClientCredentials
from fulfillment_pipelines.systems.transports.http.auth import ClientCredentialsToken
from fulfillment_pipelines.systems.transports.http.system import HttpSystem

SECRET = "s3cr3t-value"
OAUTH = "{kind: oauth2_client_credentials, token_path: /token, client_id: us, client_secret: {ref: SITE_SECRET}}"
Make = Callable[..., HttpSystem]


def pull(system: HttpSystem) -> Snapshot:
    return system.source("lines").pull(Scope())


class Tokens:
    """A token endpoint that issues t1, t2, … and accepts only the latest."""

    def __init__(self, server: Any, *, expires_in: int = 600) -> None:
        self.issued = 0
        self.revoked = False
        self._server = server
        self._expires_in = expires_in

    def __call__(self, request: Any) -> Any:
        if request.path == "/token":
            self.issued += 1
            self.revoked = False
            return self._server.answer(200, {"access_token": f"t{self.issued}", "expires_in": self._expires_in})
        if self.revoked or request.headers.get("authorization") != f"Bearer t{self.issued}":
            return self._server.answer(401)
        return self._server.answer(200, self._server.page("L1", id="W-9"))


def test_one_token_serves_many_requests(make: Make, server: Any) -> None:
    server.script = tokens = Tokens(server)
    system = make(auth=OAUTH)
    pull(system)
    pull(system)
    assert tokens.issued == 1


def test_token_that_is_refused_is_renewed_once(make: Make, server: Any) -> None:
    server.script = tokens = Tokens(server)
    system = make(auth=OAUTH)
    pull(system)
    tokens.revoked = True
    assert pull(system).complete
    assert tokens.issued == 2


def test_write_refused_for_its_token_is_sent_again_under_a_new_one(
    make: Make, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = tokens = Tokens(server)
    system = make(auth=OAUTH)
    pull(system)
    tokens.revoked = True
    assert system.sink().apply(correction()).reference == "W-9"
    assert server.paths().count("PUT /lines/L1") == 2


def test_token_is_renewed_before_it_expires(make: Make, server: Any) -> None:
    server.script = tokens = Tokens(server, expires_in=600)
    now = [0.0]
    system = make(auth=OAUTH, monotonic=lambda: now[0])
    pull(system)
    now[0] = 569.0
    pull(system)
    assert tokens.issued == 1
    now[0] = 571.0
    pull(system)
    assert tokens.issued == 2


def test_token_that_another_request_has_renewed_meanwhile_is_kept(server: Any) -> None:
    server.script = tokens = Tokens(server)
    declared = OAuth2ClientCredentials.model_validate(yaml.safe_load(OAUTH))
    with httpx.Client(base_url=server.url) as client:
        token = ClientCredentialsToken("site", declared, client_id="us", client_secret="hush", monotonic=lambda: 0.0)
        refused = token.headers(client)
        assert token.renew(refused)
        renewed = token.headers(client)
        assert token.renew(refused)
        assert token.headers(client) == renewed
    assert tokens.issued == 2


def test_refused_client_credentials_are_a_configuration_error(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(401, {"error": "invalid_client"})
    with pytest.raises(ConfigurationError, match="token endpoint refuses"):
        pull(make(auth=OAUTH))
    assert server.paths() == ["POST /token"]


def test_token_endpoint_that_answers_nonsense_is_bad_data(make: Make, server: Any) -> None:
    server.script = lambda _: server.answer(200, b"welcome")
    with pytest.raises(BadDataError, match="token endpoint"):
        pull(make(auth=OAUTH))


def test_credentials_that_are_refused_for_good_are_a_configuration_error(make: Make, server: Any) -> None:
    server.script = lambda request: (
        server.answer(200, {"access_token": "t"}) if request.path == "/token" else server.answer(401)
    )
    with pytest.raises(ConfigurationError, match="refused with our credentials"):
        pull(make(auth=OAUTH))
    assert server.paths() == ["POST /token", "GET /lines", "POST /token", "GET /lines"]


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ("{kind: api_key, header: X-Api-Key, value: {ref: SITE_SECRET}}", "x-api-key", SECRET),
        (
            "{kind: basic, username: us, password: {ref: SITE_SECRET}}",
            "authorization",
            "Basic dXM6czNjcjN0LXZhbHVl",
        ),
    ],
    ids=["api_key", "basic"],
)
def test_every_request_carries_its_credentials(make: Make, server: Any, auth: str, header: str, value: str) -> None:
    server.script = lambda _: server.answer(200, server.page("L1"))
    pull(make(auth=auth, secret=SECRET))
    assert server.requests[0].headers[header] == value


def test_no_secret_is_in_an_error_a_representation_or_a_log(
    make: Make, server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script = lambda _: server.answer(503)
    system = make(auth="{kind: api_key, header: X-Api-Key, value: {ref: SITE_SECRET}}", secret=SECRET)
    with pytest.raises(SystemDownError) as raised:
        pull(system)
    chain = [raised.value, raised.value.__cause__, raised.value.__context__]
    shown = " ".join([*map(repr, chain), *map(str, chain), repr(system), repr(vars(system)), caplog.text])
    assert server.requests
    assert SECRET not in shown


def test_credential_that_cannot_be_sent_is_refused_without_showing_it(make: Make, server: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot be sent") as raised:
        pull(make(auth="{kind: api_key, header: X-Api-Key, value: {ref: SITE_SECRET}}", secret="line\nbreak"))
    assert "break" not in str(raised.value)
    assert server.requests == []


def test_token_that_drips_does_not_hold_a_correction_longer_than_the_declared_limit(
    make: Make, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = lambda _: server.answer(200, {"access_token": "t1", "expires_in": 600}, drips=True)
    with pytest.raises(RetryableError, match="asking for a token"):
        make(auth=OAUTH).sink().apply(correction())
    assert server.paths() == ["POST /token"]

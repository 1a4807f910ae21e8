"""OAuth2 against a server that nobody here wrote: Authlib's grants and its guard of the resource, in Flask.

It checks what our own scripted endpoints take on trust: grant types, client authentication, scopes, refresh tokens
that are good once, tokens that were revoked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import flask
import pytest
from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import ClientCredentialsGrant, ClientMixin, RefreshTokenGrant, TokenMixin
from authlib.oauth2.rfc6750 import BearerTokenValidator
from werkzeug.serving import make_server

from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.http.system import HttpSystem

CLIENT_ID, CLIENT_SECRET, SCOPE = "distributor", "s3cr3t", "orders.read"
PAGES = 4


@dataclass(eq=False)
class Client(ClientMixin):
    """The one client, which proves itself in one way."""

    method: str = "client_secret_basic"

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_allowed_scope(self, scope: str | None) -> str:
        return SCOPE if scope in (None, SCOPE) else ""

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return endpoint == "token" and method == self.method

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("client_credentials", "refresh_token")


@dataclass(eq=False)
class Token(TokenMixin):
    """What was issued."""

    access_token: str
    refresh_token: str | None = None
    expires_in: int = 3600
    issued_at: float = field(default_factory=time.time)
    revoked: bool = False

    def check_client(self, client: Client) -> bool:
        return client.get_client_id() == CLIENT_ID

    def get_scope(self) -> str:
        return SCOPE

    def is_expired(self) -> bool:
        return time.time() > self.issued_at + self.expires_in

    def is_revoked(self) -> bool:
        return self.revoked


class OrderDesk:
    """An authorization server and the orders behind it.

    Attributes:
        client: How our side must prove itself.
        tokens: All that were issued.
        page_reads: Pages that were given out.
        revokes_after: Pages after which the token in use is revoked, once.
    """

    def __init__(self) -> None:
        self.client = Client()
        self.tokens = [Token("expired", refresh_token="granted-by-a-person", revoked=True)]
        self.page_reads = 0
        self.revokes_after = 0
        self.application = self._application()

    def _application(self) -> flask.Flask:
        desk = self
        application = flask.Flask("order-desk")
        application.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
        application.config["OAUTH2_SCOPES_SUPPORTED"] = [SCOPE]
        server = AuthorizationServer(
            application,
            query_client=lambda client_id: desk.client if client_id == CLIENT_ID else None,
            save_token=lambda token, _: desk.tokens.append(Token(token["access_token"], token.get("refresh_token"))),
        )

        class Methods:
            TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        class Credentials(Methods, ClientCredentialsGrant):
            pass

        class Refresh(Methods, RefreshTokenGrant):
            INCLUDE_NEW_REFRESH_TOKEN = True

            def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
                return next((token for token in desk.tokens if token.refresh_token == refresh_token), None)

            def authenticate_user(self, _: Token) -> str:
                return "the person who granted it"

            def revoke_old_credential(self, refresh_token: Token) -> None:
                refresh_token.refresh_token = None  # each is good once

        class Guard(BearerTokenValidator):  # type: ignore[misc]
            def authenticate_token(self, token_string: str) -> Token | None:
                return next((token for token in desk.tokens if token.access_token == token_string), None)

        server.register_grant(Credentials)
        server.register_grant(Refresh)
        protected = ResourceProtector()
        protected.register_token_validator(Guard())
        application.add_url_rule("/token", "token", server.create_token_response, methods=["POST"])
        application.add_url_rule("/orders", "orders", protected(SCOPE)(desk._orders))
        return application

    def _orders(self) -> Any:
        self.page_reads += 1
        if self.page_reads == self.revokes_after:
            self.tokens[-1].revoked = True
        number = int(flask.request.args["page"])
        return {"rows": [{"order_no": f"O-{number}"}], "pages": PAGES}


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[OrderDesk, str]]:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # loopback, without TLS
    desk = OrderDesk()
    running = make_server("127.0.0.1", 0, desk.application, threaded=True)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield desk, f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def connected(desk: tuple[OrderDesk, str], declare: Any, clock: Any, request: pytest.FixtureRequest) -> Any:
    """Connect to the desk with the given credentials."""

    def connect(auth: str, **references: str) -> HttpSystem:
        declaration = declare(f"""
system: desk
title: Order desk
role: channel
contract_version: "1"
freshness_seconds: 60
transport:
  kind: http
  base_url: {{ref: DESK_URL}}
  auth: {{{auth}, token_path: /token, client_id: {CLIENT_ID}, client_secret: {{ref: DESK_SECRET}}}}
entities:
  orders:
    contract: orders
    path: /orders
    records: rows
    paging: {{kind: page_number, parameter: page, pages_field: pages}}
    fields: [order_no]
    key: [order_no]
""")
        known = References({"DESK_URL": desk[1], "DESK_SECRET": CLIENT_SECRET, **references})
        system = HttpSystem(declaration, known, clock)
        request.addfinalizer(system.close)
        return system

    return connect


def pull(system: HttpSystem) -> Any:
    return system.source("orders").pull(Scope())


@pytest.mark.parametrize(("how", "method"), [("basic", "client_secret_basic"), ("body", "client_secret_post")])
def test_client_proves_itself_the_way_the_server_wants_it(
    desk: tuple[OrderDesk, str], connected: Any, how: str, method: str
) -> None:
    desk[0].client.method = method
    snapshot = pull(connected(f"kind: oauth2_client_credentials, scope: {SCOPE}, client_authentication: {how}"))
    assert (snapshot.complete, len(snapshot.pages), desk[0].page_reads) == (True, PAGES, PAGES)


def test_token_that_is_revoked_between_pages_is_renewed_and_no_page_is_lost(
    desk: tuple[OrderDesk, str], connected: Any
) -> None:
    desk[0].revokes_after = 2
    snapshot = pull(connected("kind: oauth2_client_credentials"))
    assert (snapshot.complete, len(snapshot.pages)) == (True, PAGES)
    assert len(desk[0].tokens) == 3


def test_refresh_tokens_that_are_good_once_are_followed(desk: tuple[OrderDesk, str], connected: Any) -> None:
    desk[0].revokes_after = 3
    system = connected(
        "kind: oauth2_refresh_token, refresh_token: {ref: DESK_REFRESH}", DESK_REFRESH="granted-by-a-person"
    )
    assert pull(system).complete
    assert [token.refresh_token is None for token in desk[0].tokens] == [True, True, False]


def test_refresh_token_that_was_used_before_is_told_and_not_shown(connected: Any) -> None:
    auth = "kind: oauth2_refresh_token, refresh_token: {ref: DESK_REFRESH}"
    pull(connected(auth, DESK_REFRESH="granted-by-a-person"))
    with pytest.raises(ConfigurationError, match="token endpoint refuses") as raised:
        pull(connected(auth, DESK_REFRESH="granted-by-a-person"))
    assert "granted-by-a-person" not in str(raised.value)


@pytest.mark.parametrize(
    ("auth", "references"),
    [
        ("kind: oauth2_client_credentials", {"DESK_SECRET": "wrong"}),
        ("kind: oauth2_client_credentials, scope: everything", {}),
        ("kind: oauth2_client_credentials, client_authentication: body", {}),
    ],
    ids=["wrong secret", "scope that is not granted", "wrong way to prove it"],
)
def test_what_the_server_refuses_is_a_configuration_error(
    connected: Any, auth: str, references: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match=r"token endpoint refuses.*HTTP 40[01]"):
        pull(connected(auth, **references))

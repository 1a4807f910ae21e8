"""Sessions, tokens and fixed headers: fetched, carried, renewed when they are refused, never shown."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from fulfillment_pipelines.domain.correction import Correction
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import (
    ConfigurationError,
    FulfillmentError,
    RetryableError,
    SystemDownError,
    UnknownOutcomeError,
)
from fulfillment_pipelines.systems.transports.http.system import HttpSystem

Connect = Callable[..., HttpSystem]
SECRET = "s3cr3t-value"

ENTITY = """
entities:
  lines:
    contract: lines
    path: /lines
    records: rows
    paging: {kind: cursor, parameter: after, next_field: next}
    fields: [line_id]
    key: [line_id]
messages:
  qty.set: {method: PUT, path: "/lines/{line_id}", body: {qty: qty}}
"""
TRYTON = """
auth:
  kind: session_login
  username: admin
  password: {ref: SITE_SECRET}
  login: {path: rpc/, call: common.db.login, params: ["{username}", {password: "{password}"}, en]}
  take: {user_id: result.0, token: result.1}
  scheme: Session
  value: "{username}:{user_id}:{token}"
  encoding: base64
json_rpc: "1.0"
"""
VENDURE = """
auth:
  kind: session_login
  username: {ref: SITE_USER}
  password: {ref: SITE_SECRET}
  login:
    path: admin-api
    query: "mutation($u: String!, $p: String!) {login(username: $u, password: $p) {__typename}}"
    variables: {u: "{username}", p: "{password}"}
  take: {token: {header: vendure-auth-token}}
"""
KARRIO = """
auth:
  kind: session_login
  username: us
  password: {ref: SITE_SECRET}
  login: {path: api/token, content: {email: "{username}", password: "{password}"}}
  take: {token: access}
  header: X-Token
  scheme: ""
  lifetime_seconds: 100
headers: {X-Tenant: {ref: SITE_TENANT}, Accept-Language: en}
renew_on: [401, 403]
"""
REFRESH = """
auth:
  kind: oauth2_refresh_token
  token_path: /token
  refresh_token: {ref: SITE_SECRET}
  client_id: us
  client_secret: {ref: SITE_CLIENT_SECRET}
  scope: read
  client_authentication: body
"""


def pull(system: HttpSystem) -> Snapshot:
    return system.source("lines").pull(Scope())


class Sessions:
    """A site that hands out sessions t1, t2, … and takes the latest, until it is ended.

    Args:
        server: Where it listens.
        login: Path of the login.
        told: What the answer to a login holds for a token, and its headers.
        carried: Header and value of a request with a token.
        ends_after: Pages after which a session ends by itself, once.
    """

    def __init__(
        self,
        server: Any,
        login: str,
        told: Callable[[str], tuple[Any, dict[str, str]]],
        carried: Callable[[str], tuple[str, str]],
        *,
        ends_after: int = 0,
        refusal: int = 401,
    ) -> None:
        self.logins: list[Any] = []
        self.over = False
        self._server, self._login, self._told, self._carried = server, login, told, carried
        self._ends_after, self._refusal, self._served = ends_after, refusal, 0

    def __call__(self, asked: Any) -> Any:
        if asked.path == self._login:
            self.logins.append(asked)
            self.over = False
            return self._server.answer(200, *self._told(f"t{len(self.logins)}"))
        header, value = self._carried(f"t{len(self.logins)}")
        if self.over or asked.headers.get(header.lower()) != value:
            return self._server.answer(self._refusal)
        self._served += 1
        self.over = self._served == self._ends_after
        names = {"": "b", "b": "c"}
        after = names.get(asked.query.get("after", ""))
        return self._server.answer(200, self._server.page("L1", next=after, id="W-9"))


def tryton_session(token: str) -> tuple[str, str]:
    return "Authorization", "Session " + base64.b64encode(f"admin:7:{token}".encode()).decode()


def tryton(server: Any, **how: Any) -> Sessions:
    return Sessions(server, "/rpc/", lambda token: ({"result": [7, token]}, {}), tryton_session, **how)


def test_session_is_carried_as_the_system_wants_it(connect: Connect, server: Any) -> None:
    server.script = site = tryton(server)
    assert pull(connect(ENTITY, transport=TRYTON, SITE_SECRET=SECRET)).complete
    (login,) = site.logins
    assert login.json == {"id": 1, "method": "common.db.login", "params": ["admin", {"password": SECRET}, "en"]}


def test_session_may_be_told_in_a_header(connect: Connect, server: Any) -> None:
    server.script = site = Sessions(
        server,
        "/admin-api",
        lambda token: ({"data": {"login": {"__typename": "CurrentUser"}}}, {"Vendure-Auth-Token": token}),
        lambda token: ("Authorization", f"Bearer {token}"),
    )
    assert pull(connect(ENTITY, transport=VENDURE, SITE_USER="superadmin", SITE_SECRET=SECRET)).complete
    assert site.logins[0].json["variables"] == {"u": "superadmin", "p": SECRET}


def test_session_that_ends_between_pages_is_renewed_and_the_reading_goes_on(connect: Connect, server: Any) -> None:
    server.script = site = tryton(server, ends_after=2)
    snapshot = pull(connect(ENTITY, transport=TRYTON))
    assert (snapshot.complete, len(snapshot.pages), len(site.logins)) == (True, 3, 2)


def test_write_refused_for_its_session_is_sent_again_under_a_new_one(
    connect: Connect, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = site = tryton(server)
    system = connect(ENTITY, transport=TRYTON)
    pull(system)
    site.over = True
    assert system.sink().apply(correction()).reference == "W-9"
    assert server.paths().count("PUT /lines/L1") == 2


def test_status_that_means_an_ended_session_is_declared_and_every_request_has_the_fixed_headers(
    connect: Connect, server: Any
) -> None:
    server.script = site = Sessions(
        server, "/api/token", lambda token: ({"access": token}, {}), lambda token: ("X-Token", token), refusal=403
    )
    system = connect(ENTITY, transport=KARRIO, SITE_TENANT="north")
    pull(system)
    site.over = True
    assert pull(system).complete
    assert len(site.logins) == 2
    assert {(asked.headers["x-tenant"], asked.headers["accept-language"]) for asked in server.requests} == {
        ("north", "en")
    }


def test_session_with_a_lifetime_is_renewed_before_it_ends(connect: Connect, server: Any) -> None:
    server.script = site = Sessions(
        server, "/api/token", lambda token: ({"access": token}, {}), lambda token: ("X-Token", token)
    )
    now = [0.0]
    system = connect(ENTITY, transport=KARRIO, SITE_TENANT="north", options={"monotonic": lambda: now[0]})
    pull(system)
    now[0] = 89.0
    pull(system)
    assert len(site.logins) == 1
    now[0] = 91.0
    pull(system)
    assert len(site.logins) == 2


def test_refusal_inside_an_answer_of_success_renews_the_session_once(connect: Connect, server: Any) -> None:
    forbidden = {"errors": [{"message": "no", "extensions": {"code": "FORBIDDEN"}}], "data": None}
    logins: list[int] = []

    def answer(asked: Any) -> Any:
        if "login" in asked.json["query"]:
            logins.append(1)
            return server.answer(200, {"data": {}}, {"vendure-auth-token": f"t{len(logins)}"})
        good = asked.headers["authorization"] == "Bearer t2"
        return server.answer(200, {"data": {"lines": [{"id": 1}]}} if good else forbidden)

    server.script = answer
    graphql = """
    entities:
      lines: {contract: lines, path: admin-api, query: "{lines {id}}", records: data.lines, fields: [id], key: [id]}
    """
    assert pull(connect(graphql, transport=VENDURE, SITE_USER="us")).complete
    assert len(logins) == 2
    logins.extend([1, 1])
    with pytest.raises(ConfigurationError, match=r"refused with our credentials.*FORBIDDEN no"):
        pull(connect(graphql, transport=VENDURE, SITE_USER="us"))


def test_write_that_was_done_in_part_is_not_sent_again_under_a_new_session(
    connect: Connect, server: Any, correction: Callable[..., Correction]
) -> None:
    forbidden = {"errors": [{"message": "no", "extensions": {"code": "FORBIDDEN"}}], "data": {"first": {"id": 1}}}
    server.script = lambda asked: server.answer(
        200, {"data": {}} if "login" in asked.json["query"] else forbidden, {"vendure-auth-token": "t"}
    )
    declared = 'messages: {qty.set: {path: admin-api, query: "mutation {first {id} second {id}}"}}'
    with pytest.raises(UnknownOutcomeError, match="FORBIDDEN no"):
        connect(declared, transport=VENDURE, SITE_USER="us").sink().apply(correction())
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ((401, {}), ConfigurationError, "HTTP 401"),
        ((200, {"error": ["LoginException", ["wrong s3cr3t-value"]]}), ConfigurationError, "HTTP 200, LoginException"),
        ((200, {"result": None}), ConfigurationError, "without user_id, token"),
        ((200, b"welcome"), ConfigurationError, "without user_id, token"),
        ((200, {"error": {"code": -32603, "message": "s3cr3t-value"}}), SystemDownError, "the error -32603"),
        ((503, {}), SystemDownError, "HTTP 503"),
    ],
)
def test_login_that_fails_says_so_without_showing_the_password(
    connect: Connect,
    server: Any,
    caplog: pytest.LogCaptureFixture,
    *,
    answer: tuple[int, Any],
    error: type[FulfillmentError],
    said: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script = lambda _: server.answer(*answer)
    system = connect(ENTITY, transport=TRYTON, SITE_SECRET=SECRET)
    with pytest.raises(error, match=said) as raised:
        pull(system)
    chain = [raised.value, raised.value.__cause__, raised.value.__context__]
    assert SECRET not in " ".join([*map(repr, chain), *map(str, chain), repr(vars(system)), caplog.text])


def test_login_that_cannot_be_had_means_that_nothing_was_written(
    connect: Connect, server: Any, correction: Callable[..., Correction]
) -> None:
    server.script = lambda _: server.answer(503)
    with pytest.raises(RetryableError, match="asking for a token"):
        connect(ENTITY, transport=TRYTON).sink().apply(correction())
    assert server.paths() == ["POST /rpc/"]


def test_refresh_token_is_replaced_by_the_one_that_comes_with_the_token(connect: Connect, server: Any) -> None:
    forms: list[dict[str, str]] = []

    def answer(asked: Any) -> Any:
        if asked.path != "/token":
            return server.answer(200, server.page("L1"))
        forms.append(dict(part.split("=") for part in asked.body.decode().split("&")))
        return server.answer(200, {"access_token": "a", "refresh_token": f"r{len(forms)}", "expires_in": 100})

    server.script = answer
    now = [0.0]
    options = {"monotonic": lambda: now[0]}
    system = connect(ENTITY, transport=REFRESH, options=options, SITE_SECRET="r0", SITE_CLIENT_SECRET="c")
    pull(system)
    now[0] = 95.0
    pull(system)
    assert [form["refresh_token"] for form in forms] == ["r0", "r1"]
    assert forms[0] == {
        "grant_type": "refresh_token",
        "refresh_token": "r0",
        "scope": "read",
        "client_id": "us",
        "client_secret": "c",
    }


def test_bearer_token_is_carried_as_it_is(connect: Connect, server: Any) -> None:
    server.script = lambda _: server.answer(200, server.page("L1"))
    pull(connect(ENTITY, transport="auth: {kind: bearer, token: {ref: SITE_SECRET}}", SITE_SECRET=SECRET))
    assert server.requests[0].headers["authorization"] == f"Bearer {SECRET}"


def test_header_that_cannot_be_sent_is_refused_without_showing_it(connect: Connect, server: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot be sent") as raised:
        pull(connect(ENTITY, transport="headers: {X-Key: {ref: SITE_SECRET}}", SITE_SECRET="line\nbreak"))
    assert "break" not in json.dumps(str(raised.value))
    assert server.requests == []

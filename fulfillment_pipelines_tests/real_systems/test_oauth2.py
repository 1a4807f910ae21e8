"""OAuth2 against oauth2-mock-server: its tokens are signed JWTs, and the warehouse here lets in no other.

The warehouse checks signature, issuer, scope and expiry of every token with joserfc and the issuer's published keys.
Tokens really expire: a page that is asked for in between waits until they have.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flask
import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from werkzeug.serving import make_server

from fulfillment_pipelines.domain.correction import Correction, Observed
from fulfillment_pipelines.domain.snapshot import Scope, Snapshot
from fulfillment_pipelines.errors import ConfigurationError, RetryableError, SystemDownError
from fulfillment_pipelines.systems.declaration import load_declaration
from fulfillment_pipelines.systems.declaration.http import HttpDeclaration
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.http.system import HttpSystem
from scripts.real_systems.installed import free_port
from scripts.real_systems.oauth2.server import Client, Server, started

pytestmark = pytest.mark.only_in_test_systems

SECRET = "S3cret/of:the distributor"
PAGES = 4
SHORT_SECONDS = 3
CLIENTS = {
    "lasting": Client(SECRET),
    "short": Client(SECRET, SHORT_SECONDS),
    "short and silent": Client(SECRET, SHORT_SECONDS, lifetime_is_told=False),
}


class _Wall:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Warehouse:
    """Lines in pages, and a quantity that can be set, for who shows a good token.

    Attributes:
        issuer: Whose tokens it takes.
        keys: What it checks them with.
        url: Where it is.
        tokens: The good tokens it was shown, by their identifiers, in order and each once.
        refused: How many requests it has refused.
        pages_read: How many pages it has given out.
        expires_before_page: The number of the page that waits until all tokens so far have expired.
        quantities: What was written, in order.
    """

    issuer: str
    keys: KeySet
    url: str = ""
    tokens: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    pages_read: int = 0
    expires_before_page: int = 0
    quantities: list[Any] = field(default_factory=list)

    def application(self) -> flask.Flask:
        application = flask.Flask("warehouse")
        application.before_request(self._guard)
        application.add_url_rule("/lines", "lines", self._lines)
        application.add_url_rule("/lines/L1", "held", lambda: {"qty": (self.quantities or [5])[-1]})
        application.add_url_rule("/lines/L1", "written", self._written, methods=["PUT"])
        return application

    def wait_until_expired(self) -> None:
        """Wait until no token that was shown is good; the longest of them is good for SHORT_SECONDS."""
        deadline = time.monotonic() + 2 * SHORT_SECONDS
        while time.monotonic() < max(self.tokens.values()) + SHORT_SECONDS:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _guard(self) -> Any:
        scheme, _, shown = flask.request.headers.get("Authorization", "").partition(" ")
        claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self.issuer},
            scope={"essential": True, "value": "lines"},
            exp={"essential": True},
        )
        try:
            token = jwt.decode(shown if scheme == "Bearer" else "", self.keys, algorithms=["RS256"])
            claims.validate(token.claims)
        except (JoseError, ValueError) as error:
            self.refused += 1
            return {"error": type(error).__name__}, 401
        self.tokens.setdefault(token.claims["jti"], time.monotonic())
        return None

    def _lines(self) -> Any:
        self.pages_read += 1
        number = int(flask.request.args["page"])
        if number + 1 == self.expires_before_page:
            self.wait_until_expired()
        return {"rows": [{"line_id": f"L{number}"}], "pages": PAGES}

    def _written(self) -> Any:
        self.quantities.append(flask.request.get_json()["qty"])
        return {"qty": self.quantities[-1]}


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("oauth2"), CLIENTS) as server:
        yield server


@pytest.fixture
def warehouse(issuer: Server) -> Iterator[Warehouse]:
    warehouse = Warehouse(issuer.name(), KeySet.import_key_set(issuer.keys()))
    serving = make_server("127.0.0.1", 0, warehouse.application(), threaded=True)
    warehouse.url = f"http://127.0.0.1:{serving.server_port}"
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield warehouse
    serving.shutdown()
    thread.join()
    serving.server_close()


@pytest.fixture
def connect(
    issuer: Server, warehouse: Warehouse, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., HttpSystem]:
    """Connect to the warehouse as a client of the issuer."""

    def connect_declared(
        client: str = "lasting", auth: str = "kind: oauth2_client_credentials, scope: lines", **known: str
    ) -> HttpSystem:
        path = tmp_path / "warehouse.yaml"
        path.write_text(
            f"""
system: warehouse
title: Warehouse
role: wms
contract_version: "1"
freshness_seconds: 60
transport:
  kind: http
  base_url: {{ref: WAREHOUSE_URL}}
  retry: {{attempts: 2, wait_initial_seconds: 0, wait_jitter_seconds: 0}}
  auth: {{{auth}, token_path: "{known.get("TOKEN_URL", f"{issuer.url}/token")}", client_id: {client},
    client_secret: {{ref: CLIENT_SECRET}}}}
entities:
  lines:
    contract: lines
    path: /lines
    records: rows
    paging: {{kind: page_number, parameter: page, pages_field: pages}}
    fields: [line_id]
    key: [line_id]
messages:
  qty.set:
    method: PUT
    path: /lines/{{line_id}}
    body: {{qty: {{number: qty}}}}
    read_back: {{path: "/lines/{{line_id}}", expect: {{qty: qty}}}}
""",
            encoding="utf-8",
        )
        declaration = load_declaration(path)
        assert isinstance(declaration, HttpDeclaration)
        references = References({"WAREHOUSE_URL": warehouse.url, "CLIENT_SECRET": SECRET, **known})
        system = HttpSystem(declaration, references, _Wall())
        request.addfinalizer(system.close)
        return system

    return connect_declared


REFRESHED = "kind: oauth2_refresh_token, scope: lines, refresh_token: {ref: REFRESH_TOKEN}"


def pull(system: HttpSystem) -> Snapshot:
    return system.source("lines").pull(Scope())


def correction() -> Correction:
    return Correction("COR-1", "warehouse", "qty.set", {"line_id": "L1", "qty": "7"}, {"qty": "5"}, "key-1")


@pytest.mark.parametrize("how", ["basic", "body"])
def test_one_token_of_the_issuer_opens_all_pages(
    connect: Callable[..., HttpSystem], warehouse: Warehouse, how: str
) -> None:
    snapshot = pull(connect(auth=f"kind: oauth2_client_credentials, scope: lines, client_authentication: {how}"))
    assert (snapshot.complete, len(snapshot.pages)) == (True, PAGES)
    assert (len(warehouse.tokens), warehouse.refused) == (1, 0)


def test_a_token_whose_end_is_told_is_renewed_between_pages_before_it_is_refused(
    connect: Callable[..., HttpSystem], warehouse: Warehouse
) -> None:
    warehouse.expires_before_page = 3
    snapshot = pull(connect("short"))
    assert (snapshot.complete, len(snapshot.pages)) == (True, PAGES)
    assert (len(warehouse.tokens), warehouse.refused) == (2, 0)


def test_a_token_that_expires_unannounced_is_renewed_when_it_is_refused_and_no_page_is_lost(
    connect: Callable[..., HttpSystem], warehouse: Warehouse
) -> None:
    warehouse.expires_before_page = 3
    snapshot = pull(connect("short and silent"))
    assert (snapshot.complete, len(snapshot.pages), warehouse.pages_read) == (True, PAGES, PAGES)
    assert (len(warehouse.tokens), warehouse.refused) == (2, 1)


def test_a_write_under_an_expired_token_has_its_effect_once(
    connect: Callable[..., HttpSystem], warehouse: Warehouse
) -> None:
    sink = connect("short and silent").sink()
    assert sink.read_back(correction()) is Observed.ABSENT
    warehouse.wait_until_expired()
    assert sink.apply(correction()).observed is Observed.APPLIED
    assert (warehouse.quantities, warehouse.refused) == ([7], 1)


def test_a_token_without_the_scope_is_a_matter_of_configuration_and_asked_for_once_more_only(
    connect: Callable[..., HttpSystem], warehouse: Warehouse
) -> None:
    with pytest.raises(ConfigurationError, match="refused with our credentials"):
        pull(connect(auth="kind: oauth2_client_credentials, scope: invoices"))
    assert warehouse.refused == 2


def test_a_token_of_another_issuer_opens_nothing(
    connect: Callable[..., HttpSystem], warehouse: Warehouse, tmp_path: Path
) -> None:
    with started(tmp_path / "other", CLIENTS) as other, pytest.raises(ConfigurationError):
        pull(connect(TOKEN_URL=f"{other.url}/token"))
    assert (warehouse.tokens, warehouse.refused) == ({}, 2)


@pytest.mark.parametrize("how", ["basic", "body"])
def test_a_wrong_secret_is_a_matter_of_configuration_and_is_not_told(
    connect: Callable[..., HttpSystem], warehouse: Warehouse, how: str
) -> None:
    auth = f"kind: oauth2_client_credentials, scope: lines, client_authentication: {how}"
    with pytest.raises(ConfigurationError, match=r"token endpoint refuses.*HTTP 401") as refused:
        pull(connect(auth=auth, CLIENT_SECRET="withdrawn"))
    assert "withdrawn" not in str(refused.value)
    assert (warehouse.tokens, warehouse.refused) == ({}, 0)


def test_refresh_tokens_that_are_good_once_are_followed(
    connect: Callable[..., HttpSystem], warehouse: Warehouse, issuer: Server
) -> None:
    warehouse.expires_before_page = 3
    granted = issuer.granted_refresh_token("short", SECRET)
    assert pull(connect("short", REFRESHED, REFRESH_TOKEN=granted)).complete
    assert (len(warehouse.tokens), warehouse.refused) == (2, 0)


def test_a_refresh_token_that_was_used_before_is_a_matter_of_configuration_and_is_not_told(
    connect: Callable[..., HttpSystem], issuer: Server
) -> None:
    granted = issuer.granted_refresh_token("lasting", SECRET)
    assert pull(connect("lasting", REFRESHED, REFRESH_TOKEN=granted)).complete
    with pytest.raises(ConfigurationError, match=r"token endpoint refuses.*HTTP 400") as refused:
        pull(connect("lasting", REFRESHED, REFRESH_TOKEN=granted))
    assert granted not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_without_an_issuer_reads_are_down_and_writes_are_not_sent(
    connect: Callable[..., HttpSystem], warehouse: Warehouse
) -> None:
    system = connect(TOKEN_URL=f"http://127.0.0.1:{free_port()}/token")
    with pytest.raises(SystemDownError, match="got no answer"):
        pull(system)
    with pytest.raises(RetryableError, match="asking for a token"):
        system.sink().apply(correction())
    assert (warehouse.quantities, warehouse.refused) == ([], 0)

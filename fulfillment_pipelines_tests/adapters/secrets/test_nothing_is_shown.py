"""Whatever the secrets are and however a connection fails: none is in an error, a representation or a log line."""

from __future__ import annotations

import logging
import socket
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.systems.declaration import SystemDeclaration
from fulfillment_pipelines.systems.declaration.load import _BY_TRANSPORT
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.registry import connect_declared

CLOCK = FixedClock(datetime(2026, 3, 2, tzinfo=UTC))
ENTITY = {"contract": "items", "fields": ["sku"], "key": ["sku"]}
DECLARATION: TypeAdapter[SystemDeclaration] = _BY_TRANSPORT
AUTHENTICATIONS: tuple[Mapping[str, Any], ...] = (
    {"kind": "api_key", "header": "X-Api-Key", "value": {"ref": "A"}},
    {"kind": "basic", "username": "reader", "password": {"ref": "A"}},
    {"kind": "bearer", "token": {"ref": "A"}},
    {"kind": "oauth2_client_credentials", "token_path": "/token", "client_id": "us", "client_secret": {"ref": "A"}},
)
# Long enough that no word of an error holds it by chance; blanks, quotes, line breaks and umlauts are allowed.
SECRETS = st.text(st.characters(min_codepoint=9, max_codepoint=0x17F), min_size=6, max_size=20).map(
    lambda text: f"hunter2{text}"
)


@pytest.fixture(scope="module")
def refusing_url() -> Iterator[str]:
    """A server that refuses everything, and says back what it was sent, as careless ones do."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = f"refused: {self.headers}".encode() + sent
            self.send_response(401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def closed_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _http(url: Any, auth: Mapping[str, Any]) -> dict[str, Any]:
    transport = {"kind": "http", "base_url": url, "auth": auth, "timeout_seconds": 2, "retry": {"attempts": 1}}
    entity = ENTITY | {"path": "/items", "records": "rows", "paging": {"kind": "none"}}
    return _system(transport, entity)


def _system(transport: Mapping[str, Any], entity: Mapping[str, Any]) -> dict[str, Any]:
    told = {"system": "erp", "title": "ERP", "role": "erp", "contract_version": "1", "freshness_seconds": 60}
    return told | {"transport": dict(transport), "entities": {"items": dict(entity)}}


def _declared(refusing_url: str, closed_port: int) -> Iterator[dict[str, Any]]:
    for auth in AUTHENTICATIONS:
        for url in (refusing_url, f"http://127.0.0.1:{closed_port}", {"ref": "A"}):
            yield _http(url, auth)
    for reference in ("A", "DATABASE"):
        transport = {"kind": "sql", "url": {"ref": reference}, "timeout_seconds": 1}
        yield _system(transport, ENTITY | {"table": "items"})
    transport = {"kind": "files", "directory": {"ref": "A"}}
    yield _system(transport, ENTITY | {"path": "items*.csv", "format": "csv"})


def _shown_by(declaration: SystemDeclaration, references: References) -> Iterator[str]:
    """Yield everything a person could read of a system that cannot be read: errors with their causes, and itself."""
    system = connect_declared(declaration, references, CLOCK)
    for act in (system.check, lambda: system.source("items").pull(Scope())):
        try:
            act()
        except FulfillmentError as error:
            yield f"{error} {error!r} " + "".join(traceback.format_exception(error, limit=0))
    yield f"{system!r} {declaration!r} {references!r} {vars(system)!r}"
    system.close()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=SECRETS)
def test_no_secret_is_in_any_error_representation_or_log(
    secret: str, refusing_url: str, closed_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    address = f"postgresql+psycopg://reader:{quote(secret, safe='')}@127.0.0.1:{closed_port}/erp"
    references = References({"A": secret, "DATABASE": address})
    told = ""
    for written in _declared(refusing_url, closed_port):
        told += "".join(_shown_by(DECLARATION.validate_python(written), references))
    told += caplog.text
    assert "refused with our credentials" in told
    assert "got no answer" in told
    for form in (secret, quote(secret, safe=""), repr(secret)[1:-1], "hunter2"):
        assert form not in told

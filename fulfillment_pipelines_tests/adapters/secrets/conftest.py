"""A secret manager that speaks as Vault documents its key-value engine, version 2, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class VaultServer:
    """What the server holds, and what it was asked.

    Attributes:
        values: The entry; None where there is none.
        answer: Replaces the whole body.
    """

    url: str = ""
    token: str = "agent-token"
    values: dict[str, Any] | None = field(default_factory=dict)
    lease_seconds: int = 0
    sealed: bool = False
    answer: bytes | None = None
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def respond(self, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        self.asked.append((path, headers))
        if self.sealed:
            return 503, b'{"errors": ["Vault is sealed"]}'
        if headers.get("X-Vault-Token") != self.token:
            return 403, b'{"errors": ["permission denied"]}'
        if self.answer is not None:
            return 200, self.answer
        if self.values is None or path != "/v1/secret/data/fulfillment":
            return 404, b'{"errors": []}'
        body = {"lease_duration": self.lease_seconds, "data": {"data": self.values, "metadata": {"version": 1}}}
        return 200, json.dumps(body).encode()


@pytest.fixture
def vault() -> Iterator[VaultServer]:
    """A server with an empty entry."""
    state = VaultServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = state.respond(self.path, dict(self.headers.items()))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()

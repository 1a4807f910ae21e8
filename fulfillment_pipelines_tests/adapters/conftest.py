"""What the adapter tests share: a real HTTP server on loopback, a clock that stands still, declarations from YAML."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.domain.correction import Correction
from fulfillment_pipelines.systems.declaration import SystemDeclaration, load_declaration
from fulfillment_pipelines.systems.references import References

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Request:
    """One request as the server received it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What the server answers.

    `hang_up` closes the connection instead, `stall` waits until the test is over, and what `drips` comes byte by byte.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_up: bool = False
    stall: bool = False
    drips: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class LoopbackServer:
    """An HTTP server whose answers a test gives, and whose requests it can look at afterwards."""

    answer = Answer

    @staticmethod
    def page(*ids: str, as_of: str = "2026-03-02T08:00:00Z", **more: Any) -> dict[str, Any]:
        """Return the body of a page of lines."""
        return {"meta": {"as_of": as_of}, "rows": [{"line_id": name} for name in ids], **more}

    def __init__(self) -> None:
        self.script: Callable[[Request], Answer] = lambda _: Answer(404)
        self.requests: list[Request] = []
        self._over = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def paths(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.requests]

    def stop(self) -> None:
        """Stop serving; a later request is refused by the operating system."""
        if not self._over.is_set():
            self._over.set()
            self._http.shutdown()
            self._http.server_close()
            self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                split = urlsplit(self.path)
                length = int(self.headers.get("Content-Length", 0))
                query = {name: values[-1] for name, values in parse_qs(split.query).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, split.path, query, headers, self.rfile.read(length))
                server.requests.append(request)
                answer = server.script(request)
                if answer.stall:
                    server._over.wait(30)
                if answer.stall or answer.hang_up:
                    self.close_connection = True
                    return
                self.send_response_only(answer.status)  # no headers but those the test gives
                for name, value in {"Content-Length": str(len(answer.content)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                for part in (bytes([byte]) for byte in answer.content) if answer.drips else (answer.content,):
                    self._write(part, pause_seconds=0.1 if answer.drips else 0)

            def _write(self, part: bytes, pause_seconds: float) -> None:
                with contextlib.suppress(ConnectionError):  # who has given up does not read on
                    self.wfile.write(part)
                    server._over.wait(pause_seconds)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - names of the standard library

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as above
                pass

        return Handler


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    running = LoopbackServer()
    yield running
    running.stop()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def declare(tmp_path: Path) -> Callable[[str], SystemDeclaration]:
    """Read a declaration from the YAML a test writes."""

    def declare_from(text: str) -> SystemDeclaration:
        path = tmp_path / "declaration.yaml"
        path.write_text(text, encoding="utf-8")
        return load_declaration(path)

    return declare_from


@pytest.fixture
def referring() -> Callable[..., References]:
    """Make references that know the given names."""
    return lambda **values: References(values)


@pytest.fixture
def correction() -> Callable[..., Correction]:
    """Make the correction that sets the quantity of a line, by default that of L1 from 5 to 7."""

    def make(line: str = "L1", qty: str = "7", *, held: str = "5", key: str = "key-1") -> Correction:
        return Correction(
            correction_id=f"COR-{key}",
            target="site",
            message="qty.set",
            payload={"line_id": line, "qty": qty},
            precondition={"qty": held},
            idempotency_key=key,
        )

    return make

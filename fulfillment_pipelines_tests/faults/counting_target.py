"""A finance system behind HTTP that does whatever it is asked, every time, and counts it.

It knows no idempotency keys and compares nothing, so that only the platform keeps an effect to one. A worker speaks
to it below `/worker/<process>`, so that it can end that process before or after the effect, or before or after a look.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass
class CountingTarget:
    """What the system holds. Rows are kept in the order in which they were made.

    Attributes:
        url: Where it listens.
        kills: Points at which the worker that asks is ended; each is used once.
    """

    url: str = ""
    kills: set[str] = field(default_factory=set)
    _rows: list[dict[str, object]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def effects(self) -> list[tuple[str, int]]:
        """Order and line of every effect, in their order; what was done twice is here twice."""
        with self._lock:
            return [(str(row["order_no"]), int(str(row["line_no"]))) for row in self._rows]

    def take(self, kind: str, worker: int, body: dict[str, object]) -> dict[str, object]:
        """Do what is asked; return the record of it.

        Raises:
            ConnectionAbortedError: The worker is gone before anything was done.
        """
        if self._end(worker, "before the effect"):
            raise ConnectionAbortedError
        with self._lock:
            row = {"id": f"{kind}-{len(self._rows) + 1}", "kind": kind, **body}
            self._rows.append(row)
        self._end(worker, "after the effect")
        return row

    def look(self, kind: str, worker: int, wanted: dict[str, str]) -> list[dict[str, object]]:
        """Return the records that are asked for."""
        self._end(worker, "before the look")
        with self._lock:
            alike = {"kind": kind, **wanted}
            found = [row for row in self._rows if all(str(row.get(name)) == alike[name] for name in alike)]
        self._end(worker, "after the look")
        return found

    def _end(self, worker: int, point: str) -> bool:
        with self._lock:
            ends = point in self.kills
            self.kills.discard(point)
        if ends:
            os.kill(worker, signal.SIGKILL)
        return ends


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    target: CountingTarget

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over a client that was ended before it read its answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in two parts would wait for the client's acknowledgement of the first
    server: _Server

    def do_POST(self) -> None:
        kind, worker, _ = self._asked()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(201, self.server.target.take(kind, worker, body))

    def do_GET(self) -> None:
        kind, worker, wanted = self._asked()
        self._answer(200, {"data": self.server.target.look(kind, worker, wanted)})

    def _asked(self) -> tuple[str, int, dict[str, str]]:
        parts = urlsplit(self.path)
        _, _, worker, kind = parts.path.split("/")
        return kind, int(worker), dict(parse_qsl(parts.query))

    def _answer(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def counting_target() -> Iterator[CountingTarget]:
    """Run a counting target in threads of this process."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.target = CountingTarget(url=f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.target
        finally:
            server.shutdown()
            thread.join()

"""ERP and finance as one HTTP server: every collection answers with what has changed since a moment, and a bell rings.

The server runs in a thread of the benchmark; what is asked of it goes over the loopback interface.
"""

from __future__ import annotations

import bisect
import hashlib
import hmac
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Row = dict[str, Any]


@dataclass
class Collection:
    """Records by key, and in which order they changed."""

    rows: dict[str, Row] = field(default_factory=dict)
    changed: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, key: str, row: Row) -> str:
        """Write a record; return when it was written."""
        with self.lock:
            now = datetime.now(UTC).isoformat()
            self.rows[key] = row
            self.changed.append((now, key))
            return now

    def since(self, moment: str | None) -> tuple[str, list[Row]]:
        """Return the present moment, and the records that changed from that moment on."""
        with self.lock:
            now = datetime.now(UTC).isoformat()
            if moment is None:
                return now, list(self.rows.values())
            asked = datetime.fromisoformat(moment).astimezone(UTC).isoformat()
            first = bisect.bisect_left(self.changed, (asked, ""))
            keys = dict.fromkeys(key for _, key in self.changed[first:])
            return now, [self.rows[key] for key in keys]


class Cloud:
    """The server, and who writes its records; serving within the `with` block.

    Args:
        collections: Paths of the collections, `system/entity`.
        secret: Signs the bell.
    """

    def __init__(self, collections: Sequence[str], secret: str) -> None:
        self.collections: Mapping[str, Collection] = {path: Collection() for path in collections}
        self._secret = secret
        self._bell_url = ""
        self._rings = threading.Event()
        self._stop = threading.Event()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        app = Starlette(routes=[Route("/{system}/{entity}", self._answer)])
        self._server = uvicorn.Server(uvicorn.Config(app, port=self._port, log_level="warning"))
        self._threads = [
            threading.Thread(target=self._server.run, daemon=True),
            threading.Thread(target=self._ring, daemon=True),
        ]

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._rings.set()
        self._server.should_exit = True
        for thread in self._threads:
            thread.join(5)

    def ring_at(self, url: str) -> None:
        """Post to this address from now on whenever something has changed."""
        self._bell_url = url

    def put(self, path: str, key: str, row: Row) -> None:
        """Commit a record and ring."""
        self.collections[path].put(key, row)
        self._rings.set()

    async def _answer(self, request: Request) -> Response:
        path = f"{request.path_params['system']}/{request.path_params['entity']}"
        now, rows = self.collections[path].since(request.query_params.get("since"))
        return JSONResponse({"as_of": now, "rows": rows})

    def _ring(self) -> None:
        """Tell at once; changes that come while it tells are told together."""
        body = b"{}"
        proof = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
        with httpx.Client(timeout=5) as client:
            while not self._stop.is_set():
                self._rings.wait()
                self._rings.clear()
                if self._bell_url and not self._stop.is_set():
                    try:
                        client.post(self._bell_url, content=body, headers={"X-Signature": proof})
                    except httpx.HTTPError:
                        continue
                    self._stop.wait(0.05)

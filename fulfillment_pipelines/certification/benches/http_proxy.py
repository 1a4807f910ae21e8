"""A proxy on this machine between the HTTP transport and the real system, which can change what the transport hears.

It forwards requests as they are and answers as they are, unless the one function it is given says otherwise. What
that function does belongs in `http.py`.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import socket
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urlsplit

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
     "upgrade", "content-length", "content-encoding", "host", "accept-encoding"}
)  # fmt: skip
_LINKING = frozenset({"link", "location"})
_UPSTREAM_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class HeardRequest:
    """A request of the transport: its method, its path with the query, its headers in lower case, its body."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ToldAnswer:
    """What the transport is told.

    Attributes:
        status: HTTP status.
        headers: Headers of the system's answer; those of one connection are not among them.
        body: The body, decoded from chunks.
        told_bytes: After how many bytes of the body the connection is cut; None for all of it.
        stalls: Whether nothing comes until the proxy is closed.
        lost: Whether the connection is closed without a word.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    told_bytes: int | None = None
    stalls: bool = False
    lost: bool = False

    def cut(self) -> ToldAnswer:
        """Return the answer that breaks off in its middle."""
        return replace(self, told_bytes=len(self.body) // 2)


Meddle = Callable[[HeardRequest, ToldAnswer], ToldAnswer]
"""Says what the transport is told instead of what the system answered."""


class FaultProxy:
    """Serves on loopback for as long as it is open.

    Args:
        base_url: Address of the real system.
        meddle: Changes answers.
    """

    def __init__(self, base_url: str, meddle: Meddle) -> None:
        self._upstream: SplitResult = urlsplit(base_url)
        self._meddle = meddle
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, name="fault-proxy"
        )

    @property
    def base_url(self) -> str:
        """The address that stands for the system's own."""
        return f"{self._own_origin}{self._upstream.path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def _own_origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def _upstream_origin(self) -> str:
        return f"{self._upstream.scheme}://{self._upstream.netloc.rpartition('@')[2]}"

    def _forward(self, request: HeardRequest) -> ToldAnswer:
        host, port = self._upstream.hostname or "", self._upstream.port
        secure = self._upstream.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connect(host, port, timeout=_UPSTREAM_SECONDS)
        try:
            # Tryton 8.2 calls a plain answer compressed when it is asked for a plain one, so none is asked for.
            sent = {**request.headers, "accept-encoding": "gzip"}
            connection.request(request.method, request.path, body=request.body or None, headers=sent)
            answer = connection.getresponse()
            body = answer.read()
            if answer.getheader("Content-Encoding", "").lower() == "gzip":
                body = gzip.decompress(body)
        finally:
            connection.close()
        headers = {
            name: self._our_link(value) if name.lower() in _LINKING else value
            for name, value in answer.getheaders()
            if name.lower() not in _HOP_BY_HOP
        }
        return ToldAnswer(answer.status, headers, body)

    def _our_link(self, value: str) -> str:
        """Let links to the system lead through the proxy: the transport follows none to another host."""
        return value.replace(self._upstream_origin, self._own_origin)

    def _answer(self, request: HeardRequest) -> ToldAnswer:
        try:
            return self._meddle(request, self._forward(request))
        except (OSError, EOFError, zlib.error, http.client.HTTPException):
            return ToldAnswer(0, {}, b"", lost=True)  # the real system did not answer: the transport hears as little

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                headers = {
                    name.lower(): value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP
                }
                answer = proxy._answer(HeardRequest(self.command, self.path, headers, self.rfile.read(length)))
                if answer.stalls:
                    proxy._over.wait()
                if answer.stalls or answer.lost:
                    self.close_connection = True
                    return
                with contextlib.suppress(ConnectionError):  # who has given up does not listen
                    self._tell(answer)

            def _tell(self, answer: ToldAnswer) -> None:
                self.send_response_only(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body[: answer.told_bytes])
                if answer.told_bytes is not None:
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - names of the standard library

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
                """Log nothing: requests carry credentials."""

        return Handler


def unused_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port

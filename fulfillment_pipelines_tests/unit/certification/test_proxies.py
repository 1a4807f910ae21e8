"""The proxies pass on what they are not told to change, and change what they are told to."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from fulfillment_pipelines.certification.benches.http_proxy import FaultProxy, HeardRequest, ToldAnswer, unused_port
from fulfillment_pipelines.certification.benches.tcp_proxy import Disturbance, TcpFaultProxy


class Echo(BaseHTTPRequestHandler):
    """Answers in chunks with what it was asked, and links to itself."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        told = f"{self.command} {self.path} {self.headers['X-Key']} ".encode() + asked
        self.send_response(201)
        self.send_header("Link", f'<http://{self.headers["Host"]}/next>; rel="next"')
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in (told[:5], told[5:]):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def system() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/base"
        server.shutdown()
        thread.join()


def _post(base_url: str) -> tuple[int, str | None, bytes]:
    address = urlsplit(base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
    try:
        connection.request("POST", f"{address.path}/lines?page=2", body=b"asked", headers={"X-Key": "k"})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Link"), answer.read()
    finally:
        connection.close()


def _unchanged(_: HeardRequest, told: ToldAnswer) -> ToldAnswer:
    return told


def test_request_and_answer_pass_unchanged_and_links_lead_through_the_proxy(system: str) -> None:
    with FaultProxy(system, _unchanged) as proxy:
        status, link, body = _post(proxy.base_url)
    assert (status, body) == (201, b"POST /base/lines?page=2 k asked")
    assert link == f'<{proxy.base_url.removesuffix("/base")}/next>; rel="next"'


def test_answer_is_cut_in_its_middle(system: str) -> None:
    with FaultProxy(system, lambda _, told: told.cut()) as proxy, pytest.raises(http.client.IncompleteRead) as cut:
        _post(proxy.base_url)
    assert cut.value.partial == b"POST /base/line"


def test_answer_is_lost_after_the_system_gave_it(system: str) -> None:
    told: list[ToldAnswer] = []

    def lose(_: HeardRequest, answer: ToldAnswer) -> ToldAnswer:
        told.append(answer)
        return replace(answer, lost=True)

    with FaultProxy(system, lose) as proxy, pytest.raises(http.client.RemoteDisconnected):
        _post(proxy.base_url)
    assert [answer.status for answer in told] == [201]


def test_answer_that_stalls_is_let_go_when_the_proxy_closes(system: str) -> None:
    errors: list[Exception] = []

    def ask(base_url: str) -> None:
        try:
            _post(base_url)
        except http.client.RemoteDisconnected as error:
            errors.append(error)

    held = threading.Event()

    def stall(_: HeardRequest, told: ToldAnswer) -> ToldAnswer:
        held.set()
        return replace(told, stalls=True)

    with FaultProxy(system, stall) as proxy:
        asking = threading.Thread(target=ask, args=(proxy.base_url,))
        asking.start()
        assert held.wait(5)
        assert asking.is_alive()
    asking.join(5)
    assert len(errors) == 1


def test_system_that_is_away_is_as_silent_through_the_proxy() -> None:
    away = f"http://127.0.0.1:{unused_port()}"
    with FaultProxy(away, _unchanged) as proxy, pytest.raises(http.client.RemoteDisconnected):
        _post(proxy.base_url)


@contextmanager
def _repeating() -> Iterator[int]:
    """A server that says what it hears ten times over."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client, _ = listening.accept()
            with client:
                while heard := client.recv(1024):
                    client.sendall(heard * 10)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)


@pytest.mark.parametrize(
    ("disturbance", "words", "heard", "struck"),
    [
        (Disturbance(), b"select", b"select" * 10, 0),
        (Disturbance(after_bytes=8), b"select", b"selectse", 1),
        (Disturbance(at_commit=True), b"select", b"select" * 10, 0),
        (Disturbance(at_commit=True), b"commit", b"", 1),
    ],
    ids=["nothing", "cut", "commit_not_seen", "commit_seen"],
)
def test_bytes_pass_until_the_disturbance(disturbance: Disturbance, words: bytes, heard: bytes, struck: int) -> None:
    with (
        _repeating() as port,
        TcpFaultProxy("127.0.0.1", port, disturbance) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection,
    ):
        connection.sendall(words)
        received = b""
        while len(received) < len(heard) and (part := connection.recv(1024)):
            received += part
        if struck:
            assert connection.recv(1024) == b""
    assert (received, proxy.struck) == (heard, struck)

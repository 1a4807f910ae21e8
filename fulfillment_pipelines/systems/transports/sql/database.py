"""One database of another system: transactions on it, with SQLAlchemy's errors translated."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    BindParameter,
    ColumnClause,
    Connection,
    Engine,
    TableClause,
    bindparam,
    column,
    create_engine,
    make_url,
    table,
)
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    NoSuchTableError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.pool import NullPool
from sqlalchemy.types import NullType

from fulfillment_pipelines.domain.correction import Scalar
from fulfillment_pipelines.errors import BadDataError, ConfigurationError, FulfillmentError, SystemDownError
from fulfillment_pipelines.systems.declaration.sql import SqlDeclaration
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.sql.dialects import WRITES, dialect_named

_SHOWN_CHARACTERS = 300
# How databases say, in English, that they know us not, and that they know not what we ask for.
_REFUSES_US = ("authentication failed", 'FATAL:  role "', "Access denied", "Login failed", "ORA-01017")
_KNOWS_NOT = ("no such table", "no such column", "Unknown column", "doesn't exist", "Invalid column", "ORA-00942")


class Database:
    """The database of one system; an engine is made on first use and connections are not kept.

    Args:
        declaration: Address and time limit.
        references: Where the address comes from.
    """

    def __init__(self, declaration: SqlDeclaration, references: References) -> None:
        self._system = declaration.name
        self._transport = declaration.transport
        self._references = references
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection in one transaction that sees one state of the database throughout.

        Raises:
            SystemDownError: The database cannot be reached, or the connection was lost.
            ConfigurationError: It refuses us, or a table is not there.
            BadDataError: It cannot evaluate what is asked.
        """
        # The first statement begins the transaction and closing ends it; there is nothing to commit, and a
        # lost connection could not.
        with self.translated(), self._connect(writes=False) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection on which a transaction is begun and committed by the caller.

        Raises:
            SystemDownError: The database cannot be reached.
            ConfigurationError: It refuses us.
        """
        with self.translated():
            connection = self._connect(writes=True)
        try:
            yield connection
        finally:
            with self.translated():
                connection.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn SQLAlchemy's errors into this package's."""
        try:
            yield
        except SQLAlchemyError as error:
            raise self._translation(error) from error

    def close(self) -> None:
        """Forget the engine; a later use makes a new one."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None

    def _connect(self, *, writes: bool) -> Connection:
        connection = self._open().connect()
        if writes:
            return connection.execution_options(**{WRITES: True})
        return dialect_named(connection.dialect.name).for_reading(connection)

    def _open(self) -> Engine:
        with self._lock:
            if self._engine is None:
                written = self._references.resolve(self._transport.url, system=self._system).get_secret_value()
                self._engine = self._made(written)
            return self._engine

    def _made(self, written: str) -> Engine:
        try:
            url = make_url(written)
            dialect = dialect_named(url.get_backend_name())
            arguments = dialect.connect_arguments(self._transport.timeout_seconds)
            engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
        except ImportError:
            raise self._unusable("a driver that is not installed", _driver_remedy(written)) from None
        except (ArgumentError, NoSuchModuleError, ValueError) as error:
            raise self._unusable(type(error).__name__, "correct the reference under `transport.url`") from None
        if url.get_backend_name() == "sqlite":
            self._refuse_absent_file(url)
        if dialect.prepare is not None:
            dialect.prepare(engine)
        return engine

    def _unusable(self, found: str, remedy: str) -> ConfigurationError:
        """Return the error for an address; never caused by another, whose text may repeat the address."""
        return ConfigurationError(
            f"{self._system}: the address of its database cannot be used.",
            expected="an SQLAlchemy URL whose driver is installed, such as postgresql+psycopg://…",
            found=found,
            remedy=remedy,
        )

    def _refuse_absent_file(self, url: URL) -> None:
        """Refuse a file that is not there: SQLite would create somebody else's database."""
        named = url.database not in (None, "", ":memory:") and not str(url.database).startswith("file:")
        if named and not Path(str(url.database)).is_file():
            raise SystemDownError(
                f"{self._system}: its database file is not there.",
                expected="an SQLite file",
                remedy="correct the reference under `transport.url`, or start the system that makes it",
            )

    def _translation(self, error: SQLAlchemyError) -> FulfillmentError:
        reason = str(getattr(error, "orig", None) or error).split("\n", maxsplit=1)[0][:_SHOWN_CHARACTERS]
        if isinstance(error, NoSuchTableError):
            return self._misdeclared(f"no table {error}")
        if any(words in reason for words in _REFUSES_US):
            return ConfigurationError(
                f"{self._system}: the database refuses our credentials.",
                expected="a user who may read it",
                found=type(error).__name__,
                remedy="correct the reference under `transport.url`, or have the access granted",
            )
        if isinstance(error, ProgrammingError) or any(words in reason for words in _KNOWS_NOT):
            return self._misdeclared(reason)
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        if lost or isinstance(error, OperationalError | InterfaceError):
            return SystemDownError(
                f"{self._system}: the database did not serve the request.",
                expected=f"an answer within {self._transport.timeout_seconds:g} seconds",
                found=reason,
                remedy="see whether the database runs and is reachable; it is tried again",
            )
        return BadDataError(
            f"{self._system}: the database cannot evaluate what is asked.",
            found=f"{type(error).__name__}, {reason}",
            remedy="correct the row or view it names; nothing was taken from it",
        )

    def _misdeclared(self, reason: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self._system}: what is declared is not in the database.",
            expected="the tables and columns its YAML names, readable for our user",
            found=reason,
            remedy="correct the system's YAML, or have the table made or granted",
        )


def named_table(name: str, columns: Mapping[str, ColumnClause[Any]]) -> TableClause:
    """Return a table, `schema.table` or `table`, with the columns a statement uses."""
    schema, _, plain = name.rpartition(".")
    return table(plain, *columns.values(), schema=schema or None)


def columns_named(*names: str) -> dict[str, ColumnClause[Any]]:
    """Return columns by name, without types: the database knows them."""
    return {name: column(name) for name in names}


def untyped(value: Scalar) -> BindParameter[Any]:
    """Return a bound value whose type the database infers from the column it meets.

    Corrections carry numbers and instants as text; declaring them as text to the database would make
    it refuse to compare them with its own types.
    """
    if isinstance(value, bool):
        return bindparam(None, str(value).lower(), type_=NullType())
    return bindparam(None, None if value is None else str(value), type_=NullType())


def _driver_remedy(written: str) -> str:
    extra = dialect_named(make_url(written).get_backend_name()).extra
    if not extra:
        return "correct the reference under `transport.url`, or install the driver"
    return f"pip install 'fulfillment-pipelines[{extra}]'"

"""The only place that connects to DuckDB: one process's connection to the lake.

The lake is a DuckLake: Parquet files and an SQL catalogue. Writers take one cross-process lock while the
catalogue is an SQLite file and retry when a commit conflicts; readers need no lock. What the tables mean
belongs to the stages that write them, not here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import duckdb
import pyarrow as pa
import stamina
from duckdb_extensions import import_extension
from filelock import FileLock, Timeout

from fulfillment_pipelines.errors import BadDataError, RetryableError

Connection: TypeAlias = duckdb.DuckDBPyConnection
SqlError: TypeAlias = duckdb.Error
"""What DuckDB raises; who runs a model translates it to the model's name, remedy and all."""
Result = TypeVar("Result")

_SCRATCH: Final = "scratch:"
_EXTENSIONS: Final = {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}
_MAINTENANCE: Final = (
    "call ducklake_rewrite_data_files('lake')",
    "call ducklake_merge_adjacent_files('lake')",
    "call ducklake_expire_snapshots('lake', older_than => $before)",
    "call ducklake_cleanup_old_files('lake', older_than => $before)",
)
_CONFLICT_MARKS: Final = ("conflict", "database is locked", "could not serialize", "failed to commit")


@dataclass(frozen=True, slots=True)
class LakeLocation:
    """Where a lake is and what one process may use to work on it.

    Attributes:
        catalog: DuckLake catalogue without its prefix: `sqlite:PATH` or `postgres:CONNECTION`.
        data_path: Directory or object-store prefix of the Parquet files.
        lock_path: File that serialises writers; used with an SQLite catalogue only.
        memory_limit: DuckDB's limit, for example `4GB`.
        threads: DuckDB's worker threads.
        lock_timeout_seconds: How long a writer waits for another writer.
    """

    catalog: str
    data_path: str
    lock_path: Path
    memory_limit: str = "4GB"
    threads: int = 2
    lock_timeout_seconds: float = 120.0

    @property
    def embedded(self) -> bool:
        """Whether the catalogue is an SQLite file, which admits one writer at a time."""
        return self.catalog.startswith("sqlite:")


class Warehouse:
    """One process's connection to the lake; opened at first use.

    Args:
        location: Where the lake is.
        read_only: Attach so that nothing can be written, as analysts do.
    """

    def __init__(self, location: LakeLocation, *, read_only: bool = False) -> None:
        self.location = location
        self._read_only = read_only
        self._connection: Connection | None = None
        self._idle: list[Connection] = []
        self._guard = threading.Lock()
        self._lock = FileLock(location.lock_path)

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in one transaction of the lake, alone among embedded writers.

        `work` may run again after a conflict, so it must have no effect outside the transaction and the
        stage tables it replaces.

        Raises:
            RetryableError: Another writer held the lake for too long, or conflicts did not end.
        """
        with self._writing_alone():
            return self._write_retrying(work)

    def maintain(self, history: timedelta) -> None:
        """Merge the small files that many small commits leave, and let go of history that nobody asks for any more.

        Readers are not disturbed: a file is removed only when no snapshot within `history` needs it.

        Raises:
            RetryableError: Another writer held the lake for too long, or conflicts did not end.
        """
        before = datetime.now(UTC) - history
        with self._writing_alone(), self.reading() as cursor:
            for statement in _MAINTENANCE:
                for attempt in stamina.retry_context(on=_is_conflict, attempts=8, wait_initial=0.02, wait_max=1.0):
                    with attempt:
                        cursor.execute(statement, {"before": before} if "$before" in statement else {})

    def cursor(self) -> Connection:
        """Return a cursor whose unqualified names are the lake's, then the stage's; the caller closes it."""
        with self._guard:
            cursor = self._open().cursor()
        cursor.execute("set timezone = 'UTC'")
        cursor.execute("set search_path = 'lake.main,memory.main'")
        return cursor

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a cursor for reading and for the stage; what a caller leaves in its temp schema may be replaced."""
        cursor = self._borrow()
        try:
            yield cursor
        except BaseException:
            cursor.close()
            raise
        self._idle.append(cursor)

    def query(self, statement: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Return the rows of one select as an Arrow table.

        Raises:
            BadDataError: The statement cannot be run; the message says why.
        """
        with self.reading() as cursor:
            return query_rows(cursor, statement, parameters)

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        if self._connection is not None:
            for cursor in self._idle:
                cursor.close()
            self._idle.clear()
            self._connection.close()
            self._connection = None

    @contextmanager
    def _writing_alone(self) -> Iterator[None]:
        if not self.location.embedded:
            yield
            return
        self.location.lock_path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=self.location.lock_timeout_seconds)
        except Timeout as error:
            raise RetryableError(
                f"The lake's writer lock {self.location.lock_path.name} was not free in time.",
                expected=f"the other writer to finish within {self.location.lock_timeout_seconds:g} s",
                found="it still holds the lock",
                remedy="wait for the other run to end, or stop it; the lock ends with its process",
            ) from error
        try:
            yield
        finally:
            self._lock.release()

    def _write_retrying(self, work: Callable[[Connection], Result]) -> Result:
        for attempt in stamina.retry_context(on=_is_conflict, attempts=8, wait_initial=0.02, wait_max=1.0, timeout=60):
            with attempt:
                return self._transact(work)
        raise AssertionError("stamina re-raises after the last attempt")  # pragma: no cover

    def _transact(self, work: Callable[[Connection], Result]) -> Result:
        with self.reading() as cursor:
            cursor.execute("begin transaction")
            try:
                result = work(cursor)
                cursor.execute("commit")
            except BaseException:
                _roll_back(cursor)
                raise
            return result

    def _borrow(self) -> Connection:
        """A new cursor costs as much as a small query, so cursors are used again."""
        try:
            return self._idle.pop()
        except IndexError:
            return self.cursor()

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> Connection:
        connection = duckdb.connect(
            ":memory:",
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "memory_limit": self.location.memory_limit,
                "threads": str(self.location.threads),
            },
        )
        try:
            if self.location.catalog == _SCRATCH:
                connection.execute("attach ':memory:' as lake")
                return connection
            import_extension("ducklake", con=connection)
            import_extension(_EXTENSIONS[self.location.catalog.partition(":")[0]], con=connection)
            self._attach(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _attach(self, connection: Connection) -> None:
        options = "read_only" if self._read_only else "data_path $data_path"
        # Rows kept in the catalogue would have to be looked for there at every scan of every table.
        options += ", data_inlining_row_limit 0"
        if self.location.embedded:
            if not self._read_only:
                Path(self.location.catalog.partition(":")[2]).parent.mkdir(parents=True, exist_ok=True)
            options += ", meta_journal_mode 'WAL', meta_busy_timeout 10000"
        statement = _attach_statement(self.location, options)
        try:
            for attempt in stamina.retry_context(on=_is_conflict, attempts=8, wait_initial=0.05, wait_max=1.0):
                with attempt:
                    connection.execute(statement)
        except duckdb.Error as error:
            raise RetryableError(
                f"The lake's catalogue {self.location.catalog.partition(':')[0]} could not be attached.",
                expected="a DuckLake catalogue that this process may open",
                found=str(error).splitlines()[0],
                remedy="run `fulfillment run` once to create the lake, or check FULFILLMENT_LAKE_CATALOG",
            ) from error


def _attach_statement(location: LakeLocation, options: str) -> str:
    """ATTACH takes no bound parameters, so its three literals are quoted here and nowhere else."""
    source = ("ducklake:" + location.catalog).replace("'", "''")
    data_path = "'" + location.data_path.replace("'", "''") + "'"
    return "attach '" + source + "' as lake (" + options.replace("$data_path", data_path) + ")"


def _is_conflict(error: Exception) -> bool:
    """Whether the same transaction may succeed when it is run again."""
    if not isinstance(error, duckdb.Error):
        return False
    message = str(error).lower()
    return any(mark in message for mark in _CONFLICT_MARKS)


def _roll_back(cursor: Connection) -> None:
    """Roll back if a transaction is open; a failed commit has already ended it."""
    try:
        cursor.execute("rollback")
    except duckdb.TransactionException:
        return


def scratch() -> Warehouse:
    """Return a lake that lives and ends with its connection: where SQL is tried on a few rows of its own."""
    return Warehouse(LakeLocation(catalog=_SCRATCH, data_path="", lock_path=Path("scratch.lock")))


def query_rows(connection: Connection, statement: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
    """Return the rows of one select as an Arrow table.

    Raises:
        BadDataError: The statement cannot be run; the message says why.
    """
    try:
        if not connection.extract_statements(statement):
            raise BadDataError(
                "There is nothing to ask.",
                expected="one select",
                found=repr(statement),
                remedy='`fulfillment query "show tables"` lists what can be asked',
            )
        return connection.execute(statement, dict(parameters or {})).to_arrow_table()
    except duckdb.Error as error:
        raise BadDataError(
            "The query could not be run.",
            found=str(error).splitlines()[0],
            remedy='`fulfillment query "show tables"` lists what can be asked, `"describe TABLE"` its columns',
        ) from error


def create_view(connection: Connection, name: str, query: str) -> None:
    """Make or replace a view of this process; it hides a table of the lake that has the same name."""
    connection.execute("create or replace temp view " + name + " as " + query)


def create_table(connection: Connection, name: str, query: str, parameters: Mapping[str, Any] | None = None) -> None:
    """Make or replace a table of the stage with the rows of a query."""
    connection.execute("create or replace table " + name + " as " + query, dict(parameters or {}))


def stage_table(connection: Connection, name: str, table: pa.Table) -> None:
    """Make or replace a table of the stage, which this process alone sees, with the rows of an Arrow table."""
    connection.register("staged_rows", table)
    connection.execute("create or replace table memory.main." + name + " as from staged_rows")
    connection.unregister("staged_rows")


def ensure_table(
    connection: Connection,
    name: str,
    query: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    existing: Container[str] = (),
) -> None:
    """Make an empty table with the columns of a query, unless it exists.

    Args:
        connection: The lake's cursor.
        name: The table.
        query: What gives it its columns.
        parameters: Of the query.
        existing: Tables known to be there; asking the lake means planning the query for nothing.
    """
    if name not in existing:
        statement = "create table if not exists " + name + " as select * from (" + query + ") limit 0"  # noqa: S608 - own names
        connection.execute(statement, dict(parameters or {}))


def insert_rows(connection: Connection, name: str, query: str, parameters: Mapping[str, Any] | None = None) -> None:
    """Insert the rows of a query into a table, column by column name."""
    connection.execute("insert into " + name + " by name " + query, dict(parameters or {}))


def replace_rows(
    connection: Connection,
    name: str,
    query: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    existing: Container[str] = (),
) -> None:
    """Make a table hold exactly the rows of a query; the arguments are those of `ensure_table`."""
    ensure_table(connection, name, query, parameters, existing=existing)
    connection.execute("delete from lake.main." + name)  # noqa: S608 - own names
    insert_rows(connection, "lake.main." + name, query, parameters)


def lake_tables(connection: Connection) -> frozenset[str]:
    """Return the names of the lake's tables, as the connection's transaction sees them."""
    found = connection.execute("select table_name from duckdb_tables() where database_name = 'lake'")
    return frozenset(row[0] for row in found.fetchall())


def scalar(connection: Connection, statement: str, parameters: Mapping[str, Any] | None = None) -> int:
    """Return the one number a statement gives."""
    row = connection.execute(statement, dict(parameters or {})).fetchone()
    if row is None:
        raise AssertionError("an aggregate without groups gives one row")
    return int(row[0])

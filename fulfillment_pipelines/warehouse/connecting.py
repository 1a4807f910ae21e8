"""The only place that connects to DuckDB: one process's connection to the lake.

The lake is a DuckLake: Parquet files and an SQL catalogue. Writers take turns, across processes and machines, and
retry when a commit conflicts; readers need no lock. How rows get into a table belongs to `tables`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
import pyarrow as pa
import stamina
from duckdb_extensions import import_extension

from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.stores.duckdb_secret import DuckDbSecret
from fulfillment_pipelines.stores.lake_location import LakeLocation
from fulfillment_pipelines.stores.object_store import SCHEME, ObjectStore
from fulfillment_pipelines.stores.postgres_catalog import PREFIX
from fulfillment_pipelines.warehouse.journal import Connection
from fulfillment_pipelines.warehouse.tables import query_rows, stage_table
from fulfillment_pipelines.warehouse.working_copy import PUBLISHED, WorkingCopy

Result = TypeVar("Result")

SCRATCH: Final = "scratch:"
"""Catalogue of a lake that lies in the memory of its process, and ends with it."""

_EXTENSIONS: Final = {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}
_ROWS_A_GROUP: Final = 32_768
"""Of the lake's files: with more of them the values of a wide table that are being written leave the processor's cache,
which makes writing a fifth dearer; with fewer there is more to look through before a file is read."""

_GROUP_SIZE: Final = "select value from ducklake_options($lake) where option_name = 'parquet_row_group_size'"
_SET_GROUP_SIZE: Final = "call ducklake_set_option($lake, 'parquet_row_group_size', $rows)"
_CONFLICT_MARKS: Final = ("conflict", "database is locked", "could not serialize", "failed to commit")


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
        self._lock = location.writer_lock()
        self._staged: dict[str, object] = {}
        self._copy = WorkingCopy(location.working_copy, self.cursor) if location.working_copy else None
        self._turns = 0

    @property
    def lake_name(self) -> str:
        """The name under which the lake itself is attached, for statements of its upkeep."""
        return PUBLISHED if self._copy else "lake"

    def stage_once(self, name: str, version: object, tables: Callable[[], Mapping[str, pa.Table]]) -> None:
        """Put tables into the stage that only seldom change, unless those of this version are there.

        Args:
            name: What they are together.
            version: Another one replaces them.
            tables: Makes them, by name.
        """
        if name in self._staged and self._staged[name] == version:
            return
        with self.reading() as cursor:
            for table, rows in tables().items():
                stage_table(cursor, table, rows)
        self._staged[name] = version

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in one transaction of the lake, alone among its writers.

        `work` may run again after a conflict, so it must have no effect outside the transaction and the
        stage tables it replaces.

        Raises:
            RetryableError: Another writer held the lake for too long, or conflicts did not end.
        """
        with self.turn():
            return self._write_retrying(work)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the writers' lock over several writes, so that nobody writes between them.

        Who works on a copy publishes when the outermost turn ends, whether it ends well or not.

        Raises:
            RetryableError: Another writer held the lake for too long, or conflicts did not end.
        """
        with self._lock.held():
            self._turns += 1
            try:
                yield
            finally:
                self._turns -= 1
                if self._copy and not self._turns:
                    self._publish(self._copy)

    @contextmanager
    def maintaining(self) -> Iterator[Callable[[str, Mapping[str, Any]], list[Any]]]:
        """Lend what runs statements of the upkeep, each a transaction of its own, alone among the lake's writers.

        A statement runs again when its commit conflicts with another.

        Raises:
            RetryableError: Another writer held the lake for too long.
        """

        def run(statement: str, parameters: Mapping[str, Any]) -> list[Any]:
            for attempt in stamina.retry_context(on=_is_conflict, attempts=8, wait_initial=0.02, wait_max=1.0):
                with attempt:
                    return cursor.execute(statement, dict(parameters)).fetchall()
            raise AssertionError("stamina re-raises after the last attempt")  # pragma: no cover

        with self._lock.held(), self.reading() as cursor:
            stays = self._copy is not None and self._copy.is_abreast()
            yield run
            # What is cached of files that were merged away would stay until memory runs short.
            cursor.execute("set global enable_external_file_cache = false")
            cursor.execute("set global enable_external_file_cache = true")
            if self._copy and stays:
                self._copy.stay()

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

    @contextmanager
    def reading_one_moment(self) -> Iterator[Connection]:
        """Lend a cursor for several questions that all see the lake as it is now, whatever is committed meanwhile."""
        with self.reading() as cursor:
            cursor.execute("begin transaction")
            try:
                yield cursor
            finally:
                cursor.execute("rollback")

    def query(self, statement: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Return the rows of one select as an Arrow table.

        Raises:
            BadDataError: The statement cannot be run; the message says why.
        """
        with self.reading() as cursor:
            return query_rows(cursor, statement, parameters)

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        self._lock.close()
        if self._connection is not None:
            if self._copy:
                self._copy.close()
            for cursor in self._idle:
                cursor.close()
            self._idle.clear()
            self._connection.close()
            self._connection = None
            self._staged.clear()
            if self._copy:
                self._copy.remove()

    def _publish(self, copy: WorkingCopy) -> None:
        try:
            for attempt in stamina.retry_context(on=_is_conflict, attempts=8, wait_initial=0.02, wait_max=1.0):
                with attempt:
                    copy.publish()
        except duckdb.Error as error:
            copy.give_up()
            raise RetryableError(
                "What was worked out could not be written to the lake.",
                expected="a transaction of the lake that nobody disturbs",
                found=str(error).splitlines()[0],
                remedy="nothing: it is worked out again; if it goes on, look at the disk and the lake's catalogue",
            ) from error

    def _write_retrying(self, work: Callable[[Connection], Result]) -> Result:
        for attempt in stamina.retry_context(on=_is_conflict, attempts=8, wait_initial=0.02, wait_max=1.0, timeout=60):
            with attempt:
                return self._transact(work)
        raise AssertionError("stamina re-raises after the last attempt")  # pragma: no cover

    def _transact(self, work: Callable[[Connection], Result]) -> Result:
        if self._copy:
            return self._copy.transact(work)
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
                "allow_unsigned_extensions": "false" if self.location.verify_extensions else "true",
                "memory_limit": self.location.memory_limit,
                "threads": str(self.location.threads),
                # What does not fit into the limit is put where everything made at run time is, not where one stands.
                "temp_directory": str(self.location.lock_path.parent / "spill"),
            },
        )
        try:
            if self.location.catalog == SCRATCH:
                connection.execute("attach ':memory:' as lake")
                return connection
            import_extension("ducklake", con=connection)
            import_extension(_EXTENSIONS[self.location.catalog.partition(":")[0]], con=connection)
            if self.location.data_path.startswith(SCHEME):
                store = self.location.object_store or ObjectStore(self.location.find_secret)
                _create_secret(connection, store.duckdb_secret(self.location.data_path))
            self._attach(connection)
            if self._copy:
                self._copy.refresh(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _attach(self, connection: Connection) -> None:
        if self._copy:
            self._copy.attach(connection)
        source = self.location.catalog
        options = "read_only" if self._read_only else "data_path $data_path"
        # Rows kept in the catalogue would have to be looked for there at every scan of every table.
        options += ", data_inlining_row_limit 0"
        if self.location.embedded:
            if not self._read_only:
                Path(self.location.catalog.partition(":")[2]).parent.mkdir(parents=True, exist_ok=True)
            options += ", meta_journal_mode 'WAL', meta_busy_timeout 10000"
        if self.location.shared:
            catalog = self.location.postgres()
            source = PREFIX + catalog.connection
            if secret := catalog.duckdb_secret():
                _create_secret(connection, secret)
                options += ", meta_secret 'lake_catalog'"
        statement = _attach_statement(source, self.lake_name, self.location.data_path, options)
        try:
            for attempt in stamina.retry_context(on=_is_conflict, attempts=8, wait_initial=0.05, wait_max=1.0):
                with attempt:
                    connection.execute(statement)
            for attempt in stamina.retry_context(on=_is_conflict, attempts=8, wait_initial=0.05, wait_max=1.0):
                with attempt:
                    self._set_group_size(connection)
        except duckdb.Error as error:
            raise RetryableError(
                f"The lake's catalogue {self.location.catalog.partition(':')[0]} could not be attached.",
                expected="a DuckLake catalogue that this process may open",
                found=str(error).splitlines()[0],
                remedy="run `fulfillment run` once to create the lake, or check FULFILLMENT_LAKE_CATALOG",
            ) from error

    def _set_group_size(self, connection: Connection) -> None:
        """Let the lake's files have row groups of one size; written once, for it stays with the lake."""
        lake, rows = {"lake": self.lake_name}, str(_ROWS_A_GROUP)
        if not self._read_only and connection.execute(_GROUP_SIZE, lake).fetchall() != [(rows,)]:
            connection.execute(_SET_GROUP_SIZE, {**lake, "rows": rows})


def _attach_statement(source: str, name: str, data_path: str, options: str) -> str:
    """ATTACH takes no bound parameters, so its literals are quoted here and nowhere else."""
    quoted = "'" + data_path.replace("'", "''") + "'"
    return (
        "attach 'ducklake:"
        + source.replace("'", "''")
        + "' as "
        + name
        + " ("
        + options.replace("$data_path", quoted)
        + ")"
    )


def _create_secret(connection: Connection, secret: DuckDbSecret) -> None:
    """Hand a secret over to this connection, apart from any statement that an error might repeat."""
    for extension in secret.extensions:
        try:
            import_extension(extension, con=connection)
        except ModuleNotFoundError as error:
            raise secret.not_installed(error) from error
        connection.execute("load " + extension)
    connection.execute(secret.statement, dict(secret.parameters))


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


def scratch(memory_limit: str = "4GB", threads: int = 1) -> Warehouse:
    """Return a lake that lives and ends with its connection: where SQL is tried, or asked of files alone."""
    location = LakeLocation(
        catalog=SCRATCH, data_path="", lock_path=Path("scratch.lock"), memory_limit=memory_limit, threads=threads
    )
    return Warehouse(location)

"""The only place that connects to DuckDB: one process's connection to the lake.

The lake is a DuckLake: Parquet files and an SQL catalogue. Writers take turns, across processes and machines, and
retry when a commit conflicts; readers need no lock. What the tables mean belongs to the stages that write them, and
how shared stores are reached to `stores`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import duckdb
import pyarrow as pa
import stamina
from duckdb_extensions import import_extension

from fulfillment_pipelines.errors import BadDataError, RetryableError
from fulfillment_pipelines.stores.duckdb_secret import DuckDbSecret
from fulfillment_pipelines.stores.lake_location import LakeLocation
from fulfillment_pipelines.stores.object_store import SCHEME, ObjectStore
from fulfillment_pipelines.stores.postgres_catalog import PREFIX

Connection: TypeAlias = duckdb.DuckDBPyConnection
SqlError: TypeAlias = duckdb.Error
"""What DuckDB raises; who runs a model translates it to the model's name, remedy and all."""
Result = TypeVar("Result")

_SCRATCH: Final = "scratch:"
_EXTENSIONS: Final = {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}
_ROWS_IN_FILES: Final = """
    select tables.table_name, cast(coalesce(sum(files.record_count), 0) as bigint) as row_count
    from __ducklake_metadata_lake.ducklake_table as tables
    anti join __ducklake_metadata_lake.ducklake_inlined_data_tables as inlined on tables.table_id = inlined.table_id
    left join __ducklake_metadata_lake.ducklake_data_file as files
        on tables.table_id = files.table_id and files.end_snapshot is null
    where tables.end_snapshot is null
    group by tables.table_name
"""
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
        with self._lock.held():
            return self._write_retrying(work)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the writers' lock over several writes, so that nobody writes between them.

        Raises:
            RetryableError: Another writer held the lake for too long.
        """
        with self._lock.held():
            yield

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
            yield run
            # What is cached of files that were merged away would stay until memory runs short.
            cursor.execute("set global enable_external_file_cache = false")
            cursor.execute("set global enable_external_file_cache = true")

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
        self._lock.close()
        if self._connection is not None:
            for cursor in self._idle:
                cursor.close()
            self._idle.clear()
            self._connection.close()
            self._connection = None
            self._staged.clear()

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
                # What does not fit into the limit is put where everything made at run time is, not where one stands.
                "temp_directory": str(self.location.lock_path.parent / "spill"),
            },
        )
        try:
            if self.location.catalog == _SCRATCH:
                connection.execute("attach ':memory:' as lake")
                return connection
            import_extension("ducklake", con=connection)
            import_extension(_EXTENSIONS[self.location.catalog.partition(":")[0]], con=connection)
            if self.location.data_path.startswith(SCHEME):
                store = self.location.object_store or ObjectStore(self.location.find_secret)
                _create_secret(connection, store.duckdb_secret(self.location.data_path))
            self._attach(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _attach(self, connection: Connection) -> None:
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
        statement = _attach_statement(source, self.location.data_path, options)
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


def _attach_statement(source: str, data_path: str, options: str) -> str:
    """ATTACH takes no bound parameters, so its literals are quoted here and nowhere else."""
    quoted = "'" + data_path.replace("'", "''") + "'"
    return "attach 'ducklake:" + source.replace("'", "''") + "' as lake (" + options.replace("$data_path", quoted) + ")"


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


def scratch(memory_limit: str = "4GB", threads: int = 2) -> Warehouse:
    """Return a lake that lives and ends with its connection: where SQL is tried, or asked of files alone."""
    location = LakeLocation(
        catalog=_SCRATCH, data_path="", lock_path=Path("scratch.lock"), memory_limit=memory_limit, threads=threads
    )
    return Warehouse(location)


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
    """Return the names of the lake's tables, as the connection's transaction sees them.

    Asked by their columns: `duckdb_tables()` counts the rows of every table, which takes a hundred times as long.
    """
    found = connection.execute("select distinct table_name from duckdb_columns() where database_name = 'lake'")
    return frozenset(row[0] for row in found.fetchall())


def rows_in_files(connection: Connection) -> Mapping[str, int]:
    """Return how many rows the committed files of each table of a DuckLake hold, deleted ones counted; else nothing.

    DuckLake has no statistics of a table without rows and asks its catalogue for them column by column, each time that
    the table is read: that takes ten times as long as to read a small one, so that who knows of it spares the reading.
    """
    found = connection.execute("select 1 from duckdb_databases() where database_name = 'lake' and type = 'ducklake'")
    return dict(connection.execute(_ROWS_IN_FILES).fetchall()) if found.fetchall() else {}


def scalar(connection: Connection, statement: str, parameters: Mapping[str, Any] | None = None) -> int:
    """Return the one number a statement gives."""
    row = connection.execute(statement, dict(parameters or {})).fetchone()
    if row is None:
        raise AssertionError("an aggregate without groups gives one row")
    return int(row[0])

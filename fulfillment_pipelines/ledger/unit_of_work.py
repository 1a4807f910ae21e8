"""Transactions on the ledger: commit is explicit, rollback is what happens otherwise.

What is read and written within one belongs in the stores beside this module (`cases`, `corrections`, `audit`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Executable, Row, Table, delete, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateTable

from fulfillment_pipelines.ledger.border import READING, FindPassword, open_engine, translated
from fulfillment_pipelines.ledger.bulk import Values, insert_rows, update_rows
from fulfillment_pipelines.ledger.tables import staged_key

# PostgreSQL's advisory locks are numbers; one for each thing that only one transaction may do at a time.
_TURNS = {
    "intake": 720_001,
    "audit": 720_002,
    "migration": 720_003,
    "control_numbers": 720_004,
    "inbox": 720_005,
    "live_lease": 720_006,
}


class UnitOfWork:
    """One connection to the ledger within one transaction. Made by `Ledger.unit_of_work`.

    Attributes:
        request_id: The request in which a person works, for the audit log; empty outside the console.
    """

    def __init__(self, connection: Connection, request_id: str = "") -> None:
        self._connection = connection
        self.request_id = request_id

    def rows(self, statement: Executable, parameters: Mapping[str, object] | None = None) -> Sequence[Row[Any]]:
        """Return all rows of a query.

        Raises:
            RetryableError: The database is busy or does not answer.
            ConfigurationError: The ledger's tables are missing.
        """
        with translated("reading"):
            return self._connection.execute(statement, parameters).all()

    def change(self, statement: Executable, parameters: Sequence[Mapping[str, object]] | None = None) -> int:
        """Execute a statement, once or once for each set of parameters, and return the rows it changed.

        Raises:
            RetryableError: The database is busy or another process wrote the same row first.
            InvariantError: A row would break a constraint.
        """
        if parameters is not None and not parameters:
            return 0
        with translated("writing"):
            return self._connection.execute(statement, parameters).rowcount

    def insert(self, table: Table, names: Sequence[str], rows: Iterable[Values]) -> None:
        """Insert rows in their order, however many.

        Args:
            table: Columns that are not named get the database's own default.
            names: Its columns, in the order of the values.
            rows: The values of each row.

        Raises:
            RetryableError: The database is busy or another process wrote the same row first.
            InvariantError: A row would break a constraint.
        """
        with translated("writing"):
            insert_rows(self._connection, table, names, rows)

    def update(self, table: Table, key: str, names: Sequence[str], rows: Sequence[Values]) -> None:
        """Write some columns of rows that exist, however many.

        Args:
            table: The table.
            key: Its primary key.
            names: The columns that change.
            rows: The values of each row, and behind them its key.

        Raises:
            RetryableError: The database is busy.
            InvariantError: A row would break a constraint.
        """
        with translated("writing"):
            update_rows(self._connection, table, key, names, rows)

    def stage(self, keys: Iterable[str]) -> Table:
        """Fill the temporary table of this connection with the keys that the next statement is about."""
        with translated("staging keys"):
            self._connection.execute(CreateTable(staged_key, if_not_exists=True))
            self._connection.execute(delete(staged_key))
            insert_rows(self._connection, staged_key, ["key"], ((key,) for key in dict.fromkeys(keys)))
            if self._connection.dialect.name == "postgresql":
                # It would take a table that it knows nothing of for a long one, and read all of the other.
                self._connection.execute(text("analyze staged_key"))
        return staged_key

    def take_turn(self, activity: str) -> None:
        """Wait until no other transaction does the same; SQLite lets only one write, from its first statement on.

        Args:
            activity: `intake`, `audit` or `migration`, always taken in this order, so that none waits in a circle;
                `control_numbers`, `inbox` and `live_lease`, in transactions of their own.
        """
        if self._connection.dialect.name == "postgresql":
            with translated("waiting for a turn"):
                self._connection.execute(select(func.pg_advisory_xact_lock(_TURNS[activity])))
        elif not self._connection.in_transaction():
            with translated("waiting for a turn"):
                self._connection.execute(select(1))

    def commit(self) -> None:
        """Make everything since the last commit durable.

        Raises:
            RetryableError: The database did not take the commit; nothing was written.
        """
        with translated("committing"):
            try:
                self._connection.commit()
            except SQLAlchemyError:
                # SQLite keeps a transaction open whose commit failed; the next one must not find itself within it.
                self._connection.invalidate()
                raise

    def rollback(self) -> None:
        """Undo everything since the last commit."""
        with translated("rolling back"):
            self._connection.rollback()


class Ledger:
    """The ledger database.

    Args:
        url: `sqlite:///<path>` for one machine, `postgresql+psycopg://...` for production.
        find_password: Asked at every new connection where a PostgreSQL address holds no password.

    Raises:
        ConfigurationError: The address cannot be used.
    """

    def __init__(self, url: str, find_password: FindPassword | None = None) -> None:
        self._url = make_url(url) if url.startswith("sqlite") else None
        self._engine = open_engine(url, find_password)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the database that are there now; none where it is on a server."""
        if self._url is None or not self._url.database:
            return ()
        path = Path(self._url.database)
        return tuple(sorted(path.parent.glob(path.name + "*")))

    def migrate(self) -> None:
        """Create the database's tables, or bring those of an older version to the current one.

        Raises:
            ConfigurationError: The database cannot be opened.
            RetryableError: It is busy or does not answer.
        """
        # Alembic takes a third of a second to import, and only this step needs it.
        from fulfillment_pipelines.ledger.migrations.upgrade import upgrade_to  # noqa: PLC0415 - see above

        if self._url is not None and self._url.database:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
        with self.unit_of_work() as work:
            work.take_turn("migration")
            with translated("migrating"):
                upgrade_to(work._connection)  # noqa: SLF001 - Alembic needs the connection that holds the turn
            work.commit()

    @contextmanager
    def unit_of_work(self, request_id: str = "") -> Iterator[UnitOfWork]:
        """Open a transaction that writes; what is not committed is rolled back at the end of the block.

        Args:
            request_id: The request in which a person works; the audit log keeps it with what is recorded.

        Raises:
            RetryableError: The database is busy or does not answer.
            ConfigurationError: It cannot be opened.
        """
        with translated("connecting"):
            connection = self._engine.connect()
        try:
            yield UnitOfWork(connection, request_id)
        finally:
            with translated("rolling back"):
                connection.close()

    @contextmanager
    def reading(self) -> Iterator[UnitOfWork]:
        """Open a transaction that only reads; it sees one state throughout and does not wait for a writer.

        Raises:
            RetryableError: The database does not answer.
            ConfigurationError: It cannot be opened.
        """
        with translated("connecting"):
            options: dict[str, Any] = {READING: True}
            if self._engine.dialect.name == "postgresql":
                options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            connection = self._engine.connect().execution_options(**options)
        try:
            yield UnitOfWork(connection)
        finally:
            with translated("rolling back"):
                connection.close()

    def close(self) -> None:
        """Close all connections."""
        with translated("closing"):
            self._engine.dispose()

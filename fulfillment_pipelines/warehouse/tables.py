"""How rows get into a table of the lake and out of it, and what is asked of its tables as a whole.

Every change of a table of the lake goes through these functions, so that a process that works on a copy can note it.
Connecting belongs to `connecting`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Final

import duckdb
import pyarrow as pa

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.warehouse.journal import (
    Connection,
    JournalingConnection,
    delete_statement,
    journaling,
)

MADE_ANEW_FROM_ROWS: Final = 100_000
"""Of fewer rows, to delete them costs less than another table in the catalogue."""

_ROWS_IN_FILES: Final = """
    select tables.table_name, cast(coalesce(sum(files.record_count), 0) as bigint) as row_count
    from __ducklake_metadata_lake.ducklake_table as tables
    anti join __ducklake_metadata_lake.ducklake_inlined_data_tables as inlined on tables.table_id = inlined.table_id
    left join __ducklake_metadata_lake.ducklake_data_file as files
        on tables.table_id = files.table_id and files.end_snapshot is null
    where tables.end_snapshot is null
    group by tables.table_name
"""


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


def insert_rows(
    connection: Connection,
    name: str,
    query: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    is_bulk: bool = False,
) -> int:
    """Insert the rows of a query into a table, column by column name; return how many.

    Args:
        connection: The lake's cursor.
        name: The table.
        query: What gives the rows.
        parameters: Of the query.
        is_bulk: Whether there may be too many rows to note each.
    """
    told: Mapping[str, Any] = parameters or {}
    notes, target = journaling(connection, name)
    if notes and is_bulk:
        notes.journal.note_remade(name)
    elif notes:
        query, told = notes.insert(name, query, told)
    return scalar(_behind(connection), "insert into " + target + " by name " + query, told)


def delete_rows(
    connection: Connection,
    name: str,
    condition: str,
    gone: str,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Delete the rows of a table of the lake for which a condition holds.

    Args:
        connection: The lake's cursor.
        name: The table.
        condition: Over `target`, the table, and `gone`, the keys of what goes.
        gone: The temp table or view in which those keys stand.
        parameters: Of the condition.
    """
    notes, target = journaling(connection, name)
    if notes:
        notes.delete(name, condition, gone, parameters or {})
    _behind(connection).execute(delete_statement(target, condition, gone), dict(parameters or {}))


def clear_rows(connection: Connection, name: str) -> None:
    """Delete all rows of a table of the lake."""
    notes, target = journaling(connection, name)
    if notes:
        notes.journal.note_remade(name)
    _behind(connection).execute("delete from " + target)  # noqa: S608 - own names


def drop_table(connection: Connection, name: str) -> None:
    """Drop a table of the lake, if it is there."""
    notes, target = journaling(connection, name)
    if notes:
        notes.journal.note_remade(name)
        notes.journal.moves_tables = True
    _behind(connection).execute("drop table if exists " + target)


def replace_rows(
    connection: Connection,
    name: str,
    query: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    existing: Container[str] = (),
) -> None:
    """Make a table of the lake hold exactly the rows of a query, which does not read it.

    A large table is made anew: to delete its rows takes memory for each of them, and time. The arguments are those of
    `ensure_table`.
    """
    ensure_table(connection, name, query, parameters, existing=existing)
    notes, target = journaling(connection, name)
    rows = 0 if notes else scalar(connection, "select count(*) from " + target)  # noqa: S608 - own names
    if rows >= MADE_ANEW_FROM_ROWS:
        connection.execute("create or replace table " + target + " as from " + target + " limit 0")
    else:
        clear_rows(connection, name)
    insert_rows(connection, name, query, parameters, is_bulk=True)


def _behind(connection: Connection) -> Connection:
    """Return DuckDB's own cursor, for a statement that has been noted."""
    return connection.connection if isinstance(connection, JournalingConnection) else connection


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

"""Thousands of rows at the price that the database's driver asks: by column, without a mapping for each row.

SQLAlchemy takes parameters row by row and name by name, which costs more than the database does. Here each column is
turned into what the database stores in one go, equal values once: on SQLite for one `executemany`, on PostgreSQL for
one `copy`. Statements that are built around values, and what the rows mean, do not belong here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from types import NoneType
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, bindparam, insert, update
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.schema import CreateTable

Values = tuple[object, ...]
"""The values of one row, in the order of the names that are given with it."""

_ROWS_AT_ONCE = 20_000
_SENT_AS_THEY_ARE = frozenset({str, int, bytes, NoneType})
# Below, a table to copy into costs more than it saves.
_STAGED_FROM_ROWS = 500


def insert_rows(connection: Connection, table: Table, names: Sequence[str], rows: Iterable[Values]) -> None:
    """Insert rows in their order.

    Args:
        connection: Within a transaction.
        table: Columns that are not named get the database's own default.
        names: Its columns, in the order of the values.
        rows: The values, as the columns' types take them.
    """
    columns = [table.c[name] for name in names]
    for some in _portions(rows):
        if connection.dialect.driver == "psycopg":
            _copy(connection, table, columns, some)
        elif connection.dialect.name == "sqlite":
            values = " values (" + ", ".join("?" for _ in columns) + ")"
            statement = "insert into " + _target(connection, table, columns) + values
            connection.exec_driver_sql(statement, list(_stored(connection, columns, some)))
        else:
            connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in some])


def update_rows(connection: Connection, table: Table, key: str, names: Sequence[str], rows: Sequence[Values]) -> None:
    """Write some columns of rows that exist.

    Args:
        connection: Within a transaction.
        table: The table.
        key: Its primary key.
        names: The columns that change.
        rows: The values, and behind them the key.
    """
    if connection.dialect.driver == "psycopg" and len(rows) >= _STAGED_FROM_ROWS:
        _update_from_copy(connection, table, key, names, rows)
        return
    given: list[tuple[Any, Any]] = [(table.c[name], bindparam(f"new_{name}")) for name in names]
    statement = update(table).where(table.c[key] == bindparam("the_key")).ordered_values(*given)
    if connection.dialect.name == "sqlite":
        columns = [table.c[name] for name in (*names, key)]
        text = str(statement.compile(dialect=connection.dialect))
        for some in _portions(rows):
            connection.exec_driver_sql(text, list(_stored(connection, columns, some)))
    else:
        parameters = [f"new_{name}" for name in names] + ["the_key"]
        connection.execute(statement, [dict(zip(parameters, row, strict=True)) for row in rows])


def _update_from_copy(
    connection: Connection, table: Table, key: str, names: Sequence[str], rows: Sequence[Values]
) -> None:
    columns = [Column(name, table.c[name].type) for name in (*names, key)]
    staged = Table(f"staged_{table.name}", MetaData(), *columns, prefixes=["temporary"])
    connection.execute(CreateTable(staged))
    insert_rows(connection, staged, [*names, key], rows)
    values = {name: staged.c[name] for name in names}
    connection.execute(update(table).where(table.c[key] == staged.c[key]).values(values))
    staged.drop(connection)


def _portions(rows: Iterable[Values]) -> Iterator[list[Values]]:
    """Yield rows some at a time, so that what is made of them does not grow with them."""
    left = iter(rows)
    while some := list(islice(left, _ROWS_AT_ONCE)):
        yield some


def _stored(connection: Connection, columns: Sequence[Column[Any]], rows: Sequence[Values]) -> Iterator[Values]:
    """Yield rows as the driver takes them."""
    of_columns = zip(columns, zip(*rows, strict=True), strict=True)
    return zip(*(_stored_values(connection.dialect, column, values) for column, values in of_columns), strict=True)


def _stored_values(dialect: Dialect, column: Column[Any], values: Sequence[object]) -> Sequence[object]:
    """Return the values of one column as the database stores them; equal ones are converted once."""
    convert = column.type.dialect_impl(dialect).bind_processor(dialect)
    if convert is None:
        return values if _SENT_AS_THEY_ARE.issuperset(map(type, values)) else [_plain(value) for value in values]
    try:
        stored = {value: _plain(convert(value)) for value in set(values)}
    except ValueError as error:
        raise StatementError(str(error), column.name, None, error) from error
    return list(map(stored.__getitem__, values))


def _plain(value: object) -> object:
    """Return what every driver sends without looking for how: a text that is no enumeration, an instant as text."""
    if isinstance(value, str):
        return str(value)
    return value.isoformat(" ") if isinstance(value, datetime) else value


def _target(connection: Connection, table: Table, columns: Sequence[Column[Any]]) -> str:
    """Return a table with columns of it, in their order, as a statement names them."""
    quoted = connection.dialect.identifier_preparer
    return quoted.format_table(table) + " (" + ", ".join(quoted.format_column(column) for column in columns) + ")"


def _copy(connection: Connection, table: Table, columns: Sequence[Column[Any]], rows: Sequence[Values]) -> None:
    statement = "copy " + _target(connection, table, columns) + " from stdin"
    dbapi = connection.dialect.loaded_dbapi
    driver: Any = connection.connection.dbapi_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in _stored(connection, columns, rows):
                copy.write_row(row)
    except dbapi.Error as error:
        # As the rest of a transaction raises it, so that the border need not know two trees of errors.
        raise DBAPIError.instance(statement, None, error, dbapi.Error, dialect=connection.dialect) from error

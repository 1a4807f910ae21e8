"""Whole tables of PostgreSQL as Arrow batches, through ADBC: columns arrive as columns, no row is touched in Python.

The rows are those of the state that another connection sees, whose transaction hands its snapshot over. Types that
Arrow has no exact counterpart of are read as text, as the row path keeps them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import (
    Boolean,
    Connection,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    Numeric,
    Select,
    String,
    Text,
    cast,
    column,
    select,
    text,
    types,
)
from sqlalchemy.dialects import postgresql

from fulfillment_pipelines.errors import ConfigurationError, SystemDownError
from fulfillment_pipelines.systems.transports.sql.database import named_table

_EXACT: Final = (Boolean, Date, DateTime, Float, Integer, LargeBinary, Numeric, String, Text)
_EXPORT: Final = text("select pg_export_snapshot()")
_MODIFIER: Final = b"POSTGRESQL:type"
_TYPMOD: Final = b"POSTGRESQL:typmod"
_HEADER: Final = 4  # what PostgreSQL adds to the modifier of a numeric
_MOST_DIGITS: Final = 38


def whole_table(name: str, columns: Sequence[tuple[str, Any]], key: Sequence[str]) -> Select[Any]:
    """Return the query for all rows of a table in the order of their key.

    Args:
        name: `schema.table` or `table`.
        columns: The columns to read, with their types as the database tells them.
        key: Columns that identify a row.
    """
    read = {field: column(field, kind) for field, kind in columns}
    rows = named_table(name, read)
    shown = [rows.c[field] if _is_exact(kind) else cast(rows.c[field], Text).label(field) for field, kind in columns]
    return select(*shown).order_by(*(rows.c[field] for field in key))


def read_batches(system: str, connection: Connection, query: Select[Any]) -> Iterator[pa.Table]:
    """Yield the rows of a query, as the connection's transaction would see them.

    Args:
        system: Declared name of the system, for errors.
        connection: In a transaction of one snapshot, on PostgreSQL.
        query: Without parameters.

    Raises:
        ConfigurationError: ADBC is not installed, or the database is none that it reads.
        SystemDownError: The connection broke.
    """
    adbc = _driver(system, connection)
    snapshot = connection.execute(_EXPORT).scalar_one()
    url = connection.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    begin = f"begin isolation level repeatable read read only; set transaction snapshot '{snapshot}'"
    # Without parameters nothing is filled in, so that a percent sign in a name stands for itself.
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    statement = str(query.compile(dialect=dialect))
    try:
        with adbc.connect(url, autocommit=True) as reading, reading.cursor() as cursor:
            for one in begin.split("; "):
                cursor.execute(one)
            cursor.execute(statement)
            for batch in cursor.fetch_record_batch():
                yield _exact(pa.Table.from_batches([batch]))
    except (adbc.Error, OSError, pa.ArrowException) as error:  # what breaks amidst the batches, Arrow tells
        raise SystemDownError(
            f"{system}: the database broke off an Arrow read.",
            expected="all rows of the table",
            found=type(error).__name__,  # its text may repeat the address
            remedy="see whether the database runs; it is tried again. `transport.read: rows` reads without ADBC",
        ) from None


def _driver(system: str, connection: Connection) -> Any:
    if connection.dialect.name != "postgresql":
        raise ConfigurationError(
            f"{system}: `transport.read: arrow` reads PostgreSQL only.",
            found=connection.dialect.name,
            remedy="declare `read: rows`",
        )
    try:
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - an extra that most deployments do without
    except ImportError as error:
        raise ConfigurationError(
            f"{system}: `transport.read: arrow` needs a driver that is not installed.",
            expected="the ADBC driver for PostgreSQL",
            remedy="pip install 'fulfillment-pipelines[arrow]', or declare `read: rows`",
        ) from error
    return dbapi


def _is_exact(kind: types.TypeEngine[Any]) -> bool:
    return isinstance(kind, _EXACT) and not isinstance(kind, types.Uuid | types.Enum)


def _exact(table: pa.Table) -> pa.Table:
    """Return the table with numbers as decimals of the scale they are declared with; without one they are text."""
    columns = [_exact_column(table.column(place), table.schema.field(place)) for place in range(table.num_columns)]
    return pa.table(columns, names=table.column_names)


def _exact_column(values: pa.ChunkedArray, told: pa.Field) -> pa.ChunkedArray:
    stored = pa.chunked_array(
        [getattr(chunk, "storage", chunk) for chunk in values.chunks],
        type=getattr(told.type, "storage_type", told.type),
    )
    metadata = told.metadata or {}
    if metadata.get(_MODIFIER) != b"numeric":
        return stored
    modifier = int(metadata.get(_TYPMOD, b"-1")) - _HEADER
    precision, scale = (modifier >> 16) & 0xFFFF, modifier & 0x7FF
    if modifier < 0 or precision > _MOST_DIGITS or scale > precision:
        return stored
    try:
        return stored.cast(pa.decimal128(precision, scale))
    except pa.ArrowInvalid:  # a numeric may be NaN or infinite
        return stored

"""Look at a database before it is declared: its tables and views, their columns and keys, and a few of their rows.

Only reads, in one transaction. What the tables mean is guessed in `onboarding`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Inspector, inspect, select
from sqlalchemy.exc import DBAPIError, SAWarning
from sqlalchemy.types import Date, DateTime, Integer, LargeBinary, Numeric, TypeEngine

from fulfillment_pipelines.systems.declaration.sql import SqlDeclaration
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.transports.sql.database import Database, columns_named, named_table


@dataclass(frozen=True, slots=True)
class InspectedColumn:
    """One column of a table.

    Attributes:
        name: Its name.
        is_instant: Whether the database declares it to be a date or a time.
        is_number: Whether it declares it to be a number.
        is_zoned: Whether it declares that the times name their zone.
        refers_to: The column of another table that it refers to, as `table.column`; empty for none.
        values: What the rows that were read hold, as text; None where it is NULL.
    """

    name: str
    is_instant: bool
    is_number: bool
    is_zoned: bool
    refers_to: str
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class InspectedTable:
    """One table or view.

    Attributes:
        name: Its name, with its schema where one was asked for.
        key: Its primary key; empty where it has none that can be read as text.
        columns: Its columns, without those of binary content.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[InspectedColumn, ...]


@dataclass(frozen=True, slots=True)
class InspectedDatabase:
    """What was seen of a database, and what could not be.

    Attributes:
        tables: Its tables and views, in the order of their names.
        unread: Those that could not be read, by name, with the database's own words: a view over a column that is
            gone, a table that our user may not read.
    """

    tables: tuple[InspectedTable, ...]
    unread: Mapping[str, str]


def inspect_database(
    declaration: SqlDeclaration, references: References, *, rows: int, schema: str = ""
) -> InspectedDatabase:
    """Return the tables and views of a database. One that cannot be read does not hide the others.

    Args:
        declaration: The address of the database and its time limit; its entities do not matter.
        references: Where the address comes from.
        rows: How many rows of each are looked at.
        schema: The schema to look into; the connection's own where empty.

    Raises:
        ConfigurationError: The address cannot be used, or the database refuses us.
        SystemDownError: It cannot be reached.
        BadDataError: No table can be read.
    """
    database = Database(declaration, references)
    try:
        with database.reading() as connection, warnings.catch_warnings():
            # A type that SQLAlchemy does not know is read as the text that the driver makes of it.
            warnings.simplefilter("ignore", SAWarning)
            inspector = inspect(connection)
            names = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
            return _inspected(sorted(names), connection, lambda name: _table(connection, inspector, name, rows, schema))
    finally:
        database.close()


def _inspected(
    names: Sequence[str], connection: Connection, look: Callable[[str], InspectedTable]
) -> InspectedDatabase:
    tables: list[InspectedTable] = []
    unread: dict[str, str] = {}
    for name in names:
        try:
            with connection.begin_nested():  # PostgreSQL would refuse all that follows an error
                tables.append(look(name))
        except DBAPIError as error:
            if error.connection_invalidated or (name == names[-1] and not tables):
                raise
            unread[name] = str(error.orig).split("\n", maxsplit=1)[0]
    return InspectedDatabase(tuple(tables), unread)


def _table(connection: Connection, inspector: Inspector, name: str, rows: int, schema: str) -> InspectedTable:
    types: dict[str, TypeEngine[Any]] = {
        column["name"]: column["type"]
        for column in inspector.get_columns(name, schema or None)
        if not isinstance(column["type"], LargeBinary)
    }
    full_name = f"{schema}.{name}" if schema else name
    read = (
        connection.execute(select(*named_table(full_name, columns_named(*types)).c).limit(rows)).all() if types else []
    )
    referred = {
        own: f"{foreign['referred_table']}.{theirs}"
        for foreign in inspector.get_foreign_keys(name, schema or None)
        for own, theirs in zip(foreign["constrained_columns"], foreign["referred_columns"], strict=False)
    }
    key = tuple(inspector.get_pk_constraint(name, schema or None)["constrained_columns"])
    return InspectedTable(
        name=full_name,
        key=key if types.keys() >= set(key) else (),
        columns=tuple(
            InspectedColumn(
                name=column,
                is_instant=isinstance(type_, Date | DateTime),
                is_number=isinstance(type_, Integer | Numeric),
                is_zoned=bool(getattr(type_, "timezone", False)),
                refers_to=referred.get(column, ""),
                values=tuple(_text(row[position]) for row in read),
            )
            for position, (column, type_) in enumerate(types.items())
        ),
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else str(value)

"""Column types that mean the same in PostgreSQL and in the SQLite databases of the twin's HTTP and file systems.

Inside the twin a moment is an epoch second, a quantity an integer in the unit of its row, a price an integer number
of cents; only PostgreSQL tables, which are read from outside, hold them as timestamps and decimals.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer, Numeric
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine


class Moment(TypeDecorator[int]):
    """An epoch second: `timestamptz` in PostgreSQL, an integer in SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the database at hand."""
        kind: TypeEngine[Any] = DateTime(timezone=True) if dialect.name == "postgresql" else BigInteger()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        """Return the epoch second as the database takes it."""
        if value is None or dialect.name != "postgresql":
            return value
        return datetime.fromtimestamp(value, UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """Return what the database holds as an epoch second."""
        if value is None or dialect.name != "postgresql":
            return None if value is None else int(value)
        return int(value.timestamp())


class Cents(TypeDecorator[int]):
    """An amount or price in cents: `numeric` in PostgreSQL, an integer in SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the database at hand."""
        kind: TypeEngine[Any] = Numeric(18, 2) if dialect.name == "postgresql" else BigInteger()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        """Return the cents as the database takes them."""
        return Decimal(value) / 100 if value is not None and dialect.name == "postgresql" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """Return what the database holds in cents."""
        return int(value * 100) if value is not None and dialect.name == "postgresql" else value


class Quantity(TypeDecorator[int]):
    """A whole number of units: `numeric(18, 4)` in PostgreSQL, an integer in SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the database at hand."""
        kind: TypeEngine[Any] = Numeric(18, 4) if dialect.name == "postgresql" else Integer()
        return dialect.type_descriptor(kind)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """Return what the database holds as an integer."""
        del dialect  # both answers become the same
        return None if value is None else int(value)

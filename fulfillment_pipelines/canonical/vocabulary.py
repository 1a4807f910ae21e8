"""The shape of a contract: columns, types, codes and keys, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ColumnType(StrEnum):
    """The types of the canonical model; the value is DuckDB's name for it."""

    TEXT = "VARCHAR"
    INTEGER = "BIGINT"
    QUANTITY = "DECIMAL(18, 4)"
    AMOUNT = "DECIMAL(18, 2)"
    PRICE = "DECIMAL(18, 4)"
    INSTANT = "TIMESTAMPTZ"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a contract.

    Attributes:
        name: Canonical name, with its unit as a suffix.
        type: Canonical type.
        about: What the value means, in one sentence.
        required: Whether a row without it is quarantined.
        codes: The only values allowed; empty for any.
        minimum: The smallest value allowed; None for any.
    """

    name: str
    type: ColumnType
    about: str
    required: bool = True
    codes: tuple[str, ...] = ()
    minimum: int | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """What every system must say, in canonical terms, when it speaks of one kind of fact.

    Attributes:
        name: Canonical table without its prefix, for example `order_lines`.
        version: Raised when a column is added, removed or changes its meaning.
        about: What one row is (the grain), in one sentence.
        key: Columns that identify a row within one system.
        columns: All columns, key columns first.
        in_order: Pairs (earlier, later) of instants of which the second may not precede the first.
    """

    name: str
    version: int
    about: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    in_order: tuple[tuple[str, str], ...] = ()

    def has_column(self, name: str) -> bool:
        """Return whether the contract has a column of that name."""
        return any(column.name == name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return next(column for column in self.columns if column.name == name)

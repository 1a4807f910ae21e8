"""What a process has done to its working copy of the lake's tables, kept until it is done to the lake.

DuckDB writes one database in one transaction, so what is written to the copy is written to the lake by a second one.
Until then the rows that came and the keys of those that went stand in temp tables. Who copies and publishes is
`working_copy`; the functions of `tables` are the only ones that note anything here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import duckdb

Connection: TypeAlias = duckdb.DuckDBPyConnection
SqlError: TypeAlias = duckdb.Error
"""What DuckDB raises; who runs a model translates it to the model's name, remedy and all."""

LAKE: Final = "lake.main."
_OF_THE_LAKE: Final = re.compile(r"(?:lake\.main\.)?((?:snap|canon|rec|mart|ops)_\w+)")
_COMMENTS: Final = r"\s*(?:--.*\n\s*)*"
_CREATED: Final = re.compile(_COMMENTS + r"create\s+table\b", re.IGNORECASE)
_MOVING: Final = r"(?:alter|create\s+or\s+replace|drop)\s+table(?:\s+if\s+exists)?"
_WRITES: Final = r"(?:insert\s+into|delete\s+from|update|" + _MOVING + r")\s+"
_UNNOTED: Final = re.compile(_COMMENTS + _WRITES + _OF_THE_LAKE.pattern, re.IGNORECASE)
_GONE: Final = re.compile(r"\bgone\b")


@dataclass(frozen=True, slots=True)
class Change:
    """Rows that came into a table, or that went out of it.

    Attributes:
        table: Of the lake, without its database.
        kept: Temp table of the rows that came, or of the keys of those that went.
        condition: Of the rows that went, over `target` and the kept keys; empty where rows came.
        parameters: Of the condition.
    """

    table: str
    kept: str
    condition: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Journal:
    """Changes in the order in which they were made; of a table that was remade whole only that it was.

    Args:
        earlier: What was noted before, which this one goes on from and leaves as it is.

    Attributes:
        moves_tables: Whether tables were made or dropped.
    """

    def __init__(self, earlier: Journal | None = None) -> None:
        self._changes: dict[str, list[Change] | None] = {}
        self._kept = 0
        self.moves_tables = False
        if earlier is not None:
            self._go_on_from(earlier)

    def _go_on_from(self, other: Journal) -> None:
        self._changes = {table: changes and [*changes] for table, changes in other._changes.items()}
        self._kept, self.moves_tables = other._kept, other.moves_tables

    def __bool__(self) -> bool:
        """Whether anything is noted."""
        return bool(self._changes) or self.moves_tables

    @property
    def tables(self) -> frozenset[str]:
        """Tables that are other than they were."""
        return frozenset(self._changes)

    @property
    def remade(self) -> Iterator[str]:
        """Tables of which so much has changed that all of it is to be published."""
        return (table for table, changes in self._changes.items() if changes is None)

    @property
    def changes(self) -> Iterator[Change]:
        """What came and went in the other tables."""
        return (change for changes in self._changes.values() for change in changes or ())

    @property
    def kept(self) -> tuple[str, ...]:
        """All temp tables that were ever noted."""
        return tuple(f"journal_{number + 1}" for number in range(self._kept))

    def next_kept(self) -> str:
        """Return the name of a temp table that is not in use."""
        self._kept += 1
        return f"journal_{self._kept}"

    def note(self, change: Change) -> None:
        """Note a change, unless its table is noted whole."""
        changes = self._changes.setdefault(change.table, [])
        if changes is not None:
            changes.append(change)

    def note_remade(self, table: str) -> None:
        """Note that a table is to be published whole."""
        self._changes[table] = None


class JournalingConnection:
    """A cursor within a transaction of the working copy: what `tables` writes through it is noted.

    Args:
        connection: DuckDB's cursor.
        journal: Where it is noted.
    """

    def __init__(self, connection: Connection, journal: Journal) -> None:
        self.connection = connection
        self.journal = journal

    def __getattr__(self, name: str) -> Any:
        """Whatever else is asked of it is asked of DuckDB's cursor."""
        return getattr(self.connection, name)

    def execute(self, statement: str, parameters: object = None) -> Connection:
        """Run a statement that changes no table of the lake."""
        if match := _UNNOTED.match(statement):
            raise AssertionError(f"{match[1]} is written past the journal; use the functions of warehouse.tables")
        self.journal.moves_tables |= _CREATED.match(statement) is not None
        return self.connection.execute(statement, parameters)

    def insert(self, table: str, query: str, parameters: Mapping[str, Any]) -> str:
        """Keep the rows of a query, and return the query of what was kept."""
        kept = self.journal.next_kept()
        self.connection.execute("create or replace temp table " + kept + " as " + query, dict(parameters))
        self.journal.note(Change(table, kept))
        return "from " + kept

    def delete(self, table: str, condition: str, gone: str, parameters: Mapping[str, Any]) -> None:
        """Keep the keys by which rows are deleted."""
        kept = self.journal.next_kept()
        self.connection.execute("create or replace temp table " + kept + " as from " + gone)
        self.journal.note(Change(table, kept, condition, parameters))


def journaling(connection: Connection, table: str) -> tuple[JournalingConnection | None, str]:
    """Return who notes a change of a table, if anybody does, and the table's name without its database."""
    found = _OF_THE_LAKE.fullmatch(table)
    if found is None:
        return None, table
    return (connection if isinstance(connection, JournalingConnection) else None), found[1]


def is_of_the_lake(table: str) -> bool:
    """Return whether a name without its database is that of a table of the lake, by what such names begin with."""
    return _OF_THE_LAKE.fullmatch(table) is not None


def delete_statement(table: str, condition: str, gone: str) -> str:
    """Return the statement that deletes the rows of `target` for which a condition on the keys in `gone` holds."""
    return "delete from " + table + " as target where " + _GONE.sub(gone, condition)  # noqa: S608 - own names

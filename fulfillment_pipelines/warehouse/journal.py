"""What a process has done to its working copy of the lake's tables, kept until it is done to the lake.

DuckDB writes one database in one transaction, so what is written to the copy is written to the lake by a second one.
Until then the rows that came and the keys of those that went stand in temp tables. Who copies and publishes is
`working_copy`; the functions of `tables` are the only ones that note anything here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import duckdb

Connection: TypeAlias = duckdb.DuckDBPyConnection
SqlError: TypeAlias = duckdb.Error
"""What DuckDB raises; who runs a model translates it to the model's name, remedy and all."""

LAKE: Final = "lake.main."
_OF_THE_LAKE: Final = re.compile(r"(?:snap|canon|rec|kpi|mart|ops)_\w+")
_COMMENTS: Final = r"\s*(?:--.*\n\s*)*"
_CREATED: Final = re.compile(_COMMENTS + r"create\s+table\b", re.IGNORECASE)
_MOVING: Final = r"(?:alter|create\s+or\s+replace|drop)\s+table(?:\s+if\s+exists)?"
_WRITES: Final = r"(?:insert\s+into|delete\s+from|update|" + _MOVING + r")\s+"
_UNNOTED: Final = re.compile(_COMMENTS + _WRITES + r"(?:lake\.main\.)?(" + _OF_THE_LAKE.pattern + ")", re.IGNORECASE)
_GONE: Final = re.compile(r"\bgone\b")


@dataclass(frozen=True, slots=True)
class Gone:
    """Rows of a table that were deleted.

    Attributes:
        condition: Over `target`, the table, and `gone`, the kept keys.
        kept: Temp table of those keys.
        parameters: Of the condition.
    """

    condition: str
    kept: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a table: first these rows went, then those came.

    Rows that came and went again stand in neither, so that many passes are published as one.

    Attributes:
        came: Temp table of the rows that came and are still there; empty where none came.
        gone: What went of the rows that are published, each condition once.
    """

    came: str = ""
    gone: Mapping[tuple[str, ...], Gone] = field(default_factory=dict)


class Journal:
    """Changes table by table; of a table that was remade whole only that it was.

    Args:
        earlier: What was noted before, which this one goes on from and leaves as it is.

    Attributes:
        moves_tables: Whether tables were made or dropped.
    """

    def __init__(self, earlier: Journal | None = None) -> None:
        self._changes: dict[str, Change | None] = dict(earlier.changes) if earlier else {}
        self._kept = len(earlier.kept) if earlier else 0
        self._deletes: Counter[tuple[str, str]] = Counter()
        self.moves_tables: bool = earlier.moves_tables if earlier else False

    def __bool__(self) -> bool:
        """Whether anything is noted."""
        return bool(self._changes) or self.moves_tables

    @property
    def changes(self) -> Mapping[str, Change | None]:
        """What became of each table that is other than it was; None where all of it is to be published."""
        return MappingProxyType(self._changes)

    @property
    def kept(self) -> tuple[str, ...]:
        """All temp tables that were ever noted."""
        return tuple(map(_kept_name, range(1, self._kept + 1)))

    def note_remade(self, table: str) -> None:
        """Note that a table is to be published whole."""
        self._changes[table] = None

    def note_came(self, table: str) -> tuple[str, bool]:
        """Return the temp table for rows that come, and whether it must be made; none where it is noted whole."""
        change = self._changes.setdefault(table, Change())
        if change is None or change.came:
            return (change.came if change else ""), False
        kept = self._next_kept()
        self._changes[table] = replace(change, came=kept)
        return kept, True

    def note_gone(self, table: str, condition: str, parameters: Mapping[str, Any]) -> tuple[str, str, bool]:
        """Return the temp table for keys that go, and whether it must be made, and that of the rows that came before.

        The first delete of a kind in one pass goes with the first in another: who deletes by near keys first and by
        far ones then does so for the lake as well, where near keys are found faster.
        """
        change = self._changes.setdefault(table, Change())
        if change is None:
            return "", "", False
        self._deletes[table, condition] += 1
        kind = (condition, str(self._deletes[table, condition]), repr(sorted(parameters.items())))
        if kind in change.gone:
            return change.gone[kind].kept, change.came, False
        kept = self._next_kept()
        self._changes[table] = replace(change, gone={**change.gone, kind: Gone(condition, kept, dict(parameters))})
        return kept, change.came, True

    def _next_kept(self) -> str:
        self._kept += 1
        return _kept_name(self._kept)


def _kept_name(number: int) -> str:
    return f"journal_{number}"


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

    def insert(self, table: str, query: str, parameters: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Keep the rows of a query, and return the query of what was kept, with its parameters."""
        kept, is_new = self.journal.note_came(table)
        if not kept:
            return query, parameters
        run = self.connection.execute
        run("create or replace temp table journal_rows as " + query, dict(parameters))
        if is_new:
            run("create or replace temp table " + kept + " as from " + LAKE + table + " limit 0")
        run("insert into temp." + kept + " by name from journal_rows")
        return "from journal_rows", {}

    def delete(self, table: str, condition: str, gone: str, parameters: Mapping[str, Any]) -> None:
        """Keep the keys by which rows are deleted, and let go of what came by them."""
        kept, came, is_new = self.journal.note_gone(table, condition, parameters)
        if not kept:
            return
        keep = "create or replace temp table " + kept + " as" if is_new else "insert into temp." + kept + " by name"
        self.connection.execute(keep + " from " + gone)
        if came:
            self.connection.execute(delete_statement("temp." + came, condition, gone), dict(parameters))


def journaling(connection: Connection, name: str) -> tuple[JournalingConnection | None, str]:
    """Return who notes a change of a table, if anybody does, and the name by which no view of the process hides it."""
    if not _OF_THE_LAKE.fullmatch(name):
        return None, name
    return (connection if isinstance(connection, JournalingConnection) else None), LAKE + name


def delete_statement(table: str, condition: str, gone: str) -> str:
    """Return the statement that deletes the rows of `target` for which a condition on the keys in `gone` holds."""
    return "delete from " + table + " as target where " + _GONE.sub(gone, condition)  # noqa: S608 - own names

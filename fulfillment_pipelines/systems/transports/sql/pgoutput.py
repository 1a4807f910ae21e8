"""The messages of PostgreSQL's logical replication, as its plug-in `pgoutput` writes them (protocol version 1).

Source: PostgreSQL 18 documentation, "Logical Replication Message Formats". Only what tells which rows have changed is
read: tables, keys, and whether something left. Where the messages come from belongs to `change_log.py`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_OLD_KEY: Final = frozenset(b"KO")
_NEW: Final = ord("N")
_TEXT: Final = ord("t")
_COMMIT_BYTES: Final = 26


class UnreadableLogError(Exception):
    """A message is not what protocol version 1 says; its text says which."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as the log knows it.

    Attributes:
        name: `schema.table`.
        columns: In the order rows are written in.
        identity: The columns whose old values are written where an update changes one of them.
    """

    name: str
    columns: tuple[str, ...]
    identity: frozenset[str]


@dataclass(slots=True)
class Changes:
    """What the messages so far have said of one table.

    Attributes:
        key: The columns that identify a row.
        keys: Keys of rows that were inserted or updated, as text.
        rows_left: Whether a row was deleted, or moved to another key, or all were taken away.
    """

    key: tuple[str, ...]
    keys: set[tuple[str, ...]] = field(default_factory=set)
    rows_left: bool = False
    _relations: dict[int, Relation] = field(default_factory=dict)

    def take(self, message: bytes, table: str) -> None:
        """Take one message into account.

        Args:
            message: As the plug-in wrote it.
            table: `schema.table`, or `table` for one of any schema.

        Raises:
            UnreadableLogError: It cannot be read, or speaks of a table that was not described.
        """
        try:
            self._take(_Reader(message), table)
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise UnreadableLogError(f"a message {message[:1]!r} of {len(message)} bytes: {error}") from error

    def _take(self, reader: _Reader, table: str) -> None:
        match chr(reader.byte()):
            case "R":
                number, relation = reader.relation()
                self._relations[number] = relation
            case "I" | "U" as kind:
                relation = self._relation(reader.number())
                if _is(relation, table):
                    self._row(reader, relation, is_update=kind == "U")
            case "D":
                self.rows_left |= _is(self._relation(reader.number()), table)
            case "T":
                count, _ = reader.number(), reader.byte()
                self.rows_left |= any(_is(self._relation(reader.number()), table) for _ in range(count))
            case _:
                pass  # transactions, origins and types say nothing of rows

    def _row(self, reader: _Reader, relation: Relation, *, is_update: bool) -> None:
        marker = reader.byte()
        # An old row is written where a column of the identity has changed, and always where that is the full row.
        stayed, old = not is_update or relation.identity.issuperset(self.key), None
        if is_update and marker in _OLD_KEY:
            stayed, old = False, self._key_of(reader.row(relation))
            marker = reader.byte()
        if marker != _NEW:
            raise UnreadableLogError(f"a row of {relation.name} that is neither new nor old")
        key = self._key_of(reader.row(relation))
        if key is None:
            self.rows_left = True  # which row it is cannot be told: everything is read
            return
        self.rows_left |= not stayed and old != key
        self.keys.add(key)

    def _key_of(self, values: Mapping[str, str | None]) -> tuple[str, ...] | None:
        """Return the key of a row; None where a part of it was not written."""
        found = [value for value in map(values.get, self.key) if value is not None]
        return tuple(found) if len(found) == len(self.key) else None

    def _relation(self, number: int) -> Relation:
        if number not in self._relations:
            raise UnreadableLogError(f"a row of a table that was not described, number {number}")
        return self._relations[number]


def commit_end(message: bytes) -> int | None:
    """Return the position behind a transaction, where the message is the one that ends it."""
    if not message.startswith(b"C") or len(message) < _COMMIT_BYTES:
        return None
    (position,) = struct.unpack_from(">Q", message, 10)
    return int(position)


class _Reader:
    """Takes a message apart from front to back; numbers are big-endian."""

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._at = 0

    def byte(self) -> int:
        return self._take(1)[0]

    def number(self) -> int:
        value: int = struct.unpack(">I", self._take(4))[0]
        return value

    def text(self) -> str:
        end = self._message.index(b"\0", self._at) if b"\0" in self._message[self._at :] else len(self._message)
        value = self._message[self._at : end].decode()
        self._at = end + 1
        return value

    def relation(self) -> tuple[int, Relation]:
        number, schema, name = self.number(), self.text(), self.text()
        self.byte()  # how old rows are identified
        columns: list[str] = []
        identity: set[str] = set()
        for _ in range(self._short()):
            is_identity = self.byte() & 1
            columns.append(self.text())
            identity.update(columns[-1:] if is_identity else ())
            self._take(8)  # type and modifier
        return number, Relation(f"{schema}.{name}", tuple(columns), frozenset(identity))

    def row(self, relation: Relation) -> Mapping[str, str | None]:
        values: dict[str, str | None] = {}
        names: Sequence[str] = relation.columns
        for position in range(self._short()):
            kind = self.byte()
            values[names[position]] = self._take(self.number()).decode() if kind == _TEXT else None
        return values

    def _short(self) -> int:
        value: int = struct.unpack(">H", self._take(2))[0]
        return value

    def _take(self, count: int) -> bytes:
        taken = self._message[self._at : self._at + count]
        if len(taken) < count:
            raise IndexError("it ends too early")
        self._at += count
        return taken


def _is(relation: Relation, table: str) -> bool:
    return relation.name == table or ("." not in table and relation.name.partition(".")[2] == table)

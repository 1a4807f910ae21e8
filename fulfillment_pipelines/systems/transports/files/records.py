"""What is read from a file whose records are not lines of text: columns of text, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_FEW_ROWS: Final = 100


class UnreadableFileError(Exception):
    """A file is not what it is declared to be, or not whole."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"it is not {expected} ({found})")
        self.expected = expected
        self.found = found


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """A record that cannot be read: where it is, what is wrong, what it says."""

    position: int
    problem: str
    text: str


@dataclass(frozen=True, slots=True)
class FileRecords:
    """The records of one file.

    Attributes:
        fields: Names that any record has.
        columns: The wanted fields as text, all of one length; None where a record lacks the field.
        broken: Records that are in no column.
        undeclared: A few values of each field that is not wanted.
    """

    fields: frozenset[str]
    columns: Mapping[str, Sequence[str | None]]
    broken: tuple[BrokenRecord, ...] = ()
    undeclared: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)


def records_of_rows(
    rows: Sequence[Mapping[str, str | None]], wanted: Sequence[str], broken: Iterable[BrokenRecord] = ()
) -> FileRecords:
    """Return rows as columns, with a few values of what is not wanted."""
    fields = frozenset(name for row in rows for name in row)
    few = rows[:_FEW_ROWS]
    return FileRecords(
        fields=fields,
        columns={name: [row.get(name) for row in rows] for name in wanted},
        broken=tuple(broken),
        undeclared={name: tuple(row.get(name) for row in few) for name in sorted(fields.difference(wanted))},
    )

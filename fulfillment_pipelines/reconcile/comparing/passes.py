"""Comparing two tables: range by range where they are sorted, so that memory does not grow with them.

The statements are in `statements`, what is compared and how in `terms`. Every row ends in exactly one place: the same,
changed, missing, extra, under a key that repeats, or without a whole key; `Comparison.require_conserved` proves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Final

from sqlglot import exp

from fulfillment_pipelines.errors import BadDataError, InvariantError
from fulfillment_pipelines.reconcile.comparing.sources import ComparedTable, open_table
from fulfillment_pipelines.reconcile.comparing.statements import (
    BREAKS,
    DUPLICATES,
    EXTRA,
    LEFT,
    MISSING,
    PAIRS,
    RIGHT,
    Statements,
)
from fulfillment_pipelines.reconcile.comparing.terms import ComparedColumns, Terms, columns_under
from fulfillment_pipelines.warehouse import Connection, SqlError, create_table, insert_rows, scalar

ROWS_A_RANGE: Final = 1_200_000
"""Rows of the left side that are joined at once: larger and smaller ranges were measured to be dearer."""

_FEWEST_RANGES: Final = 2
# Enough of them that a range is seldom a tenth longer than another.
_DRAWN_ROWS: Final = 100_000
# Of both sides together: what a list of all their rows may hold, if every one differs.
_MOST_OVER: Final = 4

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChangedField:
    """What was found of one field.

    Attributes:
        name: On the left.
        tolerance: How far apart values may lie, as it was given; empty for not at all.
        changed_rows: In how many rows with a counterpart it is not the same.
        samples: The first of them by key: the key's columns, `left_value` and `right_value`.
    """

    name: str
    tolerance: str
    changed_rows: int
    samples: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two tables have in common and what not. All counts are of rows.

    Attributes:
        left_rows: Of the left table.
        right_rows: Of the right table.
        same_rows: Rows with a counterpart and no difference.
        changed_rows: Rows with a counterpart from which they differ.
        missing_rows: Rows of the left table without a counterpart.
        extra_rows: Rows of the right table without a counterpart.
        duplicate_keys: Keys that repeat on a side; their rows were compared with nothing.
        duplicate_left_rows: Rows of the left table under such keys.
        duplicate_right_rows: Likewise of the right.
        keyless_left_rows: Rows of the left table with a null in their key; they were compared with nothing.
        keyless_right_rows: Likewise of the right.
        fields: What was found of each field.
        missing_samples: The first missing keys.
        extra_samples: The first extra keys.
        duplicate_samples: The first keys that repeat.
        only_left: Columns that the right table lacks.
        only_right: Columns that the left table lacks.
        not_exact: Fields that are binary numbers on both sides, which no comparison makes exact.
    """

    left_rows: int
    right_rows: int
    same_rows: int
    changed_rows: int
    missing_rows: int
    extra_rows: int
    duplicate_keys: int
    duplicate_left_rows: int
    duplicate_right_rows: int
    keyless_left_rows: int
    keyless_right_rows: int
    fields: tuple[ChangedField, ...]
    missing_samples: tuple[Row, ...]
    extra_samples: tuple[Row, ...]
    duplicate_samples: tuple[Row, ...]
    only_left: tuple[str, ...]
    only_right: tuple[str, ...]
    not_exact: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether every row of each table is in the other, and no column is missing."""
        return self.same_rows == self.left_rows == self.right_rows and not self.only_left and not self.only_right

    def require_conserved(self) -> None:
        """Check that every row was counted in exactly one place.

        Raises:
            InvariantError: Rows were lost or counted twice.
        """
        with_counterpart = self.same_rows + self.changed_rows
        left = with_counterpart + self.missing_rows + self.duplicate_left_rows + self.keyless_left_rows
        right = with_counterpart + self.extra_rows + self.duplicate_right_rows + self.keyless_right_rows
        if (left, right) != (self.left_rows, self.right_rows) or self.same_rows < 0:
            raise InvariantError(
                "A comparison lost rows or counted some twice.",
                expected=f"{self.left_rows} rows on the left and {self.right_rows} on the right",
                found=f"{left} and {right}, of which {self.same_rows} the same",
                remedy="report it: no number of this comparison may be believed",
            )


class Comparing:
    """One comparison of two tables, on one connection; its differences can be asked for afterwards.

    Args:
        connection: Of the lake where a side is a table of it.
        left: A file, a table of the lake or a feed; see `sources.open_table`.
        right: Likewise.
        terms: What is compared.

    Raises:
        ConfigurationError: A table or a column is not there.
        BadDataError: A file cannot be read.
    """

    def __init__(self, connection: Connection, left: str, right: str, terms: Terms) -> None:
        first_key = terms.key[0] if terms.key else ""
        old_name = {new: old for old, new in terms.renamed.items()}.get(first_key, first_key)
        self._connection, self._terms = connection, terms
        self.left: ComparedTable = open_table(connection, left, LEFT, first_key)
        self.right: ComparedTable = open_table(connection, right, RIGHT, old_name)
        self.columns: ComparedColumns = columns_under(terms, self.left.types, self.right.types)
        self._statements = Statements(self.columns)

    def run(
        self, *, rows_a_range: int = ROWS_A_RANGE, progress: Callable[[int, int], None] = lambda _done, _all: None
    ) -> Comparison:
        """Compare.

        Args:
            rows_a_range: How many rows of the left side are joined at once, where both are sorted by the first key.
            progress: Told how many of how many ranges are done.

        Raises:
            BadDataError: A value cannot be read, or cast to what it is compared as.
        """
        with _translated(self.left, self.right):
            # Every range opens the same files; their footers are read once.
            self._connection.execute("set parquet_metadata_cache = true")
            self._make_tables()
            ranges = self._ranges(rows_a_range)
            keyed_rows = [0, 0]
            for done, (low, high) in enumerate(ranges):
                progress(done, len(ranges))
                rows = self._compare_range(low, high, _MOST_OVER * rows_a_range)
                keyed_rows = [before + more for before, more in zip(keyed_rows, rows, strict=True)]
            self._set_duplicates_aside()
            progress(len(ranges), len(ranges))
            compared = self._comparison(*keyed_rows)
        compared.require_conserved()
        return compared

    def write_differences(self, file: Path) -> None:
        """Write all differences to a Parquet or CSV file that is there whole or not at all.

        One row for each missing, extra or duplicate key and for each changed field: kind, the key's columns, field,
        and the values on either side as text; of a duplicate key, how many rows each side has.

        Raises:
            BadDataError: The file cannot be written.
        """
        begun = file.with_name("part-of-" + file.name)
        target = exp.Literal.string(str(begun)).sql(dialect="duckdb")
        try:
            self._connection.execute("copy (" + self._statements.told() + ") to " + target)
            begun.replace(file)
        except (SqlError, OSError) as error:
            raise BadDataError(
                f"{file} cannot be written.",
                found=str(error).splitlines()[0],
                remedy="name a file in a folder that may be written to",
            ) from error

    def _make_tables(self) -> None:
        made = self._statements
        duplicates, breaks = made.duplicates(low=False, high=False), made.breaks(low=False, high=False)
        create_table(self._connection, "memory.main." + DUPLICATES, "from (" + duplicates + ") limit 0")
        create_table(self._connection, "memory.main." + BREAKS, "from (" + breaks + ") limit 0")

    def _ranges(self, rows_a_range: int) -> list[tuple[object, object]]:
        """Return ranges of the first key column, from its lower bound and below its upper one; None is no bound."""
        parts = -(-self.left.rows // rows_a_range)
        if parts < _FEWEST_RANGES or not (self.left.is_sorted_by and self.right.is_sorted_by):
            return [(None, None)]
        return list(pairwise([None, *sorted(set(self._cuts(parts, rows_a_range))), None]))

    def _cuts(self, parts: int, rows_a_range: int) -> list[Any]:
        """Return keys between which lie about as many rows as a range has."""
        key = self.columns.key[0]
        of_text = {"VARCHAR": str, "BIGINT": int, "INTEGER": int}.get(self.left.types[key.name])
        if of_text is not None and key.as_type is None:
            # Where a row group begins, so that none is read for two ranges.
            behind = accumulate(rows for _, rows in self.left.parts)
            numbers = [(rows - 1) // rows_a_range for rows in behind]
            begins = zip(self.left.parts[1:], pairwise(numbers), strict=True)
            return [of_text(first) for (first, _), (before, number) in begins if number > before]
        drawing = self._statements.bounds(min(100, 100 * _DRAWN_ROWS / self.left.rows))
        drawn = sorted(row[0] for row in self._connection.execute(drawing).fetchall())
        return [drawn[len(drawn) * part // parts] for part in range(1, parts)] if drawn else []

    def _compare_range(self, low: object, high: object, most_at_once: int) -> tuple[int, int]:
        """Keep the breaks of one range; return how many rows with a whole key each side has in it."""
        bounded = {"low": low is not None, "high": high is not None}
        bounds = {name: value for name, value in (("low", low), ("high", high)) if value is not None}
        made, connection = self._statements, self._connection
        left_rows, right_rows = (
            scalar(connection, made.count_keyed(side, **bounded), bounds) for side in (LEFT, RIGHT)
        )
        if left_rows + right_rows <= most_at_once:
            limited = bounds | {"most": left_rows + right_rows + 1}
            create_table(connection, "memory.main." + PAIRS, made.one_pass(**bounded), limited)
            seen = connection.execute(made.seen_of_pass()).fetchone()
            if seen is not None and seen[:2] == (left_rows, right_rows) and seen[2] <= left_rows + right_rows:
                insert_rows(connection, "memory.main." + BREAKS, made.breaks_of_pass())
                return left_rows, right_rows
        insert_rows(connection, "memory.main." + DUPLICATES, made.duplicates(**bounded), bounds)
        insert_rows(connection, "memory.main." + BREAKS, made.breaks(**bounded), bounds)
        return left_rows, right_rows

    def _set_duplicates_aside(self) -> None:
        """Find the keys that repeat on one side alone: no join has multiplied them, so that none was stopped."""
        insert_rows(self._connection, "memory.main." + DUPLICATES, self._statements.duplicates_among_breaks())
        self._connection.execute(self._statements.without_duplicates())

    def _comparison(self, keyed_left: int, keyed_right: int) -> Comparison:
        made, connection = self._statements, self._connection
        changed, missing, extra, *by_field = connection.execute(made.counts()).fetchone() or (0, 0, 0)
        repeated, left_repeated, right_repeated = connection.execute(made.duplicate_counts()).fetchone() or (0, 0, 0)
        return Comparison(
            left_rows=self.left.rows,
            right_rows=self.right.rows,
            same_rows=keyed_left - left_repeated - changed - missing,
            changed_rows=changed,
            missing_rows=missing,
            extra_rows=extra,
            duplicate_keys=repeated,
            duplicate_left_rows=left_repeated,
            duplicate_right_rows=right_repeated,
            keyless_left_rows=self.left.rows - keyed_left,
            keyless_right_rows=self.right.rows - keyed_right,
            fields=tuple(
                ChangedField(
                    name=column.name,
                    tolerance="" if column.tolerance is None else f"{column.tolerance:f}",
                    changed_rows=rows,
                    samples=self._sampled(made.changes_of(number)) if rows else (),
                )
                for number, (column, rows) in enumerate(zip(self.columns.fields, by_field, strict=True))
            ),
            missing_samples=self._sampled(made.keys_of(MISSING)),
            extra_samples=self._sampled(made.keys_of(EXTRA)),
            duplicate_samples=self._sampled(made.keys_of(DUPLICATES)),
            only_left=self.columns.only_left,
            only_right=self.columns.only_right,
            not_exact=tuple(column.name for column in self.columns.fields if column.is_inexact),
        )

    def _sampled(self, statement: str) -> tuple[Row, ...]:
        rows: list[Row] = (
            self._connection.execute(statement, {"most": self._terms.samples}).to_arrow_table().to_pylist()
        )
        return tuple(rows)


@contextmanager
def _translated(left: ComparedTable, right: ComparedTable) -> Iterator[None]:
    try:
        yield
    except SqlError as error:
        raise BadDataError(
            f"{left.told} and {right.told} cannot be compared.",
            expected="values that can be read, and numbers that fit into 38 digits",
            found=str(error).splitlines()[0],
            remedy="leave the column out with --ignore, or repair the file",
        ) from error

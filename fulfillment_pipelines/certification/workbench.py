"""A lake of the test's own, in which snapshots are read, compared and admitted as the product does it.

Nothing of it reaches the lake of the deployment; it ends with the test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from sqlglot import exp

from fulfillment_pipelines.canonical.admission import Admission, Admitter, CanonicalFeed, StagedSnapshot
from fulfillment_pipelines.canonical.row_checks import REJECTED_SUFFIX, check_counts
from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType
from fulfillment_pipelines.certification.subject import Subject
from fulfillment_pipelines.certification.verdicts import ColumnCoverage
from fulfillment_pipelines.domain.snapshot import Snapshot
from fulfillment_pipelines.snapshots.decoding import DecodedSnapshot, decode
from fulfillment_pipelines.snapshots.landing import LandedSnapshot, LandingArea
from fulfillment_pipelines.sql_models import retarget
from fulfillment_pipelines.warehouse import Connection, Warehouse, create_view, scalar, scratch, stage_table

_DIALECT: Final = "duckdb"
_MAPPED_ROWS: Final = "select mapped_rows from ops_snapshots where snapshot_id = $snapshot_id and entity = $entity"


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two sets of rows differ, duplicates counted; order does not count.

    Attributes:
        lost_rows: Rows of the first that the second has not.
        added_rows: Rows of the second that the first has not.
    """

    lost_rows: int
    added_rows: int

    def __bool__(self) -> bool:
        return bool(self.lost_rows or self.added_rows)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the contract says of a snapshot's rows.

    Attributes:
        rows: Rows as they came, lines that cannot be read included.
        failing_rows: Rows that break the contract, lines that cannot be read included.
        failures: Rows that fail each check, by check.
        columns: How far each column is filled.
    """

    rows: int
    failing_rows: int
    failures: dict[str, int]
    columns: tuple[ColumnCoverage, ...]


class Workbench:
    """Reads, compares and admits snapshots of one system.

    Args:
        subject: The system.
        folder: Where snapshots land meanwhile.
    """

    def __init__(self, subject: Subject, folder: Path) -> None:
        self._subject = subject
        self._landing = LandingArea(folder)
        self._warehouse: Warehouse = scratch()
        self._admitter = Admitter(self._warehouse)
        self._warehouse.write(self._prepare)
        subject.reference.load(self._warehouse, subject.clock.now())

    def _prepare(self, transaction: Connection) -> None:
        for model in self._subject.operations:
            transaction.execute(model.body)

    def close(self) -> None:
        """End the lake."""
        self._warehouse.close()

    def decode(self, snapshot: Snapshot) -> DecodedSnapshot:
        """Return the rows of a snapshot under the source's own names.

        Raises:
            BadDataError: A page cannot be read at all.
        """
        with self._warehouse.reading() as cursor:
            return decode(cursor, self._land(snapshot), self._feed(snapshot).layout)

    def difference(self, first: pa.Table, second: pa.Table) -> Difference:
        """Compare two sets of decoded rows by what they say, as text."""
        with self._warehouse.reading() as cursor:
            stage_table(cursor, "first_rows", first)
            stage_table(cursor, "second_rows", second)
            names = [name for name in first.column_names if name != "landed_row_no"]
            return Difference(
                lost_rows=_missing(cursor, names, "first_rows", "second_rows"),
                added_rows=_missing(cursor, names, "second_rows", "first_rows"),
            )

    def rows_from(self, rows: pa.Table, column: str, bound: Any) -> pa.Table:
        """Return the rows whose value in a column is a bound or greater, by the column's own type."""
        with self._warehouse.reading() as cursor:
            stage_table(cursor, "first_rows", rows)
            wanted = exp.GTE(this=exp.column(column), expression=exp.Placeholder(this="bound"))
            query = exp.select("*").from_("first_rows").where(wanted)
            return cursor.execute(query.sql(dialect=_DIALECT), {"bound": bound}).to_arrow_table()

    def check(self, snapshot: Snapshot) -> Checked:
        """Hold a snapshot's rows against their contract."""
        feed = self._feed(snapshot)
        staged = self._admitter.stage(feed, self._land(snapshot))
        with self._warehouse.reading() as cursor:
            # A cursor that has brought rows into the lake before still sees those under the name.
            create_view(cursor, "checked_rows", retarget("from memory.main.checked", {"checked": staged.table}))
            failing = scalar(cursor, "select count(*) from checked_rows where failed_mask <> 0")
            return Checked(
                rows=staged.decoded.landed_rows,
                failing_rows=failing + len(staged.decoded.unreadable),
                failures=_failures(cursor, staged),
                columns=_coverage(cursor, feed),
            )

    def admit(self, snapshot: Snapshot) -> Admission | None:
        """Bring a snapshot into the lake; None where it is there already."""
        staged = self._admitter.stage(self._feed(snapshot), self._land(snapshot))
        return next(iter(self._admitter.merge([staged])), None)

    def mapped_rows(self, admission: Admission) -> int:
        """Return how many rows the mapping made of the rows that landed, lines that cannot be read included."""
        with self._warehouse.reading() as cursor:
            names = {"snapshot_id": admission.snapshot_id, "entity": admission.entity}
            return scalar(cursor, _MAPPED_ROWS, names)

    def current_rows(self, entity: str) -> list[tuple[str, int]]:
        """Return key and hash of every row that is current."""
        statement = exp.select("source_key", "row_hash").from_(self._subject.feeds[entity].table).order_by("source_key")
        with self._warehouse.reading() as cursor:
            return cursor.execute(statement.sql(dialect=_DIALECT)).fetchall()

    def _land(self, snapshot: Snapshot) -> LandedSnapshot:
        return self._landing.land(
            snapshot,
            contract_version=self._subject.declaration.contract_version,
            pulled_at=self._subject.clock.now(),
            duration_seconds=0,
        )

    def _feed(self, snapshot: Snapshot) -> CanonicalFeed:
        return self._subject.feeds[snapshot.entity]


def _missing(cursor: Connection, names: Sequence[str], wanted: str, given: str) -> int:
    """Count the rows of one table that the other has not, each as often as it is missing."""

    def as_text(table: str) -> exp.Select:
        return exp.select(*(exp.cast(exp.column(name, quoted=True), "varchar") for name in names)).from_(table)

    missing = exp.except_(as_text(wanted), as_text(given), distinct=False)
    return scalar(cursor, exp.select("count(*)").from_(missing.subquery("missing")).sql(dialect=_DIALECT))


def _failures(cursor: Connection, staged: StagedSnapshot) -> dict[str, int]:
    unreadable = {"page:readable": len(staged.decoded.unreadable)} if staged.decoded.unreadable else {}
    return check_counts(cursor, staged.feed.contract) | unreadable


def _coverage(cursor: Connection, feed: CanonicalFeed) -> tuple[ColumnCoverage, ...]:
    columns = feed.contract.columns
    filled = [exp.Count(this=_given(column)) for column in columns]
    query = exp.select(exp.Count(this=exp.Star()), *filled).from_("checked_rows")
    rows, *counts = cursor.execute(query.sql(dialect=_DIALECT)).fetchone() or (0, *(0 for _ in columns))
    given = feed.mapping.columns
    return tuple(
        ColumnCoverage(column.name, column.required, column.name in given, filled_rows, rows)
        for column, filled_rows in zip(columns, counts, strict=True)
    )


def _given(column: Column) -> exp.Expr:
    """What a row says in a column, also where it is of the wrong type: that is a wrong value, not a missing one."""
    value = exp.cast(exp.column(column.name), "varchar")
    if column.type is ColumnType.TEXT:
        return value
    return exp.func("coalesce", value, exp.column(column.name + REJECTED_SUFFIX))

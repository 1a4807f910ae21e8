"""Show the records of large Parquet pages where they lie, so that memory follows what is asked and not the feed.

The rows are those that `decoding` would give, number and all. What is needed of them beyond a query — how many there
are, how many are empty, a sample — is told from the files' own metadata or a few pages. Only pages that agree on the
types of their fields are shown in place; all others are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet
from sqlglot import exp

from fulfillment_pipelines.domain.snapshot import PageFormat, PageLayout
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.snapshots.landing import LandedSnapshot

ROW_NUMBER: Final = "landed_row_no"
_SAMPLED_GROUPS: Final = 20
_SAMPLED_ROWS: Final = 10


@dataclass(frozen=True, slots=True)
class ScannedPages:
    """Pages of Parquet whose rows are read when they are asked for.

    Attributes:
        paths: The pages, in the order of the manifest.
        row_counts: Rows of each.
        fields: The declared fields, in order.
        schema: Types of those fields that the pages have.
        undeclared: A few values of each field that came and is not declared, as text.
    """

    paths: tuple[Path, ...]
    row_counts: tuple[int, ...]
    fields: tuple[str, ...]
    schema: pa.Schema
    undeclared: Mapping[str, tuple[str | None, ...]]

    @property
    def row_count(self) -> int:
        """Rows of all pages."""
        return sum(self.row_counts)

    def select(self) -> str:
        """Return the select of all records: `landed_row_no` and the declared fields."""
        selects: list[exp.Query] = []
        before = 0
        for path, count in zip(self.paths, self.row_counts, strict=True):
            selects.append(self._page_select(path, before))
            before += count
        union = selects[0] if len(selects) == 1 else exp.union(*selects, distinct=False)
        return union.sql(dialect="duckdb")

    def null_count(self, name: str) -> int:
        """Return how many records have no value in a declared field.

        Raises:
            BadDataError: A page is damaged.
        """
        if name not in self.schema.names:
            return self.row_count
        return sum(self._null_count(path, name) for path in self.paths)

    def _null_count(self, path: Path, name: str) -> int:
        nulls = 0
        with _readable(path):
            file = parquet.ParquetFile(path)
            # Parquet counts the leaves of nested fields, Arrow the fields.
            leaf = next((at for at in range(len(file.schema)) if file.schema.column(at).path == name), None)
            for group in range(file.num_row_groups):
                statistics = None if leaf is None else file.metadata.row_group(group).column(leaf).statistics
                if statistics is None or not statistics.has_null_count:
                    nulls += file.read_row_group(group, columns=[name]).column(0).null_count
                else:
                    nulls += statistics.null_count
        return nulls

    def distinct(self, name: str) -> list[object]:
        """Return the different values of a declared field, read a row group at a time.

        Raises:
            BadDataError: A page is damaged.
        """
        found: dict[object, None] = {}
        for path in self.paths if name in self.schema.names else ():
            with _readable(path):
                for batch in parquet.ParquetFile(path).iter_batches(columns=[name]):
                    found |= dict.fromkeys(pc.unique(batch.column(0)).to_pylist())
        return list(found)

    def sample(self) -> pa.Table:
        """Return a few records of the declared fields, from row groups spread evenly over the pages.

        Raises:
            BadDataError: A page is damaged.
        """
        places = [(path, group) for path in self.paths for group in range(parquet.read_metadata(path).num_row_groups)]
        step = max(1, -(-len(places) // _SAMPLED_GROUPS))
        names = self.schema.names
        rows: list[pa.Table] = []
        for path, group in places[::step]:
            with _readable(path):
                batches = parquet.ParquetFile(path).iter_batches(_SAMPLED_ROWS, row_groups=[group], columns=names)
                rows.extend(pa.Table.from_batches([batch]) for batch in [next(batches, None)] if batch is not None)
        table = pa.concat_tables(rows) if rows else self.schema.empty_table()
        for name in self.fields:
            if name not in names:
                table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
        return table.select(list(self.fields))

    def look_through(self) -> None:
        """Read every value of every page and keep none: nobody else looks whether what lies between is whole.

        Raises:
            BadDataError: A page is damaged.
        """
        for path in self.paths:
            with _readable(path):
                for _ in parquet.ParquetFile(path).iter_batches(columns=self.schema.names, use_threads=False):
                    pass

    def _page_select(self, path: Path, before: int) -> exp.Select:
        rows = exp.func(
            "read_parquet",
            exp.Literal.string(str(path)),
            exp.PropertyEQ(this=exp.to_identifier("file_row_number"), expression=exp.true()),
            dialect="duckdb",
        )
        number = exp.Add(this=exp.column("file_row_number"), expression=exp.Literal.number(before + 1))
        columns = (
            exp.column(exp.to_identifier(name, quoted=True))
            if name in self.schema.names
            else exp.cast(exp.null(), "varchar").as_(exp.to_identifier(name, quoted=True))
            for name in self.fields
        )
        return exp.select(number.as_(ROW_NUMBER), *columns).from_(rows)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say of a page that cannot be read which it is."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise BadDataError(
            f"{path.name}: the page is damaged.",
            expected="a Parquet file that was written to its end and arrived as it was",
            found=str(error).splitlines()[0],
            remedy="ask the owner of the system to send it again; the bytes are kept in the landing area",
        ) from error


def scanned_pages(landed: LandedSnapshot, layout: PageLayout, *, fewest_rows: int) -> ScannedPages | None:
    """Return a snapshot's pages to be read in place; None where they are few or not so that every page has the same.

    What cannot be read, or lacks a declared field, is left to `decoding`, which says what is wrong.

    Args:
        landed: The snapshot.
        layout: How its records lie in a page.
        fewest_rows: A snapshot of fewer rows is decoded.
    """
    if layout.format is not PageFormat.PARQUET or not landed.page_paths:
        return None
    try:
        files = [parquet.ParquetFile(path) for path in landed.page_paths]
    except (OSError, pa.ArrowException):
        return None
    counts = tuple(int(file.metadata.num_rows) for file in files)
    schema = _declared(files[0].schema_arrow, layout)
    required = {name for name in layout.fields if name not in layout.optional}
    is_alike = all(file.schema_arrow.equals(files[0].schema_arrow) for file in files)
    if sum(counts) < fewest_rows or not is_alike or not required <= set(schema.names):
        return None
    if not all(_is_shown(field.type) for field in schema):
        return None
    return ScannedPages(
        paths=tuple(landed.page_paths),
        row_counts=counts,
        fields=layout.fields,
        schema=schema,
        undeclared=_undeclared(files[0], landed, layout),
    )


def _declared(schema: pa.Schema, layout: PageLayout) -> pa.Schema:
    return pa.schema([schema.field(name) for name in layout.fields if name in schema.names])


def _is_shown(kind: pa.DataType) -> bool:
    """Whether DuckDB reads the type from a file as it reads it from Arrow."""
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal128(kind)
    is_moment = pa.types.is_timestamp(kind) or pa.types.is_date32(kind)
    return bool(is_text or is_number or is_moment or pa.types.is_boolean(kind))


def _undeclared(
    file: parquet.ParquetFile, landed: LandedSnapshot, layout: PageLayout
) -> Mapping[str, tuple[str | None, ...]]:
    found: dict[str, tuple[str | None, ...]] = dict.fromkeys(landed.manifest.other_fields, ())
    others = sorted(set(file.schema_arrow.names) - set(layout.fields))
    few = next(file.iter_batches(100, columns=others), None) if others else None
    for name in others:
        values = few.column(name).to_pylist() if few is not None else []
        found[name] = tuple(None if value is None else str(value) for value in values)
    return found

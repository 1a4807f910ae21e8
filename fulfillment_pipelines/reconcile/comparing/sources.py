"""The two tables of a comparison: Parquet and CSV files, and tables of the lake, as views of one connection.

What is compared of them belongs in `terms`, how in `passes`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlglot import exp

from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.warehouse import Connection, SqlError, create_table, create_view, scalar

_PARQUET: Final = frozenset({".parquet", ".pq"})
_CSV: Final = frozenset({".csv", ".tsv"})
_FEED: Final = re.compile(r"([a-z][a-z0-9_]*)/([a-z][a-z0-9_]*)")
# Twelve places behind the point and 26 before: money and quantities of any system, as they were written.
_CSV_NUMBER: Final = "DECIMAL(38,12)"


@dataclass(frozen=True, slots=True)
class ComparedTable:
    """One side, ready to be read.

    Attributes:
        told: What the caller called it.
        view: Under what name the connection knows it.
        types: DuckDB types by column.
        rows: How many it has.
        is_sorted_by: Whether ranges of the first key column can be read without reading the rest.
        parts: Of what is sorted: the first key and the number of rows of each part that can be read alone.
    """

    told: str
    view: str
    types: Mapping[str, str]
    rows: int
    is_sorted_by: bool
    parts: tuple[tuple[str, int], ...] = ()


def is_file(told: str) -> bool:
    """Whether a side is named by the path of a file, or of several with a wildcard; else it is a table of the lake."""
    return Path(told).suffix.lower() in _PARQUET | _CSV


def open_table(connection: Connection, told: str, view: str, first_key: str) -> ComparedTable:
    """Make a side readable under the name of a view.

    Args:
        connection: Of the lake where a side is a table of it.
        told: Path of a Parquet or CSV file, which may hold wildcards; a table of the lake; or a feed, `system/entity`.
        view: The name to give it.
        first_key: The column by whose ranges it would be read.

    Raises:
        ConfigurationError: There is no such file or table.
        BadDataError: The file cannot be read.
    """
    suffix = Path(told).suffix.lower()
    try:
        if suffix in _CSV:
            _read_csv(connection, told, view)
        elif suffix in _PARQUET:
            create_view(
                connection,
                view,
                _select_from(exp.Anonymous(this="read_parquet", expressions=[exp.Literal.string(told)])),
            )
        else:
            create_view(connection, view, _select_from(exp.to_table(_table_of(told))))
        described = connection.execute("describe " + view).fetchall()
        rows = scalar(connection, exp.select("count(*)").from_(view).sql(dialect="duckdb"))
    except SqlError as error:
        raise _unreadable(told, str(error)) from error
    types = {name: type_name for name, type_name, *_ in described}
    if suffix not in _PARQUET or rows == 0:
        return ComparedTable(told, view, types, rows, is_sorted_by=False)
    parts, late = _row_groups(connection, told, first_key)
    # A few that overlap their neighbours cost less than reading everything at once.
    return ComparedTable(told, view, types, rows, is_sorted_by=len(parts) > 1 and late * 10 <= len(parts), parts=parts)


def _table_of(told: str) -> str:
    feed = _FEED.fullmatch(told)
    return f"snap_{feed[1]}__{feed[2]}" if feed else told


def _select_from(source: exp.Expression) -> str:
    return exp.select("*").from_(source).sql(dialect="duckdb")


def _read_csv(connection: Connection, told: str, view: str) -> None:
    """Parse a file once, its numbers as they are written: as binary ones they would no longer be exact."""
    path = exp.Literal.string(told)
    sniffed = connection.execute("describe from read_csv($path)", {"path": told}).fetchall()
    inexact = {name: _CSV_NUMBER for name, type_name, *_ in sniffed if type_name == "DOUBLE"}
    types = [
        exp.PropertyEQ(this=exp.to_identifier(name, quoted=True), expression=exp.Literal.string(type_name))
        for name, type_name in inexact.items()
    ]
    given = [exp.EQ(this=exp.column("types"), expression=exp.Struct(expressions=types))] if types else []
    source = exp.Anonymous(this="read_csv", expressions=[path, *given])
    create_table(connection, "memory.main." + view + "_file", _select_from(source))
    create_view(connection, view, _select_from(exp.to_table("memory.main." + view + "_file")))


def _row_groups(connection: Connection, told: str, first_key: str) -> tuple[tuple[tuple[str, int], ...], int]:
    """Return the least key and the rows of each row group, and how many begin before the one in front of them ends."""
    found = connection.execute(
        """
        select
            stats_min_value as first_value,
            row_group_num_rows as rows,
            coalesce(
                try_cast(stats_min_value as decimal(38, 9))
                < lag(try_cast(stats_max_value as decimal(38, 9))) over (order by file_name, row_group_id),
                stats_min_value < lag(stats_max_value) over (order by file_name, row_group_id),
                false
            ) as is_late
        from parquet_metadata($path)
        where path_in_schema = $column
        order by file_name, row_group_id
        """,
        {"path": told, "column": first_key},
    ).fetchall()
    parts = tuple((str(first), rows) for first, rows, _ in found if first is not None)
    return parts, sum(is_late for *_, is_late in found)


def _unreadable(told: str, found: str) -> Exception:
    first = found.splitlines()[0]
    if "does not exist" in first or "No files found" in first:
        return ConfigurationError(
            f"There is no {told} to compare.",
            expected="a Parquet or CSV file, a table of the lake, or a feed as system/entity",
            found=first,
            remedy='correct the path; `fulfillment query "show tables"` lists the tables of the lake',
        )
    return BadDataError(
        f"{told} cannot be read.",
        expected="a Parquet file, or a CSV file with a header",
        found=first,
        remedy="repair the file; with CSV, see that every row has as many fields as the header",
    )

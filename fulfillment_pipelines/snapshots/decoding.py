"""Read the records out of landed pages: every format becomes one table of the source's own fields.

Text formats give text, so that nothing is rounded before its contract is known; Parquet keeps the types the
source sent. Each record keeps its number, which is how a quarantined row is found again in the landed pages.
Renaming and typing belong to `sql/10_snapshots` and `canonical`.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from fulfillment_pipelines.domain.snapshot import PageFormat, PageLayout
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.snapshots.edi_records import records_of
from fulfillment_pipelines.snapshots.landing import LandedSnapshot
from fulfillment_pipelines.systems.transports.edi.x12.reader import BrokenInterchange, read_interchanges
from fulfillment_pipelines.warehouse import Connection

ROW_NUMBER: Final = "landed_row_no"
_READ_CSV: Final = """
    select * from read_csv(
        $path, columns = $columns, delim = $delimiter, encoding = $encoding, header = $has_header,
        auto_detect = false, quote = '"', escape = '"', null_padding = true, strict_mode = true,
        store_rejects = true, rejects_limit = 0,
        rejects_table = 'unreadable_lines', rejects_scan = 'unreadable_scans'
    )
"""
_BOM: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class UnreadableLine:
    """A line of a landed file that is not a record: where it is, what is wrong, what it says."""

    page: str
    line_no: int
    problem: str
    text: str


@dataclass(frozen=True, slots=True)
class DecodedSnapshot:
    """What was read from the pages.

    Attributes:
        records: One row per record: `landed_row_no` and the declared fields.
        unreadable: Lines that could not be read as records.
    """

    records: pa.Table
    unreadable: tuple[UnreadableLine, ...]

    @property
    def landed_rows(self) -> int:
        """Records and unreadable lines together: what has to end up somewhere."""
        return int(self.records.num_rows) + len(self.unreadable)


def decode(connection: Connection, landed: LandedSnapshot, layout: PageLayout) -> DecodedSnapshot:
    """Read all records of a landed snapshot.

    Raises:
        BadDataError: A page cannot be read at all, or a declared field is in none of its records.
    """
    feed = f"{landed.manifest.system}.{landed.manifest.entity}"
    tables: list[pa.Table] = []
    unreadable: list[UnreadableLine] = []
    for path in landed.page_paths:
        page = _READERS[layout.format](connection, path, layout, feed)
        tables.append(page.records)
        unreadable.extend(page.unreadable)
    records = pa.concat_tables(tables or [_empty(layout)], promote_options="permissive")
    for field in layout.fields:
        if field not in records.column_names:
            records = records.append_column(field, pa.nulls(records.num_rows, pa.string()))
    numbers = pa.array(range(1, records.num_rows + 1), pa.int64())
    return DecodedSnapshot(records.select(list(layout.fields)).add_column(0, ROW_NUMBER, numbers), tuple(unreadable))


def _read_json(_: Connection, path: Path, layout: PageLayout, feed: str) -> DecodedSnapshot:
    """Numbers are kept as the text they were sent as: a binary fraction never stands between."""
    try:
        document = json.loads(path.read_bytes(), parse_float=str, parse_int=str)
    except ValueError as error:
        raise _unreadable_page(feed, path, "a JSON document", str(error)) from error
    for step in layout.records_path.split(".") if layout.records_path else ():
        document = document.get(step) if isinstance(document, dict) else None
    if not isinstance(document, list) or not all(isinstance(record, dict) for record in document):
        raise _unreadable_page(feed, path, f"a list of records at '{layout.records_path}'", type(document).__name__)
    if document:
        present = set().union(*document)
        _refuse_missing_fields(feed, path, layout, present)
    columns = {
        field: pa.array([_text(record.get(field)) for record in document], pa.string()) for field in layout.fields
    }
    return DecodedSnapshot(pa.table(columns), ())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _read_parquet(_: Connection, path: Path, layout: PageLayout, feed: str) -> DecodedSnapshot:
    try:
        file = parquet.ParquetFile(path)
        present = set(file.schema_arrow.names)
        _refuse_missing_fields(feed, path, layout, present)
        records = file.read(columns=[field for field in layout.fields if field in present])
    except (OSError, pa.ArrowException) as error:
        raise _unreadable_page(feed, path, "a Parquet file", str(error).splitlines()[0]) from error
    return DecodedSnapshot(records, ())


def _read_csv(connection: Connection, path: Path, layout: PageLayout, feed: str) -> DecodedSnapshot:
    names = list(layout.fields)
    if layout.has_header:
        names = [name.strip().strip('"') for name in _first_line(path, layout, feed).split(layout.delimiter)]
    _refuse_missing_fields(feed, path, layout, set(names))
    read = connection.execute(
        _READ_CSV,
        {
            "path": str(path),
            "columns": dict.fromkeys(names, "VARCHAR"),
            "delimiter": layout.delimiter,
            "encoding": layout.encoding,
            "has_header": layout.has_header,
        },
    )
    records = read.to_arrow_table()
    return DecodedSnapshot(_without_trailer(records, layout), tuple(_unreadable_lines(connection, path)))


def _read_fixed_width(_: Connection, path: Path, layout: PageLayout, feed: str) -> DecodedSnapshot:
    lines = [line for line in _decoded(path, layout, feed).splitlines() if line.strip()]
    if layout.trailer_prefix and lines and lines[-1].startswith(layout.trailer_prefix):
        lines.pop()
    width = sum(layout.widths)
    whole = [line for line in lines if len(line) == width]
    unreadable = tuple(
        UnreadableLine(path.name, number, f"a line of {width} characters was expected, it has {len(line)}", line)
        for number, line in enumerate(lines, start=1)
        if len(line) != width
    )
    columns: dict[str, pa.Array] = {}
    start = 0
    for field, size in zip(layout.fields, layout.widths, strict=True):
        columns[field] = pa.array([line[start : start + size].strip() or None for line in whole], pa.string())
        start += size
    return DecodedSnapshot(pa.table(columns), unreadable)


def _read_x12(_: Connection, path: Path, layout: PageLayout, feed: str) -> DecodedSnapshot:
    """A file that is not text and an interchange that is not sound are one unreadable line each; the rest goes on."""
    if layout.documents is None:
        raise ConfigurationError(f"{feed}: X12 documents need a declaration of where their fields stand.")
    records: list[dict[str, str | None]] = []
    unreadable: list[UnreadableLine] = []
    for name, content in _archived(path, feed):
        try:
            text = content.decode(layout.encoding)
        except UnicodeDecodeError as error:
            unreadable.append(UnreadableLine(name, 0, f"byte {error.start} is not {layout.encoding} text", ""))
            continue
        for found in read_interchanges(text):
            if isinstance(found, BrokenInterchange):
                unreadable.append(UnreadableLine(name, found.position, found.problem, found.text))
            else:
                records += [row for document in found.documents for row in records_of(document, layout.documents)]
    columns = {field: pa.array([row[field] for row in records], pa.string()) for field in layout.fields}
    return DecodedSnapshot(pa.table(columns), tuple(unreadable))


def _archived(path: Path, feed: str) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name, archive.read(name)
    except (OSError, zipfile.BadZipFile) as error:
        raise _unreadable_page(feed, path, "an archive of X12 files", str(error)) from error


_Reader = Callable[[Connection, Path, PageLayout, str], DecodedSnapshot]
_READERS: Final[dict[PageFormat, _Reader]] = {
    PageFormat.JSON: _read_json,
    PageFormat.PARQUET: _read_parquet,
    PageFormat.CSV: _read_csv,
    PageFormat.FIXED_WIDTH: _read_fixed_width,
    PageFormat.X12: _read_x12,
}


def _decoded(path: Path, layout: PageLayout, feed: str) -> str:
    try:
        return path.read_bytes().decode(layout.encoding).removeprefix(_BOM)
    except UnicodeDecodeError as error:
        raise _unreadable_page(feed, path, f"{layout.encoding} text", f"byte {error.start} is not") from error


def _first_line(path: Path, layout: PageLayout, feed: str) -> str:
    lines = _decoded(path, layout, feed).splitlines()
    if not lines:
        raise _unreadable_page(feed, path, "a header line", "an empty file")
    return lines[0]


def _without_trailer(records: pa.Table, layout: PageLayout) -> pa.Table:
    """The trailer is the last line; its first field is the prefix without the delimiter."""
    if not layout.trailer_prefix or records.num_rows == 0:
        return records
    mark = layout.trailer_prefix.rstrip(layout.delimiter)
    return records.slice(0, records.num_rows - 1) if records.column(0)[-1].as_py() == mark else records


def _unreadable_lines(connection: Connection, path: Path) -> Iterator[UnreadableLine]:
    """A line is one line, however many things are wrong with it."""
    rows: Sequence[tuple[int, str, str]] = connection.execute(
        "select line, min(error_message), min(csv_line) from unreadable_lines group by line order by line"
    ).fetchall()
    for line_no, problem, text in rows:
        yield UnreadableLine(path.name, line_no, problem.splitlines()[0], text)
    connection.execute("drop table unreadable_lines")
    connection.execute("drop table unreadable_scans")


def _refuse_missing_fields(feed: str, path: Path, layout: PageLayout, present: set[str]) -> None:
    missing = [field for field in layout.fields if field not in present and field not in layout.optional]
    if missing:
        raise BadDataError(
            f"{feed}: page {path.name} has no field {', '.join(missing)} in any record.",
            expected=", ".join(layout.fields),
            found=", ".join(sorted(present)),
            remedy="the system changed its layout: agree on a new contract version and adapt its YAML and snapshot SQL",
        )


def _unreadable_page(feed: str, path: Path, expected: str, found: str) -> BadDataError:
    return BadDataError(
        f"{feed}: page {path.name} cannot be read.",
        expected=expected,
        found=found,
        remedy="ask the owner of the system to send it again; the bytes are kept in the landing area",
    )


def _empty(layout: PageLayout) -> pa.Table:
    return pa.table({field: pa.array([], pa.string()) for field in layout.fields})

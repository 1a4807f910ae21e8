"""Read the records out of landed pages: every format becomes one table of the source's own fields.

Text formats give text, so that nothing is rounded before its contract is known; Parquet keeps the types the
source sent. Each record keeps its number, which is how a quarantined row is found again in the landed pages.
Renaming and typing belong to `sql/10_snapshots` and `canonical`.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from fulfillment_pipelines.domain.snapshot import PageFormat, PageLayout
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.snapshots.csv_pages import csv_header, readable_csv
from fulfillment_pipelines.snapshots.edi_records import records_of
from fulfillment_pipelines.snapshots.landing import LandedSnapshot
from fulfillment_pipelines.snapshots.scanning import ROW_NUMBER, ScannedPages, scanned_pages
from fulfillment_pipelines.systems.transports.edi.edifact import reader as edifact
from fulfillment_pipelines.systems.transports.edi.interchange import BrokenInterchange, Interchange
from fulfillment_pipelines.systems.transports.edi.x12 import reader as x12
from fulfillment_pipelines.systems.transports.files.json_lines import read_json_lines, whole_characters
from fulfillment_pipelines.systems.transports.files.records import UnreadableFileError
from fulfillment_pipelines.systems.transports.files.text import WrongEncodingError, text_of
from fulfillment_pipelines.systems.transports.files.workbook import read_workbook
from fulfillment_pipelines.systems.transports.files.xml_records import read_xml
from fulfillment_pipelines.warehouse import Connection, SqlError

_READ_CSV: Final = """
    select * from read_csv(
        $path, columns = $columns, delim = $delimiter, encoding = 'utf-8', header = $has_header,
        auto_detect = false, quote = '"', escape = '"', null_padding = true, strict_mode = true, parallel = $parallel,
        store_rejects = true, rejects_limit = 0,
        rejects_table = 'unreadable_lines', rejects_scan = 'unreadable_scans'
    )
"""
_SHOWN_PROBLEMS: Final = 5
_UNDECLARED_ROWS: Final = 100


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
        records: One row per record: `landed_row_no` and the declared fields; a few of them where the pages are scanned.
        unreadable: Lines that could not be read as records.
        undeclared: A few values of each field that came and is not declared, as text.
        scan: Pages that are read in place, since they hold more than should be in memory; None where all was read.
    """

    records: pa.Table
    unreadable: tuple[UnreadableLine, ...]
    undeclared: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    scan: ScannedPages | None = None

    @property
    def record_count(self) -> int:
        """Records that were read, or will be."""
        return self.scan.row_count if self.scan else int(self.records.num_rows)

    @property
    def landed_rows(self) -> int:
        """Records and unreadable lines together: what has to end up somewhere."""
        return self.record_count + len(self.unreadable)


def decode(connection: Connection, landed: LandedSnapshot, layout: PageLayout) -> DecodedSnapshot:
    """Read all records of a landed snapshot.

    Raises:
        BadDataError: A page cannot be read at all, or a declared field is in none of its records.
    """
    feed = f"{landed.manifest.system}.{landed.manifest.entity}"
    tables: list[pa.Table] = []
    unreadable: list[UnreadableLine] = []
    undeclared: dict[str, tuple[str | None, ...]] = dict.fromkeys(landed.manifest.other_fields, ())
    for path in landed.page_paths:
        page = _READERS[layout.format](connection, path, layout, feed)
        tables.append(page.records)
        unreadable.extend(page.unreadable)
        undeclared.update({name: values for name, values in page.undeclared.items() if name not in undeclared})
    records = _together(feed, tables or [_empty(layout)])
    for name in layout.fields:
        if name not in records.column_names:
            records = records.append_column(name, pa.nulls(records.num_rows, pa.string()))
    numbers = pa.array(range(1, records.num_rows + 1), pa.int64())
    declared = records.select(list(layout.fields)).add_column(0, ROW_NUMBER, numbers)
    return DecodedSnapshot(declared, tuple(unreadable), undeclared)


def _together(feed: str, tables: Sequence[pa.Table]) -> pa.Table:
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise BadDataError(
            f"{feed}: its pages do not hold the same kind of values.",
            expected="each field of one type, or of types that one of them can hold",
            found=str(error).splitlines()[0],
            remedy="ask the owner of the system to send it again; the bytes are kept in the landing area",
        ) from error


def scan(landed: LandedSnapshot, layout: PageLayout, *, fewest_rows: int) -> DecodedSnapshot | None:
    """Return a snapshot whose rows are read where they lie; None where it is to be decoded.

    Args:
        landed: The snapshot.
        layout: How its records lie in a page.
        fewest_rows: A snapshot of fewer rows is decoded.
    """
    pages = scanned_pages(landed, layout, fewest_rows=fewest_rows)
    if pages is None:
        return None
    few = pages.sample()
    numbered = few.add_column(0, ROW_NUMBER, pa.array(range(1, few.num_rows + 1), pa.int64()))
    return DecodedSnapshot(numbered, (), pages.undeclared, pages)


def _read_json(_: Connection, path: Path, layout: PageLayout, feed: str) -> DecodedSnapshot:
    """Numbers are kept as the text they were sent as: a binary fraction never stands between."""
    try:
        document = json.loads(path.read_bytes(), parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise _unreadable_page(feed, path, "a JSON document", str(error)) from error
    for step in layout.records_path.split(".") if layout.records_path else ():
        document = document.get(step) if isinstance(document, dict) else None
    if not isinstance(document, list) or not all(isinstance(record, dict) for record in document):
        raise _unreadable_page(feed, path, f"a list of records at '{layout.records_path}'", type(document).__name__)
    present: set[str] = set().union(*document)
    if document:
        _refuse_missing_fields(feed, path, layout, present)
    columns = {name: pa.array([_text(record.get(name)) for record in document], pa.string()) for name in layout.fields}
    undeclared = {
        name: tuple(_text(record.get(name)) for record in document[:_UNDECLARED_ROWS])
        for name in sorted(present - set(layout.fields))
    }
    return DecodedSnapshot(pa.table(columns), (), undeclared)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return whole_characters(value)
    return None if value is None else json.dumps(value)


def _read_parquet(_: Connection, path: Path, layout: PageLayout, feed: str) -> DecodedSnapshot:
    try:
        file = parquet.ParquetFile(path)
        present = set(file.schema_arrow.names)
        _refuse_missing_fields(feed, path, layout, present)
        records = file.read(columns=[name for name in layout.fields if name in present])
        others = sorted(present - set(layout.fields))
        few = next(file.iter_batches(batch_size=_UNDECLARED_ROWS, columns=others), None) if others else None
    except (OSError, pa.ArrowException) as error:
        raise _unreadable_page(feed, path, "a Parquet file", str(error).splitlines()[0]) from error
    return DecodedSnapshot(records, (), _few_values(few, others) if few is not None else dict.fromkeys(others, ()))


def _read_csv(connection: Connection, path: Path, layout: PageLayout, feed: str) -> DecodedSnapshot:
    text = _decoded(path, layout, feed)
    try:
        names = csv_header(text, layout.delimiter) if layout.has_header else list(layout.fields)
        if not names:
            raise _unreadable_page(feed, path, "a header line", "an empty file")
        _refuse_missing_fields(feed, path, layout, set(names))
        with readable_csv(path, text, encoding=layout.encoding, delimiter=layout.delimiter) as readable:
            parameters = {
                "path": str(readable),
                "columns": dict.fromkeys(names, "VARCHAR"),
                "delimiter": layout.delimiter,
                "has_header": layout.has_header,
                "parallel": '"' not in text,  # a quoted value may span lines, which parallel readers cannot follow
            }
            records = connection.execute(_READ_CSV, parameters).to_arrow_table()
    except (csv.Error, SqlError) as error:
        raise _unreadable_page(feed, path, "a CSV file", str(error).splitlines()[0]) from error
    records = _without_trailer(records, layout)
    undeclared = _few_values(records, [name for name in names if name not in layout.fields])
    return DecodedSnapshot(records, tuple(_unreadable_lines(connection, path)), undeclared)


def _few_values(records: pa.Table | pa.RecordBatch, names: Sequence[str]) -> Mapping[str, tuple[str | None, ...]]:
    few = records.slice(0, _UNDECLARED_ROWS)
    return {
        name: tuple(None if value is None else str(value) for value in few.column(name).to_pylist()) for name in names
    }


def _read_fixed_width(_: Connection, path: Path, layout: PageLayout, feed: str) -> DecodedSnapshot:
    text = _decoded(path, layout, feed)
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
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
    for name, size in zip(layout.fields, layout.widths, strict=True):
        columns[name] = pa.array([line[start : start + size].strip() or None for line in whole], pa.string())
        start += size
    return DecodedSnapshot(pa.table(columns), unreadable)


def _read_documents(_: Connection, path: Path, layout: PageLayout, feed: str) -> DecodedSnapshot:
    """A file that is not text and an interchange with problems are one unreadable line each; all documents are taken.

    An interchange with problems gives the rows of its closed documents besides: what is wrong is told, not guessed.
    """
    if layout.documents is None:
        raise ConfigurationError(f"{feed}: EDI documents need a declaration of where their fields stand.")
    read_interchanges = edifact.read_interchanges if layout.format is PageFormat.EDIFACT else x12.read_interchanges
    records: list[dict[str, str | None]] = []
    unreadable: list[UnreadableLine] = []
    for name, content in _archived(path, feed):
        try:
            text = content.decode(layout.encoding)
        except UnicodeDecodeError as error:
            unreadable.append(UnreadableLine(name, 0, f"byte {error.start} is not {layout.encoding} text", ""))
            continue
        for found in read_interchanges(text, layout.documents.limits):
            if isinstance(found, BrokenInterchange):
                unreadable.append(UnreadableLine(name, found.position, found.problem, found.text))
                continue
            if found.problems:
                unreadable.append(_told(name, found))
            records += [row for document in found.documents for row in records_of(document, layout.documents)]
    columns = {field: pa.array([row[field] for row in records], pa.string()) for field in layout.fields}
    return DecodedSnapshot(pa.table(columns), tuple(unreadable))


def _told(name: str, found: Interchange) -> UnreadableLine:
    """Return what is wrong with an interchange, and the segments that open its documents that were not taken."""
    said = [str(problem) for problem in found.problems[:_SHOWN_PROBLEMS]]
    if len(found.problems) > _SHOWN_PROBLEMS:
        said.append(f"and {len(found.problems) - _SHOWN_PROBLEMS} more")
    lost = "; ".join("*".join(document.segments[0]) for document in found.not_taken[:_SHOWN_PROBLEMS])
    return UnreadableLine(name, found.position, "; ".join(said), lost)


def _archived(path: Path, feed: str) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name, archive.read(name)
    except (OSError, zipfile.BadZipFile) as error:
        raise _unreadable_page(feed, path, "an archive of EDI files", str(error)) from error


def _read_records(_: Connection, path: Path, layout: PageLayout, feed: str) -> DecodedSnapshot:
    """Formats whose records are not lines of text are taken apart where their files are looked into."""
    content = path.read_bytes()
    try:
        match layout.format:
            case PageFormat.XML:
                found = read_xml(content, layout.records_path, layout.fields)
            case PageFormat.EXCEL:
                found = read_workbook(
                    content,
                    layout.fields,
                    sheet=layout.sheet,
                    header_row=layout.header_row,
                    most_bytes=layout.most_bytes,
                )
            case _:
                found = read_json_lines(_decoded(path, layout, feed), layout.fields)
    except UnreadableFileError as error:
        raise _unreadable_page(feed, path, error.expected, error.found) from error
    if found.fields:
        _refuse_missing_fields(feed, path, layout, set(found.fields))
    unreadable = tuple(UnreadableLine(path.name, one.position, one.problem, one.text) for one in found.broken)
    columns = {name: pa.array(values, pa.string()) for name, values in found.columns.items()}
    return DecodedSnapshot(pa.table(columns), unreadable, found.undeclared)


_Reader = Callable[[Connection, Path, PageLayout, str], DecodedSnapshot]
_READERS: Final[dict[PageFormat, _Reader]] = {
    PageFormat.JSON: _read_json,
    PageFormat.PARQUET: _read_parquet,
    PageFormat.CSV: _read_csv,
    PageFormat.FIXED_WIDTH: _read_fixed_width,
    PageFormat.JSON_LINES: _read_records,
    PageFormat.EXCEL: _read_records,
    PageFormat.XML: _read_records,
    PageFormat.X12: _read_documents,
    PageFormat.EDIFACT: _read_documents,
}


def _decoded(path: Path, layout: PageLayout, feed: str) -> str:
    try:
        return text_of(path.read_bytes(), layout.encoding)
    except WrongEncodingError as error:
        raise _unreadable_page(feed, path, f"{layout.encoding} text", str(error)) from error


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
    missing = [name for name in layout.fields if name not in present and name not in layout.optional]
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
    return pa.table({name: pa.array([], pa.string()) for name in layout.fields})

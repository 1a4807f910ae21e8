"""Look into a dropped file without changing it: is it whole, how many rows, which fields.

Typing its values belongs in `snapshots/` and `canonical/`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from fulfillment_pipelines.domain.snapshot import PageFormat
from fulfillment_pipelines.systems.declaration.files import FileEntity, Trailer
from fulfillment_pipelines.systems.transports.files.json_lines import broken_last_line, read_json_lines
from fulfillment_pipelines.systems.transports.files.records import FileRecords, UnreadableFileError
from fulfillment_pipelines.systems.transports.files.text import (
    BYTE_ORDER_MARK,
    WrongEncodingError,
    guessed_delimiter,
    text_of,
)
from fulfillment_pipelines.systems.transports.files.workbook import read_workbook
from fulfillment_pipelines.systems.transports.files.xml_records import read_xml


@dataclass(frozen=True, slots=True)
class FileContents:
    """What can be said of a file's bytes.

    Attributes:
        problem: Why the file is taken as half-written; empty when it is whole.
        declared_rows: Rows it declares itself; None where it does not.
        declared_sums: Sums it declares, by source field.
        fields: Names it gives its fields; None where it names none.
        misread: Why it cannot be what it is declared to be, though it may be whole; empty when nothing says so.
    """

    problem: str = ""
    declared_rows: int | None = None
    declared_sums: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[str, ...] | None = None
    misread: str = ""


def examine(content: bytes, entity: FileEntity) -> FileContents:
    """Return what the bytes of a file say of themselves.

    Raises:
        ConfigurationError: What reads the format is not installed.
    """
    match entity.format:
        case PageFormat.PARQUET:
            return _examine_parquet(content)
        case PageFormat.EXCEL | PageFormat.XML:
            return _examine_records(content, entity)
        case PageFormat.JSON_LINES:
            text = content.decode(entity.encoding, errors="replace").removeprefix(BYTE_ORDER_MARK)
            if problem := broken_last_line(text):
                return FileContents(problem=problem)
            return _named_by(read_json_lines(text, entity.fields))
        case _:
            return _examine_text(content, entity)


def _examine_text(content: bytes, entity: FileEntity) -> FileContents:
    # Bytes that break the encoding are the decoder's to judge; here they may not hide the trailer.
    text = content.decode(entity.encoding, errors="replace").removeprefix(BYTE_ORDER_MARK)
    lines = [line for line in text.split("\n") if line.strip()]
    is_csv = entity.format is PageFormat.CSV
    has_header = is_csv and entity.header
    if has_header and not lines:
        return FileContents(problem="it is empty and should begin with the names of its fields")
    fields = tuple(name.strip() for name in _first_record(lines[0], entity.delimiter)) if has_header else None
    if is_csv and lines and (misread := _misread(content, lines[0], entity)):
        return FileContents(fields=fields, misread=misread)
    body = lines[1:] if has_header else lines
    if entity.trailer is None:
        return FileContents(fields=fields)
    return _examine_trailer(body, entity, entity.trailer, fields)


def _misread(content: bytes, first_line: str, entity: FileEntity) -> str:
    """Return what is wrong with the declaration when a first line does not hold what it should."""
    found = _first_record(first_line, entity.delimiter)
    wanted = entity.required_fields if entity.header else ()
    if entity.header and {name.strip() for name in found}.issuperset(wanted):
        return ""
    if not entity.header and len(found) > 1:
        return ""
    try:
        text_of(content, entity.encoding)
    except WrongEncodingError as error:
        return f"as {entity.encoding} text, {error}"
    delimiter = guessed_delimiter(first_line, entity.delimiter, wanted, len(entity.fields))
    return f"it looks delimited by {delimiter}, not by '{entity.delimiter}'" if delimiter else ""


def _examine_records(content: bytes, entity: FileEntity) -> FileContents:
    try:
        if entity.format is PageFormat.XML:
            return _named_by(read_xml(content, entity.records, entity.fields))
        return _named_by(
            read_workbook(
                content,
                entity.fields,
                sheet=entity.sheet,
                header_row=entity.header_row,
                most_bytes=entity.most_bytes,
            )
        )
    except UnreadableFileError as error:
        return FileContents(problem=str(error))


def _named_by(records: FileRecords) -> FileContents:
    """A file without records names no fields, unless it has a header."""
    return FileContents(fields=tuple(sorted(records.fields)) or None)


def _examine_parquet(content: bytes) -> FileContents:
    try:
        parquet = pq.ParquetFile(pa.BufferReader(content))
    except pa.ArrowException as error:
        return FileContents(problem=f"it is not a whole Parquet file ({error})")
    return FileContents(declared_rows=parquet.metadata.num_rows, fields=tuple(parquet.schema_arrow.names))


def _examine_trailer(
    body: list[str], entity: FileEntity, trailer: Trailer, fields: tuple[str, ...] | None
) -> FileContents:
    last = body[-1].strip("\r") if body else ""
    if not last.startswith(trailer.prefix):
        return FileContents(problem=f"its last line is not the trailer '{trailer.prefix}…'", fields=fields)
    told = last[len(trailer.prefix) :]
    values = told.split(entity.delimiter) if entity.format is PageFormat.CSV else told.split()
    try:
        declared_rows = int(values[trailer.count - 1])
        sums = {name: values[position - 1].strip() for name, position in trailer.sums.items()}
    except (ValueError, IndexError):
        return FileContents(problem=f"its trailer '{last}' holds no row count where it should", fields=fields)
    lines = body[:-1]
    if declared_rows not in (len(lines), _records(lines, entity)):
        problem = f"its trailer declares {declared_rows} rows and {len(lines)} are there"
        return FileContents(problem=problem, declared_rows=declared_rows, fields=fields)
    return FileContents(declared_rows=declared_rows, declared_sums=sums, fields=fields)


def _first_record(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _records(lines: list[str], entity: FileEntity) -> int:
    """Count rows by their quotes, since a quoted value may span lines.

    A stray quote must not make a whole file look cut off, so the count of lines is accepted as well.
    """
    if entity.format is not PageFormat.CSV:
        return len(lines)
    try:
        return sum(1 for _ in csv.reader(io.StringIO("\n".join(lines), newline=""), delimiter=entity.delimiter))
    except csv.Error:
        return len(lines)

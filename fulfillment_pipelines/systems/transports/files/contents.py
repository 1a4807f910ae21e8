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

_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class FileContents:
    """What can be said of a file's bytes.

    Attributes:
        problem: Why the file is taken as half-written; empty when it is whole.
        declared_rows: Rows it declares itself; None where it does not.
        declared_sums: Sums it declares, by source field.
        fields: Names it gives its fields; None where it names none.
    """

    problem: str = ""
    declared_rows: int | None = None
    declared_sums: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[str, ...] | None = None


def examine(content: bytes, entity: FileEntity) -> FileContents:
    """Return what the bytes of a file say of themselves."""
    if entity.format is PageFormat.PARQUET:
        return _examine_parquet(content)
    # Bytes that break the encoding are the decoder's to judge; here they may not hide the trailer.
    text = content.decode(entity.encoding, errors="replace").removeprefix(_BYTE_ORDER_MARK)
    lines = [line for line in text.split("\n") if line.strip()]
    has_header = entity.format is PageFormat.CSV and entity.header
    if has_header and not lines:
        return FileContents(problem="it is empty and should begin with the names of its fields")
    fields = tuple(name.strip() for name in _first_record(lines[0], entity.delimiter)) if has_header else None
    body = lines[1:] if has_header else lines
    if entity.trailer is None:
        return FileContents(fields=fields)
    return _examine_trailer(body, entity, entity.trailer, fields)


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

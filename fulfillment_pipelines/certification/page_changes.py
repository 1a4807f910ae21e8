"""Change what a page says as a careless release of the other system would: a field gone, added, or of another type.

Pure functions of bytes. Pages of documents and of spreadsheets are not rewritten: what names no fields can lose none.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import pyarrow as pa
from pyarrow import parquet

from fulfillment_pipelines.domain.snapshot import PageFormat, PageLayout

WRONG_VALUE: Final = "not-a-value"
"""Neither a number nor an instant: what a field of another type holds."""

ADDED_FIELD: Final = "certification_added"
"""The field that a new release adds."""

ChangePage: TypeAlias = Callable[[bytes, PageLayout], bytes]
"""Returns a page with something changed."""

_Records: TypeAlias = list[dict[str, Any]]
_NAMING: Final = frozenset({PageFormat.JSON, PageFormat.JSON_LINES, PageFormat.CSV, PageFormat.PARQUET})


def can_be_changed(layout: PageLayout) -> bool:
    """Return whether the fields of such a page have names that can be taken away, added to, and given other values."""
    return layout.format in _NAMING and (layout.format is not PageFormat.CSV or layout.has_header)


def rewritten(page: bytes, layout: PageLayout) -> bytes:
    """Return the page with nothing changed but how its values are written: what a changed page is compared with."""
    return _changed(page, layout, lambda _records: None)


def without_field(page: bytes, layout: PageLayout, field: str) -> bytes:
    """Return the page as if the system no longer knew a field."""

    def drop(records: _Records) -> None:
        for record in records:
            record.pop(field, None)

    return _changed(page, layout, drop)


def with_added_field(page: bytes, layout: PageLayout) -> bytes:
    """Return the page as if the system had learned a field."""

    def add(records: _Records) -> None:
        for record in records:
            record[ADDED_FIELD] = "1"

    return _changed(page, layout, add)


def with_wrong_types(page: bytes, layout: PageLayout, fields: Sequence[str]) -> bytes:
    """Return the page as if fields had come to hold something else."""

    def retype(records: _Records) -> None:
        for record in records:
            record.update(dict.fromkeys(fields, WRONG_VALUE))

    return _changed(page, layout, retype)


def records_at(body: Any, path: str) -> _Records:
    """Return the list of records in a JSON body; empty where there is none, or where it holds something else."""
    for step in path.split(".") if path else ():
        if isinstance(body, list):
            body = body[int(step)] if step.isdigit() and int(step) < len(body) else None
        else:
            body = body.get(step) if isinstance(body, dict) else None
    return body if isinstance(body, list) and all(isinstance(record, dict) for record in body) else []


def _changed(page: bytes, layout: PageLayout, change: Callable[[_Records], None]) -> bytes:
    match layout.format:
        case PageFormat.JSON:
            body = json.loads(page)
            change(records_at(body, layout.records_path))
            return json.dumps(body).encode()
        case PageFormat.JSON_LINES:
            lines: _Records = [json.loads(line) for line in _text(page, layout).splitlines() if line.strip()]
            change(lines)
            return "".join(f"{json.dumps(line)}\n" for line in lines).encode(layout.encoding)
        case PageFormat.CSV:
            return _changed_csv(page, layout, change)
        case PageFormat.PARQUET:
            return _changed_parquet(page, change)
        case _:
            return page


def _changed_csv(page: bytes, layout: PageLayout, change: Callable[[_Records], None]) -> bytes:
    """The header and the lines of values are changed; the trailer stays as it is."""
    lines = list(csv.reader(io.StringIO(_text(page, layout), newline=""), delimiter=layout.delimiter))
    mark = layout.trailer_prefix.rstrip(layout.delimiter)
    trailer = [line for line in lines[-1:] if mark and line and line[0] == mark]
    header, *values = [line for line in lines[: len(lines) - len(trailer)] if line]
    names = [name.strip() for name in header]
    records: _Records = [dict(zip(names, line, strict=False)) for line in values]
    shape: _Records = [dict.fromkeys(names, "")]
    change(records)
    change(shape)
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=layout.delimiter, lineterminator="\n")
    writer.writerow(shape[0])
    writer.writerows([record.get(name, "") for name in shape[0]] for record in records)
    writer.writerows(trailer)
    return written.getvalue().encode(layout.encoding)


def _changed_parquet(page: bytes, change: Callable[[_Records], None]) -> bytes:
    """A table is changed column by column: what a change does to one record, it does to the column."""
    table = parquet.read_table(pa.BufferReader(page))
    shape: _Records = [dict.fromkeys(table.column_names)]
    change(shape)
    columns: dict[str, Any] = {}
    for name, value in shape[0].items():
        kept = name in table.column_names and value is None
        columns[name] = table.column(name) if kept else _repeated(value, table.num_rows)
    written = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), written)
    content: bytes = written.getvalue().to_pybytes()
    return content


def _repeated(value: Any, rows: int) -> Sequence[Any]:
    array: Sequence[Any] = pa.array([value] * rows, pa.string())
    return array


def _text(page: bytes, layout: PageLayout) -> str:
    return page.decode(layout.encoding).removeprefix("\ufeff")

"""Rows of a database as one Parquet page, with the types the driver gave them.

A column that Arrow has no single exact type for is kept as text; casting belongs to the contract pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_EXACT = frozenset({bool, int, float, str, bytes, Decimal, date, datetime})


class PageWriter:
    """Collects batches of rows and writes them as one page.

    Args:
        fields: Names of the columns, in the order of the rows' values.
    """

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = tuple(fields)
        self._chunks: dict[str, list[Any]] = {field: [] for field in self._fields}
        self.rows = 0

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Take a batch of rows."""
        for field, values in zip(self._fields, zip(*rows, strict=True), strict=True):
            self._chunks[field].append(_array(values))
        self.rows += len(rows)

    def add_table(self, table: Any) -> None:
        """Take rows that are Arrow already."""
        for field in self._fields:
            self._chunks[field].extend(table.column(field).chunks)
        self.rows += table.num_rows

    def page(self) -> bytes:
        """Return all rows as Parquet."""
        table = pa.table({field: _unified(chunks) for field, chunks in self._chunks.items()})
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd", compression_level=1)
        content: bytes = sink.getvalue().to_pybytes()
        return content


def _array(values: Sequence[Any]) -> Any:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if len(kinds) == 1 and kinds <= _EXACT:
        try:
            return pa.array(values)
        except (pa.ArrowException, OverflowError, TypeError):  # not finite, or an integer beyond 64 bits
            return _text_array(values)
    return _text_array(values)


def _unified(chunks: list[Any]) -> Any:
    """Return one column of one type; a column without a single value is text."""
    kinds = {chunk.type for chunk in chunks} - {pa.null()}
    kind = _common_type(kinds)
    return pa.chunked_array([chunk.cast(kind) for chunk in chunks], type=kind)


def _common_type(kinds: set[Any]) -> Any:
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds and all(pa.types.is_decimal(kind) for kind in kinds):
        scale = max(kind.scale for kind in kinds)
        whole_digits = max(kind.precision - kind.scale for kind in kinds)
        if whole_digits + scale <= pa.decimal128(38).precision:
            return pa.decimal128(whole_digits + scale, scale)
    return pa.string()


def _text_array(values: Iterable[Any]) -> Any:
    return pa.array([None if value is None else _text(value) for value in values], type=pa.string())


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return value.isoformat() if isinstance(value, date) else str(value)

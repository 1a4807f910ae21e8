"""The shape of a feed's answer: which fields it has, what their values look like, which codes they hold.

A shape says nothing of single rows and holds no value but declared codes; comparing two shapes belongs to `drift`,
keeping the one that was agreed on to `ledger.agreed_shapes`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from fulfillment_pipelines.snapshots.decoding import DecodedSnapshot
from fulfillment_pipelines.snapshots.scanning import ROW_NUMBER

_MOST_SAMPLED: Final = 200
_DOMINANT_PERCENT: Final = 80
_MARKS: Final = 24
_MARK_DIGITS: Final = 10
_MOST_CODES: Final = 200

TEXT: Final = "text"
"""The class of values that are of no narrower one."""

_CLASSES: Final[Mapping[str, str]] = {
    "boolean": r"[Tt]rue|[Ff]alse|TRUE|FALSE",
    "number": r"[+-]?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?",
    "number 1234,56": r"[+-]?[0-9]+,[0-9]+",
    "date 2026-12-31": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "date 31.12.2026": r"[0-9]{1,2}[.][0-9]{1,2}[.][0-9]{4}",
    "date 12/31/2026": r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}",
    "instant 2026-12-31T23:59": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*",
    "list": r"\[.*\]",
    "object": r"\{.*\}",
}
_NUMBER: Final = "number"
_NAMES: Final = tuple(_CLASSES)
_CLASS: Final = re.compile("|".join(f"({pattern})" for pattern in _CLASSES.values()), re.DOTALL)


class FieldShape(BaseModel):
    """What the values of one field look like.

    Attributes:
        name: The source's own name of the field.
        is_declared: Whether the declaration names it; the values of others go no further than the landed page.
        value_class: The class of nearly all values looked at, `text` where they are of several; empty where there
            are no values.
        null_percent: How many of the rows have no value, in percent; a half counts as more.
        codes: The values themselves, for a field that is declared to hold codes.
        marks: Hashes of some of the values, to tell that another field holds the same ones.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    is_declared: bool
    value_class: str
    null_percent: int
    codes: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


class FeedShape(BaseModel):
    """What one answer of a feed looks like.

    Attributes:
        rows: How many records it was told from.
        fields: Each field that came, by name.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    fields: tuple[FieldShape, ...]

    def without_codes(self) -> FeedShape:
        """Return the same shape, in which nothing is agreed on about codes."""
        return self.model_copy(update={"fields": tuple(one.model_copy(update={"codes": ()}) for one in self.fields)})


def shape_of(
    decoded: DecodedSnapshot,
    *,
    key: Collection[str] = (),
    optional: Collection[str] = (),
    codes: Mapping[str, Collection[str]] | None = None,
) -> FeedShape:
    """Return the shape of a decoded snapshot.

    Classes are told from at most two hundred rows, spread evenly; codes from all of them.

    Args:
        decoded: What was read from the pages.
        key: Fields that identify a row: an identifier of digits is text, and the next one may have letters.
        optional: Fields that may be absent; one without a single value counts as absent.
        codes: Fields that are declared to hold codes.
    """
    records = decoded.records
    step = max(1, -(-records.num_rows // _MOST_SAMPLED))
    sample = records.take(pa.array(range(0, records.num_rows, step), pa.int64()))
    fields = [
        _declared(name, decoded, sample.column(name), is_key=name in key, has_codes=name in (codes or {}))
        for name in records.column_names
        if name != ROW_NUMBER
    ]
    present = [field for field in fields if field.name not in optional or field.value_class]
    others = [_undeclared(name, values) for name, values in decoded.undeclared.items()]
    return FeedShape(rows=decoded.record_count, fields=tuple(sorted((*present, *others), key=lambda field: field.name)))


def value_class_of(values: Iterable[str | None]) -> str:
    """Return the class of at least four values in five, `text` where there is none, empty where there are no values.

    A few odd ones are bad data, which the contract's checks find; when nearly all have changed, so has the interface.
    """
    found = Counter(_class_of(value.strip()) for value in values if value is not None and value.strip())
    if not found:
        return ""
    name, count = found.most_common(1)[0]
    return name if 100 * count >= _DOMINANT_PERCENT * found.total() else TEXT


def _class_of(value: str) -> str:
    match = _CLASS.fullmatch(value)
    return TEXT if match is None or match.lastindex is None else _NAMES[match.lastindex - 1]


def _declared(
    name: str, decoded: DecodedSnapshot, sample: pa.ChunkedArray, *, is_key: bool, has_codes: bool
) -> FieldShape:
    scan, read = decoded.scan, decoded.records.column(name)
    values = [None if value is None else str(value) for value in sample.to_pylist()]
    told = value_class_of(values)
    return FieldShape(
        name=name,
        is_declared=True,
        value_class=_narrow(read.type) or (TEXT if is_key and told == _NUMBER else told),
        null_percent=_percent(scan.null_count(name) if scan else read.null_count, decoded.record_count),
        codes=_codes(scan.distinct(name) if scan else pc.unique(read).to_pylist()) if has_codes else (),
        marks=_marks(values),
    )


def _undeclared(name: str, values: tuple[str | None, ...]) -> FieldShape:
    nulls = sum(value is None for value in values)
    return FieldShape(
        name=name,
        is_declared=False,
        value_class=value_class_of(values),
        null_percent=_percent(nulls, len(values)),
        marks=_marks(values),
    )


def _narrow(kind: pa.DataType) -> str:
    """Return the class that a column's type alone tells; empty for text, whose values tell it."""
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _NUMBER
    if pa.types.is_timestamp(kind):
        return "instant 2026-12-31T23:59"
    return "date 2026-12-31" if pa.types.is_date(kind) else ""


def _codes(distinct: Iterable[object]) -> tuple[str, ...]:
    return tuple(sorted(str(value) for value in distinct if value is not None)[:_MOST_CODES])


def _marks(values: Iterable[str | None]) -> tuple[str, ...]:
    """The smallest hashes: of two fields with the same values they are the same, of alike ones mostly."""
    hashes = {hashlib.sha256(value.encode()).hexdigest()[:_MARK_DIGITS] for value in values if value}
    return tuple(sorted(hashes)[:_MARKS])


def _percent(part: int, whole: int) -> int:
    return (200 * part + whole) // (2 * whole) if whole else 0

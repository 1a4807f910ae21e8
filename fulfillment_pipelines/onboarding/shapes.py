"""What the values of a field look like: an instant and how it is written, a number and its mark, a code, a text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from fulfillment_pipelines.onboarding.samples import SampledField

_INTEGER: Final = re.compile(r"[+-]?\d{1,18}")
_PLAIN: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_POINT: Final = re.compile(r"[+-]?\d+(\.\d+)?|[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_COMMA: Final = re.compile(r"[+-]?\d+(,\d+)?|[+-]?\d{1,3}([. ]\d{3})+(,\d+)?")
_NUMBERS: Final = {"": _PLAIN, ".": _POINT, ",": _COMMA}
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}(:?\d{2})?)?)?")
_ISO_ZONE: Final = re.compile(r".*:\d{2}(\.\d+)?\s*(Z|[+-]\d{2}(:?\d{2})?)")
_FORMATS: Final = (
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d %H%M%S", "%Y%m%d",
)  # fmt: skip
_EPOCHS: Final = {
    "seconds": range(946_684_800, 4_102_444_800),
    "milliseconds": range(946_684_800_000, 4_102_444_800_000),
}
_MOST_CODES: Final = 15


class Shape(StrEnum):
    """What kind of values a field holds."""

    UNSEEN = "unseen"
    INSTANT = "instant"
    INTEGER = "integer"
    NUMBER = "number"
    CODE = "code"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the values of a field look like.

    Attributes:
        shape: What kind of values they are.
        time_format: How times are written, as in strptime; empty for ISO 8601.
        names_zone: Whether times name their zone.
        epoch: The unit of times that are counted; empty for others.
        decimal: The decimal mark, where numbers are not plain ones with a point.
        codes: The distinct values, where there are few.
        empty: Whether some value is missing.
    """

    shape: Shape
    time_format: str = ""
    names_zone: bool = False
    epoch: str = ""
    decimal: str = ""
    codes: tuple[str, ...] = ()
    empty: bool = False


def look_at(field: SampledField) -> Seen:
    """Return what the values of a field look like."""
    values = [value.strip() for value in field.values if value is not None and value.strip()]
    empty = len(values) < len(field.values)
    if not values:
        # A declared number may be an identity as well as an amount; which of them, only its values would show.
        shape = Shape.INSTANT if field.instant else Shape.INTEGER if field.number else Shape.UNSEEN
        return Seen(shape, names_zone=field.zoned, empty=empty)
    codes = tuple(dict.fromkeys(values))
    few = codes if len(codes) <= _MOST_CODES else ()
    if found := _instant(values, declared=field.instant):
        return Seen(Shape.INSTANT, *found, empty=empty)
    if all(_INTEGER.fullmatch(value) for value in values):
        return Seen(Shape.INTEGER, codes=few, empty=empty)
    for decimal, written in _NUMBERS.items():
        if all(written.fullmatch(value) for value in values):
            return Seen(Shape.NUMBER, decimal=decimal, empty=empty)
    is_code = few and (len(few) < len(values) or len(values) == 1) and all(len(value) <= 32 for value in few)  # noqa: PLR2004 - longer ones are sentences
    return Seen(Shape.CODE if is_code else Shape.TEXT, codes=few, empty=empty)


def _instant(values: Sequence[str], *, declared: bool) -> tuple[str, bool, str] | None:
    """Return format, whether a zone is named, and epoch; None where the values are no instants."""
    if all(_ISO.fullmatch(value) for value in values):
        return "", all(_ISO_ZONE.fullmatch(value) for value in values), ""
    for written in _FORMATS:
        if all(_parses(value, written) for value in values):
            return written, False, ""
    if declared and all(_INTEGER.fullmatch(value) for value in values):
        unit = next((name for name, spans in _EPOCHS.items() if all(int(value) in spans for value in values)), "")
        return ("", False, unit) if unit else None
    return None


def _parses(value: str, written: str) -> bool:
    try:
        parsed = datetime.strptime(value, written)  # noqa: DTZ007 - only whether it can be read
    except ValueError:
        return False
    return 1970 <= parsed.year < 2100  # noqa: PLR2004 - numbers of eight digits that are no dates


def is_unique(columns: Sequence[SampledField]) -> bool:
    """Return whether the fields together are filled and different in every row; one row shows nothing."""
    if len({len(field.values) for field in columns}) != 1:
        return False
    rows = list(zip(*(field.values for field in columns), strict=True))
    return len(rows) > 1 and all(None not in row and "" not in row for row in rows) and len(set(rows)) == len(rows)

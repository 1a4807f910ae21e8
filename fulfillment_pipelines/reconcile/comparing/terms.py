"""On what terms two tables are compared, and which of their columns can be: plain values and their checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from fulfillment_pipelines.errors import ConfigurationError

_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_INTEGERS = frozenset(
    {f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")} | {"INTEGER", "UINTEGER"}
)
_FLOATS = frozenset({"FLOAT", "DOUBLE"})
_INSTANTS = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"})
_FLOAT_PLACES = 6


@dataclass(frozen=True, slots=True)
class Terms:
    """What makes two rows the same row, and two values the same value.

    Attributes:
        key: Columns that identify a row on both sides; the first is the one whose ranges large tables are cut into.
        tolerances: By column, how far apart two numbers may lie and still count as the same; exact elsewhere.
        ignored: Columns that are not compared.
        renamed: Names on the left by names on the right, where they differ.
        samples: How many rows are shown of each kind of difference.
    """

    key: tuple[str, ...]
    tolerances: Mapping[str, Decimal] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)
    samples: int = 3


@dataclass(frozen=True, slots=True)
class ComparedColumn:
    """One column that both tables have.

    Attributes:
        name: On the left.
        right_name: On the right.
        as_type: What both sides are cast to; None where DuckDB compares them exactly as they are.
        tolerance: How far apart two numbers may lie; None for not at all.
        is_inexact: Whether both sides hold binary numbers.
    """

    name: str
    right_name: str
    as_type: str | None
    tolerance: Decimal | None = None
    is_inexact: bool = False


@dataclass(frozen=True, slots=True)
class ComparedColumns:
    """What is compared of two tables.

    Attributes:
        key: The identifying columns.
        fields: The others that both have and that are not ignored.
        only_left: Columns that the right lacks.
        only_right: Columns that the left lacks.
    """

    key: tuple[ComparedColumn, ...]
    fields: tuple[ComparedColumn, ...]
    only_left: tuple[str, ...]
    only_right: tuple[str, ...]


def columns_under(terms: Terms, left: Mapping[str, str], right: Mapping[str, str]) -> ComparedColumns:
    """Return what is compared of two tables, in the order of the left one's columns.

    Args:
        terms: The terms.
        left: DuckDB types by column.
        right: Likewise.

    Raises:
        ConfigurationError: The terms name a column that is not there, or give a tolerance to what is no number.
    """
    right_names = {name: name for name in right} | {name: old for old, name in terms.renamed.items()}
    for old in terms.renamed:
        right_names.pop(old, None)
    shared = [name for name in left if name in right_names]
    _require("--key", terms.key, shared)
    _require("--tolerance", terms.tolerances, [name for name in shared if name not in terms.key])
    _require("--ignore", terms.ignored, [*left, *right_names])
    _require("--rename", terms.renamed, right)

    def compared(name: str) -> ComparedColumn:
        types = left[name], right[right_names[name]]
        tolerance, as_type = terms.tolerances.get(name), _common_type(*types)
        if tolerance is not None:
            _require_numbers(name, types)
            if any(one.startswith("U") for one in types):
                # The difference of two numbers without a sign may have one.
                as_type = "decimal(38, 0)"
        return ComparedColumn(name, right_names[name], as_type, tolerance, is_inexact=_FLOATS.issuperset(types))

    return ComparedColumns(
        key=tuple(compared(name) for name in terms.key),
        fields=tuple(compared(name) for name in shared if name not in {*terms.key, *terms.ignored}),
        only_left=tuple(name for name in left if name not in right_names and name not in terms.ignored),
        only_right=tuple(name for name in right_names if name not in left and name not in terms.ignored),
    )


def _require(option: str, names: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown or (option == "--key" and not list(names)):
        raise ConfigurationError(
            f"{option} names no column of the two tables.",
            expected=f"one of {', '.join(known) or 'none: they have no column in common'}",
            found=", ".join(unknown) or "nothing",
            remedy="correct the name, or say with --rename RIGHT=LEFT which columns correspond",
        )


def _require_numbers(name: str, types: tuple[str, str]) -> None:
    if not all(_is_exact(one) or one in _FLOATS for one in types):
        raise ConfigurationError(
            f"Column {name} cannot be compared with a tolerance.",
            expected="a number on both sides",
            found=" and ".join(types),
            remedy="leave out the tolerance, or cast the column where the tables are made",
        )


def _is_exact(type_name: str) -> bool:
    return type_name in _INTEGERS or _DECIMAL.fullmatch(type_name) is not None


def _common_type(left: str, right: str) -> str | None:
    """Return what two types are compared as; None where the values can be compared as they are."""
    exact, floating = (_is_exact(left), _is_exact(right)), (left in _FLOATS, right in _FLOATS)
    if left == right or all(exact) or all(floating):
        return None
    if any(exact) and any(floating):
        # What a binary number says behind the sixth place is not what anybody wrote there.
        scales = [int(found[2]) for one in (left, right) if (found := _DECIMAL.fullmatch(one))]
        return f"decimal(38, {max([_FLOAT_PLACES, *scales])})"
    if {left, right} <= _INSTANTS:
        return "timestamp with time zone"
    return "varchar"

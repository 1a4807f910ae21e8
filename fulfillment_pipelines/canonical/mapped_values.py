"""The SQL expression for one mapped field: codes, numbers, times. Which column takes it is known to `mapping`.

Whatever cannot be read becomes UNREADABLE or UNMAPPED and the text as it was sent: no contract takes that for a
number, an instant or a code.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Final

from sqlglot import exp

from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType
from fulfillment_pipelines.systems.declaration.mapping import KEEP, DecimalMark, Epoch, MappedValue, Sign, SignField

_UNREADABLE: Final = "UNREADABLE "
_UNMAPPED: Final = "UNMAPPED "
_UNIT: Final = "uom"
# Wide enough for every quantity and amount, with room for the factor's own places.
_NUMBER: Final = "decimal(30, 10)"
# Blank, no-break spaces and apostrophes group thousands in several countries.
_GROUPING: Final = " '\u00a0\u202f\u2019"
_NAMES_ITS_ZONE: Final = r":\d{2}(\.\d+)?\s*(Z|[+-]\d{2}(:?\d{2})?)$"


def converted(column: Column, mapped: MappedValue, source: exp.Expr, named: Callable[[str], exp.Expr]) -> exp.Expr:
    """Return a mapped value as the column of the contract takes it.

    Args:
        column: The column.
        mapped: What is done to the value.
        source: The value as the source has it.
        named: Gives a field of the source as an expression.
    """
    if not mapped.converts:
        return _unless_missing(source, mapped)
    text = _shortened(_trimmed(source), mapped)
    if mapped.codes:
        value = _decoded(column, mapped, text)
    elif mapped.is_number:
        value = _number(mapped, text, named)
    else:
        value = _instant(mapped, text) if mapped.is_time else text
    return _unless_missing(value, mapped)


def _unless_missing(value: exp.Expr, mapped: MappedValue) -> exp.Expr:
    if mapped.missing is None:
        return value
    return exp.func("coalesce", _trimmed(value), exp.Literal.string(str(mapped.missing)))


def _trimmed(value: exp.Expr) -> exp.Expr:
    return exp.func("nullif", exp.func("trim", exp.cast(value.copy(), "varchar")), exp.Literal.string(""))


def _shortened(text: exp.Expr, mapped: MappedValue) -> exp.Expr:
    if mapped.remove_prefix:
        prefix = exp.Literal.string(mapped.remove_prefix)
        rest = exp.func("substr", text.copy(), exp.Literal.number(len(mapped.remove_prefix) + 1))
        text = exp.Case().when(_function("starts_with", text.copy(), prefix), rest).else_(text)
    return _function("ltrim", text, exp.Literal.string(mapped.trim_leading)) if mapped.trim_leading else text


def _decoded(column: Column, mapped: MappedValue, text: exp.Expr) -> exp.Expr:
    case = exp.Case(this=text.copy())
    for theirs, ours in mapped.codes.items():
        case = case.when(exp.Literal.string(theirs), exp.Literal.string(ours))
    if mapped.otherwise == KEEP:
        return case.else_(text)
    if mapped.otherwise is not None:
        return exp.Case().when(text.copy().is_(exp.null()).not_(), case.else_(exp.Literal.string(mapped.otherwise)))
    if column.codes or column.type is not ColumnType.TEXT or column.name == _UNIT:
        return case.else_(_marked(_UNMAPPED, text))
    # A free text that is required has one check only: that it is there.
    return case


def _number(mapped: MappedValue, text: exp.Expr, named: Callable[[str], exp.Expr]) -> exp.Expr:
    plain = _plain_number(mapped.decimal, text) if mapped.decimal is not None else text
    number: exp.Expr = exp.TryCast(this=plain, to=exp.DataType.build(_NUMBER, dialect="duckdb"), safe=True)
    factors: list[exp.Expr] = []
    if mapped.factor is not None:
        factors.append(exp.Literal.number(f"{mapped.factor:f}"))
    if isinstance(mapped.sign, SignField):
        factors.append(_sign(mapped.sign, named))
    elif mapped.sign is Sign.REVERSED:
        factors.append(exp.Literal.number(-1))
    number = reduce(lambda product, factor: exp.Mul(this=product, expression=factor), factors, number)
    number = exp.func("abs", number) if mapped.sign is Sign.ABSOLUTE else number
    return _readable(_function("try", number), text)


def _plain_number(mark: DecimalMark, text: exp.Expr) -> exp.Expr:
    """The number with a decimal point and without grouping; NULL where it is not written as declared.

    Grouping counts only in threes, so that 12.50 is never taken for 1250 where a comma is declared.
    """
    group = "." if mark is DecimalMark.COMMA else ","
    fraction = f"(\\{mark.value}\\d*)?"
    form = f"[+-]?(\\d+|\\d{{1,3}}([\\{group}{_GROUPING}]\\d{{3}})+){fraction}"
    digits = _function("translate", text.copy(), exp.Literal.string(group + _GROUPING), exp.Literal.string(""))
    pointed = exp.func("replace", digits, exp.Literal.string(mark.value), exp.Literal.string("."))
    is_so = _function("regexp_full_match", text.copy(), exp.Literal.string(form))
    return exp.Case().when(is_so, pointed)


def _sign(sign: SignField, named: Callable[[str], exp.Expr]) -> exp.Expr:
    """Plus or minus one, or NULL for a value that is on neither list: the row is quarantined."""
    direction = _trimmed(named(sign.field))
    case = exp.Case().when(direction.isin(*sign.negative), exp.Literal.number(-1))
    plus = exp.Literal.number(1)
    return case.when(direction.isin(*sign.positive), plus) if sign.positive else case.else_(plus)


def _instant(mapped: MappedValue, text: exp.Expr) -> exp.Expr:
    if mapped.epoch is not None:
        counted: exp.Expr = exp.TryCast(this=text, to=exp.DataType.build("decimal(20, 6)", dialect="duckdb"), safe=True)
        if mapped.epoch is Epoch.MILLISECONDS:
            counted = exp.Div(this=counted, expression=exp.Literal.number(1000))
        return _readable(_function("try", _function("to_timestamp", counted)), text)
    if mapped.format:
        local = _function("try_strptime", text.copy(), exp.Literal.string(mapped.format))
    else:
        local = exp.TryCast(this=text.copy(), to=exp.DataType.build("timestamp", dialect="duckdb"), safe=True)
    if not mapped.zone:
        return _readable(local, text)
    placed = _readable(_function("timezone", exp.Literal.string(mapped.zone), local), text)
    if mapped.format:
        return placed
    names_its_zone = _function("regexp_matches", text.copy(), exp.Literal.string(_NAMES_ITS_ZONE))
    return exp.Case().when(names_its_zone, text.copy()).else_(placed)


def _readable(value: exp.Expr, text: exp.Expr) -> exp.Expr:
    """The value as text, or what was sent, marked so that no cast takes it."""
    return exp.func("coalesce", exp.cast(value, "varchar"), _marked(_UNREADABLE, text))


def _marked(mark: str, text: exp.Expr) -> exp.Expr:
    return exp.DPipe(this=exp.Literal.string(mark), expression=text.copy())


def _function(name: str, *arguments: exp.Expr) -> exp.Expr:
    """Return a call of DuckDB's function of that name, which is not translated."""
    return exp.Anonymous(this=name, expressions=list(arguments))

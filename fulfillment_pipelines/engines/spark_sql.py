"""The words of a model as Spark speaks them: sqlglot's translation, and what it would say otherwise than DuckDB.

Each change below stands for one difference between the engines that a model cannot avoid in the common form; the
constructs that models do without are listed in `docs/spark.md`. Running a statement belongs to `spark`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import sqlglot
from sqlglot import exp

from fulfillment_pipelines.errors import ConfigurationError

_MICROSECONDS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE_FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {"%Y": "yyyy", "%m": "MM", "%d": "dd", "%H": "HH", "%M": "mm", "%S": "ss"}
)
_FORMAT_PART: Final = re.compile(r"(%[a-zA-Z])|([^%]+)")


def spark_statement(body: str, parameters: Mapping[str, Any]) -> str:
    """Return a model's select as Spark runs it, with the values of its parameters in place.

    A value becomes a literal of exactly the type that DuckDB binds it with. Spark's own arguments would give every
    decimal another precision, and with it other results.

    Args:
        body: One select in DuckDB's words.
        parameters: Values by the names that the select takes.

    Raises:
        ConfigurationError: The select holds what cannot be said on Spark, or a value has no literal there.
    """
    try:
        tree = _translated(body).copy()
    except sqlglot.errors.SqlglotError as error:
        raise ConfigurationError(
            "A select cannot be read as SQL.", found=str(error).splitlines()[0], remedy="correct the SQL file"
        ) from error
    for placeholder in list(tree.find_all(exp.Placeholder, exp.Parameter)):
        placeholder.replace(_literal(parameters[placeholder.name]))
    try:
        return tree.sql(dialect="spark", comments=False, unsupported_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.errors.UnsupportedError as error:
        raise ConfigurationError(
            "A select holds what Spark does not have.",
            found=str(error),
            remedy="say it in the common form; docs/spark.md lists what models do without",
        ) from error


@lru_cache(maxsize=256)
def _translated(body: str) -> exp.Expr:
    """Parse and adapt a select once, however often it runs; what is inside is adapted before what is around it."""
    root = exp.Tuple(expressions=[sqlglot.parse_one(body, read="duckdb")])
    for node in reversed(list(root.bfs())):
        adapted = _adapted(node)
        if adapted is not node:
            node.replace(adapted)
    found: exp.Expr = root.expressions[0]
    return found.pop()


def _adapted(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Anonymous) and node.name.lower() == "to_json":
        return _json(node.expressions[0])
    adapt = _ADAPTED.get(type(node))
    return adapt(node) if adapt else node


def _epoch(node: exp.Expr) -> exp.Expr:
    """Spark's `unix_timestamp` drops the fraction of the second, which DuckDB's `epoch` keeps."""
    return exp.Div(
        this=exp.cast(exp.func("unix_micros", node.this), exp.DataType.Type.DOUBLE),
        expression=exp.Literal.number(_MICROSECONDS),
        typed=False,
        safe=False,
    )


def _instant(node: exp.Expr) -> exp.Expr:
    """Spark's `from_unixtime` gives whole seconds, as text."""
    micros = exp.Mul(this=exp.paren(node.this.copy()), expression=exp.Literal.number(_MICROSECONDS))
    return exp.func("timestamp_micros", exp.cast(exp.func("round", micros), exp.DataType.Type.BIGINT))


def _formatted(node: exp.Expr) -> exp.Expr:
    """In Spark's date formats a letter that stands for itself is quoted; sqlglot leaves `T` and `Z` bare."""
    told = node.args["format"].name
    found = "".join(
        _date_part(code, told) if code else f"'{text}'" if any(map(str.isalpha, text)) else text
        for code, text in _FORMAT_PART.findall(told)
    )
    return exp.func("date_format", node.this, exp.Literal.string(found))


def _date_part(code: str, told: str) -> str:
    if code not in _DATE_FORMATS:
        raise ConfigurationError(
            f"The date format {told} cannot be said on Spark.",
            expected=", ".join(_DATE_FORMATS),
            found=code,
            remedy="use only these in strftime",
        )
    return _DATE_FORMATS[code]


def _of_greatest(node: exp.Expr) -> exp.Expr:
    """DuckDB passes over rows without a value to give, Spark gives null for them."""
    has_value = exp.Not(this=exp.Is(this=node.this.copy(), expression=exp.Null()))
    node.set("expression", exp.Case(ifs=[exp.If(this=has_value, true=node.expression.copy())]))
    return node


def _percentile(node: exp.Expr) -> exp.Expr:
    return exp.func("percentile", node.this, node.expression)


def _split(node: exp.Expr) -> exp.Expr:
    """Spark splits by a pattern, of which sqlglot says Java's quotation; other engines know none."""
    by = node.args["expression"]
    return exp.Anonymous(this="split", expressions=[node.this, exp.Literal.string(re.escape(by.name))])


def _json(struct: exp.Expr) -> exp.Expr:
    """DuckDB writes an entry without a value as null, Spark leaves it out; so each entry is written by itself."""
    if not isinstance(struct, exp.Struct):
        raise ConfigurationError(
            "to_json is given something that is not a struct written out.",
            expected="to_json({'name': value, ...})",
            found=struct.sql(dialect="duckdb"),
            remedy="write the struct in place",
        )
    parts: list[exp.Expr] = [exp.Literal.string("{")]
    for position, entry in enumerate(struct.expressions):
        separator = [exp.Literal.string(",")] if position else []
        parts += [*separator, _json_entry(entry.name, entry.expression)]
    return exp.Concat(expressions=[*parts, exp.Literal.string("}")], safe=False, coalesce=False)


def _json_entry(name: str, value: exp.Expr) -> exp.Expr:
    if isinstance(value, exp.Struct):
        return exp.Concat(expressions=[exp.Literal.string(f'"{name}":'), _json(value)], safe=False, coalesce=False)
    alone = exp.Anonymous(
        this="to_json",
        expressions=[exp.Anonymous(this="named_struct", expressions=[exp.Literal.string(name), value.copy()])],
    )
    members = exp.func(
        "substring", alone, exp.Literal.number(2), exp.Sub(this=exp.Length(this=alone.copy()), expression=_TWO.copy())
    )
    missing = exp.Is(this=exp.paren(value.copy()), expression=exp.Null())
    return exp.Case(ifs=[exp.If(this=missing, true=exp.Literal.string(f'"{name}":null'))], default=members)


_TWO: Final = exp.Literal.number(2)
_ADAPTED: Final[Mapping[type[exp.Expr], Callable[[exp.Expr], exp.Expr]]] = MappingProxyType(
    {
        exp.TimeToUnix: _epoch,
        exp.UnixToTime: _instant,
        exp.TimeToStr: _formatted,
        exp.ArgMax: _of_greatest,
        exp.ArgMin: _of_greatest,
        exp.PercentileCont: _percentile,
        exp.Split: _split,
    }
)


def _literal(value: object) -> exp.Expr:
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int):
        return exp.Literal.number(value)
    if isinstance(value, str):
        return exp.Literal.string(value)
    if isinstance(value, Decimal) and value.is_finite():
        return exp.cast(exp.Literal.number(f"{value:f}"), _decimal_type(value))
    if isinstance(value, datetime) and value.tzinfo is not None:
        micros = (value - _EPOCH) // timedelta(microseconds=1)
        return exp.func("timestamp_micros", exp.Literal.number(micros))
    raise ConfigurationError(
        "A parameter of a model cannot be given to Spark.",
        expected="a number, a text, true or false, or an instant with its zone",
        found=type(value).__name__,
        remedy="give a value of one of these types",
    )


def _decimal_type(value: Decimal) -> exp.DataType:
    """Return the narrowest type that holds a value, as DuckDB chooses it."""
    _, digits, exponent = value.as_tuple()
    scale = max(-int(exponent), 0)
    precision = max(len(digits) + max(int(exponent), 0), scale, 1)
    return exp.DataType.build(f"decimal({precision}, {scale})")

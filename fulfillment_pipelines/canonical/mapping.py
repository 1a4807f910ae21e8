"""Turn the `mapping:` of a declared entity into the model that its snapshot SQL file would be.

A value that cannot be converted, and a code that is in no map, become a text that breaks the contract, never NULL:
the row is quarantined by the contract's own check. The shape of a mapping stands in `systems.declaration.mapping`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Final

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

from fulfillment_pipelines.canonical.mapped_values import converted
from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType, Contract
from fulfillment_pipelines.domain.correction import Scalar
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.snapshots.scanning import ROW_NUMBER
from fulfillment_pipelines.sql_models import SqlModel
from fulfillment_pipelines.systems.declaration.mapping import (
    KEEP,
    MappedColumn,
    MappedField,
    MappedJoin,
    MappedLiteral,
)

_NUMBERS: Final = (ColumnType.INTEGER, ColumnType.QUANTITY, ColumnType.AMOUNT, ColumnType.PRICE)
_CHECKED_UNIT: Final = "uom"
_QUOTED: Final = ("STRING", "IDENTIFIER")


def mapped_model(
    system: str, entity: str, mapping: Mapping[str, MappedColumn], contract: Contract, line_of: Callable[..., str]
) -> SqlModel:
    """Return the snapshot model that a mapping stands for; its version changes with the mapping.

    Args:
        system: Declared name of the system.
        entity: Declared name of the entity.
        mapping: Column of the contract to where its value comes from.
        contract: What the rows are held to.
        line_of: Tells where a key of the mapping stands, for errors, such as `wms.yaml:12`; the mapping itself
            without a key.

    Raises:
        ConfigurationError: The mapping leaves out a required column, names one that is not there, or asks for what
            the column cannot hold.
    """
    _require_whole(mapping, contract, line_of)
    for name, mapped in mapping.items():
        _require_fitting(contract.column(name), mapped, line_of)
    return SqlModel(
        name=f"snap_{system}__{entity}",
        header={"snapshot": f"{system}/{entity}", "grain": contract.about},
        body=_text(system, entity, mapping, contract),
        path=Path(line_of()),
    )


def _require_whole(mapping: Mapping[str, MappedColumn], contract: Contract, line_of: Callable[..., str]) -> None:
    names = [column.name for column in contract.columns]
    for name in mapping:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            raise ConfigurationError(
                f"{line_of(name)}: the contract '{contract.name}' has no column '{name}'.",
                expected=f"one of {', '.join(names)}",
                found=name,
                remedy=f"write {near[0]}" if near else "correct the name, or remove the line",
            )
    missing = [column for column in contract.columns if column.required and column.name not in mapping]
    if missing:
        raise ConfigurationError(
            f"{line_of()}: the mapping leaves out what the contract '{contract.name}' requires.",
            expected="; ".join(f"{column.name} ({column.about.rstrip('.')})" for column in missing),
            found=f"only {', '.join(mapping)}",
            remedy="map each of them: to a field, or to a {literal: …} where it is always the same",
        )


def _require_fitting(column: Column, mapped: MappedColumn, line_of: Callable[..., str]) -> None:
    """Refuse what can never give a good row, and what would let an unknown code pass."""
    match mapped:
        case MappedLiteral():
            problem = _misfit(column, mapped.literal)
        case MappedField() | MappedJoin():
            problem = _value_problem(column, mapped)
        case str():
            problem = ""
    if problem:
        raise ConfigurationError(
            f"{line_of(column.name)}: the mapping of '{column.name}' does not fit the column.",
            expected=problem,
            found=str(mapped),
            remedy=f"correct the line; the column is: {column.about} ({column.type.value})",
        )


def _value_problem(column: Column, mapped: MappedField | MappedJoin) -> str:
    if isinstance(mapped, MappedJoin) and column.type in _NUMBERS:
        return "several fields in one only for a text or a time"
    if mapped.is_number and column.type not in _NUMBERS:
        return "decimal, factor and sign only for a number"
    if mapped.is_time and column.type is not ColumnType.INSTANT:
        return "format, zone and epoch only for an instant"
    given: list[Scalar] = [
        *mapped.codes.values(),
        mapped.missing,
        None if mapped.otherwise == KEEP else mapped.otherwise,
    ]
    misfit = next((text for value in given if value is not None and (text := _misfit(column, value))), "")
    if misfit or not mapped.codes or mapped.otherwise is not None:
        return misfit
    # Only a check of the contract can put an unknown code into quarantine; a free text has none.
    is_checked = column.codes or column.required or column.type is not ColumnType.TEXT or column.name == _CHECKED_UNIT
    return "" if is_checked else f"`otherwise`: any text is good for it, so {KEEP}, or a code for all others"


def _misfit(column: Column, value: Scalar) -> str:
    if value is None:
        return "a value; a column that is never filled is left out"
    if column.codes and str(value) not in column.codes:
        return f"one of {', '.join(column.codes)}"
    if column.type in _NUMBERS:
        try:
            Decimal(str(value))
        except InvalidOperation:
            return "a number"
    return ""


def _text(system: str, entity: str, mapping: Mapping[str, MappedColumn], contract: Contract) -> str:
    rows = exp.select(ROW_NUMBER).from_("landed")
    for column in contract.columns:
        if column.name in mapping:
            rows = rows.select(_expression(column, mapping[column.name]))
    header = f"-- snapshot: {system}/{entity}\n-- grain: {contract.about.rstrip('.').lower()}\n"
    return header + _in_house_style(
        rows.sql(dialect="duckdb", pretty=True, normalize_functions="lower", indent=4, pad=4)
    )


def _expression(column: Column, mapped: MappedColumn) -> exp.Expr:
    match mapped:
        case str():
            source: exp.Expr = named(mapped)
            return source if mapped == column.name else source.as_(column.name)
        case MappedLiteral():
            return exp.convert(mapped.literal).as_(column.name)
        case MappedField():
            return converted(column, mapped, named(mapped.field), named).as_(column.name)
        case MappedJoin():
            return converted(column, mapped, _joined(mapped), named).as_(column.name)


def _joined(mapped: MappedJoin) -> exp.Expr:
    parts: list[exp.Expr] = []
    for name in mapped.fields:
        if parts and mapped.separator:
            parts.append(exp.Literal.string(mapped.separator))
        parts.append(exp.cast(named(name), "varchar"))
    whole = parts[0]
    for part in parts[1:]:
        whole = exp.DPipe(this=whole, expression=part)
    return exp.paren(whole)


def named(field: str) -> exp.Column:
    """Return a field of the source as a column, in quotes where its name needs them."""
    is_plain = re.fullmatch(r"[a-z_][a-z0-9_]*", field) and field.upper() not in _keywords()
    return exp.column(exp.to_identifier(field, quoted=not is_plain))


@cache
def _keywords() -> frozenset[str]:
    return frozenset(DuckDB.Tokenizer.KEYWORDS)


def _in_house_style(statement: str) -> str:
    """Write keywords in lower case: what is printed can be taken over into a file as it is."""
    letters = list(statement.lower())
    for token in DuckDB().tokenize(statement):
        if token.token_type.name in _QUOTED:
            letters[token.start : token.end + 1] = statement[token.start : token.end + 1]
    return "".join(letters) + "\n"

"""A contract as others read it: JSON Schema for partners, Markdown for people.

Both derive from the declaration in `contracts`. What JSON Schema cannot say of a row (order of instants, units,
uniqueness) is said in words, with the identities of the checks. Checking rows belongs to `row_checks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.canonical.row_checks import CheckKind, checks_of
from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType, Contract

JsonSchema: TypeAlias = dict[str, object]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+), (\d+)\)")
_INSTANT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
_BEYOND_SCHEMA: Final = (CheckKind.UNIT, CheckKind.ORDER, CheckKind.UNIQUE)
_TYPE_TITLES: Final = {
    ColumnType.TEXT: "text",
    ColumnType.INTEGER: "integer",
    ColumnType.QUANTITY: "quantity",
    ColumnType.AMOUNT: "amount",
    ColumnType.PRICE: "price",
    ColumnType.INSTANT: "instant, UTC",
}


def contract_schema(contract: Contract) -> JsonSchema:
    """Return the JSON Schema (draft 2020-12) of one row of a contract.

    A row that fits passes every check of its own; the checks that need more than the row are listed in `$comment`.
    Fields that the contract does not know are allowed and ignored.
    """
    beyond = "; ".join(
        f"{check.check_id}: {check.about}" for check in checks_of(contract) if check.kind in _BEYOND_SCHEMA
    )
    return {
        "$schema": DIALECT,
        "$id": f"urn:fulfillment-pipelines:contract:{contract.name}:{contract.version}",
        "$comment": beyond,
        "title": contract.name,
        "description": contract.about,
        "type": "object",
        "properties": {column.name: _property(column) for column in contract.columns},
        "required": [column.name for column in contract.columns if column.required],
    }


def contracts_markdown(contracts: Iterable[Contract] = tuple(CONTRACTS.values())) -> str:
    """Return the documentation of contracts: one section each, one table row for each column."""
    return "\n\n".join(_section(contract) for contract in contracts) + "\n"


def _property(column: Column) -> JsonSchema:
    described: JsonSchema = {"description": column.about}
    if column.codes:
        return described | {"enum": [*column.codes] if column.required else [*column.codes, None]}
    value = _value(column)
    return described | (value if column.required else {"anyOf": [value, {"type": "null"}]})


def _value(column: Column) -> JsonSchema:
    match column.type:
        case ColumnType.TEXT:
            return {"type": "string", "pattern": r"\S"} if column.required else {"type": "string"}
        case ColumnType.INTEGER:
            bound = {} if column.minimum is None else {"minimum": column.minimum}
            return {"type": "integer", "maximum": 2**63 - 1, **bound}
        case ColumnType.INSTANT:
            return {"type": "string", "format": "date-time", "pattern": _INSTANT}
        case _:
            return _decimal(column)


def _decimal(column: Column) -> JsonSchema:
    """A decimal travels as text, since a JSON number may pass through a binary fraction on its way."""
    match = _DECIMAL.fullmatch(column.type.value)
    if match is None:
        raise AssertionError(f"{column.type} is not a decimal type")
    digits, scale = int(match[1]), int(match[2])
    sign = "-?" if column.minimum is None else ""
    return {"type": "string", "pattern": f"^{sign}[0-9]{{1,{digits - scale}}}(\\.[0-9]{{1,{scale}}})?$"}


def _section(contract: Contract) -> str:
    lines = [
        f"## {contract.name} (version {contract.version})",
        "",
        contract.about,
        "",
        f"Key: {', '.join(f'`{name}`' for name in contract.key)}",
        "",
        "| column | type | required | allowed | meaning |",
        "|---|---|---|---|---|",
        *(_table_row(column) for column in contract.columns),
        "",
        "Checks on whole rows:",
        "",
        *(f"- `{check.check_id}`: {check.about}" for check in checks_of(contract) if check.kind in _BEYOND_SCHEMA),
    ]
    return "\n".join(lines)


def _table_row(column: Column) -> str:
    allowed = ", ".join(f"`{code}`" for code in column.codes)
    if column.minimum is not None:
        allowed = f"at least {column.minimum}"
    required = "yes" if column.required else "no"
    return f"| `{column.name}` | {_TYPE_TITLES[column.type]} | {required} | {allowed} | {column.about} |"

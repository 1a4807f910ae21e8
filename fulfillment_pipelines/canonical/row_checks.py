"""Compile a contract into its checks and into the one SQL pass that applies them to every row.

The pass reads `mapped` (one row per record under canonical names, not yet typed) and `ref_units`, and gives one
row each with typed columns, what could not be cast, and a bit mask of the checks the row fails. `expectations`
builds the Great Expectations suite from the same checks; a test holds that both give the same verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from sqlglot import exp, select

from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType, Contract
from fulfillment_pipelines.snapshots.decoding import ROW_NUMBER
from fulfillment_pipelines.warehouse import Connection

REJECTED_SUFFIX: Final = "__rejected"
UNMAPPED_UNIT: Final = "uom__unmapped"
KEY_SEPARATOR: Final = "/"
_DIALECT: Final = "duckdb"
_CONTRADICTED: Final = (
    "source_key is not null"
    " and min(row_hash) over (partition by source_key) <> max(row_hash) over (partition by source_key)"
)


class CheckKind(StrEnum):
    """What a check asks of a row."""

    REQUIRED = "required"
    TYPE = "type"
    CODES = "codes"
    MINIMUM = "minimum"
    UNIT = "unit"
    ORDER = "order"
    UNIQUE = "unique"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a contract.

    Attributes:
        check_id: For example `ordered_qty:minimum`; the same in quarantine, suites and documents.
        kind: What is asked.
        columns: The columns it looks at.
        about: What a row must satisfy, in words for a person.
    """

    check_id: str
    kind: CheckKind
    columns: tuple[str, ...]
    about: str


def checks_of(contract: Contract) -> tuple[Check, ...]:
    """Return the checks of a contract; the position of a check is its bit in the mask."""
    found: list[Check] = []
    for column in contract.columns:
        found.extend(_column_checks(column))
    if contract.has_column("uom"):
        found.append(Check("uom:known", CheckKind.UNIT, ("uom",), "uom converts to the item's base unit"))
    for earlier, later in contract.in_order:
        found.append(Check(f"{earlier}<={later}", CheckKind.ORDER, (earlier, later), f"{earlier} is not after {later}"))
    key = ", ".join(contract.key)
    found.append(Check("key:unique", CheckKind.UNIQUE, contract.key, f"one content for each {key}"))
    return tuple(found)


def _column_checks(column: Column) -> list[Check]:
    name = column.name
    checks = []
    if column.type is not ColumnType.TEXT:
        checks.append(Check(f"{name}:type", CheckKind.TYPE, (name,), f"{name} is a {column.type.value}"))
    if column.required:
        checks.append(Check(f"{name}:required", CheckKind.REQUIRED, (name,), f"{name} is given"))
    if column.codes:
        allowed = ", ".join(column.codes)
        checks.append(Check(f"{name}:codes", CheckKind.CODES, (name,), f"{name} is one of {allowed}"))
    if column.minimum is not None:
        checks.append(Check(f"{name}:minimum", CheckKind.MINIMUM, (name,), f"{name} is at least {column.minimum}"))
    return checks


@lru_cache(maxsize=64)
def checking_select(contract: Contract) -> str:
    """Return the select over `mapped` that types every row and marks what it fails.

    Its columns are `landed_row_no`, the contract's columns, `<column>__rejected` for each typed column,
    `source_key`, `row_hash`, `failed_mask` and `is_repeat` (the same row was sent more than once).
    """
    typed = _typed_rows(contract)
    hashed = _hashed_rows(contract)
    marked = (
        select("hashed.*")
        .select(_mask(contract).as_("failed_mask"))
        .select(
            exp.condition("row_number() over (partition by source_key, row_hash order by landed_row_no) > 1").as_(
                "is_repeat"
            )
        )
        .from_("hashed")
    )
    return marked.with_("typed", as_=typed).with_("hashed", as_=hashed).sql(dialect=_DIALECT, pretty=True)


def _typed_rows(contract: Contract) -> exp.Select:
    rows = select(ROW_NUMBER).from_("mapped")
    for column in contract.columns:
        rows = rows.select(_cast(column).as_(column.name))
        if column.type is not ColumnType.TEXT:
            rows = rows.select(_refused(column).as_(column.name + REJECTED_SUFFIX))
    return rows.select(_unmapped_unit(contract).as_(UNMAPPED_UNIT)) if contract.has_column("uom") else rows


def _unmapped_unit(contract: Contract) -> exp.Expr:
    """The unit, where neither the item nor everything (`*`) has a factor for it."""
    items: exp.Expr = exp.column("sku", table="ref_units").eq("*")
    if contract.has_column("sku"):
        items = exp.or_(items, exp.column("sku", table="ref_units").eq(exp.column("sku", table="mapped")))
    factors = (
        select("1").from_("ref_units").where(exp.column("uom", table="ref_units").eq(exp.column("uom", table="mapped")))
    ).where(items)
    unit = exp.column("uom", table="mapped")
    return exp.Case().when(exp.not_(exp.Exists(this=factors)), unit)


def _cast(column: Column) -> exp.Expr:
    raw = exp.column(column.name)
    if column.type is ColumnType.TEXT:
        return exp.func("nullif", exp.func("trim", exp.cast(raw, "varchar")), exp.Literal.string(""))
    return exp.TryCast(this=raw, to=_type(column), safe=True)


def _type(column: Column) -> exp.DataType:
    return exp.DataType.build(column.type.value, dialect=_DIALECT)


def _refused(column: Column) -> exp.Expr:
    """The text that could not be cast; an empty text is a missing value, not a wrong one."""
    text = exp.func("nullif", exp.func("trim", exp.cast(exp.column(column.name), "varchar")), exp.Literal.string(""))
    failed = exp.and_(text.copy().is_(exp.null()).not_(), _cast(column).is_(exp.null()))
    return exp.Case().when(failed, text)


def _hashed_rows(contract: Contract) -> exp.Select:
    names = [exp.column(column.name) for column in contract.columns]
    refused = [
        exp.column(column.name + REJECTED_SUFFIX) for column in contract.columns if column.type is not ColumnType.TEXT
    ]
    parts: list[exp.Expr] = []
    for position, name in enumerate(contract.key):
        if position:
            parts.append(exp.Literal.string(KEY_SEPARATOR))
        parts.append(exp.cast(exp.column(name), "varchar"))
    key = parts[0] if len(parts) == 1 else exp.DPipe(this=parts[0], expression=_joined(parts[1:]))
    return (
        select("typed.*").select(key.as_("source_key")).select(exp.func("hash", *names, *refused).as_("row_hash"))
    ).from_("typed")


def _joined(parts: list[exp.Expr]) -> exp.Expr:
    return parts[0] if len(parts) == 1 else exp.DPipe(this=parts[0], expression=_joined(parts[1:]))


def _mask(contract: Contract) -> exp.Expr:
    """The sum of two to the power of each failed check's position, as a BIGINT."""
    bits = [
        exp.Case().when(_fails(contract, check), exp.Literal.number(1 << position)).else_(exp.Literal.number(0))
        for position, check in enumerate(checks_of(contract))
    ]
    total: exp.Expr = exp.cast(bits[0], "bigint")
    for bit in bits[1:]:
        total = exp.Add(this=total, expression=exp.cast(bit, "bigint"))
    return total


def _fails(contract: Contract, check: Check) -> exp.Expr:
    name = check.columns[0]
    column = exp.column(name)
    match check.kind:
        case CheckKind.REQUIRED:
            failing: exp.Expr = column.is_(exp.null())
        case CheckKind.TYPE:
            failing = exp.column(name + REJECTED_SUFFIX).is_(exp.null()).not_()
        case CheckKind.CODES:
            failing = column.isin(*contract.column(name).codes).not_()
        case CheckKind.MINIMUM:
            failing = exp.LT(this=column, expression=exp.Literal.number(contract.column(name).minimum or 0))
        case CheckKind.UNIT:
            failing = exp.column(UNMAPPED_UNIT).is_(exp.null()).not_()
        case CheckKind.ORDER:
            failing = exp.GT(this=column, expression=exp.column(check.columns[1]))
        case CheckKind.UNIQUE:
            failing = exp.condition(_CONTRADICTED)
    return failing


@lru_cache(maxsize=64)
def good_select(contract: Contract) -> str:
    """Return the select of the rows of `checked_rows` that pass, once each: key, hash and the contract's columns."""
    rows = select("source_key", "row_hash", *(column.name for column in contract.columns)).from_("checked_rows")
    return rows.where("failed_mask = 0 and not is_repeat").sql(dialect=_DIALECT)


@lru_cache(maxsize=64)
def failing_select(contract: Contract) -> str:
    """Return the select of the rows of `checked_rows` that fail, with what identifies them."""
    rows = select(ROW_NUMBER, "source_key", "failed_mask").from_("checked_rows").where("failed_mask <> 0")
    for name in ("order_id", "node", "sku", "uom"):
        value = exp.column(name) if contract.has_column(name) else exp.cast(exp.null(), "varchar")
        rows = rows.select(value.as_(name))
    return rows.sql(dialect=_DIALECT)


@lru_cache(maxsize=64)
def counting_select(contract: Contract) -> str:
    """Return the select that counts, over `checked_rows`, how many rows fail each check, in the checks' order."""
    counts = [
        exp.cast(
            exp.func("coalesce", exp.func("sum", exp.condition(f"(failed_mask >> {bit}) & 1")), "0"), "bigint"
        ).as_(f"failed_{bit}")
        for bit in range(len(checks_of(contract)))
    ]
    return select(*counts).from_("checked_rows").sql(dialect=_DIALECT)


@lru_cache(maxsize=64)
def empty_select(contract: Contract) -> str:
    """Return a select without rows that has the columns and types of a feed's table."""
    columns = [
        exp.cast(exp.null(), "varchar").as_("source_key"),
        exp.cast(exp.null(), exp.DataType.Type.UBIGINT).as_("row_hash"),
    ]
    columns += [exp.cast(exp.null(), _type(column)).as_(column.name) for column in contract.columns]
    columns += [exp.cast(exp.null(), "varchar").as_("snapshot_id"), exp.cast(exp.null(), "timestamptz").as_("as_of")]
    return select(*columns).where("false").sql(dialect=_DIALECT)


def check_counts(connection: Connection, contract: Contract) -> dict[str, int]:
    """Return how many rows of `checked_rows` fail each check that any row fails, by check."""
    counts = connection.execute(counting_select(contract)).fetchone() or ()
    return {check.check_id: count for check, count in zip(checks_of(contract), counts, strict=True) if count}


def failed_check_ids(contract: Contract, mask: int) -> tuple[str, ...]:
    """Return the identities of the checks whose bits are set in `mask`."""
    return tuple(check.check_id for position, check in enumerate(checks_of(contract)) if mask >> position & 1)

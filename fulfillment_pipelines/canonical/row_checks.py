"""Compile a contract into its checks and into the one SQL pass that applies them to every row.

The pass reads `mapped` (one row per record under canonical names, not yet typed) and `ref_units`, and gives one
row each with typed columns, what could not be cast, and a bit mask of the checks the row fails. `expectations`
builds the Great Expectations suite from the same checks; a test holds that both give the same verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final

from sqlglot import exp, select

from fulfillment_pipelines.canonical.vocabulary import Column, ColumnType, Contract
from fulfillment_pipelines.snapshots.scanning import ROW_NUMBER
from fulfillment_pipelines.warehouse import Connection

REJECTED_SUFFIX: Final = "__rejected"
UNMAPPED_UNIT: Final = "uom__unmapped"
KEY_SEPARATOR: Final = "/"
_DIALECT: Final = "duckdb"
_EVERY_KEY: Final = "*"
_SENT_SUFFIX: Final = "__sent"
_BLOCK_ROWS: Final = 100_000
_IS_REPEAT: Final = "row_number() over (partition by source_key, row_hash order by landed_row_no) > 1"
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


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of the rows of `mapped` before they are checked.

    Attributes:
        repeated: Table with the rows of `repeated_keys_select`: only rows of these keys are held against each other.
            None where there are none; unless told, every row is held against those of its key.
        has_other_units: Whether a unit is used that is not one of every item.
    """

    repeated: str | None = _EVERY_KEY
    has_other_units: bool = True


NOTHING_TOLD: Final = Told()


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


@lru_cache(maxsize=256)
def checking_select(contract: Contract, told: Told = NOTHING_TOLD) -> str:
    """Return the select over `mapped` that types every row and marks what it fails.

    Its columns are `landed_row_no`, the contract's columns, `<column>__rejected` for each typed column,
    `source_key`, `row_hash`, `failed_mask` and `is_repeat` (the same row was sent more than once).

    Args:
        contract: What the rows are held to.
        told: What is known of the rows beforehand, so that not all of them are asked what none or few would answer.
    """
    marked = select("*").select(_mask(contract).as_("failed_mask")).from_(_compared(told.repeated).subquery("compared"))
    rows = select(*(exp.column(name) for name in _checked_columns(contract))).from_(marked.subquery("marked"))
    return (
        rows.with_("sent", as_=_sent_rows(contract, has_other_units=told.has_other_units))
        .with_("typed", as_=_typed_rows(contract))
        .with_("hashed", as_=_hashed_rows(contract))
        .sql(dialect=_DIALECT, pretty=True)
    )


@lru_cache(maxsize=64)
def repeated_keys_select(contract: Contract) -> str:
    """Return the select of the hashes of keys that stand in more than one row of `mapped`, as `key_hash`.

    It reads the columns of the key alone. Keys with the same hash count as one, which costs time and nothing else.
    """
    rows = select(exp.func("hash", _source_key(contract)).as_("key_hash")).from_(_keys(contract).subquery("keys"))
    repeated = select("key_hash").from_(rows.subquery("hashes")).group_by("key_hash")
    return repeated.having(exp.condition("count(*) > 1")).sql(dialect=_DIALECT)


@cache
def other_units_select() -> str:
    """Return the select that counts the rows of `mapped`, one at most, whose unit is not one of every item."""
    every_item = select("uom").from_("ref_units").where(exp.column("sku").eq("*"))
    others = select("uom").from_("mapped").where(exp.not_(exp.column("uom").isin(query=every_item))).limit(1)
    return select("count(*)").from_(others.subquery("others")).sql(dialect=_DIALECT)


@lru_cache(maxsize=64)
def disordered_blocks_select(contract: Contract) -> str:
    """Return the select that counts the blocks of `mapped` whose keys do not stand behind those of the block before.

    The first column of the key is enough: it is what ranges of a table are passed over by.
    """
    first = contract.column(contract.key[0])
    block = exp.condition(f"({ROW_NUMBER} - 1) // {_BLOCK_ROWS}", dialect=_DIALECT)
    keys = select(block.as_("block_no"), exp.column(first.name).as_("first_part")).from_("mapped")
    blocks = select("block_no", "min(first_part) as first_key", "max(first_part) as last_key").from_(
        keys.subquery("numbered")
    )
    followed = select("first_key", "lag(last_key) over (order by block_no) as key_before").from_(
        blocks.group_by("block_no").subquery("blocks")
    )
    return select("count(*)").from_(followed.subquery("followed")).where("first_key < key_before").sql(dialect=_DIALECT)


@lru_cache(maxsize=64)
def descents_select(contract: Contract) -> str:
    """Return the select that counts the rows of `mapped`, one at most, whose key is not above that of the row before.

    Where there is none, every key stands once and all stand in order, which is cheaper to see than that none is
    repeated. A text with the separator counts as well: two such keys may be written the same.
    """
    key = exp.Anonymous(this="row", expressions=[exp.column(name) for name in contract.key])
    before = exp.Window(this=exp.Anonymous(this="lag", expressions=[key.copy()]))
    followed = select(*contract.key, key.as_("own_key"), before.as_("key_before")).from_(
        _keys(contract).subquery("keys")
    )
    texts = [name for name in contract.key if contract.column(name).type is ColumnType.TEXT]
    unclear = [exp.func("contains", exp.column(name), exp.Literal.string(KEY_SEPARATOR)) for name in texts[1:]]
    descents = select("own_key").from_(followed.subquery("followed")).where(exp.or_("own_key <= key_before", *unclear))
    return select("count(*)").from_(descents.limit(1).subquery("descents")).sql(dialect=_DIALECT)


def _keys(contract: Contract) -> exp.Select:
    return select(*(_cast(contract.column(name)).as_(name) for name in contract.key)).from_("mapped")


def _checked_columns(contract: Contract) -> list[str]:
    names = [ROW_NUMBER]
    for column in contract.columns:
        names.append(column.name)
        if column.type is not ColumnType.TEXT:
            names.append(column.name + REJECTED_SUFFIX)
    if contract.has_column("uom"):
        names.append(UNMAPPED_UNIT)
    return [*names, "source_key", "row_hash", "failed_mask", "is_repeat"]


def _compared(repeated: str | None) -> exp.Query:
    """The rows of `hashed`, each with whether another contradicts or repeats it; no other key needs a look."""
    alone = select("*", "false as is_contradicted", "false as is_repeat").from_("hashed")
    if repeated is None:
        return alone
    held = select("*", f"{_CONTRADICTED} as is_contradicted", f"{_IS_REPEAT} as is_repeat").from_("hashed")
    if repeated == _EVERY_KEY:
        return held
    key_hash = exp.func("hash", exp.column("source_key"))
    is_repeated = key_hash.isin(query=select("key_hash").from_(repeated))
    return exp.union(alone.where(exp.not_(is_repeated)), held.where(is_repeated.copy()), distinct=False)


def _sent_rows(contract: Contract, *, has_other_units: bool) -> exp.Select:
    """Every column of the contract in its type, and beside it what was sent."""
    rows = select(ROW_NUMBER).from_("mapped")
    for column in contract.columns:
        rows = rows.select(_cast(column).as_(column.name))
        if column.type is not ColumnType.TEXT:
            rows = rows.select(exp.column(column.name).as_(column.name + _SENT_SUFFIX))
    if not contract.has_column("uom"):
        return rows
    unmapped = _unmapped_unit(contract) if has_other_units else exp.cast(exp.null(), "varchar")
    return rows.select(unmapped.as_(UNMAPPED_UNIT))


def _typed_rows(contract: Contract) -> exp.Select:
    rows = select(ROW_NUMBER).from_("sent")
    for column in contract.columns:
        rows = rows.select(column.name)
        if column.type is not ColumnType.TEXT:
            rows = rows.select(_refused(column).as_(column.name + REJECTED_SUFFIX))
    return rows.select(UNMAPPED_UNIT) if contract.has_column("uom") else rows


def _unmapped_unit(contract: Contract) -> exp.Expr:
    """The unit, where neither the item nor everything (`*`) has a factor for it."""
    unit = exp.column("uom", table="mapped")
    factors = select("1").from_("ref_units").where(exp.column("uom", table="ref_units").eq(unit))
    item = exp.column("sku", table="ref_units")
    # Two equalities are two hash joins; one condition with `or` would compare every row with every factor.
    missing: exp.Expr = exp.not_(exp.Exists(this=factors.where(item.eq("*"))))
    if contract.has_column("sku"):
        own = factors.where(item.copy().eq(exp.column("sku", table="mapped")))
        missing = exp.and_(missing, exp.not_(exp.Exists(this=own)))
    return exp.Case().when(missing, unit.copy())


def _cast(column: Column) -> exp.Expr:
    raw = exp.column(column.name)
    if column.type is ColumnType.TEXT:
        return _trimmed(exp.cast(raw, "varchar"))
    return exp.TryCast(this=raw, to=_type(column), safe=True)


def _trimmed(text: exp.Expr) -> exp.Expr:
    """The text without spaces around it, null where nothing is left; most has none, and to see that is cheaper.

    Spaces beyond ASCII are trimmed as well, so that text with any such character goes the long way.
    """
    trimmed = exp.func("nullif", exp.func("trim", text.copy()), exp.Literal.string(""))
    is_beyond_ascii = exp.NEQ(
        this=exp.Anonymous(this="strlen", expressions=[text.copy()]), expression=exp.func("length", text.copy())
    )
    begins_low = exp.LT(this=text.copy(), expression=exp.Literal.string("!"))
    ends_blank = exp.Anonymous(this="ends_with", expressions=[text.copy(), exp.Literal.string(" ")])
    return exp.Case().when(exp.or_(begins_low, ends_blank, is_beyond_ascii), trimmed).else_(text)


def _type(column: Column) -> exp.DataType:
    return exp.DataType.build(column.type.value, dialect=_DIALECT)


def _refused(column: Column) -> exp.Expr:
    """The text that could not be cast; an empty text is a missing value, not a wrong one.

    What was sent is written as text only where there is nothing in its place: writing it costs more than casting.
    """
    sent = exp.column(column.name + _SENT_SUFFIX)
    text = exp.func("nullif", exp.func("trim", exp.cast(sent, "varchar")), exp.Literal.string(""))
    return exp.Case().when(exp.column(column.name).is_(exp.null()), text)


def _hashed_rows(contract: Contract) -> exp.Select:
    names = [exp.column(column.name) for column in contract.columns]
    refused = [
        exp.column(column.name + REJECTED_SUFFIX) for column in contract.columns if column.type is not ColumnType.TEXT
    ]
    row_hash = exp.func("hash", *names, *refused)
    return select("typed.*", _source_key(contract).as_("source_key"), row_hash.as_("row_hash")).from_("typed")


def _source_key(contract: Contract) -> exp.Expr:
    parts: list[exp.Expr] = []
    for position, name in enumerate(contract.key):
        if position:
            parts.append(exp.Literal.string(KEY_SEPARATOR))
        parts.append(exp.cast(exp.column(name), "varchar"))
    return _joined(parts)


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
    # Nearly every row fails nothing: whether it does is a chain of tests, what it fails an addition for each.
    fails_any = exp.or_(*(_fails(contract, check) for check in checks_of(contract)))
    return exp.Case().when(fails_any, total).else_(exp.cast(exp.Literal.number(0), "bigint"))


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
            failing = exp.column("is_contradicted")
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
    return select(*counts).from_("checked_rows").where("failed_mask <> 0").sql(dialect=_DIALECT)


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

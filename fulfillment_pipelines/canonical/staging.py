"""Show the rows of one landed snapshot under canonical names, typed and checked, without bringing them into the lake.

A snapshot that fits is checked into a stage table. A large one of Parquet stays where it landed: its stage is a view
that types and checks the rows as they are read, so that memory does not follow the feed. What becomes of the rows
belongs to `admission`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import pyarrow as pa
import sqlglot
from sqlglot import exp

from fulfillment_pipelines.canonical.row_checks import (
    NOTHING_TOLD,
    Told,
    checking_select,
    descents_select,
    disordered_blocks_select,
    other_units_select,
    repeated_keys_select,
)
from fulfillment_pipelines.canonical.vocabulary import Contract
from fulfillment_pipelines.domain.snapshot import PageLayout
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.snapshots.decoding import DecodedSnapshot, UnreadableLine, decode, scan
from fulfillment_pipelines.snapshots.landing import LandedSnapshot
from fulfillment_pipelines.snapshots.scanning import ROW_NUMBER
from fulfillment_pipelines.sql_models import SqlModel, retarget
from fulfillment_pipelines.warehouse import Connection, SqlError, create_table, create_view, scalar

_STAGE: Final = "memory.main."
_VIEWS: Final = ("mapped", "given", "landed")
_CHECKED: Final = "checked"
_IN_PLACE: Final = "checked_in_place"
_REPEATED: Final = "repeated"
_KEPT: Final = "kept"
_ASKED_FROM_ROWS: Final = 10_000
"""Of fewer rows, working out everything costs less than asking what is needed."""

_COUNT_REPEATED: Final = "select count(*) from repeated"
_ALL_LANDED: Final = "select * from landed"
_ALL_MAPPED: Final = "select * from mapped"
_NOT_PLAIN: Final = (
    exp.With,
    exp.Join,
    exp.Where,
    exp.Group,
    exp.Distinct,
    exp.Window,
    exp.Qualify,
    exp.Limit,
    exp.Unnest,
    exp.Subquery,
)


@dataclass(frozen=True, slots=True)
class StagedRows:
    """The rows of one snapshot in the stage.

    Attributes:
        decoded: What was read from the pages.
        table: The stage table that holds them; a view, where they are read from the landed pages each time.
        is_scanned: Whether that is so.
        is_sorted: Whether they are known to stand in the order of their keys, block by block.
    """

    decoded: DecodedSnapshot
    table: str
    is_scanned: bool = False
    is_sorted: bool = False


def stage_rows(
    cursor: Connection,
    landed: LandedSnapshot,
    layout: PageLayout,
    mapping: SqlModel,
    contract: Contract,
    *,
    name: str,
    scanned_from_rows: int,
    damage: str = "",
) -> StagedRows:
    """Make the stage table or view of a snapshot's rows, typed and checked.

    A page that cannot be read at all becomes one unreadable line, so that it is quarantined like a row.

    Args:
        cursor: The lake's.
        landed: The snapshot.
        layout: How its records lie in a page.
        mapping: Source fields under canonical names.
        contract: What the rows are held to.
        name: Of the feed; a batch holds at most one snapshot of it.
        scanned_from_rows: A snapshot of Parquet with so many rows is read in place.
        damage: What is known to be wrong with its pages, of which none is read then.

    Raises:
        BadDataError: A page that is to be read in place is damaged.
        ConfigurationError: The mapping does not run, or does not give the columns of the contract.
    """
    is_plain = _is_plain(mapping.body)
    scanned = scan(landed, layout, fewest_rows=scanned_from_rows) if is_plain and not damage else None
    decoded = scanned or (_unreadable(landed, layout, damage) if damage else _decoded(cursor, landed, layout))
    if decoded.scan is None:
        cursor.register("landed", decoded.records)
    else:
        _show(cursor, "landed", decoded.scan.select(), of=name)
    of = name if decoded.scan else None
    _show_mapped(cursor, layout, mapping, contract, of=of)
    checking, is_sorted = _checking(cursor, contract, decoded, name=name, is_plain=is_plain)
    if of is not None:
        return StagedRows(decoded, _show(cursor, _IN_PLACE, checking, of=of), is_scanned=True, is_sorted=is_sorted)
    create_table(cursor, _STAGE + _named(_CHECKED, name), checking)
    cursor.execute("drop table if exists " + _STAGE + _named(_KEPT, name))
    return StagedRows(decoded, _named(_CHECKED, name), is_sorted=is_sorted)


def _checking(
    cursor: Connection, contract: Contract, decoded: DecodedSnapshot, *, name: str, is_plain: bool
) -> tuple[str, bool]:
    """Return the select that checks the rows of `mapped`, and whether their keys are known to stand in order.

    What is mapped by more than a row at a time is asked several times over, so that it is worked out once and kept.
    """
    if decoded.record_count < _ASKED_FROM_ROWS:
        return _of_feed(checking_select(contract, NOTHING_TOLD), name if decoded.scan else None), False
    names = {view: _named(view, name) for view in _VIEWS} if decoded.scan else {}
    if not is_plain:
        names = {"mapped": _named(_KEPT, name)}
        create_table(cursor, _STAGE + names["mapped"], _ALL_MAPPED)
    told, is_sorted = _tell(cursor, contract, name, names)
    return retarget(checking_select(contract, told), names), is_sorted


def _tell(cursor: Connection, contract: Contract, name: str, names: Mapping[str, str]) -> tuple[Told, bool]:
    """Ask of a column or two what would be dear to work out for every row, and whether the keys stand in order."""
    ascends = scalar(cursor, retarget(descents_select(contract), names)) == 0
    is_repeated, is_sorted, repeated = False, ascends, _named(_REPEATED, name)
    if not ascends:
        create_table(cursor, _STAGE + repeated, retarget(repeated_keys_select(contract), names))
        is_repeated = scalar(cursor, retarget(_COUNT_REPEATED, {_REPEATED: repeated})) > 0
        is_sorted = scalar(cursor, retarget(disordered_blocks_select(contract), names)) == 0
    has_uom = contract.has_column("uom")
    told = Told(
        repeated=repeated if is_repeated else None,
        has_other_units=has_uom and scalar(cursor, retarget(other_units_select(), names)) > 0,
    )
    return told, is_sorted


def show_landed(cursor: Connection, rows: StagedRows, name: str) -> None:
    """Make the landed records of a staged snapshot visible as `landed`."""
    if rows.is_scanned:
        create_view(cursor, "landed", retarget(_ALL_LANDED, {"landed": _named("landed", name)}))
    else:
        cursor.register("landed", rows.decoded.records)


def unstage(cursor: Connection, rows: StagedRows, name: str) -> None:
    """Remove what `stage_rows` has made."""
    for table in (_REPEATED,) if rows.is_scanned else (_CHECKED, _REPEATED):
        cursor.execute("drop table if exists " + _STAGE + _named(table, name))
    for view in (_IN_PLACE, *_VIEWS) if rows.is_scanned else ():
        cursor.execute("drop view if exists " + _STAGE + _named(view, name))


def _named(what: str, name: str) -> str:
    return f"{what}_{name}"


def _show(cursor: Connection, what: str, query: str, *, of: str | None) -> str:
    """Make a view, of one feed and for every cursor where its rows are scanned, else for this one; return its name."""
    if of is None:
        create_view(cursor, what, query)
        return what
    cursor.execute("create or replace view " + _STAGE + _named(what, of) + " as " + _of_feed(query, of))
    return _named(what, of)


def _of_feed(query: str, of: str | None) -> str:
    return query if of is None else retarget(query, {view: _named(view, of) for view in _VIEWS})


@lru_cache(maxsize=256)
def _is_plain(body: str) -> bool:
    """Whether a mapping gives one row for each landed one, on its own: all others are worked out once, and kept."""
    tree = sqlglot.parse_one(body, read="duckdb")
    return isinstance(tree, exp.Select) and tree.find(*_NOT_PLAIN) is None


def _decoded(cursor: Connection, landed: LandedSnapshot, layout: PageLayout) -> DecodedSnapshot:
    try:
        return decode(cursor, landed, layout)
    except BadDataError as error:
        return _unreadable(landed, layout, str(error))


def _unreadable(landed: LandedSnapshot, layout: PageLayout, problem: str) -> DecodedSnapshot:
    none = pa.table({name: pa.array([], pa.string()) for name in layout.fields})
    records = none.add_column(0, ROW_NUMBER, pa.array([], pa.int64()))
    page = UnreadableLine(page=", ".join(landed.manifest.pages), line_no=0, problem=problem, text="")
    return DecodedSnapshot(records, (page,))


def _show_mapped(
    cursor: Connection, layout: PageLayout, mapping: SqlModel, contract: Contract, *, of: str | None
) -> None:
    """Show the landed records under canonical names as `mapped`; what a mapping leaves out is null.

    Only a column that the contract does not require may be left out.
    """
    try:
        shown = _show(cursor, "given", mapping.body, of=of)
        given = [row[0] for row in cursor.execute("describe " + shown).fetchall()]
    except SqlError as error:
        raise ConfigurationError(
            f"{mapping.path.name} does not run.",
            expected=f"a select from `landed` with the fields {', '.join(layout.fields)}",
            found=str(error).splitlines()[0],
            remedy="correct the SQL, or the fields of the entity in its system's YAML",
        ) from error
    columns = contract.columns
    wanted = {ROW_NUMBER, *(column.name for column in columns if column.required)}
    known = {ROW_NUMBER, *(column.name for column in columns)}
    if not wanted <= set(given) <= known or len(given) != len(set(given)):
        raise ConfigurationError(
            f"{mapping.path.name} does not give the columns of contract '{contract.name}'.",
            expected=", ".join([ROW_NUMBER, *(column.name for column in columns)]),
            found=", ".join(given),
            remedy="select each column of the contract once; only one that is not required may be left out",
        )
    missing = [exp.null().as_(name) for name in sorted(known - set(given))]
    _show(cursor, "mapped", exp.select("*", *missing).from_("given").sql(dialect="duckdb"), of=of)

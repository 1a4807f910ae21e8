"""Bring checked rows into a feed's table and find out which keys changed.

Reads the stage views `checked_rows` and `good_rows`, made by `canonical`; writes `snap_*` and `noted_keys`. Unchanged
rows are not touched, so the keys written here are the keys that reconciliation must revisit. Everything runs in the
caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from sqlglot import exp

from fulfillment_pipelines.sql_models import retarget
from fulfillment_pipelines.warehouse import Connection, delete_rows, insert_rows, scalar

STAGED_KEYS: Final = """
    create or replace temp table staged_keys as
    select source_key, row_hash, failed_mask <> 0 as is_failing, is_repeat
    from checked_rows
"""
"""What a merge decides by: a narrow row for each staged one; the wide ones are read when they are brought in."""

_PLAN: Final = """
    create or replace temp table merge_plan as
    select good_keys.source_key, good_keys.outcome
    from (
        select
            staged_keys.source_key,
            case
                when known_rows.source_key is null then 'inserted'
                when known_rows.row_hash = staged_keys.row_hash then 'unchanged'
                when known_rows.as_of > $as_of then 'superseded'
                else 'updated'
            end as outcome
        from staged_keys
        left join known_rows on staged_keys.source_key = known_rows.source_key
        where not staged_keys.is_failing and not staged_keys.is_repeat
    ) as good_keys
    where good_keys.outcome <> 'unchanged'
    union all
    select known_rows.source_key, 'deleted' as outcome
    from known_rows
    anti join staged_keys on known_rows.source_key = staged_keys.source_key
    where $may_delete and known_rows.as_of <= $as_of
"""

_DELETE: Final = """
    source_key in (select source_key from gone where outcome in ('updated', 'deleted'))
"""

_INSERT: Final = """
    select good_rows.*, $snapshot_id as snapshot_id, cast($as_of as timestamptz) as as_of
    from good_rows
    semi join merge_plan
        on good_rows.source_key = merge_plan.source_key and merge_plan.outcome in ('inserted', 'updated')
    order by good_rows.source_key
"""

_LOAD: Final = """
    select good_rows.*, $snapshot_id as snapshot_id, cast($as_of as timestamptz) as as_of
    from good_rows
"""
_LOAD_SORTED: Final = _LOAD + " order by good_rows.source_key"
_NOTE_ALL: Final = """
    insert into noted_keys by name
    select $snapshot_id as snapshot_id, $system as system, $contract as contract, $every_key as source_key
"""
_GOOD_COUNT: Final = "select count(*) from staged_keys where not is_failing and not is_repeat"
EVERY_KEY: Final = "*"
"""Stands in `ops_changed_keys` for all keys of a feed: more have changed than a reconcile would look up one by one."""

_MOST_NOTED_KEYS: Final = 100_000

_KEY_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "order_id": ("order_id",),
    "node": ("node",),
    "sku": ("sku", "own_id"),
    "shipment_id": ("shipment_id",),
    "customer_id": ("customer_id", "party_id"),
    "foreign_id": ("foreign_id",),
}
"""The columns of `ops_changed_keys`, and by which column a contract tells each; the first that it has."""

_COUNTS: Final = "select outcome, count(*) from merge_plan group by outcome"
_ANY_WHOLE_FEED: Final = "select count(*) from ops_changed_keys where source_key = $every_key"
_ANY_ROW: Final = "select count(*) from (select 1 from target limit 1)"


@dataclass(frozen=True, slots=True)
class MergeTarget:
    """Where rows go: the feed's table and the feed it belongs to."""

    table: str
    system: str
    entity: str
    contract: str
    key_columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class Incoming:
    """The snapshot that is merged.

    Attributes:
        as_of: The moment it speaks of; it never overwrites what a later snapshot said.
        is_scanned: Whether its rows are read from the landed pages, because there are so many of them.
        is_sorted: Whether they stand in the order of their keys.
    """

    snapshot_id: str
    as_of: datetime
    is_scanned: bool = False
    is_sorted: bool = False

    @property
    def parameters(self) -> dict[str, str | datetime]:
        """What marks each of its rows in the lake."""
        return {"snapshot_id": self.snapshot_id, "as_of": self.as_of}


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """What became of the good rows, and how many rows left the table because the system no longer has them."""

    inserted_rows: int
    updated_rows: int
    unchanged_rows: int
    superseded_rows: int
    deleted_rows: int


def everything_changed(transaction: Connection) -> bool:
    """Return whether so much has come in that its keys were not noted one by one: all is to be reconciled."""
    return scalar(transaction, _ANY_WHOLE_FEED, {"every_key": EVERY_KEY}) > 0


def is_empty(transaction: Connection, target: MergeTarget) -> bool:
    """Return whether the target holds no row."""
    return scalar(transaction, _on(target, _ANY_ROW)) == 0


def load(transaction: Connection, target: MergeTarget, incoming: Incoming) -> MergeCounts:
    """Bring the rows of `good_rows` into an empty target, reading them once and holding none of them back."""
    statement = _LOAD if incoming.is_sorted else _LOAD_SORTED
    inserted = insert_rows(transaction, target.table, statement, incoming.parameters, is_bulk=incoming.is_scanned)
    _note_changes(transaction, target, incoming, changed_rows=inserted, plan=None)
    return MergeCounts(inserted_rows=inserted, updated_rows=0, unchanged_rows=0, superseded_rows=0, deleted_rows=0)


def merge(
    transaction: Connection,
    target: MergeTarget,
    incoming: Incoming,
    *,
    may_delete: bool,
    last_whole_as_of: datetime | None,
) -> MergeCounts:
    """Bring the rows of `good_rows` into the target; `staged_keys` says what they are.

    Args:
        transaction: The lake's cursor within the caller's transaction.
        target: Where the rows go.
        incoming: The snapshot they come from.
        may_delete: Whether rows that are absent from the snapshot no longer exist; what a later one said does.
        last_whole_as_of: The moment of the last whole snapshot of the feed; an older one changes nothing.
    """
    good = scalar(transaction, _GOOD_COUNT)
    if last_whole_as_of is not None and last_whole_as_of > incoming.as_of:
        return MergeCounts(inserted_rows=0, updated_rows=0, unchanged_rows=0, superseded_rows=good, deleted_rows=0)
    known = _know(transaction, target, incoming, whole=may_delete)
    plan = {"as_of": incoming.as_of, "may_delete": may_delete}
    transaction.execute(retarget(_PLAN, {"known_rows": known}), plan)
    counts = dict(transaction.execute(_COUNTS).fetchall())
    changed = {"inserted", "updated", "deleted"} & counts.keys()
    if changed:
        _note_changes(transaction, target, incoming, changed_rows=sum(counts[name] for name in changed), plan=known)
    if changed - {"inserted"}:
        delete_rows(transaction, target.table, _DELETE, "merge_plan")
    if changed - {"deleted"}:
        is_bulk = incoming.is_scanned
        insert_rows(transaction, target.table, _INSERT, incoming.parameters, is_bulk=is_bulk)
    inserted, updated, superseded = (counts.get(name, 0) for name in ("inserted", "updated", "superseded"))
    return MergeCounts(
        inserted_rows=inserted,
        updated_rows=updated,
        unchanged_rows=good - inserted - updated - superseded,
        superseded_rows=superseded,
        deleted_rows=counts.get("deleted", 0),
    )


def _on(target: MergeTarget, statement: str) -> str:
    return retarget(statement, {"target": target.table})


def _know(transaction: Connection, target: MergeTarget, incoming: Incoming, *, whole: bool) -> str:
    """Return the table of what the lake holds: a copy, since the lake is dear to look at, but of a large feed."""
    if incoming.is_scanned:
        return target.table
    transaction.execute(_known_rows(target, whole=whole))
    return "known_rows"


def _note_changes(
    transaction: Connection, target: MergeTarget, incoming: Incoming, *, changed_rows: int, plan: str | None
) -> None:
    """Note the keys that have changed: those of `merge_plan` among the known and the good rows, or all good ones."""
    names = {"snapshot_id": incoming.snapshot_id, "system": target.system, "contract": target.contract}
    if changed_rows > _MOST_NOTED_KEYS:
        transaction.execute(_NOTE_ALL, {**names, "every_key": EVERY_KEY})
    elif changed_rows:
        transaction.execute(_changed_keys_insert(target, plan), names)


@lru_cache(maxsize=256)
def _known_rows(target: MergeTarget, *, whole: bool) -> str:
    """The lake is looked at once: every further look would cost as much as a small merge."""
    rows = exp.select("source_key", "row_hash", "as_of", *_keys(target)).from_(target.table)
    if not whole:
        rows = rows.where(exp.condition("source_key in (select source_key from good_rows)"))
    return "create or replace temp table known_rows as " + rows.sql(dialect="duckdb")


@lru_cache(maxsize=256)
def _changed_keys_insert(target: MergeTarget, known: str | None) -> str:
    """A row that moves from one order or item to another changes both, so old and new values are noted."""
    rows: exp.Query = exp.select("source_key", *_keys(target)).from_("good_rows")
    if known is not None:
        changed = exp.condition(
            "source_key in (select source_key from merge_plan where outcome in ('inserted', 'updated', 'deleted'))"
        )
        columns = _keys(target) if known == target.table else _KEY_COLUMNS
        old = exp.select("source_key", *columns).from_(known).where(changed)
        new = exp.select("source_key", *_keys(target)).from_("good_rows").where(changed)
        rows = exp.union(old, new, distinct=True)
    parameters = (exp.Parameter(this=exp.var(name)).as_(name) for name in ("snapshot_id", "system", "contract"))
    noted = exp.select(*parameters, "keys.*").from_(rows.subquery("keys"))
    return exp.insert(noted, "noted_keys").sql(dialect="duckdb")


def _keys(target: MergeTarget) -> list[exp.Expr]:
    """The columns that tell what a row is about; null where the contract has none."""
    keys: list[exp.Expr] = []
    for name, columns in _KEY_COLUMNS.items():
        told = next((column for column in columns if column in target.key_columns), None)
        keys.append((exp.column(told) if told else exp.cast(exp.null(), "varchar")).as_(name))
    return keys

"""Bring checked rows into a feed's table and find out which keys changed.

Reads the stage table `good_rows`, made by `canonical`; writes `snap_*` and `noted_keys`. Unchanged rows
are not touched, so the keys written here are the keys that reconciliation must revisit. Everything runs in the
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
from fulfillment_pipelines.warehouse import Connection

_PLAN: Final = """
    create or replace temp table merge_plan as
    select
        good_rows.source_key,
        case
            when $is_late then 'superseded'
            when known_rows.source_key is null then 'inserted'
            when known_rows.row_hash = good_rows.row_hash then 'unchanged'
            when known_rows.as_of > $as_of then 'superseded'
            else 'updated'
        end as outcome
    from good_rows
    left join known_rows on good_rows.source_key = known_rows.source_key
    union all
    select known_rows.source_key, 'deleted' as outcome
    from known_rows
    anti join checked_rows on known_rows.source_key = checked_rows.source_key
    where $may_delete and known_rows.as_of <= $as_of
"""

_DELETE: Final = """
    delete from target
    where source_key in (select source_key from merge_plan where outcome in ('updated', 'deleted'))
"""

_INSERT: Final = """
    insert into target by name
    select good_rows.*, $snapshot_id as snapshot_id, cast($as_of as timestamptz) as as_of
    from good_rows
    semi join merge_plan
        on good_rows.source_key = merge_plan.source_key and merge_plan.outcome in ('inserted', 'updated')
    order by good_rows.source_key
"""

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


@dataclass(frozen=True, slots=True)
class MergeTarget:
    """Where rows go: the feed's table and the feed it belongs to."""

    table: str
    system: str
    entity: str
    contract: str
    key_columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """What became of the good rows, and how many rows left the table because the system no longer has them."""

    inserted_rows: int
    updated_rows: int
    unchanged_rows: int
    superseded_rows: int
    deleted_rows: int


def merge(
    transaction: Connection,
    target: MergeTarget,
    *,
    snapshot_id: str,
    as_of: datetime,
    may_delete: bool,
    last_whole_as_of: datetime | None,
) -> MergeCounts:
    """Bring the rows of `good_rows` into the target.

    Args:
        transaction: The lake's cursor within the caller's transaction.
        target: Where the rows go.
        snapshot_id: The snapshot they come from.
        as_of: The moment the snapshot speaks of; it never overwrites what a later snapshot said.
        may_delete: Whether rows that are absent from the snapshot no longer exist; what a later one said does.
        last_whole_as_of: The moment of the last whole snapshot of the feed; an older one changes nothing.
    """
    is_late = last_whole_as_of is not None and last_whole_as_of > as_of
    transaction.execute(_known_rows(target, whole=may_delete))
    plan = {"is_late": is_late, "as_of": as_of, "may_delete": may_delete and not is_late}
    transaction.execute(_PLAN, plan)
    counts = dict(transaction.execute(_COUNTS).fetchall())
    changed = {"inserted", "updated", "deleted"} & counts.keys()
    if changed:
        _note_changed_keys(transaction, target, snapshot_id)
    if changed - {"inserted"}:
        transaction.execute(_on(target, _DELETE))
    if changed - {"deleted"}:
        transaction.execute(_on(target, _INSERT), {"snapshot_id": snapshot_id, "as_of": as_of})
    return MergeCounts(
        inserted_rows=counts.get("inserted", 0),
        updated_rows=counts.get("updated", 0),
        unchanged_rows=counts.get("unchanged", 0),
        superseded_rows=counts.get("superseded", 0),
        deleted_rows=counts.get("deleted", 0),
    )


def _on(target: MergeTarget, statement: str) -> str:
    return retarget(statement, {"target": target.table})


def _note_changed_keys(transaction: Connection, target: MergeTarget, snapshot_id: str) -> None:
    transaction.execute(
        _changed_keys_insert(target),
        {"snapshot_id": snapshot_id, "system": target.system, "contract": target.contract},
    )


@lru_cache(maxsize=256)
def _known_rows(target: MergeTarget, *, whole: bool) -> str:
    """The lake is looked at once: every further look would cost as much as a small merge."""
    rows = exp.select("source_key", "row_hash", "as_of", *_keys(target)).from_(target.table)
    if not whole:
        rows = rows.where(exp.condition("source_key in (select source_key from good_rows)"))
    return "create or replace temp table known_rows as " + rows.sql(dialect="duckdb")


@lru_cache(maxsize=256)
def _changed_keys_insert(target: MergeTarget) -> str:
    """A row that moves from one order or item to another changes both, so old and new values are noted."""
    changed = exp.condition(
        "source_key in (select source_key from merge_plan where outcome in ('inserted', 'updated', 'deleted'))"
    )
    old = exp.select("source_key", *_KEY_COLUMNS).from_("known_rows").where(changed)
    new = exp.select("source_key", *_keys(target)).from_("good_rows").where(changed)
    parameters = (exp.Parameter(this=exp.var(name)).as_(name) for name in ("snapshot_id", "system", "contract"))
    rows = exp.select(*parameters, "keys.*").from_(exp.union(old, new, distinct=True).subquery("keys"))
    return exp.insert(rows, "noted_keys").sql(dialect="duckdb")


def _keys(target: MergeTarget) -> list[exp.Expr]:
    """The columns that tell what a row is about; null where the contract has none."""
    keys: list[exp.Expr] = []
    for name, columns in _KEY_COLUMNS.items():
        told = next((column for column in columns if column in target.key_columns), None)
        keys.append((exp.column(told) if told else exp.cast(exp.null(), "varchar")).as_(name))
    return keys

"""Bring a table of the lake to what this run says of its keys, and touch only what differs.

Most rows that a run computes anew are as they were: they are compared here, in the memory of the process, so that the
lake is written only where something has changed. Which rows are computed belongs to `incremental`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlglot import exp

from fulfillment_pipelines.reconcile.key_families import KeyFamilies
from fulfillment_pipelines.sql_models import SqlModel, retarget
from fulfillment_pipelines.warehouse import Connection, clear_rows, delete_rows, insert_rows, scalar

_MOVED: Final = """
    create or replace temp table moved_rows as
    select * exclude (signed_count)
    from (
        select *, 1 as signed_count from earlier_rows
        union all
        select *, -1 from present_rows
    )
    group by all
    having sum(signed_count) <> 0
"""
_KEYS: Final = "create or replace temp table moved_keys as select distinct own_id as key from moved_rows"
_WRITE: Final = """
    select * from present_rows where own_id in (select key from moved_keys)
"""


def note_moved(transaction: Connection, moved: str, *, earlier: str, present: str) -> int:
    """Make a temp table of the rows that stand more often in one of two tables than in the other; return how many.

    Each stands in it once. Counting all rows together costs a tenth of asking either table for what the other lacks.
    """
    names = {"moved_rows": moved, "earlier_rows": earlier, "present_rows": present}
    return scalar(transaction, retarget(_MOVED, names))


def write_moved(transaction: Connection, target: str, key: str, *, earlier: str, present: str) -> bool:
    """Write the rows of the keys of which anything differs; return whether any does.

    Args:
        transaction: The lake's cursor within the run's transaction.
        target: Table of the lake.
        key: The column by which its rows are taken out and put in.
        earlier: Temp table of the rows that it has, of the keys that are looked at.
        present: Temp table of the rows that it shall have.
    """
    names = {"present_rows": present}
    if not note_moved(transaction, "moved_rows", earlier=earlier, present=present):
        return False
    columns = {"own_id": key}
    transaction.execute(retarget(_KEYS, {}, columns))
    for keys, condition in KeyFamilies(transaction, "moved_keys").conditions(key):
        delete_rows(transaction, target, condition, keys)
    insert_rows(transaction, target, retarget(_WRITE, names, columns))
    return True


def write_anew(transaction: Connection, target: str, *, earlier: str, present: str) -> bool:
    """Write a small table whole where anything in it differs; return whether it does."""
    if not note_moved(transaction, "moved_rows", earlier=earlier, present=present):
        return False
    clear_rows(transaction, target)
    insert_rows(transaction, target, "from " + present)
    return True


def carried_forward(kept: str, gone: str, come: str, groups: Sequence[str], sums: Sequence[tuple[str, str]]) -> str:
    """Return a select that brings sums by group forward: what was kept, less what is gone, and what has come.

    Args:
        kept: The table as it stands.
        gone: The same sums over rows that no longer stand.
        come: The same sums over those that take their place.
        groups: Columns that tell the groups.
        sums: Columns that are sums, with their types; the first counts rows, and a group without rows goes.
    """
    parts = [_signed(table, groups, sums, sign) for table, sign in ((kept, 1), (gone, -1), (come, 1))]
    total = exp.select(*groups, *(_cast(name, kind) for name, kind in sums))
    counted = _total(sums[0][0]).neq(exp.Literal.number(0))
    rows = exp.union(*parts, distinct=False).subquery("parts")
    return total.from_(rows).group_by(*groups).having(counted).sql(dialect="duckdb")


def sums_of(model: SqlModel) -> list[tuple[str, str]]:
    """Return the columns that a model adds up, with their types, as its header tells them."""
    entries = (entry.strip().partition(" ") for entry in model.header["adds"].split(";"))
    return [(name, kind) for name, _, kind in entries]


def _signed(table: str, groups: Sequence[str], sums: Sequence[tuple[str, str]], sign: int) -> exp.Select:
    signed = [(exp.column(name) * exp.convert(sign)).as_(name) for name, _ in sums]
    return exp.select(*groups, *signed).from_(table)


def _total(name: str) -> exp.Expr:
    return exp.func("sum", exp.column(name))


def _cast(name: str, kind: str) -> exp.Expr:
    return exp.cast(_total(name), kind, dialect="duckdb").as_(name)

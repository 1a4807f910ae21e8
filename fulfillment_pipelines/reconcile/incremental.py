"""One incremental run: only what a change reaches is computed again, and only what differs is written.

A model or rule is asked again when something that it reads has changed; of it, the rows of the affected keys are
computed from temporary tables and compared with what the lake has. What follows from the findings is in `conclusions`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from fulfillment_pipelines.reconcile.affected import KEY_TABLES
from fulfillment_pipelines.reconcile.key_families import small_tables, together
from fulfillment_pipelines.reconcile.reach import Reach, scope_of
from fulfillment_pipelines.reconcile.row_changes import note_moved, write_anew, write_moved
from fulfillment_pipelines.reconcile.rules import Rule, ScopeKind
from fulfillment_pipelines.reconcile.shown import Shown
from fulfillment_pipelines.sql_models import SqlModel, retarget
from fulfillment_pipelines.warehouse import Connection, delete_rows, insert_rows

Parameters = Callable[[SqlModel], Mapping[str, Any]]
"""Gives the bound parameters that a model or rule takes."""

_KEEP_EARLIER: Final = "create or replace temp table earlier_rows as "
_WHOLE: Final = "from lake.main.target"
_NOTHING: Final = "select * from lake.main.target limit 0"
# What moves with time or with the platform's own doings, whatever the systems say.
_ALWAYS_MOVING: Final = ("ops_", "rec_feeds")
_EARLIER_DIFFERENCES: Final = "create or replace temp table earlier_differences as from lake.main.rec_differences"
_FORGOTTEN: Final = """
    insert into forgotten_differences
    select *, rowid as row_no from earlier_differences
    where list_contains($codes, code) and (not $has_keys or scope_key in (select key from affected_keys))
"""
_NO_FORGOTTEN: Final = """
    create or replace temp table forgotten_differences as select *, rowid as row_no from earlier_differences limit 0
"""
_SAID_BEFORE: Final = "create or replace temp view said_before as select * exclude (row_no) from forgotten_differences"
_MOVED_KEYS: Final = """
    create or replace temp table moved_differences as select distinct code, scope_key from moved_rows
"""
_DIFFERENCES: Final = "rec_differences"
_PRESENT_DIFFERENCES: Final = """
    create or replace temp table present_differences as
    select earlier.*
    from earlier_differences as earlier
    anti join forgotten_differences as forgotten on earlier.rowid = forgotten.row_no
    union all
    from new_differences
"""
_FORGET_DIFFERENCES: Final = """
    (code, scope_key) in (select (code, scope_key) from gone)
"""
_WRITE_DIFFERENCES: Final = """
    select new_differences.*
    from new_differences
    semi join moved_differences
        on new_differences.code = moved_differences.code and new_differences.scope_key = moved_differences.scope_key
"""


class IncrementalRun:
    """What one incremental run knows, from the affected keys on.

    Args:
        transaction: The lake's cursor within the run's transaction.
        reach: What follows from what.
        changed: Tables of the lake in which rows have changed so far.
        row_counts: How many rows the lake's tables had when the run began, where it is known.
        parameters: Gives the bound parameters of a model.
    """

    def __init__(
        self,
        transaction: Connection,
        reach: Reach,
        changed: Iterable[str],
        parameters: Parameters,
        *,
        row_counts: Mapping[str, int],
    ) -> None:
        self.transaction = transaction
        self.reach = reach
        self.changed = set(changed)
        self.parameters = parameters
        self.shown = Shown(transaction, reach, KEY_TABLES, small=small_tables(row_counts))
        self.empty = frozenset(table for table, count in row_counts.items() if count == 0) - self.changed
        self.earlier: dict[str, str] = {}
        self._asked: list[Rule] = []

    def is_moved(self, tables: Collection[str]) -> bool:
        """Return whether anything that a model or rule reads may be other than at the last run."""
        return any(table in self.changed or table.startswith(_ALWAYS_MOVING) for table in tables)

    def write_models(self, models: Sequence[SqlModel]) -> None:
        """Write the rows of the affected keys of every scoped model that something moved reaches, in this order."""
        self.shown.await_models(model.name for model in models)
        for model in models:
            scope = scope_of(model)
            if scope is None:
                raise AssertionError("a model without a scope has no affected keys")
            if self.is_moved(model.tables) and self.shown.has_keys(scope):
                self.write_model(model, scope)
            else:
                self.shown.written(scope, model.name, None)

    def write_model(self, model: SqlModel, scope: ScopeKind, shown: Shown | None = None) -> None:
        """Compute a model's rows of the affected keys anew, and write those that differ; show them from then on."""
        shown = shown or self.shown
        shown.show(scope, model.tables)
        present, earlier = f"present_{model.name}", f"earlier_{model.name}"
        key = own_key(model)
        rows = "select *" + self.own_rows(model.body, scope, key, shown)
        self.transaction.execute(
            "create or replace temp table " + present + " as " + rows, dict(self.parameters(model))
        )
        selects = [_NOTHING]
        if model.name not in self.empty:
            selects = shown.rows_of_keys(scope, model.name, key, with_none=True)
        self._keep_earlier(model.name, earlier, together(selects))
        if write_moved(self.transaction, model.name, key, earlier=earlier, present=present):
            self.changed.add(model.name)
        shown.written(scope, model.name, present)

    def write_whole(self, model: SqlModel) -> None:
        """Compute a small model anew, and write it where anything differs."""
        present, earlier = f"present_{model.name}", f"earlier_{model.name}"
        self.transaction.execute(
            "create or replace temp table " + present + " as " + model.body, dict(self.parameters(model))
        )
        self._keep_earlier(model.name, earlier, _NOTHING if model.name in self.empty else _WHOLE)
        if write_anew(self.transaction, model.name, earlier=earlier, present=present):
            self.changed.add(model.name)
        self.shown.show_instead(model.name, present)

    def _keep_earlier(self, table: str, earlier: str, select: str) -> None:
        self.transaction.execute(retarget(_KEEP_EARLIER + select, {"target": table, "earlier_rows": earlier}))
        self.earlier[table] = earlier

    def own_rows(self, body: str, scope: ScopeKind, key: str = "scope_key", shown: Shown | None = None) -> str:
        """Return a select without its columns: the others of its rows were derived from a part of what they rest on."""
        if scope not in KEY_TABLES:
            return whole(body)
        keys = (shown or self.shown).key_table(scope)
        of_keys = " where rows_of_all." + key + " in (select key from " + keys + ")"  # noqa: S608 - own names
        return whole(body) + of_keys

    def asks(self, rule: Rule) -> bool:
        """Return whether a rule must be asked again, and show it what is affected; what it said before then goes."""
        if not self.is_moved(rule.model.tables) or not self.shown.has_keys(rule.scope):
            return False
        self.shown.show(rule.scope, rule.model.tables)
        self._asked.append(rule)
        return True

    def keep_differences(self) -> None:
        """Put what the rules said in the place of what they said before, of the same keys.

        The differences as they stand are then shown as `rec_differences`.
        """
        self.shown.show_all()
        self.transaction.execute(_EARLIER_DIFFERENCES)
        self.transaction.execute(_NO_FORGOTTEN)
        for scope in ScopeKind:
            codes = [rule.code for rule in self._asked if rule.scope is scope]
            keys = KEY_TABLES.get(scope, KEY_TABLES[ScopeKind.ORDER])
            told = {"codes": codes, "has_keys": scope in KEY_TABLES}
            if codes:
                self.transaction.execute(retarget(_FORGOTTEN, {"affected_keys": keys}), told)
        self.transaction.execute(_SAID_BEFORE)
        if note_moved(self.transaction, "moved_rows", earlier="said_before", present="new_differences"):
            self.transaction.execute(_MOVED_KEYS)
            self.changed.add(_DIFFERENCES)
            delete_rows(self.transaction, _DIFFERENCES, _FORGET_DIFFERENCES, "moved_differences")
            insert_rows(self.transaction, _DIFFERENCES, _WRITE_DIFFERENCES)
        self.transaction.execute(_PRESENT_DIFFERENCES)


def whole(body: str) -> str:
    """Return all rows of a select as a select without its columns."""
    return " from (\n" + body + "\n) as rows_of_all"


def own_key(model: SqlModel) -> str:
    """Return the column by which a scoped model's rows are taken out and put in."""
    return "scope_key" if "scope_key" in model.columns else "order_id"

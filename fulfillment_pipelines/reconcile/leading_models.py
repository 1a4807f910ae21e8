"""What the ledgers of an incremental run rest on besides the rows of affected keys: readings, and sums over all rows.

A model is leading when ledgers or rules read it and its rows belong to no key. Most are small and written whole. One
that only adds up canonical rows is brought forward by the rows that have changed: what all rows of an item come to
then costs what the changed ones cost, however many there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from fulfillment_pipelines.canonical.models import CAME
from fulfillment_pipelines.reconcile.incremental import IncrementalRun
from fulfillment_pipelines.reconcile.key_families import together
from fulfillment_pipelines.reconcile.reach import KEY_COLUMNS
from fulfillment_pipelines.reconcile.row_changes import carried_forward, sums_of, write_moved
from fulfillment_pipelines.sql_models import SqlModel, retarget
from fulfillment_pipelines.warehouse import Connection, scalar

_CANONICAL: Final = "canon_"
_GONE: Final = "gone_"
_NONE_OF: Final = "none_of_"
_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")
_COLUMNS: Final = "select * from lake.main.target limit 0"
_NONE: Final = "create or replace temp table kept as select * from lake.main.target limit 0"
_KEEP: Final = "create or replace temp table kept as "
_OF_CHANGED_KEYS: Final = """
    select *
    from lake.main.target
    where (system, source_key) in (
        select changed_keys.system, changed_keys.source_key from changed_keys where changed_keys.contract = $contract
    )
"""
_MOVING_KEYS: Final = """
    create or replace temp table moving_keys as
    select own_id as key from rows_gone
    union
    select own_id as key from rows_come
"""
_EARLIER: Final = "select * from lake.main.target where own_id in (select key from moving_keys)"


class LeadingModels:
    """The leading models of one incremental run; made before the canonical tables are brought up to date.

    Args:
        transaction: The lake's cursor within the run's transaction.
        models: The leading models, in reading order.
        contracts: The contracts that `changed_keys` speaks of.
    """

    def __init__(self, transaction: Connection, models: Sequence[SqlModel], contracts: Iterable[str]) -> None:
        self._transaction = transaction
        self._models = models
        self._changed = {_CANONICAL + contract: contract for contract in contracts}
        self._sums = tuple(model for model in models if "adds" in model.header and model.tables & self._changed.keys())
        self._read = frozenset[str]().union(*(model.tables for model in self._sums))
        self._words = frozenset(word for model in self._sums for word in _WORD.findall(model.body))
        for table in sorted(self._read):
            self._keep_gone(table)

    def write(self, run: IncrementalRun) -> None:
        """Write what has moved; the canonical tables are up to date."""
        for model in self._models:
            if model in self._sums:
                self._carry_forward(run, model)
            elif "adds" not in model.header and run.is_moved(model.tables):
                run.write_whole(model)

    def _keep_gone(self, table: str) -> None:
        """Keep the rows of a canonical table that stand under changed keys, as far as anything adds them up."""
        names = {"target": table, "kept": _GONE + table}
        if table not in self._changed:
            self._transaction.execute(retarget(_NONE, {**names, "kept": _NONE_OF + table}))
            return
        found = self._transaction.execute(retarget(_COLUMNS, names)).description
        columns = [column[0] for column in found if column[0] in self._words]
        told = {"contract": self._changed[table]}
        self._transaction.execute(retarget(_KEEP + together([_OF_CHANGED_KEYS], columns), names), told)

    def _carry_forward(self, run: IncrementalRun, model: SqlModel) -> None:
        for rows, kept in (("rows_gone", _GONE), ("rows_come", CAME)):
            shown = {table: (kept if table in self._changed else _NONE_OF) + table for table in model.tables}
            self._transaction.execute("create or replace temp table " + rows + " as " + retarget(model.body, shown))
        key = next(column for column in KEY_COLUMNS.values() if column in model.columns)
        if scalar(self._transaction, retarget(_MOVING_KEYS, {}, {"own_id": key})):
            self._write(run, model, key)
        run.shown.show_as_it_is(model.name)

    def _write(self, run: IncrementalRun, model: SqlModel, key: str) -> None:
        sums = sums_of(model)
        names = [name for name, _ in sums]
        groups = sorted(model.columns.difference(names))
        earlier, present = f"earlier_{model.name}", f"present_{model.name}"
        rows = together([retarget(_EARLIER, {"target": model.name}, {"own_id": key})], [*groups, *names])
        self._transaction.execute("create or replace temp table " + earlier + " as " + rows)
        rows = carried_forward(earlier, "rows_gone", "rows_come", groups, sums)
        self._transaction.execute("create or replace temp table " + present + " as " + rows)
        if write_moved(self._transaction, model.name, key, earlier=earlier, present=present):
            run.changed.add(model.name)

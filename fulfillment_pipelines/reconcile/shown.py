"""Temporary tables that show models and rules the affected rows of the lake, and nothing else.

Models and rules read unqualified names; temporary views of this process hide the lake's tables of the same name, and
each table is read once for all models and rules of a scope. Which keys are affected belongs to `affected`, how a table
is narrowed to `reach`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from fulfillment_pipelines.reconcile.key_families import NEAR_NONE, KeyFamilies, together
from fulfillment_pipelines.reconcile.reach import Narrowing, Reach
from fulfillment_pipelines.reconcile.rules import ScopeKind
from fulfillment_pipelines.sql_models import retarget
from fulfillment_pipelines.warehouse import Connection

_OWN: Final = "select * from lake.main.target where own_id in (select key from affected_keys)"
_OWN_NONE: Final = _OWN + " and own_id" + NEAR_NONE
_NONE: Final = "select * from lake.main.target where own_id is null"
_LINKED: Final = "select * from lake.main.target where link_id in (select key from linked_keys)"
_ONLY_LINKED: Final = """
    select lake_rows.*
    from lake.main.target as lake_rows
    anti join own_keys on lake_rows.own_id = own_keys.key
    where lake_rows.link_id in (select key from linked_keys)
"""
_NOTHING: Final = "create or replace temp table shown as select * from lake.main.target limit 0"
_COLUMNS: Final = "select * from lake.main.target limit 0"
_SHOW: Final = "create or replace temp table shown as "
_NO_LINKS: Final = "create or replace temp table linked_keys (key varchar)"
_NOTE_LINKS: Final = "insert into linked_keys select distinct link_id from shown where link_id is not null"
_HIDE: Final = "create or replace temp view target as from temp.main.shown"
_SHOW_WHOLE: Final = "drop view if exists temp.main.target"


class Shown:
    """What one incremental run shows.

    Args:
        transaction: The lake's cursor within the run's transaction.
        reach: How tables are narrowed.
        key_tables: The temp table of the affected keys of each scope; the keys stand from now on.
        small: Tables that are read in one go, whatever the keys are.
        name: Tells its tables from those of another.
    """

    def __init__(
        self,
        transaction: Connection,
        reach: Reach,
        key_tables: Mapping[ScopeKind, str],
        name: str = "shown",
        *,
        small: frozenset[str] = frozenset(),
    ) -> None:
        self._transaction = transaction
        self._reach = reach
        self._key_tables = key_tables
        self._name = name
        self._small = small
        self._families: dict[ScopeKind, KeyFamilies] = {}
        self._tables: dict[tuple[ScopeKind, str], str] = {}
        self._links: dict[tuple[ScopeKind, str], KeyFamilies] = {}
        self._hidden: dict[str, str] = {}
        self._instead: set[str] = set()
        self._scope: ScopeKind | None = None
        self._unwritten: set[str] = set()

    def leave_empty(self, tables: Iterable[str]) -> None:
        """Show nothing for tables that have no row, so that the lake is not asked for them."""
        for table in sorted(tables):
            names = {"target": table, "shown": f"nothing_of_{table}"}
            self._transaction.execute(retarget(_NOTHING, names))
            self.show_instead(table, names["shown"])

    def await_models(self, names: Iterable[str]) -> None:
        """Leave out, until they are written, derived models that this run has not come to."""
        self._unwritten = set(names)

    def show(self, scope: ScopeKind, wanted: Iterable[str]) -> None:
        """Hide all but the affected rows of the tables that something of a scope reads.

        A table that cannot be narrowed is shown whole, and to a scope without keys all are.
        """
        if scope is not self._scope:
            self.show_all()
            self._scope = scope
        if scope not in self._key_tables:
            return
        readable = [table for table in wanted if table not in self._unwritten | self._instead]
        for narrowing in self._reach.narrowings(scope, readable):
            self._narrow(scope, narrowing)
            self._hide(narrowing.table, self._tables[scope, narrowing.table])

    def show_instead(self, table: str, rows: str) -> None:
        """Show a temp table in the place of a table of the lake, to every scope until `close`."""
        self._hide(table, rows)
        self._instead.add(table)

    def show_as_it_is(self, table: str) -> None:
        """Show the lake's own table again, whatever was shown in its place."""
        self._instead.discard(table)
        self._show_whole(self._hidden.keys() & {table})

    def show_for_now(self, table: str, rows: str) -> None:
        """Show a temp table in the place of a table of the lake, until `show_all`."""
        self._hide(table, rows)

    def show_all(self) -> None:
        """Narrow nothing any more; what is shown instead of a table stays."""
        self._show_whole(self._hidden.keys() - self._instead)
        self._scope = None

    def close(self) -> None:
        """Hide nothing any more."""
        self._show_whole(self._hidden.keys())
        self._instead.clear()
        self._scope = None

    def beside(self, key_tables: Mapping[ScopeKind, str], name: str) -> Shown:
        """Return what shows the rows of other keys, with all that is shown instead of a table; this one rests."""
        self.show_all()
        other = Shown(self._transaction, self._reach, key_tables, name, small=self._small)
        other._hidden, other._instead = dict(self._hidden), set(self._instead)
        return other

    def rows_of(self, scope: ScopeKind, table: str) -> str:
        """Return the temp table in which the affected rows of a table are shown to a scope."""
        return self._tables[scope, table]

    def written(self, scope: ScopeKind, table: str, rows: str | None) -> None:
        """Take note that a derived model stands; within its scope it is shown as written, where it was."""
        self._unwritten.discard(table)
        self._instead.discard(table)
        if rows is not None:
            self._tables[scope, table] = rows
            self._hide(table, rows)

    def rows_of_keys(self, scope: ScopeKind, table: str, key: str, *, with_none: bool = False) -> list[str]:
        """Return selects of the lake's rows of the affected keys; those of the empty key too, where it is wanted."""
        families, is_small = self._families_of(scope), table in self._small
        names, columns = {"target": table}, {"own_id": key}
        selects = families.selects(_OWN, names, columns, is_small=is_small)
        return selects + (families.selects_of_none(_OWN_NONE, names, columns) if with_none and not is_small else [])

    def has_keys(self, scope: ScopeKind) -> bool:
        """Return whether any key of a scope is affected; a scope without keys speaks of everything."""
        return scope not in self._key_tables or not self._families_of(scope).is_empty

    def key_table(self, scope: ScopeKind) -> str:
        """Return the temp table of the affected keys of a scope."""
        return self._key_tables[scope]

    def _families_of(self, scope: ScopeKind) -> KeyFamilies:
        if scope not in self._families:
            self._families[scope] = KeyFamilies(self._transaction, self._key_tables[scope])
        return self._families[scope]

    def _show_whole(self, tables: Iterable[str]) -> None:
        for table in sorted(tables):
            self._transaction.execute(retarget(_SHOW_WHOLE, {"target": table}))
            del self._hidden[table]

    def _narrow(self, scope: ScopeKind, narrowing: Narrowing) -> None:
        if (scope, narrowing.table) in self._tables:
            return
        selects = self._own_rows(scope, narrowing)
        if narrowing.link:
            selects += self._linked_rows(scope, narrowing)
        shown = f"{self._name}_{scope}_{narrowing.table}"
        columns = self._columns_read(scope, narrowing.table)
        self._transaction.execute(retarget(_SHOW + together(selects, columns), {"shown": shown}))
        self._tables[scope, narrowing.table] = shown

    def _columns_read(self, scope: ScopeKind, table: str) -> list[str]:
        """Return the columns of a table that anything of the scope may read: a table is wide, a rule reads little."""
        found = self._transaction.execute(retarget(_COLUMNS, {"target": table})).description
        return [column[0] for column in found if self._reach.is_read(scope, column[0])]

    def _own_rows(self, scope: ScopeKind, narrowing: Narrowing) -> list[str]:
        if not narrowing.key:
            return []
        names, columns = {"target": narrowing.table}, {"own_id": narrowing.key}
        none = [retarget(_NONE, names, columns)] if narrowing.keeps_unkeyed else []
        return self.rows_of_keys(scope, narrowing.table, narrowing.key) + none

    def _linked_rows(self, scope: ScopeKind, narrowing: Narrowing) -> list[str]:
        names = {"target": narrowing.table, "own_keys": self._key_tables[scope]}
        columns = {"own_id": narrowing.key, "link_id": narrowing.link}
        statement = _ONLY_LINKED if narrowing.key else _LINKED
        links = self._links_through(scope, narrowing.link)
        is_small = narrowing.table in self._small
        return links.selects(statement, names, columns, keys="linked_keys", is_small=is_small)

    def _links_through(self, scope: ScopeKind, column: str) -> KeyFamilies:
        """Collect what the rows of all that a scope reads are tied to, once for each scope and column."""
        if (scope, column) not in self._links:
            links = f"{self._name}_linked_{scope}_{column}"
            self._transaction.execute(retarget(_NO_LINKS, {"linked_keys": links}))
            readable = self._reach.read_by((scope,)) - self._unwritten - self._instead
            for narrowing in self._reach.shown_before(scope, readable, column):
                if self._reach.has_column(narrowing.table, column):
                    self._narrow(scope, narrowing)
                    names = {"linked_keys": links, "shown": self._tables[scope, narrowing.table]}
                    self._transaction.execute(retarget(_NOTE_LINKS, names, {"link_id": column}))
            self._links[scope, column] = KeyFamilies(self._transaction, links)
        return self._links[scope, column]

    def _hide(self, table: str, rows: str) -> None:
        if self._hidden.get(table) != rows:
            self._transaction.execute(retarget(_HIDE, {"target": table, "shown": rows}))
            self._hidden[table] = rows

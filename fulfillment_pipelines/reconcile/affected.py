"""Which keys an incremental run revisits, and temporary tables that show models and rules nothing else.

A run reads the keys that changed since the last one and closes them: an order of a channel brings its order in the
ERP along, a shipment leg the orders on it, an order its customer. A rule of scope `order` then sees only those
orders, and so on. Models and rules read unqualified names; temporary views of this process hide the lake's tables of
the same name, and each table is read once for all models and rules of a scope. What reaches what belongs to `reach`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from fulfillment_pipelines.reconcile.reach import KEY_COLUMNS, Narrowing, Reach
from fulfillment_pipelines.reconcile.rules import ScopeKind
from fulfillment_pipelines.sql_models import SqlModel, retarget
from fulfillment_pipelines.warehouse import Connection

_KEY_TABLES: Final[Mapping[ScopeKind, str]] = {
    ScopeKind.STOCK: "affected_items",
    ScopeKind.SHIPMENT: "affected_shipments",
    ScopeKind.ORDER: "affected_orders",
    ScopeKind.CUSTOMER: "affected_customers",
}
_EMPTY_KEYS: Final = "create or replace temp table affected_keys (key varchar)"
# Rows that name no order are few and may belong to any: they are looked at each time, under the empty key.
_NOTE_NO_ORDER: Final = "insert into affected_orders values ('')"
_NOTE_UNSETTLED: Final = """
    insert into affected_keys
    select distinct scope_key as key from lake.main.target where is_unsettled
"""
_NOTE_CHANGED: Final = """
    insert into affected_keys
    select distinct changed_id from changed_keys where changed_id is not null
"""
_NOTE_ORDERS_OF_CUSTOMERS: Final = """
    insert into affected_orders
    select distinct canon_orders.order_id as key
    from canon_orders
    where canon_orders.customer_id in (
        select customer_id from changed_keys where list_contains($contracts, contract) and order_id is null
    )
"""
_NOTE_ORDERS_OF_ITEMS: Final = """
    insert into affected_orders
    select distinct canon_order_lines.order_id as key
    from canon_order_lines
    where canon_order_lines.sku in (
        select sku from changed_keys where list_contains($contracts, contract) and order_id is null
    )
"""
_NOTE_OPEN_ORDERS_OF_STOCK: Final = """
    insert into affected_orders
    select distinct canon_order_lines.order_id as key
    from canon_order_lines
    semi join affected_items on canon_order_lines.sku = affected_items.key
    inner join canon_orders
        on canon_order_lines.system = canon_orders.system
        and canon_order_lines.order_id = canon_orders.order_id
        and canon_orders.status = 'OPEN'
"""
_NOTE_SHIPMENTS_OF_ORDERS: Final = """
    insert into affected_shipments
    select distinct shipment_id as key
    from lake.main.target
    where order_id in (select key from affected_orders) and shipment_id is not null
"""
_NOTE_ORDERS_OF_SHIPMENTS: Final = """
    insert into affected_orders
    select distinct order_id as key
    from lake.main.target
    where shipment_id in (select key from affected_shipments) and order_id is not null
"""
_NOTE_SAME_ORDERS: Final = """
    insert into affected_orders
    with

    with_channel_orders as (
        select key from affected_orders
        union
        select canon_orders.channel_order_id as key
        from canon_orders
        semi join affected_orders on canon_orders.order_id = affected_orders.key
        where canon_orders.channel_order_id is not null
    )

    select key from with_channel_orders
    union
    select canon_orders.order_id as key
    from canon_orders
    semi join with_channel_orders on canon_orders.channel_order_id = with_channel_orders.key
"""
_NOTE_CUSTOMERS_OF_ORDERS: Final = """
    insert into affected_customers
    select distinct canon_orders.customer_id as key
    from canon_orders
    semi join affected_orders on canon_orders.order_id = affected_orders.key
    where canon_orders.customer_id is not null
"""
_NOTE_ITEMS_OF_ORDERS: Final = """
    insert into affected_items
    select distinct canon_order_lines.sku as key
    from canon_order_lines
    semi join affected_orders on canon_order_lines.order_id = affected_orders.key
    where canon_order_lines.sku is not null
"""
_NARROWED: Final[Mapping[str, str]] = {
    "own": """
        create or replace temp table shown as
        select * from lake.main.target where own_id in (select key from affected_keys)
    """,
    "own or none": """
        create or replace temp table shown as
        select * from lake.main.target where own_id in (select key from affected_keys)
        union all
        select * from lake.main.target where own_id is null
    """,
    "own or linked": """
        create or replace temp table shown as
        select * from lake.main.target
        where own_id in (select key from affected_keys) or link_id in (select key from linked_keys)
    """,
    "linked": """
        create or replace temp table shown as
        select * from lake.main.target where link_id in (select key from linked_keys)
    """,
}
_NO_LINKS: Final = "create or replace temp table linked_keys (key varchar)"
_NOTE_LINKS: Final = "insert into linked_keys select distinct link_id from shown where link_id is not null"
_HIDE: Final = "create or replace temp view target as from temp.main.shown"
_SHOW_WHOLE: Final = "drop view if exists temp.main.target"
_FORGET_ROWS: Final = "delete from lake.main.target where scope_key in (select key from affected_keys)"
_INSERT_ROWS: Final = "insert into lake.main.target by name from shown"
_DROP_OTHERS: Final = """
    delete from rows_of_all
    where not coalesce(scope_key in (select key from affected_keys), false)
"""
_FORGET_DIFFERENCES: Final = """
    delete from rec_differences
    where list_contains($codes, code) and scope_key in (select key from affected_keys)
"""
_FORGET_ALL: Final = "delete from rec_differences where list_contains($codes, code)"


class Affected:
    """The keys that one incremental run revisits.

    Args:
        transaction: The lake's cursor within the run's transaction.
        reach: What follows from what.
        contracts: The contracts that `changed_keys` speaks of.
    """

    def __init__(self, transaction: Connection, reach: Reach, contracts: frozenset[str]) -> None:
        self._transaction = transaction
        self._reach = reach
        self._contracts = contracts
        self._shown: dict[tuple[ScopeKind, str], str] = {}
        self._linked: set[tuple[ScopeKind, str]] = set()
        self._written: set[str] = set()
        for table in _KEY_TABLES.values():
            transaction.execute(retarget(_EMPTY_KEYS, {"affected_keys": table}))
        transaction.execute(_NOTE_NO_ORDER)
        for model, (scope, column) in reach.unsettled.items():
            names = {"target": model, "affected_keys": _KEY_TABLES[scope]}
            transaction.execute(retarget(_NOTE_UNSETTLED, names, {"is_unsettled": column}))

    def note_before(self) -> None:
        """Note what changed as the canonical tables stand before they are brought up to date.

        The keys that a row had are noted with it; only the channel's number of an order is not, and it may be lost.
        """
        self._note_changed()
        if "orders" in self._contracts:
            self._transaction.execute(_NOTE_SAME_ORDERS)

    def note(self) -> None:
        """Note what changed, and all that it is tied to, as the canonical tables stand now."""
        self._note_changed()
        self._note_orders()
        links = self._reach.links_orders_and_shipments()
        for statement in (_NOTE_SHIPMENTS_OF_ORDERS, _NOTE_ORDERS_OF_SHIPMENTS):
            for table in links:
                self._transaction.execute(retarget(statement, {"target": table}))
        if self._reach.stock_follows_orders():
            self._transaction.execute(_NOTE_ITEMS_OF_ORDERS)
        if self._reach.orders_follow_stock():
            self._transaction.execute(_NOTE_OPEN_ORDERS_OF_STOCK)
        self._transaction.execute(_NOTE_SAME_ORDERS)
        self._transaction.execute(_NOTE_CUSTOMERS_OF_ORDERS)

    @contextmanager
    def showing(self, scope: ScopeKind) -> Iterator[None]:
        """Hide, within the block, all but the affected rows of the tables that models and rules of a scope read.

        A table that cannot be narrowed is shown whole, and to a scope without keys all are.
        """
        if scope in _KEY_TABLES:
            for narrowing in self._reach.narrowings(scope, self._readable(scope)):
                if (scope, narrowing.table) not in self._shown:
                    self._narrow(scope, narrowing)
        for table in self._shown_of(scope):
            self._hide(scope, table)
        yield
        for table in self._shown_of(scope):
            self._transaction.execute(retarget(_SHOW_WHOLE, {"target": table}))

    def rewrite(self, model: SqlModel, scope: ScopeKind, parameters: Mapping[str, Any]) -> None:
        """Write a model's rows of the affected keys anew, within `showing` of its scope, and show them from then on."""
        shown = _shown_name(scope, model.name)
        self._transaction.execute("create or replace temp table " + shown + " as " + model.body, dict(parameters))
        self.keep_own(shown, scope)
        keys = _KEY_TABLES[scope]
        self._transaction.execute(retarget(_FORGET_ROWS, {"target": model.name, "affected_keys": keys}))
        self._transaction.execute(retarget(_INSERT_ROWS, {"target": model.name, "shown": shown}))
        self._shown[scope, model.name] = shown
        self._written.add(model.name)
        self._hide(scope, model.name)

    def keep_own(self, table: str, scope: ScopeKind) -> None:
        """Remove rows of keys that are not affected: they were derived from a part of their rows only."""
        if scope in _KEY_TABLES:
            names = {"rows_of_all": table, "affected_keys": _KEY_TABLES[scope]}
            self._transaction.execute(retarget(_DROP_OTHERS, names))

    def forget_differences(self, codes: Sequence[str], scope: ScopeKind) -> None:
        """Remove what the rules of one scope said of its keys; rules about feeds look at all of them each time."""
        if scope in _KEY_TABLES:
            statement = retarget(_FORGET_DIFFERENCES, {"affected_keys": _KEY_TABLES[scope]})
        else:
            statement = _FORGET_ALL
        self._transaction.execute(statement, {"codes": list(codes)})

    def _note_changed(self) -> None:
        for scope, table in _KEY_TABLES.items():
            columns = {"changed_id": KEY_COLUMNS[scope]}
            self._transaction.execute(retarget(_NOTE_CHANGED, {"affected_keys": table}, columns))

    def _note_orders(self) -> None:
        for column, statement in (("customer_id", _NOTE_ORDERS_OF_CUSTOMERS), ("sku", _NOTE_ORDERS_OF_ITEMS)):
            reaching = self._reach.reached_through(column) & self._contracts
            if reaching:
                self._transaction.execute(statement, {"contracts": sorted(reaching)})

    def _readable(self, scope: ScopeKind) -> list[str]:
        """Derived models count from when this run has written them; those of the scope itself are shown as written."""
        read = self._reach.read_by((scope,))
        return [table for table in read if table in self._written or not self._reach.is_derived(table)]

    def _narrow(self, scope: ScopeKind, narrowing: Narrowing) -> None:
        if narrowing.link:
            self._note_links(scope, narrowing.link)
        shown = _shown_name(scope, narrowing.table)
        names = {
            "shown": shown,
            "target": narrowing.table,
            "affected_keys": _KEY_TABLES[scope],
            "linked_keys": _links_name(scope, narrowing.link),
        }
        columns = {"own_id": narrowing.key, "link_id": narrowing.link}
        self._transaction.execute(retarget(_NARROWED[_way(narrowing)], names, columns))
        self._shown[scope, narrowing.table] = shown

    def _note_links(self, scope: ScopeKind, column: str) -> None:
        """Collect what the rows shown so far are tied to, once for each scope and column."""
        if (scope, column) in self._linked:
            return
        links = _links_name(scope, column)
        self._transaction.execute(retarget(_NO_LINKS, {"linked_keys": links}))
        for table in self._shown_of(scope):
            if self._reach.has_column(table, column):
                names = {"linked_keys": links, "shown": self._shown[scope, table]}
                self._transaction.execute(retarget(_NOTE_LINKS, names, {"link_id": column}))
        self._linked.add((scope, column))

    def _shown_of(self, scope: ScopeKind) -> list[str]:
        return [table for of, table in self._shown if of is scope]

    def _hide(self, scope: ScopeKind, table: str) -> None:
        self._transaction.execute(retarget(_HIDE, {"target": table, "shown": self._shown[scope, table]}))


def _way(narrowing: Narrowing) -> str:
    if narrowing.link:
        return "own or linked" if narrowing.key else "linked"
    return "own or none" if narrowing.keeps_unkeyed else "own"


def _shown_name(scope: ScopeKind, table: str) -> str:
    return f"shown_{scope}_{table}"


def _links_name(scope: ScopeKind, column: str) -> str:
    return f"linked_{scope}_{column}" if column else ""

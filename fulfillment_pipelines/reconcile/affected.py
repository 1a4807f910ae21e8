"""Which keys a run revisits, and temporary tables that show the rules nothing else.

An incremental run reads the keys that changed since the last one and closes them: an order of a channel brings
its order in the ERP along, an order its customer. A rule of scope `order` then sees only those orders, and so on.
Rules read unqualified names; the temporary tables of this process hide the lake's tables of the same name, and read
each of them once for all rules of a scope.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.reconcile.rules import ScopeKind
from fulfillment_pipelines.sql_models import retarget
from fulfillment_pipelines.warehouse import Connection

_NOTE_ORDERS: Final = """
    insert into affected_orders
    with

    changed_orders as (
        select distinct order_id as key
        from ops_changed_keys
        where order_id is not null
    ),

    with_channel_orders as (
        select key from changed_orders
        union
        select canon_orders.channel_order_id as key
        from canon_orders
        semi join changed_orders on canon_orders.order_id = changed_orders.key
        where canon_orders.channel_order_id is not null
    )

    select key from with_channel_orders
    union
    select canon_orders.order_id as key
    from canon_orders
    semi join with_channel_orders on canon_orders.channel_order_id = with_channel_orders.key
"""
_NOTE_CUSTOMERS: Final = """
    insert into affected_customers
    select distinct canon_orders.customer_id as key
    from canon_orders
    semi join affected_orders on canon_orders.order_id = affected_orders.key
"""
_NOTE_ITEMS: Final = """
    insert into affected_items
    select distinct sku as key
    from ops_changed_keys
    where sku is not null
"""
_CUSTOMER_ORDERS: Final = """
    create or replace temp table customer_orders as
    select distinct canon_orders.order_id as key
    from canon_orders
    semi join affected_customers on canon_orders.customer_id = affected_customers.key
"""
_KEY_TABLES: Final[Mapping[ScopeKind, str]] = {
    ScopeKind.ORDER: "affected_orders",
    ScopeKind.STOCK: "affected_items",
    ScopeKind.CUSTOMER: "affected_customers",
}
_EMPTY_KEYS: Final = "create or replace temp table affected_keys (key varchar)"
_FORGET_ROWS: Final = "delete from lake.main.target where scope_key in (select key from affected_keys)"
_FORGET_DIFFERENCES: Final = """
    delete from rec_differences
    where list_contains($codes, code) and scope_key in (select key from affected_keys)
"""
_FORGET_ALL: Final = "delete from rec_differences where list_contains($codes, code)"
_NARROWED_ORDERS: Final = """
    create or replace temp table target as
    select * from lake.main.target where order_id in (select key from affected_keys)
"""
_NARROWED_ITEMS: Final = """
    create or replace temp table target as
    select * from lake.main.target where sku in (select key from affected_keys)
"""
_SHOWN_WHOLE: Final = "drop table if exists temp.main.target"
LEDGERS: Final[Mapping[str, ScopeKind]] = {
    "rec_stock_ledger": ScopeKind.STOCK,
    "rec_quantity_ledger": ScopeKind.ORDER,
}
"""The ledgers of quantities and stock, and whose changed keys make their rows be written anew."""


def begin(transaction: Connection) -> None:
    """Note the changed keys as the canonical tables stand before they are brought up to date."""
    for table in _KEY_TABLES.values():
        transaction.execute(retarget(_EMPTY_KEYS, {"affected_keys": table}))
    note(transaction)


def note(transaction: Connection) -> None:
    """Note the changed keys once more: what they were tied to before and after both count."""
    for statement in (_NOTE_ORDERS, _NOTE_CUSTOMERS, _NOTE_ITEMS):
        transaction.execute(statement)


def narrow(transaction: Connection, scope: ScopeKind, wanted: Collection[str]) -> tuple[str, ...]:
    """Hide all but the affected rows of the tables that models of one scope read; return their names.

    Args:
        transaction: The lake's cursor within the caller's transaction.
        scope: Whose keys are affected.
        wanted: Tables the models read; the others are left as they are.
    """
    if scope not in _KEY_TABLES:
        return ()
    if scope is ScopeKind.CUSTOMER:
        transaction.execute(_CUSTOMER_ORDERS)
    keys = "customer_orders" if scope is ScopeKind.CUSTOMER else _KEY_TABLES[scope]
    column, rows = ("sku", _NARROWED_ITEMS) if scope is ScopeKind.STOCK else ("order_id", _NARROWED_ORDERS)
    tables = {"canon_" + contract.name for contract in CONTRACTS.values() if contract.has_column(column)}
    tables |= {ledger for ledger, of_scope in LEDGERS.items() if of_scope is scope}
    narrowed = tuple(sorted(tables & set(wanted)))
    for table in narrowed:
        transaction.execute(retarget(rows, {"target": table, "affected_keys": keys}))
    return narrowed


def widen(transaction: Connection, narrowed: Iterable[str]) -> None:
    """Show the whole tables again."""
    for table in narrowed:
        transaction.execute(retarget(_SHOWN_WHOLE, {"target": table}))


def forget_rows(transaction: Connection, table: str, scope: ScopeKind) -> None:
    """Remove from a ledger the rows of the affected keys, before they are written anew."""
    transaction.execute(retarget(_FORGET_ROWS, {"target": table, "affected_keys": _KEY_TABLES[scope]}))


def forget_differences(transaction: Connection, codes: Sequence[str], scope: ScopeKind) -> None:
    """Remove what the rules of one scope said of the affected keys; rules about feeds look at all of them each time."""
    if scope in _KEY_TABLES:
        statement = retarget(_FORGET_DIFFERENCES, {"affected_keys": _KEY_TABLES[scope]})
    else:
        statement = _FORGET_ALL
    transaction.execute(statement, {"codes": list(codes)})

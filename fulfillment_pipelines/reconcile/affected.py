"""Which keys a run revisits, and views that show the rules nothing else.

An incremental run reads the keys that changed since the last one and closes them: an order of a channel brings
its order in the ERP along, an order its customer. A rule of scope `order` then sees only those orders, and so on.
Rules read unqualified names; the views of this process hide the lake's tables behind them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.reconcile.rules import ScopeKind
from fulfillment_pipelines.warehouse import Connection, create_view

_NOTE_ORDERS: Final = """
    insert into affected_orders
    with

    changed_orders as (
        select distinct order_id
        from ops_changed_keys
        where order_id is not null
    )

    select order_id from changed_orders
    union
    select canon_orders.order_id
    from canon_orders
    semi join changed_orders on canon_orders.channel_order_id = changed_orders.order_id
    union
    select canon_orders.channel_order_id as order_id
    from canon_orders
    semi join changed_orders on canon_orders.order_id = changed_orders.order_id
    where canon_orders.channel_order_id is not null
"""
_NOTE_CUSTOMERS: Final = """
    insert into affected_customers
    select distinct canon_orders.customer_id
    from canon_orders
    semi join affected_orders on canon_orders.order_id = affected_orders.order_id
"""
_NOTE_ITEMS: Final = """
    insert into affected_items
    select distinct sku
    from ops_changed_keys
    where sku is not null
"""
_CUSTOMER_ORDERS: Final = """
    create or replace temp table customer_orders as
    select distinct canon_orders.order_id
    from canon_orders
    semi join affected_customers on canon_orders.customer_id = affected_customers.customer_id
"""
_KEY_TABLES: Final[Mapping[ScopeKind, tuple[str, str]]] = {
    ScopeKind.ORDER: ("affected_orders", "order_id"),
    ScopeKind.STOCK: ("affected_items", "sku"),
    ScopeKind.CUSTOMER: ("affected_customers", "customer_id"),
}
_STOCK_LEDGER: Final = "rec_stock_ledger"


def begin(transaction: Connection) -> None:
    """Note the changed keys as the canonical tables stand before they are brought up to date."""
    for table, column in _KEY_TABLES.values():
        transaction.execute("create or replace temp table " + table + " (" + column + " varchar)")
    note(transaction)


def note(transaction: Connection) -> None:
    """Note the changed keys once more: what they were tied to before and after both count."""
    for statement in (_NOTE_ORDERS, _NOTE_CUSTOMERS, _NOTE_ITEMS):
        transaction.execute(statement)


def narrow(transaction: Connection, scope: ScopeKind) -> None:
    """Hide all but the affected rows of the canonical tables, for rules of one scope."""
    if scope is ScopeKind.CUSTOMER:
        transaction.execute(_CUSTOMER_ORDERS)
    for contract in CONTRACTS.values():
        columns = {column.name for column in contract.columns}
        table = "canon_" + contract.name
        if scope is ScopeKind.ORDER and "order_id" in columns:
            _narrow_table(transaction, table, "order_id", "affected_orders")
        elif scope is ScopeKind.STOCK and "sku" in columns:
            _narrow_table(transaction, table, "sku", "affected_items")
        elif scope is ScopeKind.CUSTOMER and "order_id" in columns:
            _narrow_table(transaction, table, "order_id", "customer_orders")
    if scope is ScopeKind.STOCK:
        _narrow_table(transaction, _STOCK_LEDGER, "sku", "affected_items")


def widen(transaction: Connection) -> None:
    """Show the whole tables again."""
    for contract in CONTRACTS.values():
        transaction.execute("drop view if exists temp.main.canon_" + contract.name)
    transaction.execute("drop view if exists temp.main." + _STOCK_LEDGER)


def forget_rows(transaction: Connection, table: str, scope: ScopeKind) -> None:
    """Remove from a ledger the rows of the affected keys, before they are written anew."""
    transaction.execute("delete from lake.main." + table + " where scope_key in (" + _affected_keys(scope) + ")")


def forget_findings(transaction: Connection, code: str, scope: ScopeKind) -> None:
    """Remove what a rule said of the affected keys, before it speaks anew."""
    transaction.execute(
        "delete from rec_differences where code = $code and scope_key in (" + _affected_keys(scope) + ")",
        {"code": code},
    )


def _affected_keys(scope: ScopeKind) -> str:
    table, column = _KEY_TABLES[scope]
    return "select " + column + " from " + table


def _narrow_table(transaction: Connection, table: str, column: str, keys: str) -> None:
    if transaction.execute(
        "select 1 from information_schema.tables where table_catalog = 'lake' and table_name = $table", {"table": table}
    ).fetchone():
        rows = "select * from lake.main." + table
        create_view(transaction, table, rows + " where " + column + " in (select " + column + " from " + keys + ")")

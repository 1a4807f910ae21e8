"""Which keys an incremental run revisits.

A run reads the keys that changed since the last one and closes them: an order of a channel brings its order in the
ERP along, a shipment leg the orders on it, an order its customer. A rule of scope `order` is then shown only those
orders, and so on. What reaches what belongs to `reach`, what is shown to `shown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fulfillment_pipelines.reconcile.key_families import KeyFamilies, small_tables
from fulfillment_pipelines.reconcile.reach import KEY_COLUMNS, Reach
from fulfillment_pipelines.reconcile.rules import ScopeKind
from fulfillment_pipelines.sql_models import retarget
from fulfillment_pipelines.warehouse import Connection

KEY_TABLES: Final[Mapping[ScopeKind, str]] = MappingProxyType(
    {
        ScopeKind.STOCK: "affected_items",
        ScopeKind.SHIPMENT: "affected_shipments",
        ScopeKind.ORDER: "affected_orders",
        ScopeKind.CUSTOMER: "affected_customers",
    }
)
"""The temp table in which the affected keys of each scope stand."""

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
    where order_id in (select key from near_keys) and shipment_id is not null
"""
_NOTE_ORDERS_OF_SHIPMENTS: Final = """
    insert into affected_orders
    select distinct order_id as key
    from lake.main.target
    where shipment_id in (select key from near_keys) and order_id is not null
"""
_NOTE_CHANNEL_ORDERS: Final = """
    insert into affected_orders
    select distinct channel_order_id as key
    from canon_orders
    where order_id in (select key from near_keys) and channel_order_id is not null
"""
_NOTE_BOOKED_ORDERS: Final = """
    insert into affected_orders
    select distinct canon_orders.order_id as key
    from canon_orders
    where canon_orders.channel_order_id in (select key from affected_orders where key <> '')
"""
_NOTE_CUSTOMERS_OF_ORDERS: Final = """
    insert into affected_customers
    select distinct customer_id as key
    from canon_orders
    where order_id in (select key from near_keys) and customer_id is not null
"""
_NOTE_ITEMS_OF_ORDERS: Final = """
    insert into affected_items
    select distinct sku as key
    from canon_order_lines
    where order_id in (select key from near_keys) and sku is not null
"""
_NEAR_KEYS: Final = "near_keys"


class Affected:
    """The keys that one incremental run revisits.

    Args:
        transaction: The lake's cursor within the run's transaction.
        reach: What follows from what.
        contracts: The contracts that `changed_keys` speaks of.
        row_counts: How many rows the lake's tables had when the run began, where it is known.
    """

    def __init__(
        self, transaction: Connection, reach: Reach, contracts: frozenset[str], row_counts: Mapping[str, int]
    ) -> None:
        self._transaction = transaction
        self._reach = reach
        self._contracts = contracts
        self._small = small_tables(row_counts)
        changed = {f"canon_{contract}" for contract in contracts}
        self._empty = {table for table, count in row_counts.items() if count == 0} - changed
        for table in KEY_TABLES.values():
            transaction.execute(retarget(_EMPTY_KEYS, {"affected_keys": table}))
        transaction.execute(_NOTE_NO_ORDER)
        for model, (scope, column) in reach.unsettled.items():
            names = {"target": model, "affected_keys": KEY_TABLES[scope]}
            transaction.execute(retarget(_NOTE_UNSETTLED, names, {"is_unsettled": column}))

    def note_before(self) -> None:
        """Note what changed as the canonical tables stand before they are brought up to date.

        The keys that a row had are noted with it; only the channel's number of an order is not, and it may be lost.
        """
        self._note_changed()
        if "orders" in self._contracts:
            self._note_same_orders()

    def note(self) -> None:
        """Note what changed, and all that it is tied to, as the canonical tables stand now."""
        self._note_changed()
        self._note_orders()
        self._note_tied(_NOTE_SHIPMENTS_OF_ORDERS, ScopeKind.ORDER)
        self._note_tied(_NOTE_ORDERS_OF_SHIPMENTS, ScopeKind.SHIPMENT)
        if self._reach.stock_follows_orders():
            self._note_of_orders(_NOTE_ITEMS_OF_ORDERS)
        if self._reach.orders_follow_stock():
            self._transaction.execute(_NOTE_OPEN_ORDERS_OF_STOCK)
        self._note_same_orders()
        self._note_of_orders(_NOTE_CUSTOMERS_OF_ORDERS)

    def _note_changed(self) -> None:
        for scope, table in KEY_TABLES.items():
            columns = {"changed_id": KEY_COLUMNS[scope]}
            self._transaction.execute(retarget(_NOTE_CHANGED, {"affected_keys": table}, columns))

    def _note_orders(self) -> None:
        for column, statement in (("customer_id", _NOTE_ORDERS_OF_CUSTOMERS), ("sku", _NOTE_ORDERS_OF_ITEMS)):
            reaching = self._reach.reached_through(column) & self._contracts
            if reaching:
                self._transaction.execute(statement, {"contracts": sorted(reaching)})

    def _note_same_orders(self) -> None:
        """Note the channel's number of each order, and the orders that were booked for it."""
        self._note_of_orders(_NOTE_CHANNEL_ORDERS)
        self._transaction.execute(_NOTE_BOOKED_ORDERS)

    def _note_of_orders(self, statement: str) -> None:
        families = KeyFamilies(self._transaction, KEY_TABLES[ScopeKind.ORDER])
        for insert in families.selects(statement, {}, keys=_NEAR_KEYS, is_small="canon_orders" in self._small):
            self._transaction.execute(insert)

    def _note_tied(self, statement: str, scope: ScopeKind) -> None:
        """Note what rows that speak of an order and of a shipment tie to the keys of a scope."""
        families = KeyFamilies(self._transaction, KEY_TABLES[scope])
        for table in self._reach.links_orders_and_shipments():
            if table not in self._empty:
                is_small = table in self._small
                for insert in families.selects(statement, {"target": table}, keys=_NEAR_KEYS, is_small=is_small):
                    self._transaction.execute(insert)

"""How far a change reaches: which keys must be looked at again when a table changes, as the models themselves tell.

Everything here follows from the contracts, from the columns that derived models give and from what models and rules
read; nothing is listed by hand. The keys of one run, and the tables it is shown, belong to `affected`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from fulfillment_pipelines.canonical.contracts import CONTRACTS
from fulfillment_pipelines.reconcile.rules import Rule, ScopeKind
from fulfillment_pipelines.sql_models import SqlModel

KEY_COLUMNS: Final[Mapping[ScopeKind, str]] = MappingProxyType(
    {
        ScopeKind.STOCK: "sku",
        ScopeKind.SHIPMENT: "shipment_id",
        ScopeKind.ORDER: "order_id",
        ScopeKind.CUSTOMER: "customer_id",
    }
)
"""By which column a table is narrowed for each scope that has keys."""

_LINK_TABLES: Final[Mapping[ScopeKind, str]] = MappingProxyType(
    {
        ScopeKind.STOCK: "canon_order_lines",
        ScopeKind.SHIPMENT: "canon_shipment_lines",
        ScopeKind.ORDER: "canon_shipment_lines",
        ScopeKind.CUSTOMER: "canon_orders",
    }
)
_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")
_ALWAYS_READ: Final = frozenset({"scope_key", "order_id", "shipment_id", "customer_id", "sku"})
_LINK_COLUMNS: Final = ("order_id", "shipment_id", "customer_id")


class Presence(StrEnum):
    """Whether a column of a table always has a value."""

    REQUIRED = "required"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """By which keys a table is narrowed for one scope.

    Attributes:
        table: The table.
        key: Column of the scope's own keys; empty where it has none.
        link: Column through which other rows, without such a key, belong to them; empty for none.
        keeps_unkeyed: Whether rows without a key are shown too, since they may belong to any.
    """

    table: str
    key: str
    link: str
    keeps_unkeyed: bool


class Reach:
    """What follows from what for the models and rules of one distributor.

    Args:
        models: Derived models that are written for affected keys only.
        rules: The rules that run.
        spoken: Canonical tables of which any feed speaks; the others are empty and concern nobody.
        also: What else reads the rows of affected orders: checks, and sums over them.

    Attributes:
        unsettled: Models some of whose rows depend on when the systems were read, with their scope and the column that
            marks these rows: their keys are revisited in every run, changed or not.
    """

    def __init__(
        self,
        models: Sequence[SqlModel],
        rules: Sequence[Rule],
        spoken: frozenset[str],
        also: Sequence[SqlModel] = (),
    ) -> None:
        self._columns = _canonical_columns() | {model.name: _derived_columns(model) for model in models}
        self._derived = {model.name: scope_of(model) for model in models}
        self.unsettled = {
            model.name: (scope, model.header["revisit"])
            for model in models
            if (scope := scope_of(model)) is not None and "revisit" in model.header
        }
        self._spoken = spoken
        self._read = {
            scope: frozenset[str]().union(
                *(model.tables for model in models if scope_of(model) is scope),
                *(rule.model.tables for rule in rules if rule.scope is scope),
            )
            for scope in ScopeKind
        }
        self._words = {
            scope: _words(
                [model.body for model in models if scope_of(model) is scope]
                + [rule.model.body for rule in rules if rule.scope is scope]
                + [model.body for model in also if scope is ScopeKind.ORDER]
            )
            for scope in ScopeKind
        }

    def is_read(self, scope: ScopeKind, column: str) -> bool:
        """Return whether anything of a scope may read a column of that name, in whichever table."""
        return column in self._words[scope] or column in _ALWAYS_READ

    def read_by(self, scopes: Iterable[ScopeKind]) -> frozenset[str]:
        """Return the tables that models and rules of these scopes read."""
        return frozenset[str]().union(*(self._read[scope] for scope in scopes))

    def has_column(self, table: str, column: str) -> bool:
        """Return whether a canonical table or derived model has a column of that name."""
        return column in self._columns.get(table, {})

    def is_derived(self, table: str) -> bool:
        """Return whether a table is written for affected keys only, by a model of this run."""
        return table in self._derived

    def links_orders_and_shipments(self) -> tuple[str, ...]:
        """Return the canonical tables whose rows tie an order to a shipment leg."""
        found = (table for table in self._spoken if {"order_id", "shipment_id"} <= self._columns[table].keys())
        return tuple(sorted(found))

    def reached_through(self, column: str) -> frozenset[str]:
        """Return the contracts whose rows name no order, but concern orders through a shipment, customer or item.

        Args:
            column: `shipment_id`, `customer_id` or `sku`; a contract that has several is reached by the first.
        """
        readers = self.read_by((ScopeKind.ORDER, ScopeKind.CUSTOMER, ScopeKind.SHIPMENT))
        return frozenset(
            name
            for name in CONTRACTS
            if "canon_" + name in readers & self._spoken and _leads(self._columns["canon_" + name], column)
        )

    def orders_follow_stock(self) -> bool:
        """Return whether rules about orders read what is written for items, so that an item brings its orders along."""
        readers = self.read_by((ScopeKind.ORDER, ScopeKind.CUSTOMER, ScopeKind.SHIPMENT))
        return any(scope is ScopeKind.STOCK and name in readers for name, scope in self._derived.items())

    def stock_follows_orders(self) -> bool:
        """Return whether rules about stock read what names an order but no item."""
        return any(
            "sku" not in columns and "order_id" in columns
            for columns in (self._columns.get(table, {}) for table in self._read[ScopeKind.STOCK])
        )

    def narrowings(self, scope: ScopeKind, wanted: Iterable[str]) -> tuple[Narrowing, ...]:
        """Return how the tables that models of a scope read are narrowed; those that cannot be are left out.

        Those narrowed by the scope's own key come first: the others are linked through their rows.
        """
        found = [narrowing for table in sorted(wanted) if (narrowing := self._narrowing(scope, table))]
        linked = sorted(
            (narrowing for narrowing in found if narrowing.link), key=lambda one: _LINK_COLUMNS.index(one.link)
        )
        own = [narrowing for narrowing in found if not narrowing.link]
        link_table = _LINK_TABLES[scope]
        if linked and link_table not in {narrowing.table for narrowing in own}:
            own.append(Narrowing(link_table, KEY_COLUMNS[scope], "", keeps_unkeyed=False))
        return (*own, *linked)

    def shown_before(self, scope: ScopeKind, wanted: Iterable[str], link: str) -> tuple[Narrowing, ...]:
        """Return how the tables are narrowed through whose rows those that are linked by a column are found."""
        last = _LINK_COLUMNS.index(link)
        found = self.narrowings(scope, wanted)
        return tuple(one for one in found if not one.link or _LINK_COLUMNS.index(one.link) < last)

    def _narrowing(self, scope: ScopeKind, table: str) -> Narrowing | None:
        columns = self._columns.get(table)
        if columns is None or (table.startswith("canon_") and table not in self._spoken):
            return None
        key = KEY_COLUMNS[scope]
        if table == _LINK_TABLES[scope] or columns.get(key) is Presence.REQUIRED:
            return Narrowing(table, key, "", keeps_unkeyed=False)
        if scope is ScopeKind.ORDER and key in columns:
            return Narrowing(table, key, "", keeps_unkeyed=True)
        link = next((name for name in _LINK_COLUMNS if name != key and name in columns), "")
        if not link or (scope is ScopeKind.ORDER and link == "customer_id"):
            return Narrowing(table, key, "", keeps_unkeyed=False) if key in columns else None
        return Narrowing(table, key if key in columns else "", link, keeps_unkeyed=False)


def _words(bodies: Iterable[str]) -> frozenset[str]:
    return frozenset(word for body in bodies for word in _WORD.findall(body))


def scope_of(model: SqlModel) -> ScopeKind | None:
    """Return whose keys make a derived model's rows be written anew; None for one that is always written whole."""
    return ScopeKind(model.header["scope"]) if "scope" in model.header else None


def _canonical_columns() -> dict[str, dict[str, Presence]]:
    return {
        "canon_" + contract.name: {
            column.name: Presence.REQUIRED if column.required else Presence.OPTIONAL for column in contract.columns
        }
        for contract in CONTRACTS.values()
    }


def _derived_columns(model: SqlModel) -> dict[str, Presence]:
    """A derived row without an item belongs to no item, but one without a customer may belong to its order's.

    Unless its header says which columns it always gives.
    """
    given = {"sku", *model.listed("always")}
    return {name: Presence.REQUIRED if name in given else Presence.OPTIONAL for name in model.columns}


def _leads(columns: Mapping[str, Presence], column: str) -> bool:
    if columns.get("order_id") is Presence.REQUIRED:
        return False
    ways = [name for name in ("shipment_id", "customer_id", "party_id", "sku") if name in columns]
    first = "customer_id" if ways and ways[0] == "party_id" else (ways[0] if ways else "")
    return first == column

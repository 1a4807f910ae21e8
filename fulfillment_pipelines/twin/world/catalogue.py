"""What the distributor sells, to whom and from where: the same for every seed, so that master data can be shipped.

Only master data belongs here; what happens to it in time is demand.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_FAMILIES = (("BRG", 640), ("VLV", 2_150), ("FST", 190), ("MTR", 9_900), ("SNS", 4_275), ("PMP", 12_400))
_ITEMS_A_FAMILY = 20
_PACK_EVERY = 5
_PACK_QTYS = (6, 12, 24)
_CUSTOMERS = 40

BASE_UNIT = "EA"
CASE_UNIT = "CS"
CURRENCY = "USD"


class Node(StrEnum):
    """The fulfilment sites."""

    EAST = "EAST"
    WEST = "WEST"
    NORTH = "NORTH"


NODES = (Node.EAST, Node.WEST, Node.NORTH)
"""In the order in which stock and demand are dealt out."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item.

    Attributes:
        sku: Item number.
        pack_qty: Base units in a case; 1 for an item that has no case.
        unit_price_cents: List price of one base unit.
    """

    sku: str
    pack_qty: int
    unit_price_cents: int

    def unit_at(self, node: str) -> str:
        """Return the unit the site counts the item in: the legacy site counts cases."""
        return CASE_UNIT if node == Node.NORTH and self.pack_qty > 1 else BASE_UNIT

    def factor_at(self, node: str) -> int:
        """Return how many base units one unit of the site is."""
        return self.pack_qty if self.unit_at(node) == CASE_UNIT else 1


def _item(number: int) -> Item:
    family, price = _FAMILIES[number // _ITEMS_A_FAMILY]
    step = number % _ITEMS_A_FAMILY
    pack = _PACK_QTYS[number // _PACK_EVERY % len(_PACK_QTYS)] if number % _PACK_EVERY == 0 else 1
    return Item(sku=f"{family}-{1001 + step}", pack_qty=pack, unit_price_cents=price + 35 * step)


ITEMS = tuple(_item(number) for number in range(_ITEMS_A_FAMILY * len(_FAMILIES)))
"""All items; the position is the item's index in generated arrays."""

ITEM_BY_SKU = {item.sku: item for item in ITEMS}

CUSTOMERS = tuple(f"C-{number:04d}" for number in range(1, _CUSTOMERS + 1))

OWN_NUMBER_CUSTOMERS = frozenset(("C-0004", "C-0011", "C-0007"))
"""Customers that order by item numbers of their own, the last one by EDI; the ERP's cross references resolve them."""


def foreign_sku(customer_no: str, sku: str) -> str | None:
    """Return the customer's own number for an item; None for a customer that uses ours."""
    if customer_no not in OWN_NUMBER_CUSTOMERS:
        return None
    return f"{customer_no[-2:]}-{ITEMS.index(ITEM_BY_SKU[sku]) + 60_001}"


def write_unit_conversions(path: Path) -> None:
    """Write the units that are not base units: sku, uom, base_uom, base_qty (base units in one uom)."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("sku", "uom", "base_uom", "base_qty"))
        rows.writerows((item.sku, CASE_UNIT, BASE_UNIT, item.pack_qty) for item in ITEMS if item.pack_qty > 1)

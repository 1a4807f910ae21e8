"""Customers, places, items, numbers, prices and credit limits: the same for every seed, written once at the start.

Only what does not change by itself belongs here; what customers owe belongs to the billing flow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import insert

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.catalogue import (
    BASE_UNIT,
    CURRENCY,
    CUSTOMERS,
    ITEMS,
    OWN_NUMBER_CUSTOMERS,
    Item,
    foreign_sku,
)
from fulfillment_pipelines.twin.world.commercial_tables import (
    contract_prices,
    credit_accounts,
    cross_references,
    customer_locations,
    customers,
    items,
)
from fulfillment_pipelines.twin.world.lanes import REGIONS, ZONES, region_index

CONSOLIDATED_CUSTOMERS = frozenset(("C-0023", "C-0034"))
"""Customers that get one document a day, without references to orders; they buy a handful of items."""

SHIP_TOS_A_CUSTOMER = 2
_TERMS = ("NET30", "NET45", "2-10-NET30")
_ABC_SHARES = (0.2, 0.5)  # A up to the first, B up to the second, C beyond
_COLD_FAMILY = "SNS"
_YEAR_SECONDS = 366 * 86_400
_LIMIT_CENTS = 25_000_000
_MOST_DISCOUNT_PERCENT = 11


def payment_terms(customer_no: str) -> str:
    """Return the terms of payment agreed with a customer."""
    return _TERMS[_index(customer_no) % len(_TERMS)]


def ship_to_no(customer_no: str, place: int) -> str:
    """Return the number of one of a customer's places; `place` counts from 0."""
    return f"{customer_no}-{place % SHIP_TOS_A_CUSTOMER + 1:02d}"


def zone_of(customer_no: str) -> str:
    """Return the time zone a customer lives in, for example America/Chicago."""
    return ZONES[REGIONS[region_index(customer_no)]]


def has_contract(customer_no: str) -> bool:
    """Return whether prices are agreed with a customer; the others pay what the day's discount leaves."""
    return _index(customer_no) % 2 == 0


def contract_price_cents(customer_no: str, item: Item) -> int:
    """Return the price a customer with a contract pays for one base unit."""
    discount = _index(customer_no) * 3 % _MOST_DISCOUNT_PERCENT
    return item.unit_price_cents * (100 - discount) // 100


def agreed_price_cents(customer_no: str, item: Item) -> int:
    """Return what a customer pays for one base unit without any discount of the day."""
    return contract_price_cents(customer_no, item) if has_contract(customer_no) else item.unit_price_cents


def is_cold(sku: str) -> bool:
    """Return whether an item must be kept cold on its way."""
    return sku.startswith(_COLD_FAMILY)


def abc_class(item: Item) -> str:
    """Return the class an item is counted by."""
    share = (ITEMS.index(item) * 37 % len(ITEMS)) / len(ITEMS)
    return "A" if share < _ABC_SHARES[0] else "B" if share < _ABC_SHARES[1] else "C"


def open_master_data(books: Books, at: int, *, orders_scale: int) -> None:
    """Enter the master data at the ERP and the credit accounts at finance.

    Args:
        books: The open books.
        at: The start of the world, in epoch seconds.
        orders_scale: How many times the usual volume the distributor does: limits grow with it.
    """
    for table, rows in (
        (customers, _customers()),
        (customer_locations, _locations()),
        (items, _items()),
        (cross_references, _references()),
        (contract_prices, _prices(at)),
    ):
        books.erp.execute(insert(table), [{**row, "updated_at": at} for row in rows])
    books.finance.execute(
        insert(credit_accounts),
        [
            {
                "customer_no": customer_no,
                "credit_limit": _LIMIT_CENTS * orders_scale,
                "open_receivable": 0,
                "currency": CURRENCY,
            }
            for customer_no in CUSTOMERS
        ],
    )


def _customers() -> Iterator[dict[str, Any]]:
    for customer_no in CUSTOMERS:
        yield {
            "customer_no": customer_no,
            "name": f"Customer {_index(customer_no) + 1}",
            "status": "ACTIVE",
            "payment_terms": payment_terms(customer_no),
        }


def _locations() -> Iterator[dict[str, Any]]:
    for customer_no in CUSTOMERS:
        for place in range(SHIP_TOS_A_CUSTOMER):
            yield {"customer_no": customer_no, "ship_to_no": ship_to_no(customer_no, place), "status": "ACTIVE"}


def _items() -> Iterator[dict[str, Any]]:
    for item in ITEMS:
        yield {
            "sku": item.sku,
            "base_uom": BASE_UNIT,
            "abc_class": abc_class(item),
            "temperature_class": "COLD" if is_cold(item.sku) else "AMBIENT",
            "status": "ACTIVE",
        }


def _references() -> Iterator[dict[str, Any]]:
    for customer_no in sorted(OWN_NUMBER_CUSTOMERS):
        for item in ITEMS:
            yield {
                "type": "ITEM",
                "party": customer_no,
                "foreign_no": foreign_sku(customer_no, item.sku),
                "own_no": item.sku,
            }


def _prices(at: int) -> Iterator[dict[str, Any]]:
    for customer_no in filter(has_contract, CUSTOMERS):
        for item in ITEMS:
            yield {
                "customer_no": customer_no,
                "sku": item.sku,
                "uom": BASE_UNIT,
                "price": contract_price_cents(customer_no, item),
                "currency": CURRENCY,
                "valid_from": at - _YEAR_SECONDS,
                "valid_until": None,
            }


def _index(customer_no: str) -> int:
    return CUSTOMERS.index(customer_no)

"""What customers agree and ask for around an order: places, dates, priorities, prices, and how it will be billed.

Dealt as arrays for the orders of one day, from chance of its own. What is ordered when is demand.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from fulfillment_pipelines.twin.world.catalogue import CUSTOMERS, ITEMS
from fulfillment_pipelines.twin.world.master_data import (
    CONSOLIDATED_CUSTOMERS,
    SHIP_TOS_A_CUSTOMER,
    contract_price_cents,
    has_contract,
    payment_terms,
    ship_to_no,
    zone_of,
)
from fulfillment_pipelines.twin.world.timing import DAY_SECONDS, Seconds, business_after, epoch, instant

_HOUR = 3_600
_MIDNIGHT_SHARE = 0.02
_MIDNIGHT_SECONDS = 150
_PRIORITY_SHARE = 0.12
_AMENDED_SHARE = 0.03
_REQUESTED_AFTER_DAYS = 5
_SUBSTITUTE_SHARE = 0.03
_PRICE_NOISE_PER_MILLE = 4  # of a contract's price: inside every tolerance
_BILLED_PRICE_NOISE_SHARE = 0.03
_ROUNDED_SHARE = 0.04
_DAMAGED_REFERENCE_SHARE = 0.025
_HANDFUL = 6
_FIRST_OF_HANDFUL = 41

_Array = npt.NDArray[np.int64]
_LIST_PRICES = np.array([item.unit_price_cents for item in ITEMS], dtype=np.int64)
_HAS_CONTRACT = np.array([has_contract(customer) for customer in CUSTOMERS])
_CONTRACT_PRICES = np.array(
    [[contract_price_cents(customer, item) for item in ITEMS] for customer in CUSTOMERS], dtype=np.int64
)
_IS_CONSOLIDATED = np.array([customer in CONSOLIDATED_CUSTOMERS for customer in CUSTOMERS])
_IS_SINGLE_UNIT = np.array([item.pack_qty == 1 for item in ITEMS])


def some_at_midnight(rng: np.random.Generator, ordered_at: Seconds, day: int) -> Seconds:
    """Move a few orders of a day to the minutes around the midnight that ends it; sorted."""
    moved = rng.random(len(ordered_at)) < _MIDNIGHT_SHARE
    midnight = (day + 1) * DAY_SECONDS + rng.integers(-_MIDNIGHT_SECONDS, _MIDNIGHT_SECONDS, size=len(ordered_at))
    return np.sort(np.where(moved, midnight, ordered_at)).astype(np.int64)


def is_priority(rng: np.random.Generator, count: int) -> npt.NDArray[np.bool_]:
    """Deal which orders are urgent."""
    flags: npt.NDArray[np.bool_] = rng.random(count) < _PRIORITY_SHARE
    return flags


def order_terms(
    rng: np.random.Generator,
    customers: _Array,
    ordered_at: Seconds,
    due_at: Seconds,
    priority: npt.NDArray[np.bool_],
) -> list[dict[str, Any]]:
    """Return the columns of the truth that say what a customer agreed and asked for, one row for each order.

    Args:
        rng: Chance.
        customers: Positions in `CUSTOMERS`.
        ordered_at: When each order is placed.
        due_at: When its first line is due to be released.
        priority: Whether it is urgent.
    """
    places = rng.integers(0, SHIP_TOS_A_CUSTOMER, size=len(customers))
    amended = rng.random(len(customers)) < _AMENDED_SHARE
    amend_at = ordered_at + rng.integers(_HOUR, 2 * _HOUR, size=len(customers))
    rows = []
    for customer, place, due, urgent, is_amended, at in zip(
        customers.tolist(),
        places.tolist(),
        due_at.tolist(),
        priority.tolist(),
        amended.tolist(),
        amend_at.tolist(),
        strict=True,
    ):
        rows.append(terms_of(CUSTOMERS[customer], place, due))
        rows[-1]["priority"] = "PRIORITY" if urgent else "STANDARD"
        rows[-1]["amend_at"] = at if is_amended else None
    return rows


def terms_of(customer_no: str, place: int, due_at: int) -> dict[str, Any]:
    """Return ship-to, terms and requested delivery of an order that is due to be released at a moment."""
    return {
        "ship_to_no": ship_to_no(customer_no, place),
        "payment_terms": payment_terms(customer_no),
        "requested_at": _local_midnight(zone_of(customer_no), due_at // DAY_SECONDS + _REQUESTED_AFTER_DAYS),
    }


def items_of_consolidated(customers: _Array, items: _Array, order: _Array, line_no: _Array) -> _Array:
    """Return the items of lines, with the handful that customers with consolidated invoices buy put in place."""
    handful = _FIRST_OF_HANDFUL + (order + line_no) % _HANDFUL  # an order names an item once
    return np.where(_IS_CONSOLIDATED[customers[order]], handful, items).astype(np.int64)


def line_prices(rng: np.random.Generator, customers: _Array, discount: _Array, items: _Array) -> _Array:
    """Return the price of each line in cents: the contract's and a little noise, or the list's less a discount.

    Args:
        rng: Chance.
        customers: Position in `CUSTOMERS` of each line's customer.
        discount: Percent that each line's order takes off the list.
        items: Position in `ITEMS` of each line's item.
    """
    agreed = _CONTRACT_PRICES[customers, items]
    most = agreed * _PRICE_NOISE_PER_MILLE // 1_000
    noisy = agreed + np.where(rng.random(len(items)) < _BILLED_PRICE_NOISE_SHARE * 2, rng.integers(-most, most + 1), 0)
    return np.where(_HAS_CONTRACT[customers], noisy, _LIST_PRICES[items] * (100 - discount) // 100).astype(np.int64)


def substitutes(rng: np.random.Generator, items: _Array) -> list[str | None]:
    """Return the item a customer would take instead, for the few lines where it has approved one."""
    other = (items + 1) % len(ITEMS)
    approved = (rng.random(len(items)) < _SUBSTITUTE_SHARE) & _IS_SINGLE_UNIT[items] & _IS_SINGLE_UNIT[other]
    return [ITEMS[index].sku if given else None for index, given in zip(other.tolist(), approved.tolist(), strict=True)]


def billing_noise(rng: np.random.Generator, unit_prices: _Array) -> dict[str, _Array]:
    """Return how documents differ harmlessly from the order: price, rounding and damaged references, one a leg."""
    count = len(unit_prices)
    most = unit_prices * _PRICE_NOISE_PER_MILLE // 1_000
    dearer = rng.random(count) < _BILLED_PRICE_NOISE_SHARE
    rounded = rng.random(count) < _ROUNDED_SHARE
    damaged = rng.random(count) < _DAMAGED_REFERENCE_SHARE
    return {
        "billed_price_change": np.where(dearer, rng.integers(-most, most + 1), 0),
        "amount_rounding": np.where(rounded, rng.choice((-1, 1), size=count), 0),
        "reference_damage": np.where(damaged, rng.integers(1, 3, size=count), 0),
    }


def hold_seconds(rng: np.random.Generator, placed_at: Seconds, priority: npt.NDArray[np.bool_]) -> Seconds:
    """Return how long credit holds last: office hours of an afternoon, and under two hours for urgent orders."""
    in_office = rng.integers(_HOUR // 2, 3 * _HOUR + _HOUR // 3, size=len(placed_at))
    urgent = rng.integers(_HOUR // 3, _HOUR + _HOUR // 2, size=len(placed_at))
    return np.where(priority, urgent, business_after(placed_at, in_office) - placed_at).astype(np.int64)


@cache
def _local_midnight(zone: str, day: int) -> int:
    date = (instant(0) + timedelta(days=day)).date()
    return epoch(datetime(date.year, date.month, date.day, tzinfo=ZoneInfo(zone)))

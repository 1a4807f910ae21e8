"""What is at stake in a correction, as the approval policy weighs it: money, stock, orders, customers.

The blast radius itself is worked out in `dossier`; here it is only read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from fulfillment_pipelines.ledger.corrections import CorrectionRecord

_PRIORITY: Final = "PRIORITY"
_NO_MONEY: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Stakes:
    """What the approval policy must know of a correction.

    Attributes:
        code: Exception code of the case.
        message: What it asks for.
        amounts: Money it is about, by ISO 4217 code: the greater of the value at risk and of the blast radius.
        qty: Base units it moves.
        orders: Orders it touches.
        customers: Customers it touches.
        customer_ids: Those of them that are known by number.
        priority: Whether it touches a priority order.
    """

    code: str
    message: str
    amounts: Mapping[str, Decimal]
    qty: Decimal = _NO_MONEY
    orders: int = 0
    customers: int = 0
    customer_ids: frozenset[str] = frozenset()
    priority: bool = False


def stakes_of(record: CorrectionRecord) -> Stakes:
    """Return what is at stake in a correction, from its value, its blast radius, its content and its evidence."""
    impact, payload, evidence = _object(record.impact), _object(record.payload), _object(record.evidence)
    customer_ids = {str(one) for one in _listed(impact.get("customers"))} | _texts(payload.get("customer_id"))
    amounts = {record.currency: record.value_amount} if record.value_amount else {}
    touched, currency = _decimal(impact.get("amount")), str(impact.get("currency") or record.currency)
    if touched:
        amounts[currency] = max(touched, amounts.get(currency, _NO_MONEY))
    return Stakes(
        code=record.code,
        message=record.message,
        amounts=amounts,
        qty=abs(_decimal(impact.get("qty"))),
        orders=_count(impact.get("orders")),
        customers=max(_count(impact.get("customers")), len(customer_ids)),
        customer_ids=frozenset(customer_ids),
        priority=_PRIORITY in (impact.get("priority"), evidence.get("priority"), payload.get("priority")),
    )


def _object(text: str) -> Mapping[str, Any]:
    content = json.loads(text or "{}")
    return content if isinstance(content, dict) else {}


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> set[str]:
    return {value} if isinstance(value, str) and value else set()


def _count(value: object) -> int:
    """Return a number of things that is given as a number, or as the list of them."""
    if isinstance(value, list):
        return len(value)
    return int(_decimal(value))


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _NO_MONEY
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return _NO_MONEY

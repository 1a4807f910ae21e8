"""The business that both Trytons are told of: customers, items, orders and what became of them, and what went wrong.

Only facts belong here, the same for both systems. How they are told to a system stands in that system's folder.

Planted: SO-0004 left and was never billed; SO-0005 left and the ERP was not told; SO-0007 was released and never
arrived at the warehouse; and the warehouse counted forty bearings less than its books said, which the ERP does not
know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

OPENED_ON = date(2026, 9, 1)
"""The day on which both systems had the same stock."""

COUNTED_ON = date(2026, 10, 20)
"""The day on which the warehouse counted `COUNTED`."""


class LegState(StrEnum):
    """How far a shipment has come in one system."""

    ABSENT = "absent"
    WAITING = "waiting"
    PICKED = "picked"
    SHIPPED = "shipped"


class OrderState(StrEnum):
    """How far the ERP took the order itself."""

    QUOTATION = "quotation"
    PROCESSING = "processing"
    CANCELLED = "cancelled"


class Billing(StrEnum):
    """How the order is billed."""

    POSTED = "posted"
    DRAFT = "draft"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True)
class Line:
    """One line of an order; lines are numbered from 1."""

    sku: str
    ordered_qty: Decimal


@dataclass(frozen=True)
class Leg:
    """One shipment of an order.

    Attributes:
        number: Of the ERP, which the warehouse is told with the release.
        in_erp: How far the ERP believes it has come.
        at_site: How far it has come in the warehouse.
        shipped_on: The day it left, where it has left.
        short: Line number to the quantity that left, where that is less than was asked for.
    """

    number: str
    in_erp: LegState
    at_site: LegState
    shipped_on: date | None = None
    short: tuple[tuple[int, Decimal], ...] = ()


@dataclass(frozen=True)
class Order:
    """One order of a customer, on the way from warehouse EAST."""

    number: str
    customer: str
    ordered_on: date
    lines: tuple[Line, ...]
    legs: tuple[Leg, ...] = ()
    billing: Billing = Billing.POSTED
    state: OrderState = OrderState.PROCESSING


ITEMS = {
    "BRG-6204": Decimal("12.50"),
    "BRG-6206": Decimal("18.00"),
    "VLV-0050": Decimal("74.90"),
    "VLV-0080": Decimal("121.00"),
    "MTR-0150": Decimal("340.00"),
    "SNS-0010": Decimal("56.25"),
    "PMP-0100": Decimal("610.00"),
    "FST-0008": Decimal("0.35"),
}
"""Item number to its price in US dollars; all are kept and sold by the piece."""

CUSTOMERS = {
    "Brightline Stores": Decimal(50000),
    "Cobalt Machinery": Decimal(80000),
    "Dunmore Water": Decimal(60000),
    "Elmford Foods": Decimal(60000),
    "Fairweather Farms": Decimal(1000),
    "Granite Works": Decimal(120000),
}
"""Customer to its credit limit in US dollars."""

OPENING_QTY = Decimal(500)
"""Pieces of every item on the day of opening."""

COUNTED = ("BRG-6206", Decimal(-40))
"""What the warehouse counted, and by how much its books were wrong. It is counted after what SO-0002 took had left."""


def _line(sku: str, quantity: int) -> Line:
    return Line(sku, Decimal(quantity))


def _left(number: str, day: int) -> Leg:
    return Leg(number, LegState.SHIPPED, LegState.SHIPPED, date(2026, 10, day))


def _begun(number: str, at_site: LegState) -> Leg:
    return Leg(number, LegState.WAITING, at_site)


ORDERS = (
    Order("SO-0001", "Brightline Stores", date(2026, 10, 1), (_line("BRG-6204", 40),), (_left("CS-0001", 5),)),
    Order(
        "SO-0002",
        "Cobalt Machinery",
        date(2026, 10, 1),
        (_line("BRG-6206", 24), _line("VLV-0050", 6)),
        (_left("CS-0002", 5),),
    ),
    Order(
        "SO-0003",
        "Dunmore Water",
        date(2026, 10, 2),
        (_line("VLV-0080", 10),),
        (
            Leg(
                "CS-0003",
                LegState.SHIPPED,
                LegState.SHIPPED,
                date(2026, 10, 7),
                short=((1, Decimal(6)),),
            ),
            _begun("CS-0004", LegState.WAITING),
        ),
    ),
    Order(
        "SO-0004",
        "Elmford Foods",
        date(2026, 10, 2),
        (_line("PMP-0100", 3),),
        (_left("CS-0005", 8),),
        billing=Billing.FORGOTTEN,
    ),
    Order(
        "SO-0005",
        "Granite Works",
        date(2026, 10, 5),
        (_line("MTR-0150", 5),),
        (Leg("CS-0006", LegState.WAITING, LegState.SHIPPED, date(2026, 10, 9)),),
    ),
    Order(
        "SO-0006",
        "Brightline Stores",
        date(2026, 10, 6),
        (_line("SNS-0010", 30),),
        (_begun("CS-0007", LegState.WAITING),),
    ),
    Order(
        "SO-0007",
        "Cobalt Machinery",
        date(2026, 10, 6),
        (_line("VLV-0050", 12),),
        (_begun("CS-0008", LegState.ABSENT),),
    ),
    Order(
        "SO-0008",
        "Granite Works",
        date(2026, 10, 7),
        (_line("FST-0008", 250), _line("BRG-6204", 20)),
        (_left("CS-0009", 12),),
    ),
    Order("SO-0009", "Fairweather Farms", date(2026, 10, 8), (_line("PMP-0100", 2),), state=OrderState.QUOTATION),
    Order("SO-0010", "Elmford Foods", date(2026, 10, 8), (_line("SNS-0010", 4),), state=OrderState.CANCELLED),
    Order(
        "SO-0011",
        "Dunmore Water",
        date(2026, 10, 9),
        (_line("MTR-0150", 2),),
        (_left("CS-0010", 13),),
        billing=Billing.DRAFT,
    ),
    Order(
        "SO-0012",
        "Brightline Stores",
        date(2026, 10, 12),
        (_line("VLV-0080", 4), _line("SNS-0010", 16), _line("FST-0008", 200)),
        (_left("CS-0011", 14),),
    ),
    Order(
        "SO-0013",
        "Elmford Foods",
        date(2026, 10, 13),
        (_line("BRG-6204", 60),),
        (_begun("CS-0012", LegState.PICKED),),
    ),
    Order(
        "SO-0014",
        "Granite Works",
        date(2026, 10, 14),
        (_line("PMP-0100", 1), _line("MTR-0150", 1)),
        (_left("CS-0013", 16),),
    ),
    Order(
        "SO-0015",
        "Cobalt Machinery",
        date(2026, 10, 15),
        (_line("VLV-0050", 8),),
        (_begun("CS-0014", LegState.WAITING),),
    ),
)
"""Every order, in the order in which the ERP numbered them."""

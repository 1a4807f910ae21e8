"""The shipments of data/samples/karrio: tendered in Karrio, and what the ERP and the warehouse say of them in files.

The first orders agree everywhere. Of the others, one system does not know what another has done.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scripts.real_systems.karrio.api import Karrio

ORDER_FIELDS = ("order_no", "customer", "status", "ordered_at")
LINE_FIELDS = ("order_no", "line_no", "sku", "qty", "qty_cancelled", "price")
SHIPMENT_FIELDS = ("shipment_no", "order_no", "line_no", "sku", "qty", "shipped_at")

_SKU = "VLV-1"
_PRICE = "25.00"
_QUANTITY = 4
_SHIPPED_BEFORE = timedelta(hours=6)
_ORDERED_BEFORE = timedelta(days=1)


@dataclass(frozen=True)
class Order:
    """An order of the story, with one line and at most one shipment.

    Attributes:
        number: What its order, `SO-`, and its shipment, `SH-`, have in common.
        status: Where the shipment stands in Karrio: a state of Karrio's, or empty where there is none.
        has_left: Whether the warehouse says that the goods have left.
        is_cancelled: Whether the ERP has cancelled the order.
    """

    number: int
    status: str = ""
    has_left: bool = False
    is_cancelled: bool = False

    @property
    def order_no(self) -> str:
        """The ERP's number."""
        return f"SO-{self.number}"

    @property
    def shipment_no(self) -> str:
        """The number of the shipment leg, the same everywhere."""
        return f"SH-{self.number}"


WAITING = Order(2001, status="draft")
ON_THE_ROAD = Order(2002, status="in_transit", has_left=True)
LABELLED = Order(2003, status="created", has_left=True)
STILL_ON_THE_DESK = Order(2004, is_cancelled=True)
NOT_DELIVERED = Order(2005, status="delivery_failed", has_left=True)

STORY = (WAITING, ON_THE_ROAD, LABELLED, STILL_ON_THE_DESK, NOT_DELIVERED)


def tell(karrio: Karrio, erp: Path, wms: Path) -> None:
    """Put the orders and shipments into Karrio and write the files.

    Args:
        karrio: A session at a Karrio without shipments.
        erp: Folder of the ERP's files.
        wms: Folder of the warehouse's files.
    """
    for order in STORY:
        taken = karrio.take_order(order.order_no, _SKU, _QUANTITY)
        if order.status:
            _bring_to_status(karrio, order, karrio.ship(order.shipment_no, taken, tendered=order.status != "draft"))
    now = datetime.now(UTC).replace(microsecond=0)
    shipped_at = (now - _SHIPPED_BEFORE).isoformat()
    ordered_at = (now - _ORDERED_BEFORE).isoformat()
    _write(erp / "orders.csv", ORDER_FIELDS, ((o.order_no, "acme", _status(o), ordered_at) for o in STORY))
    _write(erp / "order_lines.csv", LINE_FIELDS, (_line(order) for order in STORY))
    _write(wms / "shipments.csv", SHIPMENT_FIELDS, (_leg(order, shipped_at) for order in STORY if order.has_left))


def _bring_to_status(karrio: Karrio, order: Order, shipment: dict[str, Any]) -> None:
    if order.status not in ("draft", "created"):
        karrio.set_status(shipment, order.status)


def _status(order: Order) -> str:
    return "CANCELLED" if order.is_cancelled else "OPEN"


def _line(order: Order) -> tuple[object, ...]:
    return order.order_no, 1, _SKU, _QUANTITY, _QUANTITY if order.is_cancelled else 0, _PRICE


def _leg(order: Order, shipped_at: str) -> tuple[object, ...]:
    return order.shipment_no, order.order_no, 1, _SKU, _QUANTITY, shipped_at


def _write(path: Path, fields: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        written = csv.writer(file)
        written.writerow(fields)
        written.writerows(rows)

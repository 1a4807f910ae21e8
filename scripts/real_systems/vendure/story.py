"""The orders of data/samples/vendure: placed in the portal, and what the ERP and the warehouse say of them in files.

Three orders agree everywhere. Of the others, the portal shows something else than what is true.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripts.real_systems.vendure.catalogue import ITEMS
from scripts.real_systems.vendure.orders import Portal

ORDER_FIELDS = ("order_no", "portal_order_no", "customer", "status", "ordered_at")
LINE_FIELDS = ("order_no", "line_no", "sku", "qty", "qty_cancelled", "price_cents")
SHIPMENT_FIELDS = ("shipment_no", "order_no", "line_no", "sku", "qty", "shipped_at")

_SHIPPED_BEFORE = timedelta(hours=3)


@dataclass(frozen=True)
class Order:
    """An order of the story.

    Attributes:
        order_no: The ERP's number; empty where the ERP never took the order in.
        items: Item number to quantity ordered.
        shown_shipped: What the portal shows as shipped.
        shipped: What has left the warehouse.
        is_cancelled: Whether the ERP has cancelled it.
    """

    order_no: str
    items: Mapping[str, int]
    shown_shipped: Mapping[str, int]
    shipped: Mapping[str, int]
    is_cancelled: bool = False


_BOTH = {"VLV-1": 5, "PMP-1": 1}
_NONE: Mapping[str, int] = {}

WAITING = Order("SO-1001", _BOTH, _NONE, _NONE)
SHIPPED = Order("SO-1002", _BOTH, _BOTH, _BOTH)
SHIPPED_IN_PART = Order("SO-1003", {"VLV-2": 10, "SEA-1": 40}, {"VLV-2": 10}, {"VLV-2": 10})
SHIPPED_UNSEEN = Order("SO-1004", {"FLT-1": 12, "VLV-1": 2}, _NONE, {"FLT-1": 12, "VLV-1": 2})
CANCELLED_UNSEEN = Order("SO-1005", {"PMP-1": 2}, _NONE, _NONE, is_cancelled=True)
LATE_NUMBER = "SO-1006"
LOST = Order("", {"SEA-1": 100}, _NONE, _NONE)

STORY = (WAITING, SHIPPED, SHIPPED_IN_PART, SHIPPED_UNSEEN, CANCELLED_UNSEEN, LOST)


def tell(portal: Portal, erp: Path, wms: Path) -> dict[str, str]:
    """Place the orders, write the files, and return the portal's code of each order by the ERP's number.

    Args:
        portal: A portal without orders.
        erp: Folder of the ERP's files.
        wms: Folder of the warehouse's files.

    Raises:
        RefusedError: The portal refuses a step.
    """
    (erp / "inbound").mkdir(parents=True, exist_ok=True)
    codes: dict[str, str] = {}
    for order in STORY:
        codes[order.order_no] = portal.place("acme", order.items, order.order_no or None)
        if order.shown_shipped:
            portal.ship(codes[order.order_no], order.shown_shipped)
    taken_in = [order for order in STORY if order.order_no]
    now = datetime.now(UTC).replace(microsecond=0)
    _write(erp / "orders.csv", ORDER_FIELDS, (_order_row(order, codes[order.order_no], now) for order in taken_in))
    _write(erp / "order_lines.csv", LINE_FIELDS, (row for order in taken_in for row in _line_rows(order)))
    shipments = [row for order in taken_in for row in _shipment_rows(order, now - _SHIPPED_BEFORE)]
    _write(wms / "shipments.csv", SHIPMENT_FIELDS, shipments)
    return codes


def take_in(portal: Portal, erp: Path) -> None:
    """Do what the ERP does with the messages in its folder: take each order in and number it in the portal."""
    for message in sorted((erp / "inbound").glob("*.json")):
        code = json.loads(message.read_text(encoding="utf-8"))["portal_order_no"]
        order = replace(LOST, order_no=LATE_NUMBER)
        _append(erp / "orders.csv", [_order_row(order, code, datetime.now(UTC).replace(microsecond=0))])
        _append(erp / "order_lines.csv", _line_rows(order))
        portal.number(code, order.order_no)
        (erp / "processed").mkdir(exist_ok=True)
        message.rename(erp / "processed" / message.name)


def _order_row(order: Order, code: str, now: datetime) -> tuple[object, ...]:
    status = "CANCELLED" if order.is_cancelled else "OPEN"
    return order.order_no, code, "acme@example.com", status, now.isoformat()


def _line_rows(order: Order) -> Iterable[tuple[object, ...]]:
    for line_no, (sku, quantity) in enumerate(order.items.items(), start=1):
        yield order.order_no, line_no, sku, quantity, quantity if order.is_cancelled else 0, ITEMS[sku]


def _shipment_rows(order: Order, shipped_at: datetime) -> Iterable[tuple[object, ...]]:
    for line_no, sku in enumerate(order.items, start=1):
        if sku in order.shipped:
            shipment_no = order.order_no.replace("SO", "SH")
            yield shipment_no, order.order_no, line_no, sku, order.shipped[sku], shipped_at.isoformat()


def _append(path: Path, rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def _write(path: Path, fields: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        written = csv.writer(file)
        written.writerow(fields)
        written.writerows(rows)

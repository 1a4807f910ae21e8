"""What is to be shipped, and what has left: 940, 945 and 856, or DESADV."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from fulfillment_pipelines.domain.x12_checks import agree_with_status, has_lines, not_negative
from fulfillment_pipelines.domain.x12_codes import SetPurpose, ShipmentOrderStatus


@dataclass(frozen=True, slots=True)
class ReleasedLine:
    """What a site is to ship of one line.

    Attributes:
        line_no: The line of the order.
        sku: The depositor's number of the item.
        ordered_qty: What is to be shipped, in `uom`.
        uom: Unit of the quantity.
        lot_no: The lot to be shipped; empty where any will do.
    """

    line_no: int
    sku: str
    ordered_qty: Decimal
    uom: str
    lot_no: str = ""

    def __post_init__(self) -> None:
        """Refuse a line that cannot be.

        Raises:
            BadDataError: The quantity is negative.
        """
        not_negative(f"line {self.line_no} of the shipping order", ordered_qty=self.ordered_qty)


@dataclass(frozen=True, slots=True)
class ShippingOrder:
    """A 940: what a depositor tells a site to ship.

    Attributes:
        order_no: The depositor's number of the order.
        node: The site.
        lines: What is to be shipped.
        purchase_order_no: The buyer's number of the order; empty where it is not told.
        ship_to_id: Where the goods go; empty where it is not told.
        ship_on: The day they are to leave; None where it is not told.
        status: Element 473, order status code: `N` is an original order.
    """

    order_no: str
    node: str
    lines: tuple[ReleasedLine, ...]
    purchase_order_no: str = ""
    ship_to_id: str = ""
    ship_on: date | None = None
    status: str = "N"

    def __post_init__(self) -> None:
        """Refuse an order that ships nothing.

        Raises:
            BadDataError: It has no line.
        """
        has_lines("shipping order", self.lines)


@dataclass(frozen=True, slots=True)
class ShippedLine:
    """What a site shipped of one released line.

    Attributes:
        line_no: The line of the order.
        sku: The depositor's number of the item.
        ordered_qty: What was to be shipped, in `uom`.
        shipped_qty: What was shipped, in `uom`.
        uom: Unit of the quantities.
        status: What became of the difference.
        lot_no: The site's number of the lot; empty where none is kept.
        tracking_no: The carrier's number of the package; empty where it is not told.
    """

    line_no: int
    sku: str
    ordered_qty: Decimal
    shipped_qty: Decimal
    uom: str
    status: ShipmentOrderStatus
    lot_no: str = ""
    tracking_no: str = ""

    def __post_init__(self) -> None:
        """Refuse a line that contradicts itself.

        Raises:
            BadDataError: The status does not go with the quantities.
        """
        where = f"line {self.line_no} of the shipping advice"
        not_negative(where, ordered_qty=self.ordered_qty, shipped_qty=self.shipped_qty)
        short = self.ordered_qty - self.shipped_qty
        fits = {
            ShipmentOrderStatus.COMPLETE: short == 0,
            ShipmentOrderStatus.COMPLETE_WITH_MORE: short < 0,
            ShipmentOrderStatus.PARTIAL_WITH_BACKORDER: short > 0,
            ShipmentOrderStatus.PARTIAL_WITHOUT_BACKORDER: short > 0,
        }
        agree_with_status(where, self.status, "shipped_qty", self.shipped_qty, wrong=not fits.get(self.status, True))


@dataclass(frozen=True, slots=True)
class ShippingAdvice:
    """A 945: what a site has shipped of an order.

    Attributes:
        order_no: The depositor's number of the order.
        shipment_no: The number of the shipment.
        shipped_on: The day it left, in UTC.
        node: The site.
        lines: What was shipped.
        purchase_order_no: The buyer's number of the order; empty where it is not told.
    """

    order_no: str
    shipment_no: str
    shipped_on: date
    node: str
    lines: tuple[ShippedLine, ...]
    purchase_order_no: str = ""

    def __post_init__(self) -> None:
        """Refuse an advice that says nothing.

        Raises:
            BadDataError: It has no line.
        """
        has_lines("shipping advice", self.lines)


@dataclass(frozen=True, slots=True)
class NoticedLine:
    """One ordered line in a shipment.

    Attributes:
        order_no: The seller's number of the order.
        purchase_order_no: The buyer's number of the order.
        line_no: The line of that order.
        sku: The seller's number of the item.
        shipped_qty: What the shipment holds, in `uom`; zero in the cancellation of a notice.
        uom: Unit of the quantities.
        ordered_qty: What was ordered; None where it is not told.
        buyer_item: The buyer's number of the item; empty where none is known.
    """

    order_no: str
    purchase_order_no: str
    line_no: int
    sku: str
    shipped_qty: Decimal
    uom: str
    ordered_qty: Decimal | None = None
    buyer_item: str = ""

    def __post_init__(self) -> None:
        """Refuse a line that cannot be.

        Raises:
            BadDataError: A quantity is negative.
        """
        where = f"line {self.line_no} of the ship notice"
        not_negative(where, shipped_qty=self.shipped_qty, ordered_qty=self.ordered_qty)


@dataclass(frozen=True, slots=True)
class ShipNotice:
    """An 856 or DESADV: what is on its way to the buyer, by shipment, order and item.

    Attributes:
        shipment_no: The seller's number of the shipment.
        noticed_at: When the notice was made, to the second.
        shipped_at: When the shipment left, to the second.
        node: The site it left.
        lines: What it holds; lines of one order stand together in the document.
        eta_at: When it should arrive, to the second; None where it is not told.
        carrier_id: Our name of the carrier; empty where it is not told.
        tracking_no: The carrier's number of the package; empty where it is not told.
        pack_id: Our number on the package; empty where it is not told.
        purpose: Whether it is the first notice, or cancels or replaces one.
    """

    shipment_no: str
    noticed_at: datetime
    shipped_at: datetime
    node: str
    lines: tuple[NoticedLine, ...]
    eta_at: datetime | None = None
    carrier_id: str = ""
    tracking_no: str = ""
    pack_id: str = ""
    purpose: SetPurpose = SetPurpose.ORIGINAL

    def __post_init__(self) -> None:
        """Refuse a notice that says nothing.

        Raises:
            BadDataError: It has no line.
        """
        has_lines("ship notice", self.lines)

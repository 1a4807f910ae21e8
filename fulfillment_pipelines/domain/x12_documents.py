"""Documents that the product sends to trading partners, as plain values: one class for each transaction set.

What a document says belongs here, with the rules that make it contradict itself; where each fact stands in it belongs
to `systems/transports/x12`. Quantities are in the unit they name, amounts in the currency the partners agreed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final, TypeAlias

from fulfillment_pipelines.domain.x12_codes import (
    AcknowledgmentType,
    AdjustmentReason,
    InventoryReportType,
    LineItemStatus,
    QuantityQualifier,
    SetPurpose,
    ShipmentOrderStatus,
)
from fulfillment_pipelines.errors import BadDataError


@dataclass(frozen=True, slots=True)
class AcknowledgedLine:
    """What the seller says of one line of a purchase order.

    Attributes:
        line_no: The buyer's line number.
        sku: The seller's number of the item.
        ordered_qty: What was ordered, in `uom`.
        uom: Unit of the quantities, an X12 code such as `EA`.
        status: What the seller does about the line.
        acknowledged_qty: The quantity that `status` speaks of.
        unit_price: For one unit; None where it is not told.
        buyer_item: The buyer's number of the item; empty where none is known.
        promised_on: The day the line is now scheduled to be delivered, in UTC.
        substitute_sku: What is sent instead of the item.
    """

    line_no: int
    sku: str
    ordered_qty: Decimal
    uom: str
    status: LineItemStatus
    acknowledged_qty: Decimal
    unit_price: Decimal | None = None
    buyer_item: str = ""
    promised_on: date | None = None
    substitute_sku: str = ""

    def __post_init__(self) -> None:
        """Refuse a line that contradicts itself.

        Raises:
            BadDataError: The status does not go with the rest of the line.
        """
        where = f"line {self.line_no} of the order acknowledgment"
        _not_negative(where, ordered_qty=self.ordered_qty, acknowledged_qty=self.acknowledged_qty)
        changed = self.acknowledged_qty != self.ordered_qty
        wrong = self.status is LineItemStatus.ACCEPTED and changed
        _agree(where, self.status, "acknowledged_qty", self.acknowledged_qty, wrong=wrong)
        wrong = self.status is LineItemStatus.SUBSTITUTED and not self.substitute_sku
        _agree(where, self.status, "substitute_sku", "nothing", wrong=wrong)
        wrong = self.status is LineItemStatus.RESCHEDULED and self.promised_on is None
        _agree(where, self.status, "promised_on", "nothing", wrong=wrong)


@dataclass(frozen=True, slots=True)
class OrderAcknowledgment:
    """An 855: the seller's answer to a purchase order.

    Attributes:
        purchase_order_no: The buyer's number of the order.
        ordered_on: The date the buyer gave the order.
        order_no: The seller's number of the order.
        lines: What is said of each line.
        acknowledged_on: The date the seller gives the answer; None where it is that of its envelope.
        currency: ISO 4217 code of the prices; empty where it is the one agreed on.
        purpose: Whether it is the first answer.
    """

    purchase_order_no: str
    ordered_on: date
    order_no: str
    lines: tuple[AcknowledgedLine, ...]
    acknowledged_on: date | None = None
    currency: str = ""
    purpose: SetPurpose = SetPurpose.ORIGINAL

    def __post_init__(self) -> None:
        """Refuse an answer that says nothing.

        Raises:
            BadDataError: It has no line.
        """
        _has_lines("order acknowledgment", self.lines)

    @property
    def type(self) -> AcknowledgmentType:
        """What the lines together say of the order."""
        statuses = {line.status for line in self.lines}
        if statuses == {LineItemStatus.ACCEPTED}:
            return AcknowledgmentType.WITHOUT_CHANGE
        if statuses == {LineItemStatus.REJECTED}:
            return AcknowledgmentType.REJECTED
        return AcknowledgmentType.WITH_CHANGE


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
        _not_negative(where, shipped_qty=self.shipped_qty, ordered_qty=self.ordered_qty)


@dataclass(frozen=True, slots=True)
class ShipNotice:
    """An 856: what is on its way to the buyer, by shipment, order and item.

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
        _has_lines("ship notice", self.lines)


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
        _not_negative(where, ordered_qty=self.ordered_qty, shipped_qty=self.shipped_qty)
        short = self.ordered_qty - self.shipped_qty
        fits = {
            ShipmentOrderStatus.COMPLETE: short == 0,
            ShipmentOrderStatus.COMPLETE_WITH_MORE: short < 0,
            ShipmentOrderStatus.PARTIAL_WITH_BACKORDER: short > 0,
            ShipmentOrderStatus.PARTIAL_WITHOUT_BACKORDER: short > 0,
        }
        _agree(where, self.status, "shipped_qty", self.shipped_qty, wrong=not fits.get(self.status, True))


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
        _has_lines("shipping advice", self.lines)


@dataclass(frozen=True, slots=True)
class AdjustedItem:
    """One change of a site's stock.

    Attributes:
        sku: The depositor's number of the item.
        adjusted_qty: What is added to the stock, negative where it is taken away, in `uom`.
        uom: Unit of the quantity.
        reason: Why.
        lot_no: The site's number of the lot; empty where none is kept.
    """

    sku: str
    adjusted_qty: Decimal
    uom: str
    reason: AdjustmentReason
    lot_no: str = ""


@dataclass(frozen=True, slots=True)
class InventoryAdjustment:
    """A 947: what a site has changed in its stock.

    Attributes:
        adjusted_on: The day of the change, in UTC.
        adjustment_no: The site's number of the change.
        depositor_adjustment_no: The depositor's number of it; the same as the site's where it has none of its own.
        node: The site.
        lines: What was changed.
    """

    adjusted_on: date
    adjustment_no: str
    depositor_adjustment_no: str
    node: str
    lines: tuple[AdjustedItem, ...]

    def __post_init__(self) -> None:
        """Refuse an adjustment that changes nothing.

        Raises:
            BadDataError: It has no line.
        """
        _has_lines("inventory adjustment", self.lines)


@dataclass(frozen=True, slots=True)
class AdvisedItem:
    """What there is of one item.

    Attributes:
        sku: The seller's number of the item.
        qty: How much, in `uom`.
        uom: Unit of the quantity.
        qualifier: Which quantity it is.
        buyer_item: The buyer's number of the item; empty where none is known.
    """

    sku: str
    qty: Decimal
    uom: str
    qualifier: QuantityQualifier = QuantityQualifier.AVAILABLE_FOR_SALE
    buyer_item: str = ""

    def __post_init__(self) -> None:
        """Refuse a quantity that nobody can sell.

        Raises:
            BadDataError: It is negative.
        """
        _not_negative(f"item {self.sku} of the inventory advice", qty=self.qty)


@dataclass(frozen=True, slots=True)
class InventoryAdvice:
    """An 846: what can be sold.

    Attributes:
        advice_no: The number of the report.
        advised_at: Which moment it speaks of, to the second.
        lines: Items and quantities.
        node: The site it speaks of; empty where it speaks of all.
        report_type: Whose stock it is.
        purpose: Whether it is the first report of its number.
    """

    advice_no: str
    advised_at: datetime
    lines: tuple[AdvisedItem, ...]
    node: str = ""
    report_type: InventoryReportType = InventoryReportType.SELLER
    purpose: SetPurpose = SetPurpose.ORIGINAL

    def __post_init__(self) -> None:
        """Refuse a report that says nothing.

        Raises:
            BadDataError: It has no line.
        """
        _has_lines("inventory advice", self.lines)


X12Document: TypeAlias = OrderAcknowledgment | ShipNotice | ShippingAdvice | InventoryAdjustment | InventoryAdvice
"""A document of any kind."""

DOCUMENTS: Final = MappingProxyType(
    {
        "855": (OrderAcknowledgment, AcknowledgedLine),
        "856": (ShipNotice, NoticedLine),
        "945": (ShippingAdvice, ShippedLine),
        "947": (InventoryAdjustment, AdjustedItem),
        "846": (InventoryAdvice, AdvisedItem),
    }
)
"""Transaction set to the classes of the document and of its lines."""


def _has_lines(document: str, lines: Sequence[object]) -> None:
    if not lines:
        raise BadDataError(f"The {document} has no line.", expected="`lines` with at least one", found="none")


def _not_negative(where: str, **quantities: Decimal | None) -> None:
    for field, quantity in quantities.items():
        if quantity is not None and not (quantity.is_finite() and quantity >= 0):
            raise BadDataError(f"In {where} the field '{field}' cannot be.", expected="0 or more", found=str(quantity))


def _agree(
    where: str, status: LineItemStatus | ShipmentOrderStatus, field: str, found: Decimal | str, *, wrong: bool
) -> None:
    if wrong:
        raise BadDataError(
            f"In {where} the field '{field}' does not go with the status.",
            expected=f"what {status} says: {status.title_in_dictionary}",
            found=str(found),
            remedy="give the status that says what is meant",
        )

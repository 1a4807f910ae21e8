"""What buyers order and change, and what sellers answer: 850, 860 and 855, or ORDERS and ORDRSP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from fulfillment_pipelines.domain.x12_checks import agree_with_status, has_lines, not_negative
from fulfillment_pipelines.domain.x12_codes import AcknowledgmentType, LineChange, LineItemStatus, SetPurpose


@dataclass(frozen=True, slots=True)
class OrderedLine:
    """One line of a purchase order.

    Attributes:
        ordered_qty: What is ordered, in `uom`.
        uom: Unit of the quantity, as the buyer codes it.
        line_no: The buyer's line number; None where the buyer gives none.
        unit_price: For one unit; None where it is not told.
        sku: The seller's number of the item; empty where it is not told.
        buyer_item: The buyer's number of the item; empty where it is not told.
        gtin: The item's number in trade (UPC, EAN); empty where it is not told.
        requested_on: The day the buyer wants the line; None where it is that of the order.
    """

    ordered_qty: Decimal
    uom: str
    line_no: int | None = None
    unit_price: Decimal | None = None
    sku: str = ""
    buyer_item: str = ""
    gtin: str = ""
    requested_on: date | None = None

    def __post_init__(self) -> None:
        """Refuse a line that cannot be.

        Raises:
            BadDataError: A quantity is negative.
        """
        not_negative(f"line {self.line_no} of the purchase order", ordered_qty=self.ordered_qty)


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """An 850 or ORDERS: what a buyer orders.

    Attributes:
        purchase_order_no: The buyer's number of the order.
        ordered_on: The date the buyer gave the order.
        lines: What is ordered.
        order_type: Element 92, for example `SA`: a stand-alone order.
        purpose: Whether it is the first order of its number.
        currency: ISO 4217 code of the prices; empty where it is the one agreed on.
        buyer_id: Who orders; empty where it is not told.
        ship_to_id: Where the goods go; empty where it is not told.
        requested_on: The day the buyer wants the goods; None where it is not told.
    """

    purchase_order_no: str
    ordered_on: date
    lines: tuple[OrderedLine, ...]
    order_type: str = "SA"
    purpose: SetPurpose = SetPurpose.ORIGINAL
    currency: str = ""
    buyer_id: str = ""
    ship_to_id: str = ""
    requested_on: date | None = None

    def __post_init__(self) -> None:
        """Refuse an order that orders nothing.

        Raises:
            BadDataError: It has no line.
        """
        has_lines("purchase order", self.lines)


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """What a buyer changes about one line of an order.

    Attributes:
        change: What is done with the line.
        ordered_qty: The quantity that is ordered now, in `uom`; None where only something else changes.
        uom: Unit of the quantity; empty where no quantity is told.
        line_no: The buyer's line number; None where the buyer gives none.
        unit_price: For one unit, from now on; None where it is not told.
        sku: The seller's number of the item; empty where it is not told.
        buyer_item: The buyer's number of the item; empty where it is not told.
        gtin: The item's number in trade (UPC, EAN); empty where it is not told.
    """

    change: LineChange
    ordered_qty: Decimal | None = None
    uom: str = ""
    line_no: int | None = None
    unit_price: Decimal | None = None
    sku: str = ""
    buyer_item: str = ""
    gtin: str = ""

    def __post_init__(self) -> None:
        """Refuse a line that cannot be.

        Raises:
            BadDataError: A quantity is negative.
        """
        not_negative(f"line {self.line_no} of the order change", ordered_qty=self.ordered_qty)


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An 860: what a buyer changes about an order.

    Attributes:
        purchase_order_no: The buyer's number of the order.
        ordered_on: The date the buyer gave the order.
        lines: What is changed.
        order_type: Element 92, as in the order.
        purpose: Whether the order is changed, replaced or cancelled.
        change_no: The buyer's number of the change; empty where it is not told.
        changed_on: The date of the change; None where it is that of its envelope.
        currency: ISO 4217 code of the prices; empty where it is the one agreed on.
    """

    purchase_order_no: str
    ordered_on: date
    lines: tuple[ChangedLine, ...]
    order_type: str = "SA"
    purpose: SetPurpose = SetPurpose.CHANGE
    change_no: str = ""
    changed_on: date | None = None
    currency: str = ""

    def __post_init__(self) -> None:
        """Refuse a change that changes nothing.

        Raises:
            BadDataError: It has no line.
        """
        has_lines("order change", self.lines)


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
        not_negative(where, ordered_qty=self.ordered_qty, acknowledged_qty=self.acknowledged_qty)
        changed = self.acknowledged_qty != self.ordered_qty
        wrong = self.status is LineItemStatus.ACCEPTED and changed
        agree_with_status(where, self.status, "acknowledged_qty", self.acknowledged_qty, wrong=wrong)
        wrong = self.status is LineItemStatus.SUBSTITUTED and not self.substitute_sku
        agree_with_status(where, self.status, "substitute_sku", "nothing", wrong=wrong)
        wrong = self.status is LineItemStatus.RESCHEDULED and self.promised_on is None
        agree_with_status(where, self.status, "promised_on", "nothing", wrong=wrong)


@dataclass(frozen=True, slots=True)
class OrderAcknowledgment:
    """An 855 or ORDRSP: the seller's answer to a purchase order.

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
        has_lines("order acknowledgment", self.lines)

    @property
    def type(self) -> AcknowledgmentType:
        """What the lines together say of the order."""
        statuses = {line.status for line in self.lines}
        if statuses == {LineItemStatus.ACCEPTED}:
            return AcknowledgmentType.WITHOUT_CHANGE
        if statuses == {LineItemStatus.REJECTED}:
            return AcknowledgmentType.REJECTED
        return AcknowledgmentType.WITH_CHANGE

"""What there is, and what has changed: 846 and 947."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from fulfillment_pipelines.domain.x12_checks import has_lines, not_negative
from fulfillment_pipelines.domain.x12_codes import AdjustmentReason, InventoryReportType, QuantityQualifier, SetPurpose


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
        has_lines("inventory adjustment", self.lines)


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
        not_negative(f"item {self.sku} of the inventory advice", qty=self.qty)


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
        has_lines("inventory advice", self.lines)

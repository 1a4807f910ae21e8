"""What sellers ask for: 810 or INVOIC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from fulfillment_pipelines.domain.x12_checks import has_lines


@dataclass(frozen=True, slots=True)
class BilledLine:
    """One line of an invoice.

    Attributes:
        invoiced_qty: What is invoiced, in `uom`.
        uom: Unit of the quantity.
        unit_price: For one unit.
        line_no: The buyer's line number; None where it is not told.
        sku: The seller's number of the item; empty where it is not told.
        buyer_item: The buyer's number of the item; empty where it is not told.
        gtin: The item's number in trade (UPC, EAN); empty where it is not told.
    """

    invoiced_qty: Decimal
    uom: str
    unit_price: Decimal
    line_no: int | None = None
    sku: str = ""
    buyer_item: str = ""
    gtin: str = ""


@dataclass(frozen=True, slots=True)
class BilledInvoice:
    """An 810 or INVOIC: what a seller asks for.

    Attributes:
        invoice_no: The seller's number of the invoice.
        invoiced_on: Its date.
        total_amount: What is to be paid, charges and taxes included.
        lines: What is invoiced.
        purchase_order_no: The buyer's number of the order; empty where it is not told.
        ordered_on: The date of the order; None where it is not told.
        order_no: The seller's number of the order; empty where it is not told.
        shipment_no: The number of the shipment; empty where it is not told.
        invoice_type: Element 640: `DI` a debit invoice, `CR` a credit memo.
        currency: ISO 4217 code of the amounts; empty where it is the one agreed on.
        buyer_id: Who is to pay; empty where it is not told.
    """

    invoice_no: str
    invoiced_on: date
    total_amount: Decimal
    lines: tuple[BilledLine, ...]
    purchase_order_no: str = ""
    ordered_on: date | None = None
    order_no: str = ""
    shipment_no: str = ""
    invoice_type: str = "DI"
    currency: str = ""
    buyer_id: str = ""

    def __post_init__(self) -> None:
        """Refuse an invoice of nothing.

        Raises:
            BadDataError: It has no line.
        """
        has_lines("invoice", self.lines)

"""Code lists of X12 elements that the product writes and reads: what a code means, as the standard's dictionary says.

Release 004010. Element 668 agrees in the dictionaries of Stedi (003030, 004030) and KA Software (004030), 368 is DCS's
004010 dictionary, 181, 514 and 88 are Zenbridge's 004010 dictionary, 755 is EDI Academy's list, 353, 587 and 673 are
those of published 004010 guides, 670 is DCS's 004010 dictionary, 715 and 717 are those of published 997 guides.
Secondary blogs swap IE, IF, IP and IQ: a code comes from a dictionary or not at all. Lists hold the codes that make
sense between a distributor and its partners, not all that exist.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class X12Code(StrEnum):
    """A code and its title. Base of all code lists."""

    title_in_dictionary: str

    def __new__(cls, code: str, title: str) -> Self:
        """Make a code of its letters and its title."""
        made = str.__new__(cls, code)
        made._value_ = code
        made.title_in_dictionary = title
        return made


class LineItemStatus(X12Code):
    """Element 668, line item status code: what the seller does about a line. ACK01 of an 855."""

    FORWARDED = "AA", "Item Accepted - Order Forwarded to Alternate Supplier Location"
    PARTLY_BACKORDERED = "BP", "Item Accepted - Partial Shipment, Balance Backordered"
    RESCHEDULED = "DR", "Item Accepted - Date Rescheduled"
    ACCEPTED = "IA", "Item Accepted"
    BACKORDERED = "IB", "Item Backordered"
    CHANGED = "IC", "Item Accepted - Changes Made"
    PRICE_PENDING = "IE", "Item Accepted, Price Pending"
    INCOMPLETE_DESCRIPTION = "IF", "Item on Hold, Incomplete Description"
    ON_HOLD = "IH", "Item on Hold"
    PRICE_CHANGED = "IP", "Item Accepted - Price Changed"
    QUANTITY_CHANGED = "IQ", "Item Accepted - Quantity Changed"
    REJECTED = "IR", "Item Rejected"
    SUBSTITUTED = "IS", "Item Accepted - Substitution Made"


class LineChange(X12Code):
    """Element 670, change or response type code: what a buyer does with a line of an order. POC02 of an 860."""

    ADDED = "AI", "Add Additional Item(s)"
    CHANGED = "CA", "Changes To Line Items"
    DATE_CHANGED = "CT", "Change of Dates"
    DELETED = "DI", "Delete Item(s)"
    NO_CHANGE = "NC", "Concurrent Item (No Change)"
    PRICE_CHANGED = "PC", "Price Change"
    QUANTITY_DECREASED = "QD", "Quantity Decrease"
    QUANTITY_INCREASED = "QI", "Quantity Increase"
    REPLACED = "RZ", "Replace All Values"


class SetAnswer(X12Code):
    """Element 717, transaction set acknowledgment code. AK501 of a 997."""

    ACCEPTED = "A", "Accepted"
    ACCEPTED_WITH_ERRORS = "E", "Accepted But Errors Were Noted"
    REJECTED = "R", "Rejected"


class GroupAnswer(X12Code):
    """Element 715, functional group acknowledge code. AK901 of a 997."""

    ACCEPTED = "A", "Accepted"
    ACCEPTED_WITH_ERRORS = "E", "Accepted, But Errors Were Noted"
    PARTLY_ACCEPTED = "P", "Partially Accepted, At Least One Transaction Set Was Rejected"
    REJECTED = "R", "Rejected"


class AcknowledgmentType(X12Code):
    """Element 587, acknowledgment type: what an 855 says of the whole order. BAK02."""

    WITH_CHANGE = "AC", "Acknowledge - With Detail and Change"
    WITHOUT_CHANGE = "AD", "Acknowledge - With Detail, No Change"
    REJECTED = "RD", "Reject with Detail"


class ShipmentOrderStatus(X12Code):
    """Element 368, shipment/order status code: what became of the ordered quantity. W1201 of a 945."""

    PARTIAL_WITH_BACKORDER = "BP", "Shipment Partial, Back Order to Ship on (Date)"
    COMPLETE = "CC", "Shipment Complete on (Date)"
    COMPLETE_WITH_MORE = "CM", "Shipment Complete with Additional Quantity"
    PARTIAL_WITHOUT_BACKORDER = "CP", "Partial Shipment on (Date), Considered No Backorder"
    COMPLETE_WITH_SUBSTITUTION = "CS", "Shipment Complete with Substitution"


class AdjustmentReason(X12Code):
    """Element 181, quantity or status adjustment reason code. W1901 of a 947."""

    SHIPMENT_GREATER = "03", "Shipment Greater Than Previously Reported"
    RECEIPT_LESS = "04", "Receipt Less Than Previously Reported"
    PUT_ON_HOLD = "05", "Product Put on Hold"
    BOOK_DECREASE = "06", "Book Adjustment Decrease"
    DUMPED_OR_DESTROYED = "07", "Product Dumped or Destroyed"
    SHIPMENT_LESS = "53", "Shipment Less Than Previously Reported"
    RECEIPT_GREATER = "54", "Receipt Greater Than Previously Reported"
    TAKEN_OFF_HOLD = "55", "Product Taken Off Hold"
    BOOK_INCREASE = "56", "Book Adjustment Increase"
    PHYSICAL_COUNT = "AA", "Physical Count"
    ACCOUNTING_ERROR = "AB", "Accounting Error"
    OTHER = "AH", "Other"
    TRANSFER = "AK", "Transfer"
    ORDER_SHIPMENT_ERROR = "AR", "Order Shipment Error"
    DAMAGED_IN_FACILITY = "AU", "Damaged in Facility"
    DAMAGED_IN_TRANSIT = "AV", "Damaged in Transit"
    RECALL = "AW", "Product Recall"
    OBSOLESCENCE = "AX", "Shelf-life Obsolescence"
    RECEIPT_ERROR = "AY", "Receipt Error"


class QuantityQualifier(X12Code):
    """Element 673, quantity qualifier: which quantity of an item an 846 tells. QTY01."""

    ON_HAND = "17", "Quantity on Hand"
    AVAILABLE_FOR_SALE = "33", "Quantity Available for Sale (stock quantity)"


class InventoryReportType(X12Code):
    """Element 755, report type code: whose stock an 846 tells of. BIA02."""

    SELLER = "SI", "Seller Inventory Report"
    MANUFACTURER_OR_DISTRIBUTOR = "MB", "Manufacturer/Distributor Inventory Report"


class SetPurpose(X12Code):
    """Element 353, transaction set purpose code: whether a document is the first of its number."""

    ORIGINAL = "00", "Original"
    CANCELLATION = "01", "Cancellation"
    CHANGE = "04", "Change"
    REPLACEMENT = "05", "Replace"


class ReportingCode(X12Code):
    """Element 514, reporting code: the basis of shipment information. W0601 of a 945."""

    FULL_DETAIL = "F", "Full Detail"


class MarksQualifier(X12Code):
    """Element 88, marks and numbers qualifier: who has assigned a mark. MAN01."""

    SHIPPER_CASE = "CA", "Shipper-Assigned Case Number"
    CARRIER_PACKAGE = "CP", "Carrier-Assigned Package ID Number"

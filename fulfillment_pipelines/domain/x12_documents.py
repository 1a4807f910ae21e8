"""Documents exchanged with trading partners, as plain values: one class for each, whichever standard spells it.

What a document says belongs to the modules beside this one, with the rules that make it contradict itself; where each
fact stands in it belongs to `systems/transports/edi`. Quantities are in the unit they name, amounts in the currency
the partners agreed on.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, TypeAlias

from fulfillment_pipelines.domain.x12_acknowledgment import FunctionalAcknowledgment
from fulfillment_pipelines.domain.x12_billing import BilledInvoice, BilledLine
from fulfillment_pipelines.domain.x12_orders import (
    AcknowledgedLine,
    ChangedLine,
    OrderAcknowledgment,
    OrderChange,
    OrderedLine,
    PurchaseOrder,
)
from fulfillment_pipelines.domain.x12_shipments import (
    NoticedLine,
    ReleasedLine,
    ShipNotice,
    ShippedLine,
    ShippingAdvice,
    ShippingOrder,
)
from fulfillment_pipelines.domain.x12_stock import AdjustedItem, AdvisedItem, InventoryAdjustment, InventoryAdvice

__all__ = [
    "DOCUMENTS",
    "AcknowledgedLine",
    "AdjustedItem",
    "AdvisedItem",
    "BilledInvoice",
    "BilledLine",
    "ChangedLine",
    "FunctionalAcknowledgment",
    "InventoryAdjustment",
    "InventoryAdvice",
    "NoticedLine",
    "OrderAcknowledgment",
    "OrderChange",
    "OrderedLine",
    "PurchaseOrder",
    "ReleasedLine",
    "ShipNotice",
    "ShippedLine",
    "ShippingAdvice",
    "ShippingOrder",
    "TradeDocument",
    "X12Document",
]

TradeDocument: TypeAlias = (
    PurchaseOrder
    | OrderChange
    | OrderAcknowledgment
    | ShipNotice
    | BilledInvoice
    | InventoryAdvice
    | ShippingOrder
    | ShippingAdvice
    | InventoryAdjustment
)
"""A document about goods or money: it has lines."""

X12Document: TypeAlias = TradeDocument | FunctionalAcknowledgment
"""A document of any kind."""

DOCUMENTS: Final = MappingProxyType(
    {
        "810": (BilledInvoice, BilledLine),
        "846": (InventoryAdvice, AdvisedItem),
        "850": (PurchaseOrder, OrderedLine),
        "855": (OrderAcknowledgment, AcknowledgedLine),
        "856": (ShipNotice, NoticedLine),
        "860": (OrderChange, ChangedLine),
        "940": (ShippingOrder, ReleasedLine),
        "945": (ShippingAdvice, ShippedLine),
        "947": (InventoryAdjustment, AdjustedItem),
    }
)
"""Transaction set to the classes of the document and of its lines."""

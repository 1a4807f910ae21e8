"""Every X12 document that is written and read as a typed value, by its transaction set and by its class."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fulfillment_pipelines.systems.transports.edi.guide.documents import DocumentGuide, Reading
from fulfillment_pipelines.systems.transports.edi.interchange import Document
from fulfillment_pipelines.systems.transports.edi.x12.acknowledgment import AcknowledgmentGuide
from fulfillment_pipelines.systems.transports.edi.x12.invoice_guide import INVOICE
from fulfillment_pipelines.systems.transports.edi.x12.order_guides import (
    ORDER_ACKNOWLEDGMENT,
    ORDER_CHANGE,
    PURCHASE_ORDER,
)
from fulfillment_pipelines.systems.transports.edi.x12.shipment_guides import (
    SHIP_NOTICE,
    SHIPPING_ADVICE,
    SHIPPING_ORDER,
)
from fulfillment_pipelines.systems.transports.edi.x12.stock_guides import INVENTORY_ADJUSTMENT, INVENTORY_ADVICE

_ALL: Final[tuple[DocumentGuide, ...]] = (
    INVOICE,
    INVENTORY_ADVICE,
    PURCHASE_ORDER,
    ORDER_ACKNOWLEDGMENT,
    SHIP_NOTICE,
    ORDER_CHANGE,
    SHIPPING_ORDER,
    SHIPPING_ADVICE,
    INVENTORY_ADJUSTMENT,
    AcknowledgmentGuide(),
)

GUIDES: Final[Mapping[str, DocumentGuide]] = MappingProxyType({guide.set_type: guide for guide in _ALL})
"""Transaction set to its guide."""

FUNCTIONAL_IDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "810": "IN",
        "846": "IB",
        "850": "PO",
        "855": "PR",
        "856": "SH",
        "860": "PC",
        "940": "OW",
        "945": "SW",
        "947": "AW",
        "997": "FA",
    }
)
"""Transaction set to the functional identifier of its group (GS01)."""


def guide_for(document: object) -> DocumentGuide:
    """Return the guide that writes a document."""
    return next(guide for guide in _ALL if isinstance(document, guide.model))


def read_document(document: Document) -> Reading | None:
    """Return what a document says as a typed value; None for a transaction set that has no guide."""
    guide = GUIDES.get(document.type)
    return guide.read(document) if guide else None

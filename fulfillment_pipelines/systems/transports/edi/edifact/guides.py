"""Every EDIFACT message that is written and read as a typed value, by its type and by its class."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.systems.transports.edi.edifact.order_guides import ORDERS, ORDRSP
from fulfillment_pipelines.systems.transports.edi.edifact.shipment_guides import DESADV, INVOIC
from fulfillment_pipelines.systems.transports.edi.guide.documents import DocumentGuide, Reading
from fulfillment_pipelines.systems.transports.edi.interchange import Document

_ALL: Final[tuple[DocumentGuide, ...]] = (ORDERS, ORDRSP, DESADV, INVOIC)

GUIDES: Final[Mapping[str, DocumentGuide]] = MappingProxyType({guide.set_type: guide for guide in _ALL})
"""Message type to its guide."""


def guide_for(document: object) -> DocumentGuide:
    """Return the guide that writes a document.

    Raises:
        BadDataError: It is no message of those that are written.
    """
    for guide in _ALL:
        if isinstance(document, guide.model):
            return guide
    raise BadDataError(
        f"A {type(document).__name__} is not written as EDIFACT.",
        expected=", ".join(f"{guide.model.__name__} ({guide.set_type})" for guide in _ALL),
        found=type(document).__name__,
        remedy="send it to a partner who takes X12",
    )


def read_document(document: Document) -> Reading | None:
    """Return what a message says as a typed value; None for a message type that has no guide."""
    guide = GUIDES.get(document.type)
    return guide.read(document) if guide else None

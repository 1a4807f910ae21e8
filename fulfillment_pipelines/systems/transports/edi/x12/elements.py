"""What an element of release 004010 may hold."""

from __future__ import annotations

import re
from typing import Final

from fulfillment_pipelines.systems.transports.edi.guide.elements import Elements
from fulfillment_pipelines.systems.transports.edi.x12.envelope import Delimiters

_OUTSIDE_THE_CHARACTER_SET: Final = r"[^\x20-\x7e]"


def x12_elements(document: str, delimiters: Delimiters) -> Elements:
    """Return what writes the elements of a document.

    Args:
        document: In words: `order acknowledgment`.
        delimiters: What the partner's interchanges are delimited with: no element may hold it.
    """
    marks = re.escape(delimiters.element + delimiters.component + delimiters.segment + delimiters.repetition)
    forbidden = re.compile(f"{_OUTSIDE_THE_CHARACTER_SET}|[{marks}]")
    allowed = "printable ASCII without the partner's delimiters"
    return Elements(document, forbidden, allowed, "X12", delimiters.component)

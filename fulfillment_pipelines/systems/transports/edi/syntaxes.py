"""Which standard a file follows, and who reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fulfillment_pipelines.domain.edi import Limits
from fulfillment_pipelines.systems.transports.edi.edifact import reader as edifact
from fulfillment_pipelines.systems.transports.edi.interchange import (
    BLANKS,
    SHOWN_CHARACTERS,
    BrokenInterchange,
    Interchange,
)
from fulfillment_pipelines.systems.transports.edi.x12 import reader as x12

_EDIFACT: Final = ("UNA", "UNB", "UNH")
_TRADACOMS: Final = "STX="


def read_any(text: str, limits: Limits = Limits()) -> Iterator[Interchange | BrokenInterchange]:  # noqa: B008 - it is frozen
    """Yield the interchanges of a file that is X12 or EDIFACT; any other file is one broken interchange.

    Args:
        text: What is in the file.
        limits: What is read at most.
    """
    beginning = text[:SHOWN_CHARACTERS].lstrip(BLANKS)
    if beginning.startswith(_TRADACOMS):
        yield BrokenInterchange(1, "it is TRADACOMS, not X12 or EDIFACT", beginning)
    elif beginning.startswith(_EDIFACT):
        yield from edifact.read_interchanges(text, limits)
    else:
        yield from x12.read_interchanges(text, limits)

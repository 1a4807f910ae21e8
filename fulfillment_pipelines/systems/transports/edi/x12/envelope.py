"""What reader and writer agree on: how segments are delimited, and what envelopes put around documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Segment: TypeAlias = tuple[str, ...]
"""The segment's identifier and its elements: `segment[3]` is its third element."""

BLANKS: Final = "\r\n\t \ufeff"
"""What stands between segments and means nothing: line breaks, indentation, a byte order mark."""


@dataclass(frozen=True, slots=True)
class EnvelopeLevel:
    """One of the three envelopes; its trailer's first element is a count, the second repeats the control number.

    Attributes:
        name: What it holds together, for people.
        opening: Its first segment.
        closing: Its last segment.
        control: Position of the control number in the first segment.
    """

    name: str
    opening: str
    closing: str
    control: int


INTERCHANGE: Final = EnvelopeLevel("interchange", "ISA", "IEA", 13)
GROUP: Final = EnvelopeLevel("group", "GS", "GE", 6)
TRANSACTION_SET: Final = EnvelopeLevel("document", "ST", "SE", 2)

ISA_ELEMENTS: Final = 16


@dataclass(frozen=True, slots=True)
class Delimiters:
    """What stands between elements, between their components and behind segments.

    Attributes:
        element: Separator of elements.
        component: Separator of components; ISA16 tells it.
        segment: Terminator of segments.
        line_break: Written behind each terminator; means nothing to a reader.
    """

    element: str = "*"
    component: str = ">"
    segment: str = "~"
    line_break: str = ""

    def written(self, segments: Sequence[Segment]) -> str:
        """Return segments as text; empty elements at the end of a segment are left out."""
        end = self.segment + self.line_break
        return "".join(f"{self.element.join(segment).rstrip(self.element)}{end}" for segment in segments)

    def read(self, text: str) -> Iterator[Segment]:
        """Yield the segments of a text without ISA, which pads elements and must keep them."""
        for piece in text.split(self.segment):
            if segment := piece.strip(BLANKS):
                yield tuple(segment.split(self.element))


def control_number(segment: Segment | None, position: int) -> str:
    """Return a number of an envelope without the zeros that some pad it with; `?` where none is told."""
    told = segment[position].strip() if segment is not None and len(segment) > position else ""
    return told.lstrip("0") or told[:1] or "?"

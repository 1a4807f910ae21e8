"""What reader and writer agree on: service characters, and what envelopes put around messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fulfillment_pipelines.systems.transports.edi.envelopes import EnvelopeLevel, EnvelopeRules
from fulfillment_pipelines.systems.transports.edi.interchange import COMPONENT, Segment

INTERCHANGE: Final = EnvelopeLevel("interchange", "UNB", "UNZ", 5)
GROUP: Final = EnvelopeLevel("group", "UNG", "UNE", 5)
MESSAGE: Final = EnvelopeLevel("document", "UNH", "UNT", 1)

RULES: Final = EnvelopeRules(INTERCHANGE, GROUP, MESSAGE, needs_group=False, type_position=2)


@dataclass(frozen=True, slots=True)
class ServiceCharacters:
    """What delimits an interchange; UNA tells it where it is not the default.

    Attributes:
        component: Separator of components.
        element: Separator of elements.
        decimal: Decimal mark of numbers.
        release: Makes the next character one of the data; empty where there is none.
        segment: Terminator of segments.
        line_break: Written behind each terminator; means nothing to a reader.
    """

    component: str = ":"
    element: str = "+"
    decimal: str = "."
    release: str = "?"
    segment: str = "'"
    line_break: str = ""

    @property
    def advice(self) -> str:
        """The UNA segment that tells them."""
        return f"UNA{self.component}{self.element}{self.decimal}{self.release or ' '} {self.segment}{self.line_break}"

    def written(self, segments: Iterable[Segment]) -> str:
        """Return segments as text; what is empty at the end of a segment or of an element is left out."""
        return "".join(self._segment(segment) + self.segment + self.line_break for segment in segments)

    def _segment(self, segment: Sequence[str]) -> str:
        elements = [self._element(element) for element in segment]
        while len(elements) > 1 and not elements[-1]:
            elements.pop()
        return self.element.join(elements)

    def _element(self, element: str) -> str:
        for mark in (self.release, self.component, self.element, self.segment):
            if mark and mark in element:
                element = element.replace(mark, self.release + mark)
        return element.rstrip(COMPONENT).replace(COMPONENT, self.component)


DEFAULT_CHARACTERS: Final = ServiceCharacters()
"""Those that hold where no UNA tells others."""

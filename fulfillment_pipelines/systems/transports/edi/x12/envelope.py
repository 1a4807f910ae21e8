"""What reader and writer agree on: how segments are delimited, and what envelopes put around documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fulfillment_pipelines.systems.transports.edi.envelopes import EnvelopeLevel, EnvelopeRules
from fulfillment_pipelines.systems.transports.edi.interchange import Segment

INTERCHANGE: Final = EnvelopeLevel("interchange", "ISA", "IEA", 13)
GROUP: Final = EnvelopeLevel("group", "GS", "GE", 6)
TRANSACTION_SET: Final = EnvelopeLevel("document", "ST", "SE", 2)

RULES: Final = EnvelopeRules(
    INTERCHANGE,
    GROUP,
    TRANSACTION_SET,
    needs_group=True,
    type_position=1,
    between=frozenset(("TA1",)),
)

ISA_ELEMENTS: Final = 16


@dataclass(frozen=True, slots=True)
class Delimiters:
    """What stands between elements, between their components and behind segments.

    Attributes:
        element: Separator of elements.
        component: Separator of components; ISA16 tells it.
        segment: Terminator of segments.
        line_break: Written behind each terminator; means nothing to a reader.
        repetition: Separator of repetitions, which ISA11 tells from 00402 on; empty where there is none.
    """

    element: str = "*"
    component: str = ">"
    segment: str = "~"
    line_break: str = ""
    repetition: str = ""

    def written(self, segments: Sequence[Segment]) -> str:
        """Return segments as text; empty elements at the end of a segment are left out."""
        end = self.segment + self.line_break
        return "".join(f"{self.element.join(segment).rstrip(self.element)}{end}" for segment in segments)

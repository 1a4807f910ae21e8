"""Which segments there are, and what stands in each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from fulfillment_pipelines.systems.transports.edi.guide.elements import Elements
from fulfillment_pipelines.systems.transports.edi.guide.parts import LINE, Cells, Misfit, Part, Values
from fulfillment_pipelines.systems.transports.edi.interchange import COMPONENT, Segment

Numbered: TypeAlias = tuple[int, Segment]
"""A segment and its position in the document; ST or UNH is 1."""

Scope: TypeAlias = Mapping[str, Sequence[Numbered]]
"""Segments of one part of a document by their identifier, in order."""


@dataclass(frozen=True, slots=True)
class SegmentMisfit:
    """An element that does not fit, and the segment it stands in."""

    segment: str
    segment_no: int
    misfit: Misfit


class SegmentGuide:
    """One segment.

    Args:
        identifier: Of the segment.
        parts: What stands in it.
        is_always_written: Whether it is written though nothing in it tells anything.
    """

    def __init__(self, identifier: str, *parts: Part, is_always_written: bool = False) -> None:
        self.identifier = identifier
        self.fields = frozenset(field for part in parts for field in part.fields())
        self._parts = parts
        self._is_always_written = is_always_written

    def place_of(self, field: str) -> tuple[int, int]:
        """Return position and component of a field's element, 0 and 0 where it has none here."""
        return next((part.place for part in self._parts if field in part.fields()), (0, 0))

    def written(self, source: object, elements: Elements, required: frozenset[str], line: int = 0) -> Segment | None:
        """Return the segment that tells of a document or line, None where there is nothing to tell.

        Args:
            source: The document or line.
            elements: Writes its elements.
            required: Fields that are written though they are empty, and refused if they may not be.
            line: The position of the line among all lines.

        Raises:
            BadDataError: A field cannot be written.
        """
        cells: Cells = {LINE: str(line)}
        # A list, so that each part is written: `any` alone would stop at the first that tells something.
        told = [part.put(cells, source, elements, required) for part in self._parts]
        if not any(told) and not self._is_always_written:
            return None
        return (self.identifier, *_elements(cells))

    def taken(self, scope: Scope, mark: str, values: Values) -> Iterator[SegmentMisfit]:
        """Read the first segment that is meant into the values, and yield what does not fit."""
        for segment_no, segment in scope.get(self.identifier, ()):
            if all(part.fits(segment, mark) for part in self._parts):
                for part in self._parts:
                    if misfit := part.take(segment, mark, values):
                        yield SegmentMisfit(self.identifier, segment_no, misfit)
                return


def scope_of(numbered: Sequence[Numbered]) -> Scope:
    """Return segments by their identifier."""
    scope: dict[str, list[Numbered]] = {}
    for number, segment in numbered:
        scope.setdefault(segment[0], []).append((number, segment))
    return scope


def _elements(cells: Cells) -> Iterator[str]:
    last = max((position for position, _ in cells), default=0)
    for position in range(1, last + 1):
        if (position, 0) in cells:
            yield cells[position, 0]
        else:
            components = {component: text for (at, component), text in cells.items() if at == position}
            told = (components.get(component, "") for component in range(1, max(components, default=0) + 1))
            yield COMPONENT.join(told).rstrip(COMPONENT)

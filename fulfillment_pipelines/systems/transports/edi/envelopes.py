"""From segments to documents: envelopes are followed, and what is wrong with them is told and not fatal.

A document is taken when its own trailer has closed it. A file may have been read while it was written, so that what
comes before a missing trailer of the group or the interchange is good, and a document that is still open is not.
The rules are those of X12 and EDIFACT alike; how text becomes segments belongs to the two readers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fulfillment_pipelines.domain.edi import Limits
from fulfillment_pipelines.systems.transports.edi.interchange import (
    Document,
    Fault,
    Group,
    Problem,
    Segment,
    component_of,
    element,
)

_HIERARCHY: Final = "HL"
_LEVEL: Final = 1
_PARENT: Final = 2


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


@dataclass(frozen=True, slots=True)
class EnvelopeRules:
    """The three envelopes of a standard.

    Attributes:
        interchange: The outermost.
        group: The one between.
        document: The innermost.
        needs_group: Whether a document has to stand in a group.
        type_position: Position of the document's type in its first segment; the first component of it.
        between: Segments that may stand outside of groups.
    """

    interchange: EnvelopeLevel
    group: EnvelopeLevel
    document: EnvelopeLevel
    needs_group: bool
    type_position: int
    between: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands between components and between repetitions, and the limits of what is read."""

    component: str
    repetition: str
    limits: Limits


@dataclass(slots=True)
class Opened:
    """What was found in the envelopes of one interchange."""

    documents: list[Document] = field(default_factory=list)
    not_taken: list[Document] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def open_envelopes(header: Segment, segments: Sequence[Segment], rules: EnvelopeRules, marks: Marks) -> Opened:
    """Return the documents of an interchange and what is wrong with its envelopes.

    Args:
        header: The segment that opens it; empty where there is none.
        segments: Those behind it.
        rules: Of its standard.
        marks: What its elements are made of, and the limits.
    """
    return _Walk(header, segments, rules, marks).run()


def control_number(segment: Segment | None, position: int) -> str:
    """Return a number of an envelope without the zeros that some pad it with; `?` where none is told."""
    told = element(segment or (), position)
    return told.lstrip("0") or told[:1] or "?"


class _Walk:
    """Goes through the segments that open and close; the others are looked at where they stand outside."""

    def __init__(self, header: Segment, segments: Sequence[Segment], rules: EnvelopeRules, marks: Marks) -> None:
        self._header = header
        self._segments = segments
        self._rules = rules
        self._marks = marks
        self._found = Opened()
        self._group: Segment | None = None
        self._begins: int | None = None
        self._reached = self._sets = self._sets_before = 0
        self._is_closed = False

    def run(self) -> Opened:
        rules = self._rules
        steps: Mapping[str, Callable[[int], None]] = {
            rules.group.opening: self._open_group,
            rules.group.closing: self._close_group,
            rules.document.opening: self._open_document,
            rules.document.closing: self._close_document,
            rules.interchange.closing: self._close_interchange,
        }
        for index, segment in enumerate(self._segments):
            if segment[0] in steps:
                self._pass_over(index)
                steps[segment[0]](index)
                self._reached = index + 1
                if self._is_closed:
                    break
        self._end()
        return self._found

    def _pass_over(self, until: int) -> None:
        if self._begins is not None:
            return
        stray = [
            index
            for index in range(self._reached, until)
            if self._group is not None or self._segments[index][0] not in self._rules.between
        ]
        if stray:
            name = self._segments[stray[0]][0][:3]
            others = f" and {len(stray) - 1} more stand" if len(stray) > 1 else " stands"
            self._tell(Fault.STRAY_SEGMENT, stray[0], f"the segment {name}{others} outside of a document")

    def _open_group(self, index: int) -> None:
        self._leave_document(index)
        self._leave_group(index)
        self._group = self._segments[index]
        self._found.groups.append(Group(self._group))
        self._sets_before = self._sets

    def _close_group(self, index: int) -> None:
        self._leave_document(index)
        self._agree(self._rules.group, self._group, index, counted=self._sets - self._sets_before)
        if self._group is not None:
            self._found.groups[-1] = Group(self._group, control_number(self._segments[index], 1))
        self._group = None

    def _open_document(self, index: int) -> None:
        self._leave_document(index)
        if self._group is None and self._rules.needs_group:
            number = self._number(self._rules.document, self._segments[index])
            self._tell(Fault.HEADER_MISSING, index, f"document {number} stands outside of a group")
        self._begins = index
        self._sets += 1

    def _close_document(self, index: int) -> None:
        level = self._rules.document
        if self._begins is None:
            number = control_number(self._segments[index], 2)
            self._tell(Fault.STRAY_SEGMENT, index, f"the {level.closing} {number} ends nothing")
            return
        opening, document = self._segments[self._begins], self._document(index)
        if not document.type:
            what = f"an {level.opening} does not name its {level.name}'s type"
            self._tell(Fault.IDENTIFIER_MISSING, self._begins, what, opening)
        self._agree(level, opening, index, counted=len(document.segments))
        excess = _excess(document, self._marks.limits)
        if excess:
            what = f"document {self._number(level, opening)} is not taken: {excess}"
            self._tell(Fault.LIMIT_EXCEEDED, self._begins, what, opening)
            self._found.not_taken.append(document)
        else:
            self._found.documents.append(document)
        self._begins = None

    def _close_interchange(self, index: int) -> None:
        self._leave_document(index)
        self._leave_group(index)
        counted = len(self._found.groups) or (0 if self._rules.needs_group else self._sets)
        self._agree(self._rules.interchange, self._header, index, counted=counted)
        self._is_closed = True

    def _end(self) -> None:
        end = len(self._segments)
        if self._is_closed:
            if self._reached < end:
                what = f"{end - self._reached} segments stand behind its {self._rules.interchange.closing}"
                self._tell(Fault.STRAY_SEGMENT, self._reached, what)
            return
        self._pass_over(end)
        self._leave_document(end)
        self._leave_group(end)
        if self._header:
            self._tell_missing(self._rules.interchange, self._header, end)

    def _leave_document(self, index: int) -> None:
        if self._begins is None:
            return
        self._found.not_taken.append(self._document(index - 1))
        self._tell_missing(self._rules.document, self._segments[self._begins], index)
        self._begins = None

    def _leave_group(self, index: int) -> None:
        if self._group is not None:
            self._tell_missing(self._rules.group, self._group, index)
            self._group = None

    def _document(self, last: int) -> Document:
        begins = self._begins or 0
        opening = self._segments[begins]
        told = element(opening, self._rules.type_position)
        envelope = tuple(segment for segment in (self._group, self._header) if segment)
        body = tuple(self._segments[begins : last + 1])
        kind = component_of(told, 1, self._marks.component)
        return Document(kind, envelope, body, self._marks.component, self._marks.repetition)

    def _agree(self, level: EnvelopeLevel, opening: Segment | None, index: int, *, counted: int) -> None:
        """Compare a trailer (count, control number) with what it ends."""
        closing = self._segments[index]
        if not opening:
            told = f"the {level.closing} {control_number(closing, 2)} ends nothing"
            self._tell(Fault.STRAY_SEGMENT, index, told)
            return
        expected, found = self._number(level, opening), control_number(closing, 2)
        if expected != found:
            what = f"{level.name} {expected} ends with control number {found}"
            self._tell(Fault.CONTROL_NUMBER_DIFFERS, index, what, opening)
        told = control_number(closing, 1)
        if told != str(counted):
            what = f"{level.name} {expected} declares {told} parts and has {counted}"
            self._tell(Fault.COUNT_DIFFERS, index, what, opening)

    def _number(self, level: EnvelopeLevel, opening: Segment) -> str:
        return control_number(opening, level.control)

    def _tell_missing(self, level: EnvelopeLevel, opening: Segment, index: int) -> None:
        what = f"{level.name} {self._number(level, opening)} has no {level.closing}"
        if level is self._rules.document:
            what += ": it is not taken"
        self._tell(Fault.TRAILER_MISSING, index, what, opening)

    def _tell(self, fault: Fault, index: int, what: str, about: Segment = ()) -> None:
        # The header is segment 1, and the first one behind it has index 0.
        self._found.problems.append(Problem(fault, index + 1 + bool(self._header), what, about))


def _excess(document: Document, limits: Limits) -> str:
    """Return which limit a document exceeds, in words; empty where it exceeds none."""
    segments = document.segments
    if len(segments) > limits.document_segments:
        return f"it has {len(segments)} segments and {limits.document_segments} are read"
    widest = max(map(len, segments))
    if widest > limits.segment_elements:
        return f"a segment has {widest - 1} elements and {limits.segment_elements} are read"
    depth = _depth(segments)
    if depth > limits.hierarchy_levels:
        return f"its hierarchy is {depth} levels deep and {limits.hierarchy_levels} are read"
    return _long_segment(document, limits)


def _long_segment(document: Document, limits: Limits) -> str:
    mark = document.repetition
    for segment in document.segments:
        length = sum(map(len, segment)) + len(segment)
        if length > limits.segment_characters:
            return f"a segment has {length} characters and {limits.segment_characters} are read"
        if mark:
            repeated = max(part.count(mark) for part in segment) + 1
            if repeated > limits.element_repetitions:
                return f"an element is repeated {repeated} times and {limits.element_repetitions} are read"
    return ""


def _depth(segments: Sequence[Segment]) -> int:
    """Return how deep the hierarchy of a document is; a level that stands above itself has no depth of its own."""
    depths: dict[str, int] = {"": 0}
    for segment in segments:
        if segment[0] == _HIERARCHY:
            level, parent = element(segment, _LEVEL), element(segment, _PARENT)
            depths[level] = depths.get(parent, 0) + 1
    return max(depths.values())

"""How the segments of a document follow each other: what a guide writes, and what it makes of a document it reads."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from itertools import pairwise
from typing import Any, Final, Protocol, cast

from fulfillment_pipelines.domain.x12_documents import X12Document
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.systems.transports.edi.guide.elements import Elements
from fulfillment_pipelines.systems.transports.edi.guide.parts import MANDATORY_MISSING, Values
from fulfillment_pipelines.systems.transports.edi.guide.segments import (
    Numbered,
    Scope,
    SegmentGuide,
    SegmentMisfit,
    scope_of,
)
from fulfillment_pipelines.systems.transports.edi.interchange import Document, Segment

SEGMENT_MISSING: Final = "3"
ELEMENTS_IN_ERROR: Final = "8"
_LINES: Final = "lines"


@dataclass(frozen=True, slots=True)
class GuideProblem:
    """Where a document does not follow its guide.

    Attributes:
        what: What is wrong, in words for a person.
        segment: Identifier of the segment; empty where the document as a whole contradicts itself.
        segment_no: Its position in the document, or that of the part it is missing from; ST or UNH is 1.
        segment_code: Element 720.
        position: Of the element; 0 where the segment is missing.
        component: Of the component; 0 where the element is meant.
        element_code: Element 723; empty where the segment is missing.
        found: What stands there.
    """

    what: str
    segment: str = ""
    segment_no: int = 1
    segment_code: str = ELEMENTS_IN_ERROR
    position: int = 0
    component: int = 0
    element_code: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a guide made of a document.

    Attributes:
        document: What it says; None where something that it must say cannot be read.
        problems: Where it does not follow the guide.
    """

    document: X12Document | None
    problems: tuple[GuideProblem, ...]


class DocumentGuide(Protocol):
    """A document of one type, both ways."""

    @property
    def set_type(self) -> str:
        """Transaction set or message type."""
        ...

    @property
    def name(self) -> str:
        """In words, for messages."""
        ...

    @property
    def model(self) -> type[Any]:
        """Class of the document."""
        ...

    def written(self, document: Any, elements: Elements) -> Iterator[Segment]:
        """Yield the segments between the document's header and trailer.

        Raises:
            BadDataError: A field cannot be written; the message names it.
        """
        ...

    def read(self, document: Document) -> Reading:
        """Return what a document says."""
        ...


@dataclass(frozen=True, slots=True)
class LoopGuide:
    """A document of a head, lines, and a foot.

    Attributes:
        set_type: Transaction set or message type.
        name: In words.
        model: Class of the document.
        line_model: Class of its lines.
        head: Segments before the lines.
        opening: Segment that begins a line.
        line: Segments of a line.
        foot: Segments behind the lines.
        ends: Segments that end the last line.
        each: Segment of which each one in a line makes a line of its own when read; empty where none does.
    """

    set_type: str
    name: str
    model: type[Any]
    line_model: type[Any]
    head: tuple[SegmentGuide, ...]
    opening: str
    line: tuple[SegmentGuide, ...]
    foot: tuple[SegmentGuide, ...] = ()
    ends: tuple[str, ...] = ()
    each: str = ""

    def written(self, document: Any, elements: Elements) -> Iterator[Segment]:
        """Yield head, lines and foot."""
        refuse_unsaid(document, (*self.head, *self.foot), elements)
        yield from written_segments(self.head, document, elements)
        for position, line in enumerate(document.lines, start=1):
            refuse_unsaid(line, self.line, elements)
            yield from written_segments(self.line, line, elements, position)
        yield from written_segments(self.foot, document, elements)

    def read(self, document: Document) -> Reading:
        """Return what head, lines and foot say."""
        body = list(enumerate(document.segments, start=1))[1:-1]
        starts = [index for index, (_, segment) in enumerate(body) if segment[0] == self.opening]
        first = starts[0] if starts else len(body)
        last = next((index for index in range(first, len(body)) if body[index][1][0] in self.ends), len(body))
        making = Making(document.component)
        lines = []
        inner = [start for start in starts if start < last]
        for start, end in pairwise([*inner, last]):
            for block in self._blocks(body[start:end]):
                line = making.made(self.line_model, self.line, [scope_of(block)], block[0][0])
                if line is not None:
                    lines.append(line)
        values: dict[str, Any] = {_LINES: tuple(lines)}
        making.take(self.foot, [scope_of(body[last:])], values)
        return making.reading(self.model, self.head, [scope_of(body[:first])], values)

    def _blocks(self, block: Sequence[Numbered]) -> Iterator[Sequence[Numbered]]:
        """Yield the block of a line, once for each of the segments that make a line of their own."""
        each = [numbered for numbered in block if numbered[1][0] == self.each]
        if len(each) <= 1:
            yield block
            return
        rest = [numbered for numbered in block if numbered[1][0] != self.each]
        for numbered in each:
            yield [*rest, numbered]


class Making:
    """Makes values of segments and remembers what was wrong.

    Args:
        mark: What stands between components.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self.problems: list[GuideProblem] = []
        self._is_spoilt = False

    def take(self, guides: Sequence[SegmentGuide], scopes: Sequence[Scope], values: Values) -> None:
        """Read segments into values, the innermost scope first."""
        for guide in guides:
            for scope in scopes:
                for misfit in guide.taken(scope, self._mark, values):
                    self.problems.append(_told(misfit))

    def made(
        self,
        model: type[Any],
        guides: Sequence[SegmentGuide],
        scopes: Sequence[Scope],
        at: int,
        values: Values | None = None,
    ) -> Any:
        """Return what segments say, None where something that must be said is missing or contradicts itself.

        Args:
            model: Class of the document or line.
            guides: What stands where.
            scopes: The segments, the innermost first.
            at: Position of the first of them.
            values: What is read already.
        """
        values = {} if values is None else values
        if not self._is_told(model, guides, scopes, at, values):
            self._is_spoilt = True
            return None
        try:
            return model(**values)
        except BadDataError as error:
            what = f"{error.what} Expected {error.expected}, found {error.found}."
            self.spoil(GuideProblem(what, segment_no=at))
            return None

    def _is_told(
        self, model: type[Any], guides: Sequence[SegmentGuide], scopes: Sequence[Scope], at: int, values: Values
    ) -> bool:
        """Read segments into values, and return whether all that must be said is there."""
        before = len(self.problems)
        self.take(guides, scopes, values)
        missing = sorted(required_fields(model) - values.keys())
        for field in missing:
            if not any(f"'{field}'" in problem.what for problem in self.problems[before:]):
                self.problems.append(_missing(field, guides, scopes, at))
        return not missing

    def reading(
        self, model: type[Any], guides: Sequence[SegmentGuide], scopes: Sequence[Scope], values: Values
    ) -> Reading:
        """Return the document; None in it where one of its parts could not be made."""
        if self._is_spoilt:  # what is left of it would contradict itself
            self._is_told(model, guides, scopes, 1, values)
            return Reading(None, tuple(self.problems))
        document = self.made(model, guides, scopes, 1, values)
        return Reading(document, tuple(self.problems))

    def spoil(self, problem: GuideProblem) -> None:
        """Remember something that leaves nothing to be made of the document."""
        self.problems.append(problem)
        self._is_spoilt = True


def required_fields(model: type[Any]) -> frozenset[str]:
    """Return the fields of a dataclass that have no default."""
    return _required_fields(cast("Hashable", model))


# The caches take the hash of a class, which mypy takes for that of its instances; hence the casts.
@cache
def _required_fields(model: Hashable) -> frozenset[str]:
    return frozenset(
        field.name
        for field in fields(cast("type[Any]", model))
        if field.default is MISSING and field.default_factory is MISSING
    )


def written_segments(
    guides: Sequence[SegmentGuide], source: object, elements: Elements, position: int = 0
) -> Iterator[Segment]:
    """Yield the segments that tell of a document, or of the line at a position.

    Raises:
        BadDataError: A field cannot be written; the message names it.
    """
    required = required_fields(type(source))
    for guide in guides:
        segment = guide.written(source, elements, required, position)
        if segment is not None:
            yield segment


def refuse_unsaid(source: Any, guides: Sequence[SegmentGuide], elements: Elements) -> None:
    """Refuse a value for which the document has no place: it would be lost on the way.

    Raises:
        BadDataError: A field that the guides do not write is not what it is by default.
    """
    for field, default in _unsaid(cast("Hashable", type(source)), tuple(guides)).items():
        value = getattr(source, field)
        if value != default:
            raise elements.refused(field, f"nothing but {default!r}: the document has no place for it", str(value))


@cache
def _unsaid(model: Hashable, guides: tuple[SegmentGuide, ...]) -> Mapping[str, object]:
    said = frozenset(field for guide in guides for field in guide.fields)
    return {
        field.name: field.default
        for field in fields(cast("type[Any]", model))
        if field.name not in said and field.name != _LINES
    }


def _told(misfit: SegmentMisfit) -> GuideProblem:
    found = misfit.misfit
    return GuideProblem(
        f"{misfit.segment}{found.position:02d} of segment {misfit.segment_no}: {found.what}",
        misfit.segment,
        misfit.segment_no,
        ELEMENTS_IN_ERROR,
        found.position,
        found.component,
        found.code,
        found.found,
    )


def _missing(field: str, guides: Sequence[SegmentGuide], scopes: Sequence[Scope], at: int) -> GuideProblem:
    """Return what says that a field is nowhere: its element, or the whole segment."""
    guide = next((guide for guide in guides if field in guide.fields), None)
    name = guide.identifier if guide else ""
    there = next((scope[name][0] for scope in scopes if scope.get(name)), None)
    if guide is None or there is None:
        what = f"no segment {name} tells '{field}'" if name else f"nothing tells '{field}'"
        return GuideProblem(what, name, at, SEGMENT_MISSING)
    position, component = guide.place_of(field)
    what = f"{name}{position:02d} of segment {there[0]} does not tell '{field}'"
    return GuideProblem(what, name, there[0], ELEMENTS_IN_ERROR, position, component, MANDATORY_MISSING)

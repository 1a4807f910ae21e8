"""Where values stand in a segment: a part knows its place and the field that stands there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from fulfillment_pipelines.systems.transports.edi.guide.elements import Elements
from fulfillment_pipelines.systems.transports.edi.guide.kinds import Kind, UnfitError
from fulfillment_pipelines.systems.transports.edi.interchange import Segment, component_of, element

Cells: TypeAlias = dict[tuple[int, int], str]
"""Position and component of an element, 0 where it has none, to what is written there."""

Values: TypeAlias = MutableMapping[str, Any]
"""Field to value, as far as they were read."""

MANDATORY_MISSING: Final = "1"

LINE: Final = (0, 0)
"""Where the position of the line among all lines is told to the parts of its segments; not an element."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """An element that does not fit its field.

    Attributes:
        position: Of the element in its segment.
        component: Of the component in the element; 0 where the element is meant.
        code: Element 723.
        found: What stands there.
        what: What is wrong, in words for a person.
    """

    position: int
    component: int
    code: str
    found: str
    what: str


class Part(Protocol):
    """Something that stands in a segment."""

    @property
    def place(self) -> tuple[int, int]:
        """Position and component of its first element; a component of 0 is the whole element."""
        ...

    def fields(self) -> tuple[str, ...]:
        """Return the fields that it writes and reads."""
        ...

    def put(self, cells: Cells, source: object, elements: Elements, required: frozenset[str]) -> bool:
        """Write into the cells of a segment, and return whether that tells anything.

        Raises:
            BadDataError: A value cannot be written.
        """
        ...

    def fits(self, segment: Segment, mark: str) -> bool:
        """Return whether a segment may be the one that is meant."""
        ...

    def take(self, segment: Segment, mark: str, values: Values) -> Misfit | None:
        """Read out of a segment what is not read yet."""
        ...


class _Silent:
    """A part that says nothing of its own."""

    __slots__ = ()
    place = (0, 0)

    def fields(self) -> tuple[str, ...]:
        return ()

    def fits(self, segment: Segment, mark: str) -> bool:  # noqa: ARG002 - any segment may be meant
        return True

    def take(self, segment: Segment, mark: str, values: Values) -> Misfit | None:  # noqa: ARG002 - nothing is read
        return None


@dataclass(frozen=True, slots=True)
class Fixed(_Silent):
    """A qualifier: what stands there tells which segment it is.

    Attributes:
        position: Of the element.
        value: What is written.
        component: Of the component; 0 where the element has none.
        also: What a reader takes as well.
    """

    position: int
    value: str
    component: int = 0
    also: tuple[str, ...] = ()

    def put(self, cells: Cells, source: object, elements: Elements, required: frozenset[str]) -> bool:  # noqa: ARG002 - it is always the same
        """Write it; it tells nothing."""
        cells[self.position, self.component] = self.value
        return False

    def fits(self, segment: Segment, mark: str) -> bool:
        """Return whether it stands there."""
        told = _at(segment, self.position, self.component, mark)
        return told == self.value or told in self.also


@dataclass(frozen=True, slots=True)
class Constant(_Silent):
    """Something that is written and not looked at.

    Attributes:
        position: Of the element.
        value: What is written.
        component: Of the component; 0 where the element has none.
    """

    position: int
    value: str
    component: int = 0

    def put(self, cells: Cells, source: object, elements: Elements, required: frozenset[str]) -> bool:  # noqa: ARG002 - it is always the same
        """Write it; it tells nothing."""
        cells[self.position, self.component] = self.value
        return False


@dataclass(frozen=True, slots=True)
class Computed(_Silent):
    """Something that follows from the rest: written, not looked at.

    Attributes:
        position: Of the element.
        compute: From the document or line to what is written; empty where nothing is.
        component: Of the component; 0 where the element has none.
    """

    position: int
    compute: Callable[[Any, Elements], str]
    component: int = 0

    def put(self, cells: Cells, source: object, elements: Elements, required: frozenset[str]) -> bool:  # noqa: ARG002 - of no field
        """Write what follows."""
        written = self.compute(source, elements)
        cells[self.position, self.component] = written
        return bool(written)


@dataclass(frozen=True, slots=True)
class LinePosition(_Silent):
    """The position of the line among all lines, from 1: written, not looked at.

    Attributes:
        position: Of the element.
    """

    position: int

    def put(self, cells: Cells, source: object, elements: Elements, required: frozenset[str]) -> bool:  # noqa: ARG002 - of no field
        """Write it; it tells nothing."""
        cells[self.position, 0] = cells[LINE]
        return False


@dataclass(frozen=True, slots=True)
class Value:
    """A field.

    Attributes:
        field: Its name.
        kind: How it is spelled.
        position: Of the element, or of the first of several.
        component: Of the component, likewise; 0 where the element has none.
        label: Position, component and value of what says that the field stands here; written with it.
        is_written: Whether it is written here; else it is only looked for.
        otherwise: What a reader takes where the segment is there and does not tell; None where that is nothing.
        is_needed: Whether it is refused where it is None, though the field may be.
    """

    field: str
    kind: Kind
    position: int
    component: int = 0
    label: tuple[int, int, str] | None = None
    is_written: bool = True
    otherwise: Any = None
    is_needed: bool = False

    @property
    def place(self) -> tuple[int, int]:
        """Where its element stands."""
        return self.position, self.component

    def fields(self) -> tuple[str, ...]:
        """Return its field."""
        return (self.field,)

    def put(self, cells: Cells, source: object, elements: Elements, required: frozenset[str]) -> bool:
        """Write the field, unless it is empty and may be."""
        value = getattr(source, self.field)
        if value is None and self.is_needed:
            raise elements.refused(self.field, "something: nothing else tells it", "None")
        if not self.is_written or ((value is None or value == "") and self.field not in required):
            return False
        for offset, written in enumerate(self.kind.write(self.field, value, elements)):
            cells[self._place(offset)] = written
        if self.label:
            position, component, told = self.label
            cells[position, component] = told
        return True

    def fits(self, segment: Segment, mark: str) -> bool:  # noqa: ARG002 - what stands there is another matter
        """Any segment may be meant."""
        return True

    def take(self, segment: Segment, mark: str, values: Values) -> Misfit | None:
        """Read the field, unless it is read already."""
        if self.field in values or (self.label and _at(segment, *self.label[:2], mark) != self.label[2]):
            return None
        told = [_at(segment, *self._place(offset), mark) for offset in range(self.kind.span)]
        if not told[0]:
            if self.otherwise is not None:
                values[self.field] = self.otherwise
            return None
        try:
            values[self.field] = self.kind.read(told)
        except UnfitError as error:
            what = f"'{self.field}' should be {error.expected}, and is {told[0][:80]!r}"
            return Misfit(self.position, self.component, error.code, told[0], what)
        return None

    def _place(self, offset: int) -> tuple[int, int]:
        return (self.position, self.component + offset) if self.component else (self.position + offset, 0)


@dataclass(frozen=True, slots=True)
class Items:
    """Numbers of an item, each beside the qualifier that says whose it is.

    In X12 the qualifier stands in the element before the number; in EDIFACT both are components of one element.

    Attributes:
        first: Position of the first element of the first number.
        labels: Field to the qualifiers that tell it; the first is written.
        most: How many numbers there may be.
        longest: Most characters of a number.
        is_composite: Whether number and qualifier are components.
        is_written: Whether they are written here; else they are only looked for.
    """

    first: int
    labels: Mapping[str, tuple[str, ...]]
    most: int = 10
    longest: int = 48
    is_composite: bool = False
    is_written: bool = True

    @property
    def place(self) -> tuple[int, int]:
        """Where the first number stands."""
        return self._places(0)[1]

    def fields(self) -> tuple[str, ...]:
        """Return the fields of the numbers."""
        return tuple(self.labels)

    def put(self, cells: Cells, source: object, elements: Elements, required: frozenset[str]) -> bool:
        """Write the numbers one after the other, those that are empty and may be left out."""
        count = 0
        for field, labels in self.labels.items() if self.is_written else ():
            value = getattr(source, field)
            if value or field in required:
                number = elements.text(field, value, self.longest)
                label_at, number_at = self._places(count)
                cells[label_at], cells[number_at] = labels[0], number
                count += 1
        return count > 0

    def fits(self, segment: Segment, mark: str) -> bool:  # noqa: ARG002 - what stands there is another matter
        """Any segment may be meant."""
        return True

    def take(self, segment: Segment, mark: str, values: Values) -> Misfit | None:
        """Read the numbers whose qualifiers are known; of several for one field, the one that stands first."""
        for index in range(self.most):
            label_at, number_at = self._places(index)
            if label_at[0] >= len(segment):
                break
            label = _at(segment, *label_at, mark)
            for field, labels in self.labels.items():
                if label in labels and field not in values and (number := _at(segment, *number_at, mark)):
                    values[field] = number
        return None

    def _places(self, index: int) -> tuple[tuple[int, int], tuple[int, int]]:
        if self.is_composite:
            return (self.first + index, 2), (self.first + index, 1)
        return (self.first + 2 * index, 0), (self.first + 2 * index + 1, 0)


def _at(segment: Segment, position: int, component: int, mark: str) -> str:
    told = element(segment, position)
    return component_of(told, component, mark) if component else told

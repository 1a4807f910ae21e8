"""What is found in a file of documents, whichever standard it follows: interchanges, documents, and what is wrong.

Taking text apart belongs to `x12/reader.py` and `edifact/reader.py`, putting envelopes together to `envelopes.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

Segment: TypeAlias = tuple[str, ...]
"""The segment's identifier and its elements: `segment[3]` is its third element."""

BLANKS: Final = "\r\n\t \ufeff"
"""What stands between segments and means nothing: line breaks, indentation, a byte order mark.

Always named where text is stripped: left to itself, Python takes the information separators, which delimit, for blanks.
"""

SHOWN_CHARACTERS: Final = 2_000
"""How much of a broken interchange is shown."""

COMPONENT: Final = "\x1f"
"""Between the components of an EDIFACT element once it was read: no character of its data can be it."""


class Fault(StrEnum):
    """What can be wrong with an interchange that is read all the same."""

    TRAILER_MISSING = "trailer missing"
    CONTROL_NUMBER_DIFFERS = "control number differs"
    COUNT_DIFFERS = "count differs"
    IDENTIFIER_MISSING = "identifier missing"
    HEADER_MISSING = "header missing"
    STRAY_SEGMENT = "stray segment"
    TERMINATOR_MISSING = "terminator missing"
    LIMIT_EXCEEDED = "limit exceeded"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        fault: What kind of thing.
        segment_no: Where: the position of the segment in its interchange, from 1.
        what: What is wrong, in words for a person.
        about: The segment that opens what it is wrong with: of a document, a group or the interchange.
    """

    fault: Fault
    segment_no: int
    what: str
    about: Segment = ()

    def __str__(self) -> str:
        """Return the words and the place."""
        return f"{self.what} (segment {self.segment_no})"


@dataclass(frozen=True, slots=True)
class Document:
    """One transaction set or message.

    Attributes:
        type: Its transaction set or message type, for example `850` or `ORDERS`; empty where it does not say.
        envelope: The segments that open what it came in, the innermost first: GS and ISA, or UNG and UNB.
        segments: Its segments from ST to SE, or from UNH to UNT.
        component: What stands between the components of its elements; empty where nothing does.
        repetition: What stands between the repetitions of its elements; empty where nothing does.
    """

    type: str
    envelope: tuple[Segment, ...]
    segments: tuple[Segment, ...]
    component: str = ""
    repetition: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """One group of an interchange.

    Attributes:
        opening: The segment that opens it: GS or UNG.
        declared: How many documents its trailer declares; empty where it has none.
    """

    opening: Segment
    declared: str = ""


@dataclass(frozen=True, slots=True)
class Interchange:
    """One interchange that was read, wholly or in part.

    Attributes:
        position: Which of the file's interchanges it is, from 1.
        documents: Those that were closed by their trailer, in order: only they are trusted to be whole.
        problems: What is wrong with it; empty where counts and control numbers agree.
        not_taken: Documents that have no trailer or exceed a limit, as far as they were read.
        groups: Its groups, in order.
        header: The segment that opens it; empty where there is none.
    """

    position: int
    documents: tuple[Document, ...]
    problems: tuple[Problem, ...] = ()
    not_taken: tuple[Document, ...] = ()
    groups: tuple[Group, ...] = ()
    header: Segment = ()


@dataclass(frozen=True, slots=True)
class BrokenInterchange:
    """A piece of a file of which nothing can be read.

    Attributes:
        position: Which of the file's interchanges it is, from 1.
        problem: What is wrong, in words for a person.
        text: How it begins.
    """

    position: int
    problem: str
    text: str


class UnreadableError(Exception):
    """A piece of a file is no interchange; the message says why. Never leaves the readers."""


def element(segment: Sequence[str], position: int) -> str:
    """Return an element without the blanks that pad it; empty where it is not there."""
    return segment[position].strip(BLANKS) if position < len(segment) else ""


def component_of(value: str, component: int, mark: str) -> str:
    """Return a component of an element, from 1; empty where it is not there."""
    if not mark:
        return value if component == 1 else ""
    parts = value.split(mark)
    return parts[component - 1].strip(BLANKS) if component <= len(parts) else ""

"""Take X12 text apart: interchanges, the documents in them, their segments and elements.

Separators come from each interchange's own ISA. An interchange is taken whole or not at all: where a trailer is
missing or a count or control number does not agree, nobody can say what else is. What documents mean belongs to
the declarations and to `sql/10_snapshots`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fulfillment_pipelines.systems.transports.edi.x12.envelope import (
    BLANKS,
    GROUP,
    INTERCHANGE,
    ISA_ELEMENTS,
    TRANSACTION_SET,
    Delimiters,
    EnvelopeLevel,
    Segment,
    control_number,
)

__all__ = ["BrokenInterchange", "Document", "Interchange", "Segment", "read_interchanges"]

_INTERCHANGE: Final = re.compile(r"ISA(?P<separator>[^\w \r\n\t])\d\d(?P=separator)")
_SHOWN_CHARACTERS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Document:
    """One transaction set.

    Attributes:
        type: Its transaction set, for example `850`.
        envelope: The ISA and GS it came in, the innermost first.
        segments: Its segments from ST to SE.
    """

    type: str
    envelope: tuple[Segment, ...]
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Interchange:
    """One interchange whose counts and control numbers agree.

    Attributes:
        position: Which of the file's interchanges it is, from 1.
        documents: In the order they stand in it.
    """

    position: int
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class BrokenInterchange:
    """A piece of a file that is not a sound interchange.

    Attributes:
        position: Which of the file's interchanges it is, from 1.
        problem: What is wrong, in words for a person.
        text: How it begins.
    """

    position: int
    problem: str
    text: str


class _UnsoundError(Exception):
    """An interchange cannot be trusted; the message says why. Never leaves this module."""


def read_interchanges(text: str) -> Iterator[Interchange | BrokenInterchange]:
    """Yield the interchanges of a file in order; broken ones in their place, so that the others can go on."""
    starts = [found.start() for found in _INTERCHANGE.finditer(text)]
    pieces = [text[first:last] for first, last in zip([0, *starts], [*starts, len(text)], strict=True)]
    position = 0
    for piece in pieces:
        if not piece.strip(BLANKS):
            continue
        position += 1
        try:
            yield Interchange(position, _documents(piece))
        except _UnsoundError as error:
            yield BrokenInterchange(position, str(error), piece[:_SHOWN_CHARACTERS])


def _documents(text: str) -> tuple[Document, ...]:
    if not _INTERCHANGE.match(text):
        raise _UnsoundError("it does not begin with an ISA segment")
    header, segments = _segments(text)
    documents: list[Document] = []
    group: Segment | None = None
    groups = sets_before = begins = 0
    for index, segment in enumerate(segments):
        match segment[0]:
            case "GS":
                _refuse(group is not None, f"group {_number(GROUP, group)} has no GE")
                group, sets_before, groups = segment, len(documents), groups + 1
            case "ST":
                _refuse(group is None, f"document {_number(TRANSACTION_SET, segment)} stands outside of a group")
                _refuse(
                    begins > 0, f"document {_number(TRANSACTION_SET, segment)} begins before the one before it ended"
                )
                begins = index + 1
            case "SE":
                _refuse(begins == 0, f"the SE {control_number(segment, 2)} ends nothing")
                documents.append(_document(segments[begins - 1 : index + 1], (group or (), header)))
                begins = 0
            case "GE":
                _refuse(begins > 0, f"document {_number(TRANSACTION_SET, segments[begins - 1])} has no SE")
                _agree(GROUP, group, segment, counted=len(documents) - sets_before)
                group = None
            case "IEA":
                _refuse(group is not None, f"group {_number(GROUP, group)} has no GE")
                _agree(INTERCHANGE, header, segment, counted=groups)
                _refuse(index + 1 < len(segments), "something stands behind its IEA")
                return tuple(documents)
            case "TA1":
                _refuse(group is not None, "the segment TA1 stands inside of a group")
            case _:
                _refuse(begins == 0, f"the segment {segment[0][:3]} stands outside of a document")
    raise _UnsoundError(f"interchange {_number(INTERCHANGE, header)} has no IEA")


def _document(segments: Sequence[Segment], envelope: tuple[Segment, ...]) -> Document:
    opening, closing = segments[0], segments[-1]
    _refuse(len(opening) < len(closing), "an ST does not name its transaction set")
    _agree(TRANSACTION_SET, opening, closing, counted=len(segments))
    return Document(opening[1], envelope, tuple(segments))


def _agree(level: EnvelopeLevel, opening: Segment | None, closing: Segment, *, counted: int) -> None:
    """Compare a trailer (count, control number) with what it ends."""
    _refuse(opening is None, f"the {closing[0]} {control_number(closing, 2)} ends nothing")
    expected, found = _number(level, opening), control_number(closing, 2)
    _refuse(expected != found, f"{level.name} {expected} ends with control number {found}")
    told = control_number(closing, 1)
    _refuse(told != str(counted), f"{level.name} {expected} declares {told} parts and has {counted}")


def _number(level: EnvelopeLevel, opening: Segment | None) -> str:
    return control_number(opening, level.control)


def _refuse(condition: bool, problem: str) -> None:
    if condition:
        raise _UnsoundError(problem)


def _segments(text: str) -> tuple[Segment, list[Segment]]:
    """Return the ISA and the segments behind it; line breaks and indentation around segments mean nothing."""
    separator = text[3]
    parts = text.split(separator, ISA_ELEMENTS)
    if len(parts) <= ISA_ELEMENTS:
        raise _UnsoundError(f"its ISA has {len(parts) - 1} elements instead of {ISA_ELEMENTS}")
    delimiters, behind = _delimiters(separator, parts[-1])
    header = tuple(part.strip() for part in parts[:-1])
    return header, list(delimiters.read(behind))


def _delimiters(separator: str, behind: str) -> tuple[Delimiters, str]:
    """Return how the interchange is delimited, and the text behind its ISA.

    Between the last separator of the ISA and the GS stand ISA16 and the terminator. A lone character is the
    terminator where the next line ends with it too; else it is ISA16, and lines end segments.
    """
    first_group = behind.find(f"GS{separator}")
    between = behind if first_group < 0 else behind[:first_group]
    marks = between.strip("\r\n\t ")
    if len(marks) > 1:
        return Delimiters(separator, marks[0], marks[1]), behind[behind.index(marks) + 2 :]
    if not marks or first_group < 0:
        raise _UnsoundError("its ISA does not say how segments end")
    line = behind[first_group:].split("\n", 1)[0].rstrip()
    if line.endswith(marks):
        return Delimiters(separator, "", marks), behind[first_group:]
    return Delimiters(separator, marks, "\n"), behind[first_group:]

"""Take X12 text apart: interchanges, the documents in them, their segments and elements.

Separators come from each interchange's own ISA. What is wrong with envelopes is told beside what was read; only a
piece of text without a usable ISA is broken. What documents mean belongs to the declarations, to `sql/10_snapshots`
and to the guides of this room.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from fulfillment_pipelines.domain.edi import Limits
from fulfillment_pipelines.systems.transports.edi.envelopes import Marks, open_envelopes
from fulfillment_pipelines.systems.transports.edi.interchange import (
    BLANKS,
    SHOWN_CHARACTERS,
    BrokenInterchange,
    Document,
    Fault,
    Interchange,
    Problem,
    Segment,
    UnreadableError,
)
from fulfillment_pipelines.systems.transports.edi.x12.envelope import ISA_ELEMENTS, RULES, Delimiters

__all__ = ["BrokenInterchange", "Document", "Interchange", "Segment", "read_interchanges"]

_INTERCHANGE: Final = re.compile(r"(?<![A-Za-z0-9])ISA(?P<separator>[^\w \r\n\t])\d\d(?P=separator)")
_SEGMENT_BEGINS: Final = r"\s*[A-Z][A-Z0-9]{1,2}(?:%s|$)"
_LONGEST_ISA: Final = 200
_END_OF_FILE: Final = "\x1a\x00"
_REPETITION: Final = 11
_VERSION: Final = 12
_FIRST_VERSION_WITH_REPETITIONS: Final = "00402"


@dataclass(slots=True)
class _Taken:
    """The segments behind an ISA, and where a terminator between them was missing."""

    segments: list[Segment] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_interchanges(text: str, limits: Limits = Limits()) -> Iterator[Interchange | BrokenInterchange]:  # noqa: B008 - it is frozen
    """Yield the interchanges of a file in order; broken ones in their place, so that the others can go on.

    Args:
        text: What is in the file.
        limits: What is read at most.
    """
    text = text.rstrip(_END_OF_FILE + BLANKS)
    starts = [found.start() for found in _INTERCHANGE.finditer(text) if _begins(text, found)]
    position = 0
    for first, last in zip([0, *starts], [*starts, len(text)], strict=True):
        piece = text[first:last]
        if not piece.strip(BLANKS):
            continue
        position += 1
        try:
            yield _read(position, piece, limits)
        except UnreadableError as error:
            yield BrokenInterchange(position, str(error), piece[:SHOWN_CHARACTERS])


def _begins(text: str, found: re.Match[str]) -> bool:
    """Return whether an ISA is a segment: behind a separator it may be an element that says ISA, without a version."""
    start, separator = found.start(), found["separator"]
    if text[start - 1 : start] != separator:
        return True
    elements = text[start : start + _LONGEST_ISA].split(separator)
    return len(elements) > ISA_ELEMENTS and re.fullmatch(r"\s*\d{5}\s*", elements[_VERSION]) is not None


def _read(position: int, text: str, limits: Limits) -> Interchange:
    if not _INTERCHANGE.match(text):
        raise UnreadableError("it does not begin with an ISA segment")
    if len(text) > limits.interchange_characters:
        raise UnreadableError(f"it has {len(text)} characters and {limits.interchange_characters} are read")
    header, delimiters, behind = _header(text)
    taken = _split(behind, delimiters)
    opened = open_envelopes(header, taken.segments, RULES, Marks(delimiters.component, delimiters.repetition, limits))
    return Interchange(
        position,
        tuple(opened.documents),
        tuple(taken.problems + opened.problems),
        tuple(opened.not_taken),
        tuple(opened.groups),
        header,
    )


def _header(text: str) -> tuple[Segment, Delimiters, str]:
    """Return the ISA, how the interchange is delimited, and the text behind the ISA."""
    separator = text[3]
    parts = text.split(separator, ISA_ELEMENTS)
    if len(parts) <= ISA_ELEMENTS:
        raise UnreadableError(f"its ISA has {len(parts) - 1} elements instead of {ISA_ELEMENTS}")
    header = tuple(_without_line_breaks(part).strip(BLANKS) for part in parts[:-1])
    told = header[_REPETITION]
    has_repetition = header[_VERSION] >= _FIRST_VERSION_WITH_REPETITIONS and len(told) == 1 and not told.isalnum()
    component, terminator, behind = _ends(separator, parts[-1])
    return header, Delimiters(separator, component, terminator, "", told if has_repetition else ""), behind


def _ends(separator: str, behind: str) -> tuple[str, str, str]:
    """Return separator of components, terminator, and the text behind the ISA.

    Between the last separator of the ISA and the GS stand ISA16 and the terminator. A lone character is the
    terminator where the next line ends with it too; else it is ISA16, and lines end segments.
    """
    first_group = behind.find(f"GS{separator}")
    between = behind if first_group < 0 else behind[:first_group]
    begins = len(between) - len(between.lstrip(BLANKS))
    marks = between[begins:].rstrip(BLANKS)
    if len(marks) > 1:
        terminator = "\n" if marks[1] == "\r" else marks[1]
        return marks[0], terminator, behind[begins + 2 :]
    if not marks or first_group < 0:
        raise UnreadableError("its ISA does not say how segments end")
    rest = behind[first_group:]
    if rest.split("\n", 1)[0].rstrip(BLANKS).endswith(marks):
        return "", marks, rest
    return marks, "\n" if "\n" in between else "\r", rest


def _split(text: str, delimiters: Delimiters) -> _Taken:
    """Return the segments of a text; indentation and, where they end no segments, line breaks mean nothing."""
    separator, terminator = delimiters.element, delimiters.segment
    pieces = [piece.strip(BLANKS) for piece in text.split(terminator)]
    if ("\n" not in text and "\r" not in text) or terminator in "\r\n":
        return _Taken([tuple(piece.split(separator)) for piece in pieces if piece])
    taken = _Taken()
    is_a_line_each = len(re.findall(f"{re.escape(terminator)}[ \t]*[\r\n]", text)) * 2 >= len(pieces)
    begins = re.compile(_SEGMENT_BEGINS % re.escape(separator))
    for piece in pieces:
        if "\n" not in piece and "\r" not in piece:
            if piece:
                taken.segments.append(tuple(piece.split(separator)))
        elif is_a_line_each:
            _take_lines(piece, separator, begins, taken)
        else:
            taken.segments.append(tuple(_without_line_breaks(piece).split(separator)))
    return taken


def _take_lines(piece: str, separator: str, begins: re.Pattern[str], taken: _Taken) -> None:
    """Take what stands between two terminators and has several lines: of one segment, or of more than one.

    Where each segment has its line, a line that begins like a segment is one, and the terminator before it is missing.
    """
    segments: list[str] = []
    for line in re.split("[\r\n]+", piece):
        if segments and not begins.match(line):
            segments[-1] += line
            continue
        if segments:
            number = len(taken.segments) + len(segments) + 1
            what = f"the segment {segments[-1][:3].rstrip(separator)} has no terminator"
            taken.problems.append(Problem(Fault.TERMINATOR_MISSING, number, what))
        segments.append(line)
    taken.segments.extend(tuple(segment.strip(BLANKS).split(separator)) for segment in segments)


def _without_line_breaks(text: str) -> str:
    return text.replace("\r", "").replace("\n", "")

"""Take EDIFACT text apart: service characters, released characters, segments, and the messages in their envelopes.

Components of an element come with the mark `COMPONENT` between them, whatever stood between them in the text, so that
a released character is a character of the data. What messages mean belongs to the declarations and to the guides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from fulfillment_pipelines.domain.edi import Limits
from fulfillment_pipelines.systems.transports.edi.edifact.envelope import DEFAULT_CHARACTERS, RULES, ServiceCharacters
from fulfillment_pipelines.systems.transports.edi.envelopes import Marks, open_envelopes
from fulfillment_pipelines.systems.transports.edi.interchange import (
    BLANKS,
    COMPONENT,
    SHOWN_CHARACTERS,
    BrokenInterchange,
    Fault,
    Interchange,
    Problem,
    Segment,
    UnreadableError,
)

__all__ = ["read_interchanges"]

_HEADER: Final = "UNB"
_BARE_MESSAGE: Final = "UNH"
_ADVICE: Final = "UNA"
_ADVICE_CHARACTERS: Final = 9
# Behind a terminator or on a line of its own: an element may say UNB as well.
_BEGINNING: Final = re.compile(
    r"(?:^|[^\w\s+:?]|[\r\n\x1c])[ \t\r\n]{0,40}(?P<begins>UNA[^\w\s]{2}.{3}\S|UNB[+\x1d])", re.DOTALL
)
_PRIVATE_USE: Final = range(0xE000, 0xF8FF)


def read_interchanges(text: str, limits: Limits = Limits()) -> Iterator[Interchange | BrokenInterchange]:  # noqa: B008 - it is frozen
    """Yield the interchanges of a file in order; broken ones in their place, so that the others can go on.

    A message without an interchange around it is read, and told.

    Args:
        text: What is in the file.
        limits: What is read at most.
    """
    for position, piece in enumerate(_pieces(text.rstrip("\x1a\x00" + BLANKS)), start=1):
        try:
            yield _read(position, piece, limits)
        except UnreadableError as error:
            yield BrokenInterchange(position, str(error), piece[:SHOWN_CHARACTERS])


def _pieces(text: str) -> Iterator[str]:
    """Yield what stands between the beginnings of interchanges; a UNA and the UNB behind it are one beginning."""
    starts: list[int] = []
    is_advised = False
    for found in _BEGINNING.finditer(text):
        is_advice, begins = found["begins"].startswith(_ADVICE), found.start("begins")
        if is_advice or not is_advised or text[starts[-1] + _ADVICE_CHARACTERS : begins].strip(BLANKS):
            starts.append(begins)
        is_advised = is_advice
    for first, last in zip([0, *starts], [*starts, len(text)], strict=True):
        if text[first:last].strip(BLANKS):
            yield text[first:last].strip(BLANKS)


def _read(position: int, text: str, limits: Limits) -> Interchange:
    if len(text) > limits.interchange_characters:
        raise UnreadableError(f"it has {len(text)} characters and {limits.interchange_characters} are read")
    characters, behind = _service_characters(text)
    segments = _segments(behind, characters)
    name = segments[0][0] if segments else ""
    problems: list[Problem] = []
    if name == _HEADER:
        header, body = segments[0], segments[1:]
    else:
        header, body = (), segments
        problems.append(Problem(Fault.HEADER_MISSING, 1, f"no {_HEADER} stands around its messages"))
    opened = open_envelopes(header, body, RULES, Marks(COMPONENT, "", limits))
    return Interchange(
        position,
        tuple(opened.documents),
        tuple(problems + opened.problems),
        tuple(opened.not_taken),
        tuple(opened.groups),
        header,
    )


def _service_characters(text: str) -> tuple[ServiceCharacters, str]:
    """Return what delimits an interchange, and its text from the first segment on."""
    characters = DEFAULT_CHARACTERS
    if text.startswith(_ADVICE):
        told = text[3:_ADVICE_CHARACTERS].ljust(6)
        characters = ServiceCharacters(told[0], told[1], told[2], told[3].strip(BLANKS), told[5])
        text = text[_ADVICE_CHARACTERS:].lstrip(BLANKS)
    elif text.startswith(f"{_HEADER}\x1d"):  # level B of the syntax: information separators
        characters = ServiceCharacters("\x1f", "\x1d", ".", "", "\x1c")
    if not text.startswith((_HEADER, _BARE_MESSAGE)):
        raise UnreadableError("it does not begin with a UNA, UNB or UNH segment")
    if len({characters.component, characters.element, characters.segment}) < 3:  # noqa: PLR2004 - there are three of them
        raise UnreadableError("its UNA does not say how segments end")
    if _ends_with_lines(text, characters.segment):
        characters = ServiceCharacters(
            characters.component, characters.element, characters.decimal, characters.release, "\n"
        )
    return characters, text


def _ends_with_lines(text: str, terminator: str) -> bool:
    """Return whether lines end segments: the first does not end with the terminator, and a segment begins the next."""
    first, *others = (line.rstrip(BLANKS) for line in islice(text.split("\n", 2), 2))
    return bool(others) and terminator not in first and re.match(r"\s*[A-Z]{3}\W", others[0] + " ") is not None


@dataclass(frozen=True, slots=True)
class _Released:
    """A text whose released characters were taken out of the way of splitting.

    Attributes:
        text: With a character of the private use area in the place of each released delimiter.
        meant: What each of these stands for.
    """

    text: str
    meant: Mapping[int, str]


def _segments(text: str, characters: ServiceCharacters) -> Sequence[Segment]:
    """Return the segments of a text; indentation, and line breaks that end no segment, mean nothing."""
    released = _release(text, characters)
    plain = released.text
    if characters.segment not in "\r\n" and ("\n" in plain or "\r" in plain):
        plain = plain.replace("\r", "").replace("\n", "")
    plain = plain.replace(COMPONENT, "\ufffd") if characters.component != COMPONENT else plain
    plain = plain.replace(characters.component, COMPONENT)
    pieces = (piece.strip(BLANKS) for piece in plain.split(characters.segment))
    if not released.meant:
        return [tuple(piece.split(characters.element)) for piece in pieces if piece]
    return [
        tuple(part.translate(released.meant) for part in piece.split(characters.element)) for piece in pieces if piece
    ]


def _release(text: str, characters: ServiceCharacters) -> _Released:
    release = characters.release
    if not release or release not in text:
        return _Released(text, {})
    free = (chr(code) for code in _PRIVATE_USE if chr(code) not in text)
    meant: dict[int, str] = {}
    # The release character itself comes first, from the left: what it releases does not release anything.
    for mark in (release, characters.component, characters.element, characters.segment):
        if release + mark in text:
            stand_in = next(free, None)
            if stand_in is None:
                raise UnreadableError("it holds every character of the private use area")
            meant[ord(stand_in)] = mark
            text = text.replace(release + mark, stand_in)
    return _Released(text.replace(release, ""), meant)

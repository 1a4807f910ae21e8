"""Documents as one interchange: UNA, UNB, UNH … UNT, UNZ, with references and counts that agree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fulfillment_pipelines.domain.x12_documents import X12Document
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.systems.transports.edi.edifact.envelope import DEFAULT_CHARACTERS, ServiceCharacters
from fulfillment_pipelines.systems.transports.edi.edifact.guides import guide_for
from fulfillment_pipelines.systems.transports.edi.guide.elements import Elements
from fulfillment_pipelines.systems.transports.edi.interchange import COMPONENT, Segment

ENCODING: Final = "iso-8859-1"
"""Of the character set UNOC."""

MOST_CONTROL_NUMBER: Final = 99_999_999_999_999
"""Greatest number that the interchange's reference (0020) holds."""

_OUTSIDE_THE_CHARACTER_SET: Final = re.compile(r"[^\x20-\x7e\xa0-\xff]")
_SYNTAX: Final = f"UNOC{COMPONENT}3"
_TEST: Final = "1"
_TEST_POSITION: Final = 11


@dataclass(frozen=True, slots=True)
class EdifactProfile:
    """How interchanges with one partner are written.

    Attributes:
        sender: Our identifier.
        receiver: The partner's.
        sender_qualifier: Kind of our identifier (0007); empty where none was agreed.
        receiver_qualifier: Kind of the partner's.
        characters: What delimits.
        release: Directory and version of the messages, with those who control them.
        association: Guideline, for example `EAN008`; empty where none was agreed.
        is_test: Whether interchanges are tests.
    """

    sender: str
    receiver: str
    sender_qualifier: str = ""
    receiver_qualifier: str = ""
    characters: ServiceCharacters = DEFAULT_CHARACTERS
    release: tuple[str, str, str] = ("D", "96A", "UN")
    association: str = ""
    is_test: bool = False


def write_interchange(
    profile: EdifactProfile, documents: X12Document | Sequence[X12Document], number: int, at: datetime
) -> str:
    """Return a document in its envelopes, or several.

    Args:
        profile: How the partner wants it.
        documents: What is sent. A document alone has the interchange's number; several are counted from 1.
        number: Reference of the interchange.
        at: When it is sent; written in UTC.

    Raises:
        BadDataError: A field of a document cannot be written, the message names it; or there is no document, or one
            that is not written as EDIFACT.
        ConfigurationError: The reference does not fit.
    """
    if not 1 <= number <= MOST_CONTROL_NUMBER:
        raise ConfigurationError(
            f"The reference {number} for {profile.receiver} does not fit an interchange.",
            expected=f"1 to {MOST_CONTROL_NUMBER}",
            remedy="agree with the partner on a new count, under another identifier of ours",
        )
    several = documents if isinstance(documents, Sequence) else (documents,)
    if not several:
        raise BadDataError("The interchange has no document.", expected="one or more", found="none")
    first = 1 if isinstance(documents, Sequence) else number
    segments = [_unb(profile, number, at)]
    for reference, document in enumerate(several, start=first):
        body = _message(profile, document, reference)
        segments += [*body, ("UNT", str(len(body) + 1), str(reference))]
    closing = ("UNZ", str(len(several)), str(number))
    return profile.characters.advice + profile.characters.written([*segments, closing])


def _message(profile: EdifactProfile, document: X12Document, reference: int) -> list[Segment]:
    guide = guide_for(document)
    elements = Elements(guide.name, _OUTSIDE_THE_CHARACTER_SET, "printable characters of ISO 8859-1", "EDIFACT")
    kind = COMPONENT.join((guide.set_type, *profile.release, profile.association)).rstrip(COMPONENT)
    return [("UNH", str(reference), kind), *guide.written(document, elements)]


def _unb(profile: EdifactProfile, number: int, at: datetime) -> Segment:
    utc = at.astimezone(UTC)
    header = (
        *("UNB", _SYNTAX),
        f"{profile.sender}{COMPONENT}{profile.sender_qualifier}",
        f"{profile.receiver}{COMPONENT}{profile.receiver_qualifier}",
        *(f"{utc:%y%m%d}{COMPONENT}{utc:%H%M}", str(number)),
    )
    if not profile.is_test:
        return header
    return (*header, *[""] * (_TEST_POSITION - len(header)), _TEST)

"""Documents as one interchange: ISA, GS, ST … SE, GE, IEA, with numbers and counts that agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fulfillment_pipelines.domain.x12_documents import X12Document
from fulfillment_pipelines.errors import BadDataError, ConfigurationError
from fulfillment_pipelines.systems.transports.edi.envelopes import EnvelopeLevel
from fulfillment_pipelines.systems.transports.edi.guide.documents import DocumentGuide
from fulfillment_pipelines.systems.transports.edi.guide.elements import day
from fulfillment_pipelines.systems.transports.edi.interchange import Segment
from fulfillment_pipelines.systems.transports.edi.x12.elements import x12_elements
from fulfillment_pipelines.systems.transports.edi.x12.envelope import (
    GROUP,
    INTERCHANGE,
    TRANSACTION_SET,
    Delimiters,
)
from fulfillment_pipelines.systems.transports.edi.x12.guides import FUNCTIONAL_IDS, guide_for

MOST_CONTROL_NUMBER: Final = 999_999_999
"""Greatest number that ISA13 holds."""

_NO_INFORMATION: Final = ("00", " " * 10)
_STANDARD: Final = "U"
_NO_ACKNOWLEDGMENT: Final = "0"
_X12: Final = "X"
_INTERCHANGE_VERSION_CHARACTERS: Final = 5


@dataclass(frozen=True, slots=True)
class Party:
    """One side of an exchange.

    Attributes:
        qualifier: What kind of identifier it is, for example `ZZ`: agreed between the parties.
        id: The identifier, at most 15 characters.
    """

    qualifier: str
    id: str


@dataclass(frozen=True, slots=True)
class PartnerProfile:
    """How interchanges with one partner are written.

    Attributes:
        sender: Us.
        receiver: The partner.
        delimiters: What the partner wants between elements and behind segments.
        version: Release and guideline, for example `004010` or `004010VICS`.
        usage: `P` for production, `T` for tests.
    """

    sender: Party
    receiver: Party
    delimiters: Delimiters
    version: str = "004010"
    usage: str = "P"


def write_interchange(
    profile: PartnerProfile, documents: X12Document | Sequence[X12Document], number: int, at: datetime
) -> str:
    """Return a document in its envelopes, or several of one type in one group.

    Args:
        profile: How the partner wants it.
        documents: What is sent. A document alone has the interchange's number; several are counted from 0001.
        number: Control number of interchange and group.
        at: When it is sent; written in UTC.

    Raises:
        BadDataError: A field of a document cannot be written, the message names it; or there is no document, or their
            types differ.
        ConfigurationError: The control number does not fit.
    """
    if not 1 <= number <= MOST_CONTROL_NUMBER:
        raise ConfigurationError(
            f"The control number {number} for {profile.receiver.id} does not fit an interchange.",
            expected=f"1 to {MOST_CONTROL_NUMBER}",
            remedy="agree with the partner on a new count, under another identifier of ours",
        )
    several = documents if isinstance(documents, Sequence) else (documents,)
    guide = _guide(several)
    elements = x12_elements(guide.name, profile.delimiters)
    header = _isa(profile, number, at)
    group = _gs(profile, FUNCTIONAL_IDS[guide.set_type], number, at)
    segments = [header, group]
    for set_no, document in zip(_set_numbers(documents, number), several, strict=True):
        body = [("ST", guide.set_type, set_no), *guide.written(document, elements)]
        segments += [*body, _closing(TRANSACTION_SET, body[0], len(body) + 1)]
    return profile.delimiters.written(
        [*segments, _closing(GROUP, group, len(several)), _closing(INTERCHANGE, header, 1)]
    )


def _guide(documents: Sequence[X12Document]) -> DocumentGuide:
    types = sorted({guide_for(document).set_type for document in documents})
    if len(types) != 1:
        raise BadDataError(
            "The documents do not make one group.",
            expected="one or more, all of one type",
            found=", ".join(types) or "none",
            remedy="write an interchange for each type",
        )
    return guide_for(documents[0])


def _set_numbers(documents: X12Document | Sequence[X12Document], number: int) -> list[str]:
    if isinstance(documents, Sequence):
        return [f"{position:04d}" for position in range(1, len(documents) + 1)]
    return [f"{number:04d}"]


def _closing(level: EnvelopeLevel, opening: Segment, count: int) -> Segment:
    return (level.closing, str(count), opening[level.control])


def _isa(profile: PartnerProfile, number: int, at: datetime) -> Segment:
    utc = at.astimezone(UTC)
    return (
        *("ISA", *_NO_INFORMATION, *_NO_INFORMATION),
        *(profile.sender.qualifier, f"{profile.sender.id:<15}"),
        *(profile.receiver.qualifier, f"{profile.receiver.id:<15}"),
        *(f"{utc:%y%m%d}", f"{utc:%H%M}", _STANDARD, profile.version[:_INTERCHANGE_VERSION_CHARACTERS]),
        *(f"{number:09d}", _NO_ACKNOWLEDGMENT, profile.usage, profile.delimiters.component),
    )


def _gs(profile: PartnerProfile, functional_id: str, number: int, at: datetime) -> Segment:
    utc = at.astimezone(UTC)
    return (
        *("GS", functional_id, profile.sender.id, profile.receiver.id),
        *(day(utc), f"{utc:%H%M%S}", str(number), _X12, profile.version),
    )

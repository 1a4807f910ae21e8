"""One document as one interchange: ISA, GS, ST … SE, GE, IEA, with numbers and counts that agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fulfillment_pipelines.domain.x12_documents import (
    InventoryAdjustment,
    InventoryAdvice,
    OrderAcknowledgment,
    ShipNotice,
    ShippingAdvice,
    X12Document,
)
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.transports.edi.x12.elements import day
from fulfillment_pipelines.systems.transports.edi.x12.envelope import (
    GROUP,
    INTERCHANGE,
    TRANSACTION_SET,
    Delimiters,
    EnvelopeLevel,
    Segment,
)
from fulfillment_pipelines.systems.transports.edi.x12.inventory_adjustment import adjustment_segments
from fulfillment_pipelines.systems.transports.edi.x12.inventory_advice import inventory_segments
from fulfillment_pipelines.systems.transports.edi.x12.order_acknowledgment import acknowledgment_segments
from fulfillment_pipelines.systems.transports.edi.x12.ship_notice import notice_segments
from fulfillment_pipelines.systems.transports.edi.x12.shipping_advice import advice_segments

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


def write_interchange(profile: PartnerProfile, document: X12Document, number: int, at: datetime) -> str:
    """Return a document in its envelopes.

    Args:
        profile: How the partner wants it.
        document: What is sent.
        number: Control number of all three envelopes.
        at: When it is sent; written in UTC.

    Raises:
        BadDataError: A field of the document cannot be written; the message names it.
        ConfigurationError: The control number does not fit.
    """
    if not 1 <= number <= MOST_CONTROL_NUMBER:
        raise ConfigurationError(
            f"The control number {number} for {profile.receiver.id} does not fit an interchange.",
            expected=f"1 to {MOST_CONTROL_NUMBER}",
            remedy="agree with the partner on a new count, under another identifier of ours",
        )
    set_type, functional_id, segments = _content(document, profile.delimiters)
    body = [("ST", set_type, f"{number:04d}"), *segments]
    body.append(_closing(TRANSACTION_SET, body[0], len(body) + 1))
    header, group = _isa(profile, number, at), _gs(profile, functional_id, number, at)
    return profile.delimiters.written(
        [header, group, *body, _closing(GROUP, group, 1), _closing(INTERCHANGE, header, 1)]
    )


def _content(document: X12Document, delimiters: Delimiters) -> tuple[str, str, Iterator[Segment]]:
    """Return transaction set, functional identifier (GS01) and segments."""
    match document:
        case OrderAcknowledgment():
            return "855", "PR", acknowledgment_segments(document, delimiters)
        case ShipNotice():
            return "856", "SH", notice_segments(document, delimiters)
        case ShippingAdvice():
            return "945", "SW", advice_segments(document, delimiters)
        case InventoryAdjustment():
            return "947", "AW", adjustment_segments(document, delimiters)
        case InventoryAdvice():
            return "846", "IB", inventory_segments(document, delimiters)


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

"""A document of ours as the bytes that a declared partner takes: X12 or EDIFACT, with its delimiters and numbers."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from fulfillment_pipelines.domain.edi import ControlNumber
from fulfillment_pipelines.domain.x12_documents import DOCUMENTS, X12Document
from fulfillment_pipelines.systems.declaration.edi_messages import EdifactPartner, Partner
from fulfillment_pipelines.systems.transports.edi.edifact import writer as edifact
from fulfillment_pipelines.systems.transports.edi.edifact.envelope import ServiceCharacters
from fulfillment_pipelines.systems.transports.edi.edifact.guides import GUIDES
from fulfillment_pipelines.systems.transports.edi.x12 import writer as x12
from fulfillment_pipelines.systems.transports.edi.x12.envelope import Delimiters

AnyPartner: TypeAlias = Partner | EdifactPartner
"""A partner of either standard, as declared."""


def interchange_number(partner: AnyPartner, control: ControlNumber) -> int:
    """Return the number of an interchange, which goes on from what the partner has had before."""
    return partner.first_control_number + control.number - 1


def widest_number(partner: AnyPartner) -> int:
    """Return the count at which the partner's control number is longest: what fits with it always fits."""
    return x12.MOST_CONTROL_NUMBER - partner.first_control_number + 1


def written_for(partner: AnyPartner, document: X12Document, number: int, at: datetime) -> bytes:
    """Return an interchange of one document.

    Raises:
        BadDataError: A field of the document cannot be written, or the partner's standard has no such document.
        ConfigurationError: The control number does not fit.
    """
    if isinstance(partner, EdifactPartner):
        return edifact.write_interchange(_edifact_profile(partner), document, number, at).encode(edifact.ENCODING)
    return x12.write_interchange(x12_profile(partner), document, number, at).encode("ascii")


def type_sent(partner: AnyPartner, transaction_set: str) -> str:
    """Return what a transaction set is called where the partner reads it: `855`, or `ORDRSP`."""
    if not isinstance(partner, EdifactPartner):
        return transaction_set
    model, _ = DOCUMENTS[transaction_set]
    return next((name for name, guide in GUIDES.items() if guide.model is model), transaction_set)


def x12_profile(partner: Partner) -> x12.PartnerProfile:
    """Return how interchanges with a declared partner are written."""
    delimiters = partner.delimiters
    return x12.PartnerProfile(
        sender=x12.Party(partner.sender.qualifier, partner.sender.id),
        receiver=x12.Party(partner.receiver.qualifier, partner.receiver.id),
        delimiters=Delimiters(delimiters.element, delimiters.component, delimiters.segment, delimiters.line_break),
        version=partner.version,
        usage=partner.usage,
    )


def _edifact_profile(partner: EdifactPartner) -> edifact.EdifactProfile:
    return edifact.EdifactProfile(
        sender=partner.sender.id,
        receiver=partner.receiver.id,
        sender_qualifier=partner.sender.qualifier,
        receiver_qualifier=partner.receiver.qualifier,
        characters=ServiceCharacters(line_break=partner.line_break),
        association=partner.association,
        is_test=partner.usage == "T",
    )

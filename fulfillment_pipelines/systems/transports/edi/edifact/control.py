"""What a partner answers to an interchange of EDIFACT: the CONTRL, by the references of interchange and message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fulfillment_pipelines.systems.transports.edi.envelopes import control_number
from fulfillment_pipelines.systems.transports.edi.interchange import Document, component_of, element

CONTROL: Final = "CONTRL"

_SENDER: Final = 2
_RECEIVER: Final = 3
_PREPARED: Final = 4
_INTERCHANGE_ACTION: Final = 4
_MESSAGE_ACTION: Final = 3
_CENTURY: Final = "20"

_CODES: Final = {"4": "R", "7": "A", "8": "A"}
"""Action (0083) to the code a 997 would say: rejected, acknowledged, received."""


def interchange_answered(document: Document) -> tuple[str, str, str] | None:
    """Return who answers whom about which interchange; None where a CONTRL does not say."""
    header = document.envelope[-1] if document.envelope else ()
    uci = next((segment for segment in document.segments if segment[0] == "UCI"), None)
    if uci is None or not header:
        return None
    parties = (component_of(element(header, at), 1, document.component) for at in (_SENDER, _RECEIVER))
    sender, receiver = parties
    return sender, receiver, control_number(uci, 1)


def actions(document: Document, reference: str, message_type: str) -> Iterator[str]:
    """Yield what a CONTRL says of a message: of itself, or of its interchange where no message is named.

    Yields:
        The code a 997 would say: `A` accepted, `R` rejected, and any other action as it stands.
    """
    named = [segment for segment in document.segments if segment[0] == "UCM"]
    for segment in named:
        kind = component_of(element(segment, 2), 1, document.component)
        if control_number(segment, 1) == reference and kind == message_type:
            yield _code(element(segment, _MESSAGE_ACTION))
    for segment in document.segments:
        if segment[0] == "UCI" and not named and control_number(segment, 1) == reference:
            yield _code(element(segment, _INTERCHANGE_ACTION))


def prepared(document: Document) -> str:
    """Return when a CONTRL was made, as its interchange says: date and time."""
    told = element(document.envelope[-1], _PREPARED)
    return _CENTURY + "".join(component_of(told, at, document.component) for at in (1, 2))


def _code(action: str) -> str:
    return _CODES.get(action, action)

"""What a message is: what it asks for, of what it consists, what it sets, how it is undone, who reacts to it.

The messages themselves stand in the modules of the business objects; their list in `catalogue`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

from fulfillment_pipelines.domain.correction import Scalar
from fulfillment_pipelines.messages.fields import MessagePart


class BusinessObject(StrEnum):
    """What a message changes, and so how far it reaches."""

    ORDER = "order"
    ORDER_LINE = "order line"
    HOLD = "hold"
    SHIPMENT_LINE = "shipment line"
    STOCK_POSITION = "stock position"
    INVOICE_LINE = "invoice line"
    CUSTOMER_CASE = "customer case"
    REFERENCE = "reference"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class FromPayload:
    """The value the payload has.

    Attributes:
        name: Field of the payload.
        negated: Take the opposite change.
        or_later: Where the payload lacks the field: what will be known when the message is undone.
    """

    name: str
    negated: bool = False
    or_later: str = ""


@dataclass(frozen=True, slots=True)
class FromPrecondition:
    """The value the target held before."""

    name: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same value."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Later:
    """A value that is known only when the message is undone."""

    what: str


Source: TypeAlias = FromPayload | FromPrecondition | Fixed | Later


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class UndoneBy:
    """The message that takes the effect back.

    Attributes:
        message: Its name.
        payload: Where each of its fields comes from.
        precondition: Where each value that must still stand comes from.
    """

    message: str
    payload: Mapping[str, Source]
    precondition: Mapping[str, Source] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class NotUndone:
    """No message takes the effect back.

    Attributes:
        because: Why, to be read after "none, because".
    """

    because: str


Inverse: TypeAlias = UndoneBy | NotUndone


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a system does of itself once the message has had its effect.

    Attributes:
        role: The system's role.
        does: What it does.
    """

    role: str
    does: str


@dataclass(frozen=True, slots=True)
class MessageType:
    """One message that a system can be asked to take.

    Attributes:
        name: `object.verb`, as rules and declarations spell it.
        asks: What it asks for, in one sentence.
        object: What it changes.
        payload: The shape of its content.
        precondition: The shape of the values that must still stand in the target.
        inverse: How it is undone.
        sets: Fields of the payload whose value the target shall hold afterwards; the others say of what.
        implies: Values the target holds afterwards that the payload does not spell out.
        adds: Values of the precondition that a field of the payload is added to, as a movement is to the stock on hand.
        quantity: Field of the payload with the base units it is about; empty where it is about none.
        reactions: What other systems do because of it.
        version: Raised when a field is removed or narrowed, or changes its meaning.
    """

    name: str
    asks: str
    object: BusinessObject
    payload: type[MessagePart]
    precondition: type[MessagePart]
    inverse: Inverse
    sets: tuple[str, ...] = ()
    implies: Mapping[str, Scalar] = field(default_factory=_nothing)
    adds: Mapping[str, str] = field(default_factory=_nothing)
    quantity: str = ""
    reactions: tuple[Reaction, ...] = ()
    version: int = 1

    @property
    def title(self) -> str:
        """Name and version, for example `ship.confirm v1`."""
        return f"{self.name} v{self.version}"

"""How one message, with the content it has, would be undone.

That a message can be undone, and by which, is declared with the message; carrying it out belongs to `corrections`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from fulfillment_pipelines.domain.correction import Scalar
from fulfillment_pipelines.messages.catalogue import message_type
from fulfillment_pipelines.messages.fields import MessagePart
from fulfillment_pipelines.messages.message import (
    Fixed,
    FromPayload,
    FromPrecondition,
    MessageType,
    NotUndone,
    Source,
    UndoneBy,
)


@dataclass(frozen=True, slots=True)
class Undoing:
    """The message that would take an effect back, as far as it is known before the effect.

    Attributes:
        message: Its name; empty where no message does.
        payload: The fields that are known.
        precondition: The values that must still stand then, as far as they are known.
        later: What is known only when it is undone, by field; fields of the precondition begin with `precondition.`.
        not_restored: Fields that the first message sets and this one does not bring back.
        because: Why no message takes the effect back; empty where one does.
    """

    message: str = ""
    payload: Mapping[str, Scalar] = field(default_factory=dict)
    precondition: Mapping[str, Scalar] = field(default_factory=dict)
    later: Mapping[str, str] = field(default_factory=dict)
    not_restored: tuple[str, ...] = ()
    because: str = ""


def undoing_of(message: MessageType, payload: Mapping[str, Scalar], precondition: Mapping[str, Scalar]) -> Undoing:
    """Return how a message with this content would be undone.

    Args:
        message: The message.
        payload: What it says; it must fit the message.
        precondition: What the target held before.
    """
    inverse = message.inverse
    if isinstance(inverse, NotUndone):
        return Undoing(because=inverse.because)
    back = message_type(inverse.message)
    said = _Filled(payload, precondition)
    said.fill(inverse.payload, back.payload, "")
    needed = _Filled(payload, precondition)
    needed.fill(inverse.precondition, back.precondition, "precondition.")
    if not (said.missing or needed.missing) and _sets_nothing(back, said):
        said.missing.extend(name for name in back.sets if name in inverse.payload)
    missing = dict.fromkeys([*said.missing, *needed.missing])
    if missing:
        return Undoing(because=f"the former {' and '.join(missing)} is not on record")
    return Undoing(
        message=back.name,
        payload=said.known,
        precondition=needed.known,
        later={**said.later, **needed.later},
        not_restored=_not_restored(message, inverse, payload),
    )


@dataclass
class _Filled:
    """The fields of one part of the inverse, as they are filled."""

    payload: Mapping[str, Scalar]
    precondition: Mapping[str, Scalar]
    known: dict[str, Scalar] = field(default_factory=dict)
    later: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def fill(self, sources: Mapping[str, Source], shape: type[MessagePart], prefix: str) -> None:
        for name, source in sources.items():
            value = self._value(source)
            what = "" if value is not None else _known_later(source)
            if value is not None:
                self.known[name] = value
            elif what:
                self.later[f"{prefix}{name}"] = what
            elif shape.model_fields[name].is_required():
                self.missing.append(name)

    def _value(self, source: Source) -> Scalar:
        match source:
            case Fixed():
                return source.value
            case FromPayload():
                value = self.payload.get(source.name)
                return format(-Decimal(str(value)), "f") if source.negated and value is not None else value
            case FromPrecondition():
                return self.precondition.get(source.name)
        return None


def _known_later(source: Source) -> str:
    match source:
        case FromPayload():
            return source.or_later
        case Fixed() | FromPrecondition():
            return ""
    return source.what


def _sets_nothing(back: MessageType, said: _Filled) -> bool:
    """Whether the inverse would bring no former value back although it should: it would be a message about nothing."""
    return bool(back.sets) and not any(name in said.known or name in said.later for name in back.sets)


def _not_restored(message: MessageType, inverse: UndoneBy, payload: Mapping[str, Scalar]) -> tuple[str, ...]:
    """Return what stays as the first message has set it; a counter-message, known by a fixed field, takes all back."""
    if inverse.message != message.name or any(isinstance(source, Fixed) for source in inverse.payload.values()):
        return ()
    return tuple(name for name in message.sets if payload.get(name) is not None and _repeats(inverse.payload.get(name)))


def _repeats(source: Source | None) -> bool:
    return source is None or (isinstance(source, FromPayload) and not source.negated)

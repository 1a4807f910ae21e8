"""Turn a correction into the fields its target understands, and compare what the target shows with it.

What is common to all transports belongs here; how a message travels belongs to the transport.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar
from urllib.parse import quote

from fulfillment_pipelines.domain.correction import Correction, Scalar
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration.parts import LiteralValue, ValueSource
from fulfillment_pipelines.systems.transports.instants import instant_of

_Message = TypeVar("_Message")

_FIELD_IN_PATH = re.compile(r"\{(\w+)\}")


def declared_message(messages: Mapping[str, _Message], correction: Correction) -> _Message:
    """Return what the target declares of the correction's message.

    Raises:
        ConfigurationError: The target takes no such message.
    """
    if correction.message not in messages:
        raise ConfigurationError(
            f"The system '{correction.target}' takes no message '{correction.message}'.",
            expected=f"one of {', '.join(messages) or 'none: it is only read'}",
            remedy="declare the message in the system's YAML, or correct the rule that proposes it",
        )
    return messages[correction.message]


def payload_fields(correction: Correction, sources: Mapping[str, ValueSource]) -> dict[str, Scalar]:
    """Return target fields filled from the payload.

    Raises:
        ConfigurationError: The payload lacks a field.
    """
    return _filled(correction, sources, correction.payload, "payload")


def precondition_fields(correction: Correction, sources: Mapping[str, ValueSource]) -> dict[str, Scalar]:
    """Return target fields filled from the precondition.

    Raises:
        ConfigurationError: The precondition lacks a field.
    """
    return _filled(correction, sources, correction.precondition, "precondition")


def filled_path(correction: Correction, template: str) -> str:
    """Return a path template with its fields filled from the payload, quoted for a URL.

    Raises:
        ConfigurationError: The payload lacks a field.
    """
    values = {**correction.payload, "idempotency_key": correction.idempotency_key}

    def quoted(match: re.Match[str]) -> str:
        segment = "" if values.get(match[1]) is None else quote(_text(values[match[1]]), safe="")
        if not segment.strip("."):  # dots alone would climb out of the path
            raise _lacking(correction, match[1], "payload")
        return segment

    return _FIELD_IN_PATH.sub(quoted, template)


def same_value(expected: Scalar, found: object) -> bool:
    """Return whether a target shows a value: numbers by worth, booleans and instants as such, else as text.

    A number may be text on either side, since payloads carry decimals as text and some systems do too.
    """
    if expected is None or found is None:
        return expected is None and found is None
    if isinstance(expected, bool) or isinstance(found, bool):
        return _text(expected).lower() == _text(found).lower()
    if isinstance(found, datetime):
        return _same_instant(expected, found)
    expected_number, found_number = _number(expected), _number(found)
    if expected_number is not None and found_number is not None:
        return expected_number == found_number
    return str(expected) == str(found)


def shows(record: Mapping[str, Any], expected: Mapping[str, Scalar]) -> bool:
    """Return whether a record of the target shows every expected value."""
    return all(same_value(value, record.get(field)) for field, value in expected.items())


def _filled(
    correction: Correction, sources: Mapping[str, ValueSource], values: Mapping[str, Scalar], part: str
) -> dict[str, Scalar]:
    filled: dict[str, Scalar] = {}
    for field, source in sources.items():
        if isinstance(source, LiteralValue):
            filled[field] = source.literal
        elif source in values:
            filled[field] = values[source]
        else:
            raise _lacking(correction, source, part)
    return filled


def _lacking(correction: Correction, field: str, part: str) -> ConfigurationError:
    return ConfigurationError(
        f"The correction {correction.correction_id} cannot be written as '{correction.message}' "
        f"for the system '{correction.target}'.",
        expected=f"the field '{field}' in its {part}",
        found=", ".join(correction.payload if part == "payload" else correction.precondition) or "nothing",
        remedy=f"let the rule give '{field}', or correct the message in the system's YAML",
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: object) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _same_instant(expected: Scalar, found: datetime) -> bool:
    try:
        return instant_of(expected) == instant_of(found)
    except ValueError:
        return False

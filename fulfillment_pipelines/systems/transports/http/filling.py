"""Fill the templates of requests: of messages with what a correction says and what was looked up for it.

Where a reading is, which fills the templates of entities, is known in `paging.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import JsonValue

from fulfillment_pipelines.domain.correction import Correction, Scalar
from fulfillment_pipelines.errors import ConfigurationError, RejectedError
from fulfillment_pipelines.systems.declaration.http_requests import (
    PLACEHOLDER,
    PLACEHOLDER_TERM,
    BodySource,
    HttpForm,
    NumberValue,
    coded_value,
)
from fulfillment_pipelines.systems.declaration.parts import ValueSource
from fulfillment_pipelines.systems.transports.http.requests import HttpRequest, json_text, wrapped
from fulfillment_pipelines.systems.transports.messages import filled_path, payload_fields


def filled(template: JsonValue, value_of: Callable[[str], Any]) -> Any:
    """Return nested JSON with its placeholders filled.

    A text that is one placeholder alone becomes the value with its type; in a longer text it becomes part of it.

    Args:
        template: Of a declaration.
        value_of: The value of a name.

    Raises:
        ConfigurationError: A value that is declared to be a number is none.
        RejectedError: A value that is sent by its code has none.
    """
    if isinstance(template, str):
        alone = PLACEHOLDER.fullmatch(template)
        if alone is None:
            return PLACEHOLDER.sub(lambda found: in_text(_value(found, value_of)), template)
        return _value(alone, value_of)
    if isinstance(template, Mapping):
        coded = coded_value(template)
        if coded is not None:
            return _code_of(*coded, value_of)
        return {filled(name, value_of): filled(part, value_of) for name, part in template.items()}
    if isinstance(template, list):
        return [filled(part, value_of) for part in template]
    return template


def _value(placeholder: re.Match[str], value_of: Callable[[str], Any]) -> Any:
    name, terms = placeholder["name"], placeholder["terms"]
    if terms is None:
        return value_of(name) if placeholder["kind"] is None else number_of(name, value_of(name))
    total = _present_number(name, value_of)
    for term in PLACEHOLDER_TERM.finditer(terms):
        number = _present_number(term["name"], value_of)
        total += number if term["sign"] == "+" else -number
    return total


def _present_number(name: str, value_of: Callable[[str], Any]) -> Decimal:
    number = number_of(name, value_of(name))
    if number is None:
        raise _no_number(name, None)
    return number


def _code_of(name: str, codes: Mapping[str, JsonValue], value_of: Callable[[str], Any]) -> JsonValue:
    value = in_text(value_of(name))
    if value not in codes:
        raise RejectedError(
            f"The system has no code for '{name}' {value or 'without a value'}.",
            expected=f"one of {', '.join(codes)}",
            remedy="decide on it by hand, or name the code in the system's YAML",
        )
    return codes[value]


def in_text(value: object) -> str:
    """Return a value as part of a text."""
    if isinstance(value, str):
        return value
    return "" if value is None else json_text(value)


def number_of(name: str, value: object) -> Decimal | None:
    """Return a value as the number it says; None stays.

    Raises:
        ConfigurationError: It says none.
    """
    try:
        number = None if value is None else Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if number is not None and not number.is_finite():
        raise _no_number(name, value)
    return number


def _no_number(name: str, value: object) -> ConfigurationError:
    return ConfigurationError(
        f"The field '{name}' cannot be sent as a number.",
        expected="digits",
        found=repr(value),
        remedy="send it as it is, or correct the message in the system's YAML",
    )


class MessageValues:
    """What a message's templates are filled with: the correction's fields, and what was taken from answers.

    Args:
        correction: What is delivered.
        taken: Further values by name; a name that the payload has too is taken from here.
    """

    def __init__(self, correction: Correction, taken: Mapping[str, Any] | None = None) -> None:
        self._correction = correction
        self._taken = dict(taken or {})
        scalars = {name: _scalar(value) for name, value in self._taken.items() if not isinstance(value, list | dict)}
        known = {"idempotency_key": correction.idempotency_key, **correction.payload, **scalars}
        self._widened = replace(correction, payload=known)

    def widened(self, taken: Mapping[str, Any]) -> MessageValues:
        """Return these values and further ones."""
        return MessageValues(self._correction, {**self._taken, **taken})

    def fields(self, sources: Mapping[str, ValueSource]) -> dict[str, Scalar]:
        """Return fields filled from what is known.

        Raises:
            ConfigurationError: The payload lacks a field.
        """
        return payload_fields(self._widened, sources)

    def body(self, sources: Mapping[str, BodySource]) -> dict[str, Any]:
        """Return a flat request body.

        Raises:
            ConfigurationError: The payload lacks a field, or it is not the number it is declared to be.
        """
        plain = {
            field: source.number if isinstance(source, NumberValue) else source for field, source in sources.items()
        }
        return {
            field: number_of(field, value) if isinstance(sources[field], NumberValue) else value
            for field, value in self.fields(plain).items()
        }

    def request(self, declared: HttpForm, method: str, body: Mapping[str, Any] | None = None) -> HttpRequest:
        """Return a request with its path and its template filled.

        Args:
            declared: The request.
            method: HTTP method, where it is a REST request.
            body: Fields of the JSON beside the template's, or instead of them.

        Raises:
            ConfigurationError: The payload lacks a field, or it is not the number it is declared to be.
        """
        content = filled(declared.template, self._value_of)
        if body is not None:
            content = {**(content or {}), **body}
        method, text = wrapped(declared, method, content)
        return HttpRequest(filled_path(self._widened, declared.path), method=method, content=text, form=declared.form)

    def _value_of(self, name: str) -> Any:
        return self._taken[name] if name in self._taken else self.fields({name: name})[name]


def _scalar(value: object) -> Scalar:
    return value if value is None or isinstance(value, str | int) else str(value)

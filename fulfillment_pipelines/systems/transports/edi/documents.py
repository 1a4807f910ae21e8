"""From a correction to the document that says it: fields filled as declared, each of the type its document wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, get_args, get_type_hints

from fulfillment_pipelines.domain.correction import Correction, Scalar
from fulfillment_pipelines.domain.edi import ControlNumber
from fulfillment_pipelines.domain.x12_codes import X12Code
from fulfillment_pipelines.domain.x12_documents import DOCUMENTS, X12Document
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.systems.declaration.edi_messages import DocumentMessage
from fulfillment_pipelines.systems.declaration.parts import LiteralValue, ValueSource
from fulfillment_pipelines.systems.transports.instants import instant_of, instant_text
from fulfillment_pipelines.systems.transports.messages import payload_fields


def document_of(correction: Correction, message: DocumentMessage, control: ControlNumber) -> X12Document:
    """Return the document that a correction asks for.

    Args:
        correction: What is asked for.
        message: How its fields fill the document.
        control: Number and date of its interchange, which fields may repeat.

    Raises:
        ConfigurationError: The payload lacks a field that the document needs.
        BadDataError: A value is not what the document wants, or the document would contradict itself.
    """
    told: dict[str, Scalar] = {
        "idempotency_key": correction.idempotency_key,
        "control_number": control.number,
        "sent_at": instant_text(control.allocated_at),
    }
    knowing = replace(correction, payload={**told, **correction.payload})
    of_document, of_line = DOCUMENTS[message.document]
    line = of_line(**_filled(knowing, message.line, of_line))
    document: X12Document = of_document(**_filled(knowing, message.fields, of_document), lines=(line,))
    return document


def _filled(correction: Correction, sources: Mapping[str, ValueSource], model: type[Any]) -> dict[str, Any]:
    """Return the values of a model's fields; what the payload does not tell is left to the model's default."""
    needed = {field.name for field in fields(model) if field.default is MISSING}
    known = {
        name: source
        for name, source in sources.items()
        if name in needed or isinstance(source, LiteralValue) or source in correction.payload
    }
    types = get_type_hints(model)
    return {
        name: _typed(name, types[name], value)
        for name, value in payload_fields(correction, known).items()
        if value is not None or name in needed
    }


def _typed(field: str, wanted: Any, value: Scalar) -> Any:
    """Return a value as the type a field wants; of a type that allows None, the other one."""
    kind = next((part for part in get_args(wanted) if part is not type(None)), wanted)
    make = _MAKING.get(kind, _coded(kind))
    try:
        if value is None or isinstance(value, bool):
            raise ValueError("nothing, or only yes or no")  # noqa: TRY301 - one refusal for every value that does not fit
        return make(str(value))
    except (ValueError, InvalidOperation) as error:
        raise BadDataError(
            f"The field '{field}' of the document cannot be filled.",
            expected=_WANTED.get(kind) or f"one of {', '.join(f'{code} ({code.name})' for code in kind)}",
            found=repr(value),
            remedy="correct what the rule or the person asks for",
        ) from error


def _coded(kind: Any) -> Callable[[str], X12Code]:
    """Return what finds a code by its letters or by its name."""

    def find(value: str) -> X12Code:
        code: X12Code = kind[value] if value in kind.__members__ else kind(value)
        return code

    return find


def _day(value: str) -> date:
    return instant_of(value).date()


_MAKING: Final[Mapping[Any, Callable[[str], Any]]] = {
    str: str,
    int: int,
    Decimal: Decimal,
    date: _day,
    datetime: instant_of,
}
_WANTED: Final[Mapping[Any, str]] = {
    str: "a text",
    int: "a whole number",
    Decimal: "a number",
    date: "a date or an instant",
    datetime: "an instant",
}

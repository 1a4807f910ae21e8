"""What requests and answers of the API are made of: frozen models, exact numbers as text, instants with a zone."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

MOST_WORDS: Final = 2000
"""Longest reason or comment, in characters."""

_NUMBER: Final = r"^-?[0-9]+(\.[0-9]+)?$"


def _exact(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _amount(value: Decimal) -> str:
    return f"{value:.2f}"


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("there is no such moment in UTC") from error


class Shown(BaseModel):
    """A part of an answer. Later versions may add fields; none is taken away within `/api/v1`."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class Asked(BaseModel):
    """The content of a request: nothing is guessed, and a field that is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class AskedFor(BaseModel):
    """The query of a request: a parameter that is not known is refused, since it would be left out in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Instant = Annotated[AwareDatetime, Field(examples=["2026-03-09T15:07:00Z"])]
"""A moment with its zone; answers are in UTC."""

Moment = Annotated[AwareDatetime, AfterValidator(_in_utc), Field(strict=False, examples=["2026-03-10T08:00:00Z"])]
"""A moment that somebody asks for, with its zone."""

Quantity = Annotated[
    Decimal,
    PlainSerializer(_exact, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _NUMBER, "examples": ["23", "0.5"]}, mode="serialization"),
]
"""A quantity in base units, as text, so that no reader rounds it."""

Amount = Annotated[
    Decimal,
    PlainSerializer(_amount, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _NUMBER, "examples": ["1234.50"]}, mode="serialization"),
]
"""An amount of money to the hundredth, as text."""

Share = Annotated[
    Decimal,
    PlainSerializer(_exact, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _NUMBER, "examples": ["0.94", "1"]}, mode="serialization"),
]
"""A part of a whole, from 0 to 1, as text."""

Words = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=MOST_WORDS,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*[^\s\x00-\x20\x7f][^\x00-\x08\x0b-\x1f\x7f]*$",
    ),
    Field(examples=["The carrier confirmed the loss by phone; claim 4711."]),
]
"""What a person says, which is not blank and has no control characters but line ends and tabs."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
"""The name of a person or a system."""

CaseId = Annotated[str, StringConstraints(pattern=r"^EXC-[0-9a-f]{16}$"), Field(examples=["EXC-0123456789abcdef"])]
"""The identity of an exception case."""

CorrectionId = Annotated[
    str, StringConstraints(pattern=r"^COR-[0-9a-f]{16}$"), Field(examples=["COR-0123456789abcdef"])
]
"""The identity of a correction."""

Number = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A number or name that another system has given: an order, an item, a record."""

PageSize = Annotated[int, Field(ge=1, le=200, description="At most so many at once.", examples=[50])]

Cursor = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1000, pattern=r"^[A-Za-z0-9_-]+$"),
    Field(description="`next_cursor` of the page before; leave it out for the first page."),
]

JsonObject = dict[str, Any]
"""What another program laid down as JSON: its content depends on the rule or message."""

"""How the fields of a source become the columns of a contract, as declared under an entity's `mapping:`.

Only the shape is declared here. What it means stands in `canonical.mapping`, which turns it into the select that a
`snap_*.sql` file would hold; whoever needs more than this writes that file instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.domain.correction import Scalar
from fulfillment_pipelines.systems.declaration.declared import Declared


class DecimalMark(StrEnum):
    """What stands between the whole and its fraction; the other one may group thousands."""

    COMMA = ","
    POINT = "."


class Sign(StrEnum):
    """What is done to the sign of a number."""

    REVERSED = "reversed"
    ABSOLUTE = "absolute"


class Epoch(StrEnum):
    """The unit in which instants are counted from 1970-01-01 UTC."""

    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"


def _code(written: object) -> object:
    """Refuse what YAML reads as a truth value: `yes`, `no`, `on` and `off` are codes of many systems."""
    if isinstance(written, bool):
        raise PydanticCustomError("code", "a code in quotes, since YAML reads this word as true or false")
    return str(written) if isinstance(written, int | float | Decimal) else written


Code: TypeAlias = Annotated[str, BeforeValidator(_code)]
"""A code as text; a number may stand without quotes."""


class MappedLiteral(Declared):
    """The same value for every row: `{literal: EA}`."""

    literal: Scalar


class SignField(Declared):
    """Another field says which way a quantity counts.

    Attributes:
        field: The field.
        positive: Its values for which the number counts as it is.
        negative: Its values for which the number counts with its sign reversed.
    """

    field: str
    positive: tuple[Code, ...] = ()
    negative: tuple[Code, ...] = Field(min_length=1)


class MappedValue(Declared):
    """What is done to a value, from the first to the last attribute.

    What cannot be converted reaches the contract as a text that breaks it, so that the row is quarantined.

    Attributes:
        remove_prefix: Taken off the front of the text.
        trim_leading: This character is taken off the front as often as it stands there, as in 000123.
        codes: The source's code to ours. A code that is not among them is quarantined.
        otherwise: What such a code becomes instead; `keep` leaves it as it is.
        decimal: The decimal mark of a number that is written as text.
        factor: What the number is multiplied with, for example pieces in a case.
        sign: What is done to its sign.
        format: How a time is written, as in strptime; without it ISO 8601.
        zone: The IANA zone of times that name none themselves.
        epoch: For times that are counted from 1970-01-01 UTC.
        missing: What an absent or empty value stands for.
    """

    remove_prefix: str = ""
    trim_leading: str = Field(default="", max_length=1)
    codes: Mapping[Code, Code] = Field(default_factory=dict)
    otherwise: Code | None = None
    decimal: DecimalMark | None = None
    factor: Decimal | None = None
    sign: Sign | SignField | None = None
    format: str = ""
    zone: str = ""
    epoch: Epoch | None = None
    missing: Scalar = None

    @field_validator("factor", mode="before")
    @classmethod
    def _as_it_was_written(cls, factor: object) -> object:
        """Keep a binary fraction out of the number: 0.1 means a tenth."""
        return str(factor) if isinstance(factor, float) else factor

    @field_validator("factor")
    @classmethod
    def _changes_something(cls, factor: Decimal | None) -> Decimal | None:
        if factor is not None and (factor == 0 or not factor.is_finite()):
            raise PydanticCustomError("factor", "a finite number other than 0")
        return factor

    @field_validator("zone")
    @classmethod
    def _is_known(cls, zone: str) -> str:
        try:
            if zone:
                ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise PydanticCustomError("zone", "the name of an IANA zone, such as Europe/Berlin or UTC") from error
        return zone

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        kinds = [bool(self.codes), self.is_number, self.is_time]
        if sum(kinds) > 1:
            raise PydanticCustomError(
                "mapping", "either `codes`, or a number (decimal, factor, sign), or a time (format, zone, epoch)"
            )
        if self.otherwise is not None and not self.codes:
            raise PydanticCustomError("otherwise", "`otherwise` only beside `codes`")
        if self.epoch is not None and (self.format or self.zone):
            raise PydanticCustomError("epoch", "no `format` and no `zone` beside `epoch`, which counts from UTC")
        if self.format and "%z" not in self.format and not self.zone:
            raise PydanticCustomError("format", "a `zone` beside a `format` without %z; UTC where times are in UTC")
        return self

    @property
    def is_number(self) -> bool:
        """Whether the value is read as a number."""
        return self.decimal is not None or self.factor is not None or self.sign is not None

    @property
    def is_time(self) -> bool:
        """Whether the value is read as an instant."""
        return bool(self.format or self.zone or self.epoch)

    @property
    def converts(self) -> bool:
        """Whether anything is done to the value beside standing in for an absent one."""
        return bool(self.codes or self.is_number or self.is_time or self.remove_prefix or self.trim_leading)


class MappedField(MappedValue):
    """One field: `{field: state, codes: {draft: OPEN}}`."""

    field: str


class MappedJoin(MappedValue):
    """Several fields in one: `{fields: [order_no, leg], separator: "-"}`; missing where one of them is.

    Attributes:
        fields: The fields, in order.
        separator: What stands between them.
    """

    fields: tuple[str, ...] = Field(min_length=2)
    separator: str = ""


KEEP = "keep"
"""The `otherwise` that leaves a code as it is."""

_Written: TypeAlias = str | MappedLiteral | MappedJoin | MappedField


def _form(written: Any) -> str:
    keys = written if isinstance(written, Mapping) else type(written).model_fields if _is_model(written) else ()
    if isinstance(written, str):
        return "name"
    return "literal" if "literal" in keys else "join" if "fields" in keys else "field"


def _is_model(written: object) -> bool:
    return isinstance(written, Declared)


def _among_the_fields(mapped: _Written, info: ValidationInfo) -> _Written:
    """Hold a mapping against the entity's `fields`; where those are wrong themselves, their own error is told."""
    known = (info.data or {}).get("fields")  # none where it stands outside of an entity
    unknown = [name for name in sources_of(mapped) if known is not None and name not in known]
    if unknown:
        raise PydanticCustomError(
            "mapping", "a field among `fields`, which do not hold: {names}", {"names": ", ".join(unknown)}
        )
    return mapped


def sources_of(mapped: _Written) -> tuple[str, ...]:
    """Return the fields of the source that a mapping reads."""
    match mapped:
        case str():
            return (mapped,)
        case MappedLiteral():
            return ()
        case MappedField() | MappedJoin():
            own = (mapped.field,) if isinstance(mapped, MappedField) else mapped.fields
            return (*own, mapped.sign.field) if isinstance(mapped.sign, SignField) else own


MappedColumn: TypeAlias = Annotated[
    Annotated[
        Annotated[str, Tag("name")]
        | Annotated[MappedLiteral, Tag("literal")]
        | Annotated[MappedJoin, Tag("join")]
        | Annotated[MappedField, Tag("field")],
        Discriminator(_form),
    ],
    AfterValidator(_among_the_fields),
]
"""Where a column of the contract comes from: the name of a field, or one of the forms above."""

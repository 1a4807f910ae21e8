"""The parts every declaration is made of, whatever the transport."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.domain.correction import Scalar
from fulfillment_pipelines.domain.snapshot import Role

Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""A system's or an entity's name, as it appears in table names."""


class Declared(BaseModel):
    """Base of all declarations: frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference(Declared):
    """A value that is kept outside the declaration: `{ref: NAME}`, resolved by `References`."""

    ref: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")


def _no_plain_secret(value: object) -> object:
    if isinstance(value, str):
        raise PydanticCustomError(
            "plain_secret", "a reference such as {{ref: NAME}}; secrets do not stand in this file"
        )
    return value


Secret: TypeAlias = Annotated[Reference, BeforeValidator(_no_plain_secret)]
"""A reference where a plain value is refused."""

Setting: TypeAlias = str | Reference
"""A plain value, or a reference to one."""


class LiteralValue(Declared):
    """A value that is always the same: `{literal: RESOLVED}`."""

    literal: Scalar


ValueSource: TypeAlias = str | LiteralValue
"""Where a target field's value comes from: a field of the correction, or a literal."""


class FieldAsOf(Declared):
    """The answer says of which moment it speaks, in a field (dotted path) of its body."""

    field: str


class TableAsOf(Declared):
    """The database says which moment its rows speak of, in the one row of a table."""

    table: str
    column: str


class FileNameAsOf(Declared):
    """The file's name says it: a regular expression whose one group is an ISO 8601 instant, UTC unless it says."""

    file_name: str

    @model_validator(mode="after")
    def _has_one_group(self) -> Self:
        try:
            groups = re.compile(self.file_name).groups
        except re.error as error:
            raise PydanticCustomError("pattern", "a regular expression ({reason})", {"reason": str(error)}) from error
        if groups != 1:
            raise PydanticCustomError("pattern", "a regular expression with exactly one group: the instant")
        return self


class FixedAsOf(Declared):
    """A static export: every row speaks of this moment."""

    fixed: AwareDatetime


class EntityBase(Declared):
    """What every entity declares.

    Attributes:
        contract: Name of the contract its typed rows must meet; `canonical.contracts` holds it.
        fields: Source fields that are read, under the source's names. Others are kept in the landed
            page and go no further.
        key: Fields that identify a row in the source.
        optional: Fields the source may leave out altogether without that being schema drift.
    """

    contract: Name
    fields: tuple[str, ...] = Field(min_length=1)
    key: tuple[str, ...] = Field(min_length=1)
    optional: tuple[str, ...] = ()

    @property
    def required_fields(self) -> tuple[str, ...]:
        """Fields whose absence from the answer is schema drift."""
        return tuple(name for name in self.fields if name not in self.optional)

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        unknown = [name for name in (*self.key, *self.optional) if name not in self.fields]
        if unknown:
            raise PydanticCustomError(
                "key", "every field of `key` and `optional` among `fields`, but not so: {names}", {"names": unknown}
            )
        if len(set(self.fields)) != len(self.fields):
            raise PydanticCustomError("fields", "each field named once in `fields`")
        return self


class SystemBase(Declared):
    """What every system declares.

    Attributes:
        system: Its name, unique in the registry.
        title: Its name for people.
        role: What it is to the distributor.
        node: The site it speaks for; empty for a system that speaks for all.
        contract_version: Version of the interface agreed with its owner.
        freshness_seconds: How old a snapshot may be before its verdicts become UNKNOWN.
    """

    system: Name
    title: str
    role: Role
    node: str = ""
    contract_version: str
    freshness_seconds: int = Field(gt=0)

    @property
    def name(self) -> str:
        """The system's name."""
        return self.system


def sole_key(value: Any) -> str | None:
    """Return the first key of a mapping or the set field of a model: tells `as_of` variants apart."""
    if isinstance(value, Mapping):
        return str(next(iter(value), ""))
    if isinstance(value, BaseModel):
        return next(iter(type(value).model_fields))
    return None

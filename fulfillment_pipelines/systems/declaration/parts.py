"""The parts every declaration is made of, whatever the transport."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.domain.correction import Scalar
from fulfillment_pipelines.domain.snapshot import Role
from fulfillment_pipelines.systems.declaration.declared import (
    Declared as Declared,  # noqa: PLC0414 - every declaration takes its base from here
)
from fulfillment_pipelines.systems.declaration.mapping import Code, MappedColumn, MappedField

Name: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""A system's or an entity's name, as it appears in table names."""


class Reference(Declared):
    """A value that is kept outside the declaration: `{ref: NAME}`, resolved by `References`."""

    ref: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")


def _no_plain_secret(value: object) -> object:
    if isinstance(value, str):
        raise PydanticCustomError("plain_secret", "a reference such as {ref: NAME}; secrets do not stand in this file")
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
        mapping: Column of the contract to where its value comes from, in place of a `snap_*.sql` file.
        codes: Field to the codes agreed on for it; another one is schema drift. Those a mapping names need not be
            repeated.
    """

    contract: Name
    fields: tuple[str, ...] = Field(min_length=1)
    key: tuple[str, ...] = Field(min_length=1)
    optional: tuple[str, ...] = ()
    mapping: Mapping[str, MappedColumn] = Field(default_factory=dict)
    codes: Mapping[str, tuple[Code, ...]] = Field(default_factory=dict)

    @property
    def known_codes(self) -> Mapping[str, tuple[str, ...]]:
        """Codes agreed on, by field: those declared, and those that the mapping translates."""
        known: dict[str, tuple[str, ...]] = dict(self.codes)
        for column in self.mapping.values():
            if isinstance(column, MappedField) and column.codes and column.otherwise is None:
                known.setdefault(column.field, tuple(column.codes))
        return known

    @property
    def required_fields(self) -> tuple[str, ...]:
        """Fields whose absence from the answer is schema drift."""
        return tuple(name for name in self.fields if name not in self.optional)

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        unknown = [name for name in (*self.key, *self.optional, *self.codes) if name not in self.fields]
        if unknown:
            raise PydanticCustomError(
                "key",
                "every field of `key`, `optional` and `codes` among `fields`, but not so: {names}",
                {"names": unknown},
            )
        if len(set(self.fields)) != len(self.fields):
            raise PydanticCustomError("fields", "each field named once in `fields`")
        return self


class Ownership(Declared):
    """Which part of the orders one of several systems of a role holds.

    Attributes:
        order_prefixes: How the numbers of its orders begin; empty where numbers do not tell.
        nodes: The sites whose orders it holds; empty for all.
    """

    order_prefixes: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.order_prefixes and not self.nodes:
            raise PydanticCustomError("owns", "`order_prefixes` or `nodes`")
        return self

    def may_hold(self, order_id: str, node: str) -> bool:
        """Return whether an order may be among those it holds; what is not known speaks against nothing."""
        of_number = not self.order_prefixes or not order_id or order_id.startswith(self.order_prefixes)
        return of_number and (not self.nodes or not node or node in self.nodes)


class SystemBase(Declared):
    """What every system declares.

    Attributes:
        system: Its name, unique in the registry.
        title: Its name for people.
        role: What it is to the distributor.
        node: The site it speaks for; empty for a system that speaks for all.
        contract_version: Version of the interface agreed with its owner.
        freshness_seconds: How old a snapshot may be before its verdicts become UNKNOWN.
        slow_after_seconds: How long one answer, or one entity, may take before the system is called slow; without
            it, what the distributor file says.
        poll_seconds: How often the live loop asks it where nothing tells that it has news; without it, what the
            distributor file says. A declared rate limit is kept in any case.
        owns: Which orders it holds, where several systems share a role, as during a migration from one to the other.
    """

    system: Name
    title: str
    role: Role
    node: str = ""
    contract_version: str
    freshness_seconds: int = Field(gt=0)
    slow_after_seconds: float | None = Field(default=None, gt=0)
    poll_seconds: float | None = Field(default=None, gt=0)
    owns: Ownership | None = None

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

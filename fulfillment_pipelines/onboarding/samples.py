"""What is seen of a system before it is declared: its lists, their fields, and some values of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Written: TypeAlias = str | int | bool | tuple["Written", ...] | Mapping[str, "Written"]
"""A value as it is written into YAML."""


@dataclass(frozen=True, slots=True)
class SampledField:
    """One field of a list.

    Attributes:
        name: The source's own name.
        values: What the looked-at rows hold in it, as text, in their order; None where it is empty. Nothing where no
            row was seen.
        instant: Whether the source itself declares it to be a date or a time.
        number: Whether the source itself declares it to be a number.
        zoned: Whether the source itself declares that its times name their zone.
        refers_to: The field of another list that it refers to, as the source declares; empty where it does not.
    """

    name: str
    values: tuple[str | None, ...] = ()
    instant: bool = False
    number: bool = False
    zoned: bool = False
    refers_to: str = ""


@dataclass(frozen=True, slots=True)
class SampledEntity:
    """One table, list or kind of file.

    Attributes:
        name: What the source calls it.
        fields: Its fields, in order.
        address: How it is read: the transport's own keys of the entity's declaration.
        key: The key that the source itself declares; empty where it declares none.
        can_ask_since: Whether the transport can ask for what changed since a value of a column.
        since: How changes can be asked for, where the source says so itself.
    """

    name: str
    fields: tuple[SampledField, ...]
    address: Mapping[str, Written] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    can_ask_since: bool = False
    since: Mapping[str, Written] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SampledSystem:
    """Everything that was seen of one system.

    Attributes:
        transport: The declaration's `transport`.
        references: What must be set outside the declaration: name of the reference to what it holds, for people.
        entities: Its lists.
        remarks: What could not be looked at, in sentences.
    """

    transport: Mapping[str, Written]
    references: Mapping[str, str]
    entities: tuple[SampledEntity, ...]
    remarks: tuple[str, ...] = ()

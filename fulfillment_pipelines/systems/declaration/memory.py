"""A system that lives in memory, as declared: for tests, demonstrations and dry runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from fulfillment_pipelines.domain.snapshot import PageFormat
from fulfillment_pipelines.systems.declaration.parts import Declared, EntityBase, Name, SystemBase, ValueSource


class MemoryTransport(Declared):
    """Nothing to connect to; the system is handed to the registry ready-made."""

    kind: Literal["memory"] = "memory"


class MemoryEntity(EntityBase):
    """Rows in memory, handed out in JSON pages like those of a REST system.

    Attributes:
        format: Always JSON.
        records: Field of the page that holds the rows.
        size: Rows on a page.
        since: Field that grows with every change; its greatest value is the cursor.
    """

    format: Literal[PageFormat.JSON] = PageFormat.JSON
    records: str = "rows"
    size: int = Field(default=500, gt=0)
    since: str | None = None


class MemoryMessage(Declared):
    """One message, whose effect is to set fields of the rows it finds, or to add a row where it finds none.

    Attributes:
        entity: Whose rows.
        where: Field to the payload field or literal that finds the rows.
        values: Field to the payload field or literal it is set to; a read-back looks for the same.
        expect: Field to the precondition field or literal the found rows must still hold.
    """

    entity: Name
    where: Mapping[str, ValueSource] = Field(min_length=1)
    values: Mapping[str, ValueSource] = Field(min_length=1)
    expect: Mapping[str, ValueSource] = Field(default_factory=dict)


class MemoryDeclaration(SystemBase):
    """A system in memory."""

    transport: MemoryTransport = MemoryTransport()
    entities: Mapping[Name, MemoryEntity] = Field(default_factory=dict)
    messages: Mapping[str, MemoryMessage] = Field(default_factory=dict)

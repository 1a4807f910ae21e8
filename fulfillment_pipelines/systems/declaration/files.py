"""A system that drops files and picks up files, as declared: names, formats, trailers, messages."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.domain.snapshot import PageFormat
from fulfillment_pipelines.systems.declaration.edi import EdiEntity
from fulfillment_pipelines.systems.declaration.edi_messages import DocumentMessage, Partner, partner_is_declared
from fulfillment_pipelines.systems.declaration.parts import (
    Declared,
    EntityBase,
    FileNameAsOf,
    FixedAsOf,
    Name,
    Setting,
    SystemBase,
    ValueSource,
    sole_key,
)

_FileAsOf: TypeAlias = Annotated[
    Annotated[FileNameAsOf, Tag("file_name")] | Annotated[FixedAsOf, Tag("fixed")], Discriminator(sole_key)
]


class FilesTransport(Declared):
    """The folder all paths are relative to: a local path or an fsspec URL."""

    kind: Literal["files"]
    directory: Setting


class Trailer(Declared):
    """The last line of a complete file.

    Attributes:
        prefix: How the line begins.
        count: One-based position, behind the prefix, of the number of rows in the file.
        sums: Source field to the one-based position, behind the prefix, of its sum.
    """

    prefix: str = Field(min_length=1)
    count: int = Field(ge=1)
    sums: Mapping[str, int] = Field(default_factory=dict)


class FileEntity(EntityBase):
    """The files of one entity; the newest complete one is the snapshot.

    Attributes:
        path: Glob below the transport's folder. Names that end in `.part` are never read.
        format: CSV, fixed width or Parquet.
        delimiter: Between the values of a CSV line.
        encoding: Of text files; a byte order mark is allowed.
        header: Whether a CSV file begins with the names of its fields; else they are `fields` in order.
        widths: Field to its width in characters, in order, for fixed width.
        trailer: What the last line says; without it a file is complete when it is there.
        as_of: What the file speaks of; without it, the moment of reading.
    """

    path: str
    format: Literal[PageFormat.CSV, PageFormat.FIXED_WIDTH, PageFormat.PARQUET]
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    header: bool = True
    widths: Mapping[str, int] = Field(default_factory=dict)
    trailer: Trailer | None = None
    as_of: _FileAsOf | None = None

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding)
        except LookupError as error:
            raise PydanticCustomError("encoding", "an encoding that Python knows") from error
        return encoding

    @model_validator(mode="after")
    def _widths_fit(self) -> Self:
        if self.format is PageFormat.FIXED_WIDTH:
            if tuple(self.widths) != self.fields or min(self.widths.values(), default=0) < 1:
                raise PydanticCustomError("widths", "a positive width for every field, in the order of `fields`")
        elif self.widths:
            raise PydanticCustomError("widths", "`widths` only with `format: fixed_width`")
        if self.format is PageFormat.PARQUET and self.trailer is not None:
            raise PydanticCustomError("trailer", "no `trailer` with `format: parquet`, which counts its own rows")
        return self


class FileMessage(Declared):
    """One message, delivered as a JSON file that the system picks up and moves.

    Attributes:
        drop: Path template of the file, with payload fields and `idempotency_key` in braces.
        processed: Where the system puts a file whose effect it has.
        rejected: Where it puts a file it refuses.
        values: Fields of the file that say what it is.
        body: Fields of the file that say what is asked for; both stand side by side in one object.
    """

    drop: str
    processed: str
    rejected: str
    values: Mapping[str, ValueSource] = Field(default_factory=dict)
    body: Mapping[str, ValueSource] = Field(default_factory=dict)


def _message_kind(value: Any) -> str:
    is_document = "document" in value if isinstance(value, Mapping) else isinstance(value, DocumentMessage)
    return "document" if is_document else "file"


_Message: TypeAlias = Annotated[
    Annotated[FileMessage, Tag("file")] | Annotated[DocumentMessage, Tag("document")], Discriminator(_message_kind)
]


class FilesDeclaration(SystemBase):
    """A system that drops files and picks up files.

    Attributes:
        transport: Where the files are.
        entities: What it drops.
        messages: What it picks up: JSON files, or documents for its trading partners.
        partners: The trading partners that documents go to, by the name that payloads give them.
    """

    transport: FilesTransport
    entities: Mapping[Name, Annotated[FileEntity | EdiEntity, Discriminator("format")]] = Field(default_factory=dict)
    messages: Mapping[str, _Message] = Field(default_factory=dict)
    partners: Mapping[str, Partner] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _partners_are_declared(self) -> Self:
        for name, message in self.messages.items():
            if isinstance(message, DocumentMessage) and not partner_is_declared(message, self.partners):
                raise PydanticCustomError("partner", "`partners` with the one that '{name}' goes to", {"name": name})
        return self

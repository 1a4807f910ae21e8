"""A system that drops files and picks up files, as declared: names, formats, trailers, messages."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.domain.snapshot import PageFormat
from fulfillment_pipelines.systems.declaration.edi import EdiEntity
from fulfillment_pipelines.systems.declaration.edi_messages import DocumentMessage, TradingPartner, partner_is_declared
from fulfillment_pipelines.systems.declaration.locations import S3Access, SftpAccess
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


class ModifiedAsOf(Declared):
    """A file that is always written under one name speaks of the moment it was last written."""

    modified: Literal[True]


_FileAsOf: TypeAlias = Annotated[
    Annotated[FileNameAsOf, Tag("file_name")]
    | Annotated[ModifiedAsOf, Tag("modified")]
    | Annotated[FixedAsOf, Tag("fixed")],
    Discriminator(sole_key),
]


class FilesTransport(Declared):
    """The folder all paths are relative to.

    Attributes:
        directory: A local path, `sftp://host[:port]/path`, `s3://bucket/path`, or the URL of another protocol whose
            fsspec package is installed.
        timeout_seconds: The longest that one request to another machine may take.
        sftp: The login, for an SFTP address.
        s3: The account, for an S3 address.
    """

    kind: Literal["files"]
    directory: Setting
    timeout_seconds: float = Field(default=30, gt=0)
    sftp: SftpAccess | None = None
    s3: S3Access | None = None

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if self.sftp is not None and self.s3 is not None:
            raise PydanticCustomError("place", "one of `sftp` and `s3`")
        return self


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


_UNPACKED_BY_ITS_READER: Final = (PageFormat.PARQUET, PageFormat.EXCEL, PageFormat.XML, PageFormat.JSON_LINES)


class FileEntity(EntityBase):
    """The files of one entity; the newest complete one is the snapshot.

    Attributes:
        path: Glob below the transport's folder. Names that end in `.part` are never read.
        format: How the file is to be read.
        delimiter: Between the values of a CSV line.
        encoding: Of text files; a byte order mark is allowed. XML says its own.
        header: Whether a CSV file begins with the names of its fields; else they are `fields` in order.
        widths: Field to its width in characters, in order, for fixed width.
        records: Path to the records of an XML file below its root, `orders/order`. The fields are paths from there:
            `@id` an attribute, `customer/name` an element below, `../@number` one level up; namespaces are left out.
        sheet: Sheet of an Excel workbook; empty for the only one.
        header_row: One-based row of the sheet that holds the names of the fields.
        trailer: What the last line says; without it a file is complete when it is there.
        as_of: What the file speaks of; without it, the moment of reading.
        complete_when: The file that says that another is finished, `{path}.done` or `{stem}.ok`; it must not be
            older than the file. Without it a file is finished when it has its name.
        settle_seconds: How long a file must have been left alone before it is read: our clock against its time.
        most_mebibytes: The largest file that is taken, packed or unpacked.
    """

    path: str
    format: Literal[
        PageFormat.CSV,
        PageFormat.FIXED_WIDTH,
        PageFormat.PARQUET,
        PageFormat.JSON_LINES,
        PageFormat.EXCEL,
        PageFormat.XML,
    ]
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    header: bool = True
    widths: Mapping[str, int] = Field(default_factory=dict)
    records: str = ""
    sheet: str = ""
    header_row: int = Field(default=1, ge=1)
    trailer: Trailer | None = None
    as_of: _FileAsOf | None = None
    complete_when: str = ""
    settle_seconds: int = Field(default=0, ge=0)
    most_mebibytes: int = Field(default=512, gt=0)

    @property
    def most_bytes(self) -> int:
        """The largest file that is taken, in bytes."""
        return self.most_mebibytes * 1024 * 1024

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding)
        except LookupError as error:
            raise PydanticCustomError("encoding", "an encoding that Python knows") from error
        return encoding

    @field_validator("complete_when")
    @classmethod
    def _names_another_file(cls, marker: str) -> str:
        placed = marker.replace("{path}", "").replace("{stem}", "")
        if marker and (placed in {"", marker} or "{" in placed):
            raise PydanticCustomError("marker", "a name made of `{path}` or `{stem}` and something more")
        return marker

    @model_validator(mode="after")
    def _widths_fit(self) -> Self:
        if self.format is PageFormat.FIXED_WIDTH:
            if tuple(self.widths) != self.fields or min(self.widths.values(), default=0) < 1:
                raise PydanticCustomError("widths", "a positive width for every field, in the order of `fields`")
        elif self.widths:
            raise PydanticCustomError("widths", "`widths` only with `format: fixed_width`")
        if self.format in _UNPACKED_BY_ITS_READER and self.trailer is not None:
            raise PydanticCustomError("trailer", "no `trailer` but with `format: csv` and `format: fixed_width`")
        return self

    @model_validator(mode="after")
    def _records_are_found(self) -> Self:
        if (self.format is PageFormat.XML) != bool(self.records.strip("/")):
            raise PydanticCustomError("records", "`records` with `format: xml`, and only there")
        if self.format is not PageFormat.EXCEL and (self.sheet or self.header_row != 1):
            raise PydanticCustomError("sheet", "`sheet` and `header_row` only with `format: excel`")
        if self.format is PageFormat.EXCEL and not self.header:
            raise PydanticCustomError("header", "a row with the names of the fields in an Excel sheet")
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
    partners: Mapping[str, TradingPartner] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _partners_are_declared(self) -> Self:
        for name, message in self.messages.items():
            if isinstance(message, DocumentMessage) and not partner_is_declared(message, self.partners):
                raise PydanticCustomError("partner", "`partners` with the one that '{name}' goes to", {"name": name})
        return self

"""EDI documents in a folder, as declared: which documents, what makes a row, where its fields stand.

The folder itself and the messages to its owner are declared as for any system that exchanges files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from fulfillment_pipelines.domain.edi import DocumentLayout, DocumentRows, ElementAddress, Limits
from fulfillment_pipelines.domain.snapshot import PageFormat
from fulfillment_pipelines.systems.declaration.parts import Declared, EntityBase, FileNameAsOf

_ADDRESS = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{1,2})(?:\[(?P<qualifier>[^\]]+)\])?(?:(?P<position>\d{2})|@(?P<label>[A-Z0-9]{2,3}))(?:\.(?P<component>[1-9]\d?))?"
)
_ADDRESS_FORM = (
    "an element such as BEG03, N1[ST]04 (of the N1 whose first element is ST), DTM[137]01.2 "
    "(its second component) or PO1@BP (behind BP)"
)


def _address(written: object) -> object:
    if isinstance(written, ElementAddress):
        return written
    found = _ADDRESS.fullmatch(written) if isinstance(written, str) else None
    if found is None or found["position"] == "00":
        raise PydanticCustomError("address", _ADDRESS_FORM)
    return ElementAddress(
        segment=found["segment"],
        qualifier=found["qualifier"] or "",
        position=int(found["position"] or 0),
        label=found["label"] or "",
        component=int(found["component"] or 0),
    )


def _listed(written: object) -> object:
    return written if isinstance(written, list | tuple) else (written,)


def _spelled(address: ElementAddress) -> str:
    qualifier = f"[{address.qualifier}]" if address.qualifier else ""
    place = f"@{address.label}" if address.label else f"{address.position:02d}"
    return f"{address.segment}{qualifier}{place}" + (f".{address.component}" if address.component else "")


Address: TypeAlias = Annotated[ElementAddress, BeforeValidator(_address), PlainSerializer(_spelled)]
"""An element's address, written as one word."""

_WORD = {"type": "string", "pattern": f"^{re.sub('[?]P<[a-z]+>', '', _ADDRESS.pattern)}$"}
Addresses: TypeAlias = Annotated[
    tuple[Address, ...],
    Field(min_length=1),
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [_WORD, {"type": "array", "items": _WORD, "minItems": 1}]}),
]
"""One address, or several of which the first that holds a value counts."""


class EdiRows(Declared):
    """What makes a row in documents of some types.

    Attributes:
        documents: Transaction sets; without it, all.
        segment: Segment that begins a row, for example PO1; without it a document is one row.
        level: Code of the hierarchical level (HL03) that makes a row, for example I in an 856.
        ends: Segments that end the last row, for example CTT.
    """

    documents: tuple[str, ...] = ()
    segment: str = Field(default="", pattern=r"^([A-Z][A-Z0-9]{1,2})?$")
    level: str = ""
    ends: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_one_kind(self) -> EdiRows:
        if self.level and (self.segment or self.ends):
            raise PydanticCustomError("rows", "either `level`, or `segment` and `ends`")
        return self


class EdiLimits(Declared):
    """What is read at most; the meaning of each is that of `domain/edi.py`, and so is what is not told."""

    interchange_characters: int = Field(default=Limits().interchange_characters, ge=1)
    document_segments: int = Field(default=Limits().document_segments, ge=1)
    segment_characters: int = Field(default=Limits().segment_characters, ge=1)
    segment_elements: int = Field(default=Limits().segment_elements, ge=1)
    element_repetitions: int = Field(default=Limits().element_repetitions, ge=1)
    hierarchy_levels: int = Field(default=Limits().hierarchy_levels, ge=1)


class EdiEntity(EntityBase):
    """Rows out of the X12 or EDIFACT documents of a folder; all files together are the snapshot.

    A field is looked for in the row's own segments, then in the levels above it, then in the head of its document,
    then in the envelope (GS, ISA; UNG, UNB).

    Attributes:
        path: Glob below the transport's folder. Names that end in `.part` are never read.
        format: X12 or EDIFACT.
        encoding: Of the files; a byte order mark is allowed.
        rows: What makes a row.
        elements: Field to where it stands.
        fields: The names in `elements`; not written in the file.
        limits: What is read at most.
        as_of: The newest instant in a file's name is the moment of the snapshot; without it, the moment of reading.
    """

    path: str
    format: Literal[PageFormat.X12, PageFormat.EDIFACT]
    encoding: str = "utf-8"
    rows: tuple[EdiRows, ...] = Field(min_length=1)
    elements: Mapping[str, Addresses] = Field(min_length=1)
    fields: tuple[str, ...] = ()
    limits: EdiLimits = EdiLimits()
    as_of: FileNameAsOf | None = None

    @property
    def layout(self) -> DocumentLayout:
        """Where the fields stand, for whoever reads the documents."""
        rows = tuple(
            DocumentRows(documents=row.documents, segment=row.segment, level=row.level, ends=row.ends)
            for row in self.rows
        )
        return DocumentLayout(rows=rows, elements=self.elements, limits=Limits(**self.limits.model_dump()))

    @model_validator(mode="before")
    @classmethod
    def _fields_are_the_elements(cls, written: Any) -> Any:
        if not isinstance(written, Mapping):
            return written
        if "fields" in written:
            told = {"format": str(written.get("format"))}
            raise PydanticCustomError(
                "fields", "no `fields` with `format: {format}`: they are the names in `elements`", told
            )
        elements = written.get("elements")
        return {**written, "fields": tuple(elements)} if isinstance(elements, Mapping) else written

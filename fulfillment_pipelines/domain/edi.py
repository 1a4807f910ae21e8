"""Plain values of an exchange of X12 documents: where their facts stand, and how interchanges are counted.

How a declaration spells them belongs to `systems/declaration`, reading them from text to `snapshots`; what documents
of ours say is in `x12_documents.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ElementAddress:
    """One element of a segment.

    Attributes:
        segment: Segment identifier, for example `N1`.
        qualifier: What the segment's first element must be; empty where any will do.
        position: One-based position of the element; 0 where `label` finds it.
        label: The element that stands right before the wanted one, for example `BP` in a PO1.
    """

    segment: str
    qualifier: str = ""
    position: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True)
class DocumentRows:
    """What makes a row in documents of some types.

    Attributes:
        documents: Transaction sets, for example `850`; empty for all.
        segment: Segment that begins a row; empty where a document is one row.
        level: Code of the hierarchical level (HL03) that makes a row; empty where no hierarchy is followed.
        ends: Segments that end the last row: what follows them is the document's summary.
    """

    documents: tuple[str, ...] = ()
    segment: str = ""
    level: str = ""
    ends: tuple[str, ...] = ()

    def speaks_of(self, document_type: str) -> bool:
        """Return whether documents of a type have such rows."""
        return not self.documents or document_type in self.documents


@dataclass(frozen=True, slots=True)
class DocumentLayout:
    """How records lie in documents.

    Attributes:
        rows: What makes a row, by document type.
        elements: Field to the addresses it may stand at; the first that holds a value counts.
    """

    rows: tuple[DocumentRows, ...]
    elements: Mapping[str, tuple[ElementAddress, ...]]


@dataclass(frozen=True, slots=True)
class ControlNumber:
    """The number of one interchange of ours.

    Attributes:
        number: Counted from 1 for each pair of sender and receiver.
        allocated_at: When it was given, in UTC; the interchange is dated by it, so that it is the same when repeated.
    """

    number: int
    allocated_at: datetime

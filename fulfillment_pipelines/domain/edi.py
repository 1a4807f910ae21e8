"""Plain values of an exchange of X12 and EDIFACT documents: where facts stand, what is read at most, how we count.

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
        component: One-based component of the element; 0 for the whole of an X12 element, the first of an EDIFACT one.
    """

    segment: str
    qualifier: str = ""
    position: int = 0
    label: str = ""
    component: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read at most, so that no file can stop the one who reads it.

    Attributes:
        interchange_characters: Of one interchange; a larger one is not read.
        document_segments: Of one document; a longer one is not taken.
        segment_characters: Of one segment; a document with a longer one is not taken.
        segment_elements: Of one segment, likewise.
        element_repetitions: Of one element, likewise, where the interchange has a repetition separator.
        hierarchy_levels: From the top of a hierarchy (HL) to its deepest level, likewise.
    """

    interchange_characters: int = 200_000_000
    document_segments: int = 200_000
    segment_characters: int = 20_000
    segment_elements: int = 500
    element_repetitions: int = 1_000
    hierarchy_levels: int = 32


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
        limits: What is read at most.
    """

    rows: tuple[DocumentRows, ...]
    elements: Mapping[str, tuple[ElementAddress, ...]]
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class ControlNumber:
    """The number of one interchange of ours.

    Attributes:
        number: Counted from 1 for each pair of sender and receiver.
        allocated_at: When it was given, in UTC; the interchange is dated by it, so that it is the same when repeated.
    """

    number: int
    allocated_at: datetime

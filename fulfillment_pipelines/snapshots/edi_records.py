"""Make records of X12 documents: what makes a row and where its fields stand is declared.

A field is looked for from the inside outwards: in the row's own segments, in the levels above it, in the head of its
document, in the envelope. Taking text apart belongs to `systems/transports/edi/x12/reader.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from fulfillment_pipelines.domain.edi import DocumentLayout, DocumentRows, ElementAddress
from fulfillment_pipelines.systems.transports.edi.x12.reader import Document, Segment

_LEVEL: Final = "HL"
_PARENT: Final = 2
_CODE: Final = 3

_Scope: TypeAlias = Mapping[str, Sequence[Segment]]
"""Segments of one part of a document by their identifier, in order."""


def records_of(document: Document, layout: DocumentLayout) -> Iterator[dict[str, str | None]]:
    """Yield one record for each row of a document: every declared field, None where nothing is said."""
    envelope = _scope(document.envelope)
    for rows in layout.rows:
        if rows.speaks_of(document.type):
            for scopes in _rows(document.segments, rows):
                outwards = (*scopes, envelope)
                yield {field: _first(addresses, outwards) for field, addresses in layout.elements.items()}


def _rows(segments: Sequence[Segment], rows: DocumentRows) -> Iterator[tuple[_Scope, ...]]:
    """Yield for each row the parts of the document it may speak through, the innermost first."""
    if rows.level:
        yield from _levels(segments, rows.level)
    elif rows.segment:
        yield from _loops(segments, rows.segment, rows.ends)
    else:
        yield (_scope(segments),)


def _loops(segments: Sequence[Segment], opening: str, ends: Sequence[str]) -> Iterator[tuple[_Scope, ...]]:
    starts = [index for index, segment in enumerate(segments) if segment[0] == opening]
    if not starts:
        return
    head = _scope(segments[: starts[0]])
    last = next(
        (index for index, segment in enumerate(segments) if index > starts[-1] and segment[0] in (*ends, "SE")),
        len(segments),
    )
    for start, end in zip(starts, [*starts[1:], last], strict=True):
        yield _scope(segments[start:end]), head


def _levels(segments: Sequence[Segment], code: str) -> Iterator[tuple[_Scope, ...]]:
    starts = [index for index, segment in enumerate(segments) if segment[0] == _LEVEL]
    head = _scope(segments[: starts[0]] if starts else segments)
    blocks = {
        _element(segments[start], 1): segments[start:end]
        for start, end in zip(starts, [*starts[1:], len(segments)], strict=True)
    }
    for block in blocks.values():
        if _element(block[0], _CODE) == code:
            yield (*(_scope(part) for part in _upwards(block, blocks)), head)


def _upwards(block: Sequence[Segment], blocks: Mapping[str | None, Sequence[Segment]]) -> Iterator[Sequence[Segment]]:
    """Yield a level and those above it; a level that names one below itself as its parent ends the climb."""
    seen: list[Sequence[Segment]] = []
    above: Sequence[Segment] | None = block
    while above is not None and above not in seen:
        seen.append(above)
        yield above
        above = blocks.get(_element(above[0], _PARENT))


def _scope(segments: Sequence[Segment]) -> _Scope:
    scope: dict[str, list[Segment]] = {}
    for segment in segments:
        scope.setdefault(segment[0], []).append(segment)
    return scope


def _first(addresses: Sequence[ElementAddress], scopes: Sequence[_Scope]) -> str | None:
    for address in addresses:
        for scope in scopes:
            for segment in scope.get(address.segment, ()):
                value = _at(segment, address)
                if value is not None:
                    return value
    return None


def _at(segment: Segment, address: ElementAddress) -> str | None:
    if address.qualifier and _element(segment, 1) != address.qualifier:
        return None
    if not address.label:
        return _element(segment, address.position)
    return next(
        (_element(segment, index + 1) for index in range(1, len(segment)) if segment[index] == address.label), None
    )


def _element(segment: Segment, position: int) -> str | None:
    """Return an element without the blanks that pad it; None where it is empty or not there."""
    value = segment[position].strip() if position < len(segment) else ""
    return value or None

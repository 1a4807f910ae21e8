"""Make records of X12 and EDIFACT documents: what makes a row and where its fields stand is declared.

A field is looked for from the inside outwards: in the row's own segments, in the levels above it, in the head of its
document, in the envelope. Taking text apart belongs to `systems/transports/edi`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from fulfillment_pipelines.domain.edi import DocumentLayout, DocumentRows, ElementAddress
from fulfillment_pipelines.systems.transports.edi.interchange import COMPONENT, Document, Segment, component_of, element

_LEVEL: Final = "HL"
_PARENT: Final = 2
_CODE: Final = 3
_TRAILERS: Final = ("SE", "UNT")

_Scope: TypeAlias = Mapping[str, Sequence[Segment]]
"""Segments of one part of a document by their identifier, in order."""


def records_of(document: Document, layout: DocumentLayout) -> Iterator[dict[str, str | None]]:
    """Yield one record for each row of a document: every declared field, None where nothing is said."""
    envelope = _scope(document.envelope)
    for rows in layout.rows:
        if rows.speaks_of(document.type):
            for scopes in _rows(document.segments, rows, layout.limits.hierarchy_levels):
                outwards = (*scopes, envelope)
                yield {
                    field: _first(addresses, outwards, document.component)
                    for field, addresses in layout.elements.items()
                }


def _rows(segments: Sequence[Segment], rows: DocumentRows, most_levels: int) -> Iterator[tuple[_Scope, ...]]:
    """Yield for each row the parts of the document it may speak through, the innermost first."""
    if rows.level:
        yield from _levels(segments, rows.level, most_levels)
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
        (index for index, segment in enumerate(segments) if index > starts[-1] and segment[0] in (*ends, *_TRAILERS)),
        len(segments),
    )
    for start, end in pairwise([*starts, last]):
        yield _scope(segments[start:end]), head


def _levels(segments: Sequence[Segment], code: str, most_levels: int) -> Iterator[tuple[_Scope, ...]]:
    starts = [index for index, segment in enumerate(segments) if segment[0] == _LEVEL]
    head = _scope(segments[: starts[0]] if starts else segments)
    blocks = {element(segments[start], 1): segments[start:end] for start, end in pairwise([*starts, len(segments)])}
    scopes = {level: _scope(block) for level, block in blocks.items()}
    for level, block in blocks.items():
        if element(block[0], _CODE) == code:
            yield (*(scopes[above] for above in _upwards(level, blocks, most_levels)), head)


def _upwards(level: str, blocks: Mapping[str, Sequence[Segment]], most_levels: int) -> Iterator[str]:
    """Yield a level and those above it; a level that names one below itself as its parent ends the climb."""
    seen: set[str] = set()
    while level in blocks and level not in seen and len(seen) < most_levels:
        seen.add(level)
        yield level
        level = element(blocks[level][0], _PARENT)


def _scope(segments: Sequence[Segment]) -> _Scope:
    scope: dict[str, list[Segment]] = {}
    for segment in segments:
        scope.setdefault(segment[0], []).append(segment)
    return scope


def _first(addresses: Sequence[ElementAddress], scopes: Sequence[_Scope], mark: str) -> str | None:
    for address in addresses:
        for scope in scopes:
            for segment in scope.get(address.segment, ()):
                value = _at(segment, address, mark)
                if value is not None:
                    return value
    return None


def _at(segment: Segment, address: ElementAddress, mark: str) -> str | None:
    """Return what stands at an address, None where nothing does."""
    if address.qualifier and _component(element(segment, 1), 0, mark) != address.qualifier:
        return None
    if not address.label:
        return _component(element(segment, address.position), address.component, mark) or None
    for index in range(1, len(segment)):
        if segment[index] == address.label:
            return _component(element(segment, index + 1), address.component, mark) or None
    return None


def _component(value: str, component: int, mark: str) -> str:
    """Return a component; where none is asked for, an X12 element is whole and an EDIFACT one says its first."""
    if component:
        return component_of(value, component, mark)
    return component_of(value, 1, mark) if mark == COMPONENT else value

"""The hierarchy of an 856: shipment, order and item, each with its segments, told apart by HL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any, Final

from fulfillment_pipelines.domain.edi import Limits
from fulfillment_pipelines.systems.transports.edi.guide.documents import (
    GuideProblem,
    Making,
    Reading,
    refuse_unsaid,
    written_segments,
)
from fulfillment_pipelines.systems.transports.edi.guide.elements import Elements
from fulfillment_pipelines.systems.transports.edi.guide.segments import Numbered, Scope, SegmentGuide, scope_of
from fulfillment_pipelines.systems.transports.edi.interchange import Document, Segment, element

_HL: Final = "HL"
_PARENT: Final = 2
_CODE: Final = 3
_SHIPMENT: Final = "S"
_ORDER: Final = "O"
_ITEM: Final = "I"
_SUMMARY: Final = "CTT"


@dataclass(frozen=True, slots=True)
class HierarchyGuide:
    """A document of one shipment, the orders in it, and their items.

    Attributes:
        set_type: Transaction set.
        name: In words.
        model: Class of the document.
        line_model: Class of its lines.
        head: Segments before the hierarchy.
        shipment: Segments of the shipment.
        order: Segments of an order; their fields are those of the lines.
        item: Segments of an item.
    """

    set_type: str
    name: str
    model: type[Any]
    line_model: type[Any]
    head: tuple[SegmentGuide, ...]
    shipment: tuple[SegmentGuide, ...]
    order: tuple[SegmentGuide, ...]
    item: tuple[SegmentGuide, ...]

    def written(self, document: Any, elements: Elements) -> Iterator[Segment]:
        """Yield head, hierarchy and the count of its levels; lines of one order stand together."""
        refuse_unsaid(document, (*self.head, *self.shipment), elements)
        yield from written_segments(self.head, document, elements)
        levels = count(1)
        shipment_level = next(levels)
        yield (_HL, str(shipment_level), "", _SHIPMENT)
        yield from written_segments(self.shipment, document, elements)
        for lines in self._by_order(document.lines):
            order_level = next(levels)
            yield (_HL, str(order_level), str(shipment_level), _ORDER)
            yield from written_segments(self.order, lines[0], elements)
            for line in lines:
                refuse_unsaid(line, (*self.order, *self.item), elements)
                yield (_HL, str(next(levels)), str(order_level), _ITEM)
                yield from written_segments(self.item, line, elements)
        yield (_SUMMARY, str(next(levels) - 1))

    def read(self, document: Document) -> Reading:
        """Return what the hierarchy says; an item speaks through all levels above it."""
        body = list(enumerate(document.segments, start=1))[1:-1]
        starts = [index for index, (_, segment) in enumerate(body) if segment[0] == _HL]
        head = body[: starts[0]] if starts else body
        blocks = {element(body[start][1], 1): body[start:end] for start, end in pairwise([*starts, len(body)])}
        scopes = {level: scope_of(block) for level, block in blocks.items()}
        making = Making(document.component)
        shipments = [level for level, block in blocks.items() if _code(block) == _SHIPMENT]
        if len(shipments) > 1:
            what = f"it holds {len(shipments)} shipments, and one is read"
            making.spoil(GuideProblem(what, _HL, blocks[shipments[1]][0][0], "2"))
        lines = [
            making.made(self.line_model, (*self.item, *self.order), _chain(level, blocks, scopes), block[0][0])
            for level, block in blocks.items()
            if _code(block) == _ITEM
        ]
        values: dict[str, Any] = {"lines": tuple(line for line in lines if line is not None)}
        inner = [scopes[level] for level in shipments[:1]]
        making.take(self.shipment, inner, values)
        return making.reading(self.model, (*self.head, *self.shipment), [scope_of(head), *inner], values)

    def _by_order(self, lines: Sequence[Any]) -> list[list[Any]]:
        names = sorted(field for guide in self.order for field in guide.fields)
        orders: dict[tuple[object, ...], list[Any]] = {}
        for line in lines:
            orders.setdefault(tuple(getattr(line, name) for name in names), []).append(line)
        return list(orders.values())


def _code(block: Sequence[Numbered]) -> str:
    return element(block[0][1], _CODE)


def _chain(level: str, blocks: Mapping[str, Sequence[Numbered]], scopes: Mapping[str, Scope]) -> list[Scope]:
    """Return the scopes of a level and of those above it, the innermost first; a circle ends the climb."""
    chain: dict[str, Scope] = {}
    while level in blocks and level not in chain and len(chain) < Limits().hierarchy_levels:
        chain[level] = scopes[level]
        level = element(blocks[level][0][1], _PARENT)
    return list(chain.values())

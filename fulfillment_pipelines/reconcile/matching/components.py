"""Lines, legs and the pairs they may form, in whole units, and what hangs together through such pairs.

Which pairs are possible belongs to the SQL; how quantities are divided, to `search`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class MatchLabel(StrEnum):
    """How sure a match is.

    EXACT: the document's own references lead there. UNIQUE: one best division exists. AMBIGUOUS: several are equally
    good, and the oldest legs were taken. OPTIMAL: none is better; whether it is the only one was not settled within
    the limits. SEARCH_EXHAUSTED: the group was too large to be searched to the end. UNMATCHED: nothing fits.
    """

    EXACT = "exact"
    UNIQUE = "unique"
    AMBIGUOUS = "ambiguous"
    OPTIMAL = "optimal"
    SEARCH_EXHAUSTED = "search_exhausted"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """A line that may bill a leg.

    Attributes:
        line: Key of the line.
        leg: Key of the leg.
        score: How well they fit, 0 to 1000.
    """

    line: str
    leg: str
    score: int


@dataclass(frozen=True, slots=True, order=True)
class Allocation:
    """How much of a line is backed by a leg."""

    line: str
    leg: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Component:
    """Lines and legs that hang together through possible pairs; nothing outside bears on them.

    Attributes:
        lines: Quantity to be matched, by key of the line.
        legs: Quantity that may be billed, by key of the leg, the oldest leg first.
        pairs: Possible pairs, in the order of their keys.
    """

    lines: Mapping[str, int]
    legs: Mapping[str, int]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Division:
    """How a component's quantities were divided, and how sure that is."""

    allocations: tuple[Allocation, ...]
    label: MatchLabel


def components_of(lines: Mapping[str, int], legs: Mapping[str, int], pairs: Iterable[Pair]) -> list[Component]:
    """Return what hangs together, each component on its own; the order of the input has no influence.

    Args:
        lines: Quantity by key; those without a possible pair are left out.
        legs: Quantity by key, in the order in which legs are to be preferred; sorted keys decide nothing.
        pairs: Possible pairs; a pair of which one side has no quantity is left out.
    """
    possible = sorted(pair for pair in pairs if lines.get(pair.line, 0) > 0 and legs.get(pair.leg, 0) > 0)
    rank = {leg: position for position, leg in enumerate(legs)}
    return [
        Component(
            lines={key: lines[key] for key in sorted({pair.line for pair in group})},
            legs={key: legs[key] for key in sorted({pair.leg for pair in group}, key=rank.__getitem__)},
            pairs=tuple(group),
        )
        for group in _connected(possible)
    ]


def _connected(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Group pairs that share a line or a leg, by union-find; groups in the order of their first pair."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for pair in pairs:
        parent[root(("line", pair.line))] = root(("leg", pair.leg))
    groups: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[root(("line", pair.line))].append(pair)
    return list(groups.values())

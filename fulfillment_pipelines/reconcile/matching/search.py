"""Divide the quantities of lines over legs: exactly where a component is small, the best pairs first where it is not.

What is best, in this order: as much quantity matched as possible; as few lines and legs left in part as possible; as
few pieces as possible; the highest score. No line and no leg is ever given more than it has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from fulfillment_pipelines.reconcile.matching.components import Allocation, Component, Division, MatchLabel, Pair
from fulfillment_pipelines.reconcile.matching.policy import SearchLimits

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

_LARGEST_OBJECTIVE: Final = 2**60
_TOP_SCORE: Final = 1000


def divide(component: Component, limits: SearchLimits) -> Division:
    """Divide one component.

    Args:
        component: Lines, legs and possible pairs.
        limits: Up to which size and effort the search is exact.
    """
    simple = _forced(component)
    if simple is not None:
        return simple
    if len(component.pairs) > limits.largest_pairs:
        return _exhausted(component)
    scaled, unit = _in_common_units(component)
    if _Weights.of(scaled).largest(scaled) > _LARGEST_OBJECTIVE:
        return _exhausted(component)
    found = _search(scaled, limits)
    if found is None:
        return _exhausted(component)
    allocations = tuple(replace(one, quantity=one.quantity * unit) for one in found.allocations)
    return Division(allocations, found.label)


def _forced(component: Component) -> Division | None:
    """Return the only best division where there is nothing to choose: one side is alone and takes everything."""
    if len(component.lines) == 1:
        ((_, room),) = component.lines.items()
        wanted = {pair.leg: component.legs[pair.leg] for pair in component.pairs}
    elif len(component.legs) == 1:
        ((_, room),) = component.legs.items()
        wanted = {pair.line: component.lines[pair.line] for pair in component.pairs}
    else:
        return None
    if sum(wanted.values()) > room and len(wanted) > 1:
        return None
    by_line = len(component.lines) == 1
    allocations = (
        Allocation(pair.line, pair.leg, min(room, wanted[pair.leg if by_line else pair.line]))
        for pair in component.pairs
    )
    return Division(tuple(allocations), MatchLabel.UNIQUE)


def _exhausted(component: Component) -> Division:
    """Give the best pairs first what both sides have left."""
    left_lines, left_legs = dict(component.lines), dict(component.legs)
    rank = {leg: position for position, leg in enumerate(component.legs)}

    def preference(pair: Pair) -> tuple[bool, int, int, str]:
        fits = component.lines[pair.line] == component.legs[pair.leg]
        return (not fits, -pair.score, rank[pair.leg], pair.line)

    allocations = []
    for pair in sorted(component.pairs, key=preference):
        quantity = min(left_lines[pair.line], left_legs[pair.leg])
        if quantity > 0:
            allocations.append(Allocation(pair.line, pair.leg, quantity))
            left_lines[pair.line] -= quantity
            left_legs[pair.leg] -= quantity
    return Division(tuple(sorted(allocations)), MatchLabel.SEARCH_EXHAUSTED)


def _in_common_units(component: Component) -> tuple[Component, int]:
    """Return the component counted in the largest unit all its quantities are multiples of, and that unit."""
    unit = math.gcd(*component.lines.values(), *component.legs.values())
    scaled = replace(
        component,
        lines={key: quantity // unit for key, quantity in component.lines.items()},
        legs={key: quantity // unit for key, quantity in component.legs.items()},
    )
    return scaled, unit


@dataclass(frozen=True, slots=True)
class _Weights:
    """Weights that put the aims in their order: a lower aim can never outweigh a higher one."""

    quantity: int
    part: int
    piece: int

    @classmethod
    def of(cls, component: Component) -> _Weights:
        piece = _TOP_SCORE * len(component.pairs) + 1
        part = piece * (len(component.pairs) + 1)
        return cls(quantity=part * (len(component.lines) + len(component.legs) + 1), part=part, piece=piece)

    def largest(self, component: Component) -> int:
        """Return a bound of the objective."""
        return self.quantity * min(sum(component.lines.values()), sum(component.legs.values()))


def _search(component: Component, limits: SearchLimits) -> Division | None:
    """Search for the best division, then for another one as good; None where the effort did not suffice."""
    best = _DivisionModel(component, limits)
    best.model.maximize(best.worth)
    if best.solve() is not _Status.SOLVED:
        return None
    chosen, worth = best.allocations(), best.reached()

    other = _DivisionModel(component, limits)
    other.model.add(other.worth == worth)
    other.require_another_than(chosen)
    match other.solve():
        case _Status.IMPOSSIBLE:
            return Division(chosen, MatchLabel.UNIQUE)
        case _Status.GIVEN_UP:
            return Division(chosen, MatchLabel.OPTIMAL)

    oldest = _DivisionModel(component, limits)
    oldest.model.add(oldest.worth == worth)
    oldest.model.minimize(oldest.youth)
    is_settled = oldest.solve() is _Status.SOLVED
    return Division(oldest.allocations() if is_settled else other.allocations(), MatchLabel.AMBIGUOUS)


class _Status(Enum):
    SOLVED = auto()
    IMPOSSIBLE = auto()
    GIVEN_UP = auto()


class _DivisionModel:
    """The division of one component as an integer program.

    Attributes:
        model: The program; who uses it adds what it should optimise.
        worth: How good a division is, all aims in one number.
        youth: How young the legs are that a division takes; the youngest lines take the youngest legs.
    """

    def __init__(self, component: Component, limits: SearchLimits) -> None:
        # Imported here: the solver brings pandas along, and most runs have nothing to search.
        from ortools.sat.python import cp_model  # noqa: PLC0415 - see above

        self._cp = cp_model
        self._component = component
        self._solver = cp_model.CpSolver()
        # One worker, a fixed seed and a limit in the solver's own steps: the same input gives the same answer.
        self._solver.parameters.num_workers = 1
        self._solver.parameters.random_seed = 1
        self._solver.parameters.max_deterministic_time = limits.deterministic_seconds
        self.model = cp_model.CpModel()
        self._taken = [
            self.model.new_int_var(0, min(component.lines[pair.line], component.legs[pair.leg]), "")
            for pair in component.pairs
        ]
        self._used = [self.model.new_bool_var("") for _ in component.pairs]
        self._parts = [
            *self._bounded(component.lines, [pair.line for pair in component.pairs]),
            *self._bounded(component.legs, [pair.leg for pair in component.pairs]),
        ]
        for pair, taken, used in zip(component.pairs, self._taken, self._used, strict=True):
            self.model.add(taken <= min(component.lines[pair.line], component.legs[pair.leg]) * used)
        self.worth = self._worth()
        self.youth = self._youth()

    def solve(self) -> _Status:
        """Solve the program as it stands."""
        status = self._solver.solve(self.model)
        if status == self._cp.OPTIMAL:
            return _Status.SOLVED
        return _Status.IMPOSSIBLE if status == self._cp.INFEASIBLE else _Status.GIVEN_UP

    def reached(self) -> int:
        """Return how good the division is that was found."""
        return self._solver.value(self.worth)

    def allocations(self) -> tuple[Allocation, ...]:
        """Return the division that was found."""
        quantities = [self._solver.value(taken) for taken in self._taken]
        return tuple(
            Allocation(pair.line, pair.leg, quantity)
            for pair, quantity in zip(self._component.pairs, quantities, strict=True)
            if quantity
        )

    def require_another_than(self, found: Iterable[Allocation]) -> None:
        """Ask for a division that gives less to some pair; among equally large ones, that is any other one."""
        given = {(one.line, one.leg): one.quantity for one in found}
        lower = []
        for pair, taken in zip(self._component.pairs, self._taken, strict=True):
            if (quantity := given.get((pair.line, pair.leg), 0)) > 0:
                is_lower = self.model.new_bool_var("")
                self.model.add(taken <= quantity - 1).only_enforce_if(is_lower)
                lower.append(is_lower)
        self.model.add_bool_or(lower)

    def _bounded(self, room: Mapping[str, int], owners: Sequence[str]) -> list[cp_model.IntVar]:
        """Give no line or leg more than it has; return for each whether only a part of it is taken."""
        parts = []
        for key, quantity in room.items():
            own = [position for position, owner in enumerate(owners) if owner == key]
            total = sum(self._taken[position] for position in own)
            is_part = self.model.new_bool_var("")
            self.model.add(total <= quantity)
            for position in own:
                self.model.add(total + quantity * is_part >= quantity * self._used[position])
            parts.append(is_part)
        return parts

    def _worth(self) -> cp_model.LinearExprT:
        weights = _Weights.of(self._component)
        pieces = (
            (pair.score - weights.piece) * used for pair, used in zip(self._component.pairs, self._used, strict=True)
        )
        return weights.quantity * sum(self._taken) - weights.part * sum(self._parts) + sum(pieces)

    def _youth(self) -> cp_model.LinearExprT:
        leg_rank = {key: rank for rank, key in enumerate(self._component.legs)}
        line_rank = {key: rank for rank, key in enumerate(self._component.lines)}
        return sum(
            leg_rank[pair.leg] * (2 * len(line_rank) - line_rank[pair.line]) * taken
            for pair, taken in zip(self._component.pairs, self._taken, strict=True)
        )

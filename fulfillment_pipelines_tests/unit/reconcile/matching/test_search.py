"""How quantities are divided: by what is best, never more than there is, the same whatever the order of the input."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fulfillment_pipelines.reconcile.matching.components import (
    Allocation,
    Component,
    Division,
    MatchLabel,
    Pair,
    components_of,
)
from fulfillment_pipelines.reconcile.matching.policy import SearchLimits
from fulfillment_pipelines.reconcile.matching.search import divide

LIMITS = SearchLimits(largest_pairs=60, deterministic_seconds=2)
World = tuple[dict[str, int], dict[str, int], list[Pair]]


def _divided(lines: dict[str, int], legs: dict[str, int], pairs: list[Pair], limits: SearchLimits = LIMITS) -> Division:
    (component,) = components_of(lines, legs, pairs)
    return divide(component, limits)


def _all_pairs(lines: dict[str, int], legs: dict[str, int], score: int = 500) -> list[Pair]:
    return [Pair(line, leg, score) for line in lines for leg in legs]


@st.composite
def worlds(draw: st.DrawFn, largest: int = 4, most: int = 9) -> World:
    quantities = st.integers(min_value=1, max_value=most)
    lines = {f"line-{number}": draw(quantities) for number in range(draw(st.integers(1, largest)))}
    legs = {f"leg-{number}": draw(quantities) for number in range(draw(st.integers(1, largest)))}
    scores = st.sampled_from([100, 500, 900])
    pairs = [Pair(line, leg, draw(scores)) for line in lines for leg in legs if draw(st.booleans())]
    return lines, legs, pairs


def _best_quantity(lines: dict[str, int], legs: dict[str, int], pairs: list[Pair]) -> int:
    """The largest flow, by trying every cut: no more fits than crosses the narrowest one."""
    cuts = []
    for size in range(len(lines) + 1):
        for kept in itertools.combinations(lines, size):
            reached = {pair.leg for pair in pairs if pair.line in kept}
            cuts.append(sum(lines[line] for line in lines if line not in kept) + sum(legs[leg] for leg in reached))
    return min(cuts)


def test_a_line_that_is_the_sum_of_its_legs_bills_all_of_them() -> None:
    division = _divided({"line": 12}, {"a": 5, "b": 7}, _all_pairs({"line": 12}, {"a": 5, "b": 7}))
    assert division == Division((Allocation("line", "a", 5), Allocation("line", "b", 7)), MatchLabel.UNIQUE)


def test_whole_legs_are_found_among_others() -> None:
    legs = {"a": 4, "b": 5, "c": 7, "d": 20}
    division = _divided({"line": 12}, legs, _all_pairs({"line": 12}, legs))
    assert division == Division((Allocation("line", "b", 5), Allocation("line", "c", 7)), MatchLabel.UNIQUE)


def test_two_equally_good_legs_are_ambiguous_and_the_older_is_taken() -> None:
    legs = {"older": 5, "younger": 5}
    division = _divided({"line": 5}, legs, _all_pairs({"line": 5}, legs))
    assert division == Division((Allocation("line", "older", 5),), MatchLabel.AMBIGUOUS)


def test_the_better_score_decides_between_legs_of_one_quantity() -> None:
    pairs = [Pair("line", "older", 500), Pair("line", "younger", 510)]
    division = _divided({"line": 5}, {"older": 5, "younger": 5}, pairs)
    assert division == Division((Allocation("line", "younger", 5),), MatchLabel.UNIQUE)


def test_more_quantity_counts_more_than_any_score() -> None:
    pairs = [Pair("line", "poor", 1), Pair("line", "good", 1000)]
    division = _divided({"line": 7}, {"poor": 7, "good": 6}, pairs)
    assert division.allocations == (Allocation("line", "poor", 7),)


def test_old_lines_take_old_legs_where_all_are_alike() -> None:
    lines, legs = {"line-1": 5, "line-2": 5}, {"leg-1": 5, "leg-2": 5}
    division = _divided(lines, legs, _all_pairs(lines, legs))
    assert division.label is MatchLabel.AMBIGUOUS
    assert division.allocations == (Allocation("line-1", "leg-1", 5), Allocation("line-2", "leg-2", 5))


def test_what_is_billed_short_leaves_a_part_of_one_leg() -> None:
    legs = {"a": 5, "b": 7}
    division = _divided({"line": 10}, legs, [Pair("line", "a", 900), Pair("line", "b", 500)])
    assert sum(one.quantity for one in division.allocations) == 10
    assert len(division.allocations) == 2


def test_a_group_beyond_the_limit_is_divided_best_pairs_first_and_says_so() -> None:
    lines = {f"line-{number}": 3 for number in range(9)}
    legs = {f"leg-{number}": 3 for number in range(9)}
    division = _divided(lines, legs, _all_pairs(lines, legs))
    assert division.label is MatchLabel.SEARCH_EXHAUSTED
    assert {one.line for one in division.allocations} == set(lines)


def test_a_search_without_effort_to_spend_says_so() -> None:
    lines = {f"line-{number}": 30 + number for number in range(5)}
    legs = {f"leg-{number}": 11 + 3 * number for number in range(9)}
    limits = SearchLimits(largest_pairs=1000, deterministic_seconds=1e-9)
    assert _divided(lines, legs, _all_pairs(lines, legs), limits).label is MatchLabel.SEARCH_EXHAUSTED


def test_quantities_with_decimals_are_searched_exactly() -> None:
    legs = {"a": 10_001, "b": 20_003, "c": 30_007}
    division = _divided({"line": 30_004}, legs, _all_pairs({"line": 30_004}, legs))
    assert {one.leg for one in division.allocations} == {"a", "b"}


def test_what_hangs_together_through_a_third_is_one_component() -> None:
    pairs = [Pair("x", "a", 1), Pair("y", "a", 1), Pair("z", "c", 1)]
    found = components_of({"x": 1, "y": 1, "z": 1}, {"a": 1, "c": 1}, pairs)
    assert [set(component.lines) for component in found] == [{"x", "y"}, {"z"}]


def test_a_line_without_quantity_matches_nothing() -> None:
    assert components_of({"x": 0}, {"a": 1}, [Pair("x", "a", 1)]) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds(), shuffle=st.randoms(use_true_random=False))
def test_any_order_of_the_input_gives_the_same_division(world: World, shuffle: random.Random) -> None:
    lines, legs, pairs = world
    shuffled = list(lines.items())
    shuffle.shuffle(shuffled)
    mixed = shuffle.sample(pairs, len(pairs))
    assert [divide(one, LIMITS) for one in components_of(lines, legs, pairs)] == [
        divide(one, LIMITS) for one in components_of(dict(shuffled), legs, mixed)
    ]


@pytest.mark.parametrize("limits", [LIMITS, SearchLimits(largest_pairs=1, deterministic_seconds=1)])
@settings(max_examples=60, deadline=None)
@given(world=worlds(largest=6))
def test_nothing_is_given_more_than_it_has(limits: SearchLimits, world: World) -> None:
    lines, legs, pairs = world
    possible = {(pair.line, pair.leg) for pair in pairs}
    for component in components_of(lines, legs, pairs):
        allocations = divide(component, limits).allocations
        by_line, by_leg = Counter[str](), Counter[str]()
        for one in allocations:
            assert one.quantity > 0
            assert (one.line, one.leg) in possible
            by_line[one.line] += one.quantity
            by_leg[one.leg] += one.quantity
        assert all(total <= lines[line] for line, total in by_line.items())
        assert all(total <= legs[leg] for leg, total in by_leg.items())


@settings(max_examples=60, deadline=None)
@given(world=worlds(largest=5))
def test_no_division_matches_more_than_the_exact_one(world: World) -> None:
    lines, legs, pairs = world
    for component in components_of(lines, legs, pairs):
        division = divide(component, LIMITS)
        assert division.label in {MatchLabel.UNIQUE, MatchLabel.AMBIGUOUS}
        best = _best_quantity(dict(component.lines), dict(component.legs), list(component.pairs))
        assert sum(one.quantity for one in division.allocations) == best


def _divisions(component: Component) -> Iterator[tuple[Allocation, ...]]:
    """Every division that gives no side more than it has."""
    most = [min(component.lines[pair.line], component.legs[pair.leg]) for pair in component.pairs]
    for quantities in itertools.product(*(range(limit + 1) for limit in most)):
        by_line, by_leg = Counter[str](), Counter[str]()
        for pair, quantity in zip(component.pairs, quantities, strict=True):
            by_line[pair.line] += quantity
            by_leg[pair.leg] += quantity
        if by_line <= Counter(component.lines) and by_leg <= Counter(component.legs):
            taken = zip(component.pairs, quantities, strict=True)
            yield tuple(Allocation(pair.line, pair.leg, quantity) for pair, quantity in taken if quantity)


def _rank(component: Component, division: tuple[Allocation, ...]) -> tuple[int, int, int, int]:
    """The aims in their order, each the larger the better."""
    by_line, by_leg = Counter[str](), Counter[str]()
    for one in division:
        by_line[one.line] += one.quantity
        by_leg[one.leg] += one.quantity
    parts = sum(by_line[key] not in {0, quantity} for key, quantity in component.lines.items())
    parts += sum(by_leg[key] not in {0, quantity} for key, quantity in component.legs.items())
    scores = {(pair.line, pair.leg): pair.score for pair in component.pairs}
    return by_line.total(), -parts, -len(division), sum(scores[one.line, one.leg] for one in division)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds(largest=3, most=3))
def test_the_division_is_the_best_of_all_and_its_label_says_whether_another_is_as_good(world: World) -> None:
    for component in components_of(*world):
        division = divide(component, LIMITS)
        ranked = Counter(_rank(component, each) for each in _divisions(component))
        assert _rank(component, division.allocations) == max(ranked)
        assert division.label is (MatchLabel.UNIQUE if ranked[max(ranked)] == 1 else MatchLabel.AMBIGUOUS)

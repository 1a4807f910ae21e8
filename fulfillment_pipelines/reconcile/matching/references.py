"""How alike two spellings of an order number are, and which order a misspelt one stands for.

Spellings come from the SQL without case, separators and letters that are taken for digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz

from fulfillment_pipelines.reconcile.matching.policy import ReferencePolicy


@dataclass(frozen=True, slots=True)
class NearestReference:
    """The spelling that comes nearest.

    Attributes:
        reference: That spelling.
        percent: How alike it is, 0 to 100.
        is_clear: Whether it is near enough, and nearer than every other by the margin.
    """

    reference: str
    percent: float
    is_clear: bool


def similarity_percent(one: str, other: str) -> float:
    """Return how alike two spellings are, 0 to 100."""
    return fuzz.ratio(one, other)


def nearest_reference(spelled: str, known: Iterable[str], policy: ReferencePolicy) -> NearestReference | None:
    """Return which known spelling is nearest to a misspelt one; None where nothing is known."""
    ranked = sorted(
        ((similarity_percent(spelled, each), each) for each in set(known)), key=lambda one: (-one[0], one[1])
    )
    if not ranked:
        return None
    percent, reference = ranked[0]
    runner_up = ranked[1][0] if len(ranked) > 1 else 0.0
    is_clear = percent >= policy.minimum_percent and percent - runner_up >= policy.margin_percent
    return NearestReference(reference, percent, is_clear)

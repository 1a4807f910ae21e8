"""How far a match may reach: window, similarity, weights and the bounds of the search, from `data/seeds/matching.yaml`.

What is done with these numbers belongs to the passes.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from fulfillment_pipelines.systems.yaml_file import read_yaml

_WHOLE = 100


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReferencePolicy(_Part):
    """When a misspelt order number stands for another one; similarities in percent."""

    minimum_percent: Decimal = Field(gt=0, le=100)
    margin_percent: Decimal = Field(ge=0, le=100)
    floor_percent: Decimal = Field(ge=0, le=100)


class ScoreWeights(_Part):
    """What the score of a pair is made of, in percent."""

    time: int = Field(ge=0, le=100)
    price: int = Field(ge=0, le=100)
    reference: int = Field(ge=0, le=100)

    @model_validator(mode="after")
    def _sum_to_the_whole(self) -> Self:
        total = self.time + self.price + self.reference
        if total != _WHOLE:
            raise ValueError(f"the weights must sum to {_WHOLE}, not {total}")
        return self


class SearchLimits(_Part):
    """How large a group may be that is searched exactly, and how much work that may cost.

    Attributes:
        largest_pairs: Possible pairs of a line and a leg that hang together.
        deterministic_seconds: The solver's own measure of work, the same on every machine.
    """

    largest_pairs: int = Field(ge=1)
    deterministic_seconds: float = Field(gt=0)


class MatchingPolicy(_Part):
    """The content of `matching.yaml`; `version` is raised with every change.

    Attributes:
        window_days: How long before its invoice a leg may have left.
        lead_hours: How long after its draft was read a leg may leave; after its posting none may.
        price_limit_percent: Difference from the agreed price from which on the price speaks fully against a match.
    """

    version: int
    window_days: Decimal = Field(gt=0)
    lead_hours: Decimal = Field(ge=0)
    reference: ReferencePolicy
    price_limit_percent: Decimal = Field(gt=0)
    weights: ScoreWeights
    search: SearchLimits


def read_matching_policy(path: Path) -> MatchingPolicy:
    """Read `matching.yaml`.

    Raises:
        ConfigurationError: The file is missing or does not fit; the message names the line.
    """
    return read_yaml(path, TypeAdapter(MatchingPolicy), what="matching policy")

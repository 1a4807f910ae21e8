"""What each KPI says, in words, what is aimed at, and whether a figure reaches it: the file `data/seeds/kpis.yaml`.

How a KPI is counted is the SQL of its table in `sql/40_marts`, or a statistic of the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, StringConstraints, TypeAdapter

from fulfillment_pipelines.systems.yaml_file import read_yaml

KPI_FILE: Final = "kpis.yaml"

Words = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class KpiUnit(StrEnum):
    """What a figure is: a share of 1, a duration in hours, or a number."""

    SHARE = "share"
    DURATION = "duration"
    COUNT = "count"


class Direction(StrEnum):
    """Which way is better."""

    UP = "up"
    DOWN = "down"


class Standing(StrEnum):
    """How a figure stands to its target; UNKNOWN where that cannot be told, or there is no target."""

    MET = "MET"
    MISSED = "MISSED"
    UNKNOWN = "UNKNOWN"
    UNTARGETED = "UNTARGETED"


class KpiDefinition(BaseModel):
    """One KPI.

    Attributes:
        version: Raised with every change of what is counted.
        name: What people call it.
        formula: What is counted, in words.
        unit: What the figure is.
        direction: Which way is better.
        owner: The team that answers for it.
        target: What is aimed at, in the unit; None for nothing.
        source: Who defines it so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: PositiveInt
    name: Words
    formula: Words
    unit: KpiUnit
    direction: Direction
    owner: Words
    target: Annotated[Decimal, Field(ge=0)] | None = None
    source: Words

    def standing(self, figure: Decimal | None, *, coverage: Decimal | None) -> Standing:
        """Return how a figure of what is known stands to the target.

        A share is met, or missed, only where that holds whatever the unknown turn out to be; another figure only where
        nothing is unknown.

        Args:
            figure: Of what is known; None where nothing is.
            coverage: Share of what is counted that is known.
        """
        if self.target is None:
            return Standing.UNTARGETED
        if figure is None or coverage is None:
            return Standing.UNKNOWN
        lowest, highest = self._bounds(figure, coverage)
        if lowest is None or highest is None:
            return Standing.UNKNOWN
        if self.direction is Direction.DOWN:
            lowest, highest, target = -highest, -lowest, -self.target
        else:
            target = self.target
        if lowest >= target:
            return Standing.MET
        return Standing.MISSED if highest < target else Standing.UNKNOWN

    def _bounds(self, figure: Decimal, coverage: Decimal) -> tuple[Decimal | None, Decimal | None]:
        if self.unit is KpiUnit.SHARE:
            return figure * coverage, figure * coverage + 1 - coverage
        return (figure, figure) if coverage == 1 else (None, None)


class KpiSeed(BaseModel):
    """The content of `kpis.yaml`.

    Attributes:
        version: Raised with every change.
        valid_hours: How long a figure speaks for the present.
        kpis: By name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: PositiveInt
    valid_hours: PositiveInt
    kpis: Mapping[str, KpiDefinition]


def read_kpis(seeds: Path) -> KpiSeed:
    """Read `kpis.yaml` of a seeds folder.

    Raises:
        ConfigurationError: The file is missing or does not fit; the message names the line.
    """
    return read_yaml(seeds / KPI_FILE, TypeAdapter(KpiSeed), what="file of KPIs")

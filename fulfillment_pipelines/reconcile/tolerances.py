"""How much, and for how long, systems may disagree: the configured values that rules take as parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.yaml_file import read_yaml


class Tolerance(BaseModel):
    """One configured value, with its unit and what it is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Decimal = Field(ge=0)
    unit: str
    about: str


class Tolerances(BaseModel):
    """All tolerances of one distributor, by name; `version` is raised with every change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    tolerances: dict[str, Tolerance]

    def values(self, names: Iterable[str]) -> Mapping[str, Decimal]:
        """Return the values of the named tolerances, as parameters for a rule.

        Raises:
            ConfigurationError: One of them is not configured.
        """
        wanted = sorted(names)
        missing = [name for name in wanted if name not in self.tolerances]
        if missing:
            raise ConfigurationError(
                f"The tolerances {', '.join(missing)} are not configured.",
                expected="an entry with value, unit and about for each tolerance that a rule's header names",
                found=", ".join(sorted(self.tolerances)),
                remedy="add them to data/seeds/tolerances.yaml",
            )
        return {name: self.tolerances[name].value for name in wanted}


def read_tolerances(path: Path) -> Tolerances:
    """Read `tolerances.yaml`.

    Raises:
        ConfigurationError: The file is missing or does not fit; the message names the line.
    """
    return read_yaml(path, TypeAdapter(Tolerances), what="tolerances file")

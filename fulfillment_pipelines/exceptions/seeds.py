"""What every policy file of `data/seeds` has in common, and the calendars all policies share.

What a policy means belongs beside its model, in `sla`, `routing` and `corrections.policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from fulfillment_pipelines.domain.calendar import BusinessCalendar, calendars_from
from fulfillment_pipelines.systems.yaml_file import read_yaml


class Seed(BaseModel):
    """Base of every policy model: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def read_calendars(path: Path) -> Mapping[str, BusinessCalendar]:
    """Return the business calendars of a YAML file, by name.

    Raises:
        ConfigurationError: The file is missing, is not YAML, or a calendar in it cannot be read.
    """
    declared = read_yaml(path, TypeAdapter(dict[str, dict[str, object]]), what="calendars file")
    return calendars_from(declared, str(path))

"""What every policy file of `data/seeds` has in common, and the calendars all policies share.

What a policy means belongs beside its model, in `sla`, `routing` and `corrections.proposing.policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from fulfillment_pipelines.domain.calendar import BusinessCalendar, calendars_from
from fulfillment_pipelines.systems.yaml_file import read_yaml


class Seed(BaseModel):
    """Base of every policy model: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class CalendarSeed(Seed):
    """One business calendar; `closes_at` 00:00 is the end of the day."""

    zone: str
    weekdays: tuple[Literal["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"], ...] = Field(min_length=1)
    opens_at: TimeOfDay
    closes_at: TimeOfDay
    holidays: tuple[date, ...] = ()


CALENDARS: TypeAdapter[dict[str, CalendarSeed]] = TypeAdapter(dict[str, CalendarSeed])
"""The content of `calendars.yaml`: calendars by name."""


def read_calendars(path: Path) -> Mapping[str, BusinessCalendar]:
    """Return the business calendars of a YAML file, by name.

    Raises:
        ConfigurationError: The file is missing, is not YAML, or a calendar in it cannot be read.
    """
    declared = read_yaml(path, CALENDARS, what="calendars file")
    return calendars_from({name: calendar.model_dump(mode="json") for name, calendar in declared.items()}, str(path))

"""Who takes a case: the team its rule names, that team's calendar, and a person where the team has said so.

Rules are in `data/seeds/routing.yaml`. Escalation when nobody takes it does not belong here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from fulfillment_pipelines.domain.calendar import BusinessCalendar
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.exceptions.seeds import Seed
from fulfillment_pipelines.systems.yaml_file import read_yaml


class Assignment(Seed):
    """Cases that go to a person at once; an empty condition holds for every case."""

    assignee: str
    owner: str = ""
    code: str = ""
    node: str = ""

    def covers(self, finding: Finding) -> bool:
        """Whether all conditions hold."""
        pairs = ((self.owner, finding.owner), (self.code, finding.code), (self.node, finding.node))
        return all(wanted in {"", found} for wanted, found in pairs)


class RoutingSeed(Seed):
    """The content of `routing.yaml`."""

    version: int
    calendar: str
    team_calendars: Mapping[str, str]
    assignments: Sequence[Assignment]


class Routing:
    """The calendar of each team, and who gets which case.

    Args:
        seed: The content of the policy file.
        calendars: All business calendars by name.

    Raises:
        ConfigurationError: A team works by a calendar that does not exist.
    """

    def __init__(self, seed: RoutingSeed, calendars: Mapping[str, BusinessCalendar]) -> None:
        for name in (seed.calendar, *seed.team_calendars.values()):
            if name not in calendars:
                raise ConfigurationError(
                    f"The routing policy names a calendar '{name}' that does not exist.",
                    expected=f"one of {', '.join(sorted(calendars))}",
                    remedy="correct data/seeds/routing.yaml or add the calendar to data/seeds/calendars.yaml",
                )
        self._seed = seed
        self._calendars = calendars

    def calendar_of(self, owner: str) -> BusinessCalendar:
        """Return the calendar by which a team's deadlines run."""
        return self._calendars[self._seed.team_calendars.get(owner, self._seed.calendar)]

    def assignee_of(self, finding: Finding) -> str | None:
        """Return the person of the first assignment that covers the finding; None leaves it in the team's queue."""
        return next((rule.assignee for rule in self._seed.assignments if rule.covers(finding)), None)


def read_routing(path: Path, calendars: Mapping[str, BusinessCalendar]) -> Routing:
    """Return the policy in `routing.yaml`.

    Raises:
        ConfigurationError: The file is wrong.
    """
    return Routing(read_yaml(path, TypeAdapter(RoutingSeed), what="routing policy"), calendars)

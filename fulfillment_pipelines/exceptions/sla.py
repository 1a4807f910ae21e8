"""By when a case must be acknowledged and solved (domain book §2.6). Numbers are in `data/seeds/sla.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import PositiveInt, TypeAdapter

from fulfillment_pipelines.domain.calendar import BusinessCalendar
from fulfillment_pipelines.domain.finding import Severity
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.exceptions.seeds import Seed
from fulfillment_pipelines.systems.yaml_file import read_yaml


class SlaUnit(StrEnum):
    """What a deadline is counted in; business units run only while the team's calendar is open."""

    MINUTES = "minutes"
    HOURS = "hours"
    BUSINESS_HOURS = "business_hours"
    BUSINESS_DAYS = "business_days"


class Deadline(Seed):
    """How long something may take."""

    amount: PositiveInt
    unit: SlaUnit

    def due_at(self, since: datetime, calendar: BusinessCalendar) -> datetime:
        """Return the moment at which the time is up, in UTC."""
        if self.unit is SlaUnit.MINUTES:
            return since + timedelta(minutes=self.amount)
        if self.unit is SlaUnit.HOURS:
            return since + timedelta(hours=self.amount)
        unit_seconds = 3600 if self.unit is SlaUnit.BUSINESS_HOURS else calendar.day_seconds
        return calendar.add_business_seconds(since, self.amount * unit_seconds)


class SeverityDeadlines(Seed):
    """The two deadlines of one severity."""

    acknowledge: Deadline
    fix: Deadline


class SlaSeed(Seed):
    """The content of `sla.yaml`.

    Attributes:
        version: Of the policy.
        severities: Deadlines by severity.
        longest_snooze_days: For at most so long somebody may put a case off.
    """

    version: PositiveInt
    severities: Mapping[Severity, SeverityDeadlines]
    longest_snooze_days: PositiveInt = 14


@dataclass(frozen=True, slots=True)
class DueTimes:
    """When a case is due, in UTC."""

    ack_due_at: datetime
    fix_due_at: datetime


class SlaPolicy:
    """The deadlines of every severity, and for how long a case may be put off (`longest_snooze`).

    Args:
        seed: The content of the policy file.

    Raises:
        ConfigurationError: A severity has no deadlines.
    """

    def __init__(self, seed: SlaSeed) -> None:
        missing = sorted(set(Severity) - set(seed.severities))
        if missing:
            raise ConfigurationError(
                "The SLA policy leaves a severity without deadlines.",
                expected=f"deadlines for {', '.join(Severity)}",
                found=f"none for {', '.join(missing)}",
                remedy="add it to data/seeds/sla.yaml",
            )
        self._severities = seed.severities
        self.longest_snooze = timedelta(days=seed.longest_snooze_days)

    def due_times(self, severity: Severity, condition_since: datetime, calendar: BusinessCalendar) -> DueTimes:
        """Return the deadlines of a case, back-dated to when its condition became true."""
        deadlines = self._severities[severity]
        return DueTimes(
            ack_due_at=deadlines.acknowledge.due_at(condition_since, calendar),
            fix_due_at=deadlines.fix.due_at(condition_since, calendar),
        )


def read_sla(path: Path) -> SlaPolicy:
    """Return the policy in `sla.yaml`.

    Raises:
        ConfigurationError: The file is wrong.
    """
    return SlaPolicy(read_yaml(path, TypeAdapter(SlaSeed), what="SLA policy"))

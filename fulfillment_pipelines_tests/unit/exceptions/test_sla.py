from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fulfillment_pipelines.domain.calendar import BusinessCalendar
from fulfillment_pipelines.domain.finding import Severity
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.exceptions.intake import CasePolicy
from fulfillment_pipelines.exceptions.sla import read_sla

OFFICE = BusinessCalendar("office")
FRIDAY_4PM = datetime(2026, 3, 6, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("severity", "acknowledge", "fix"),
    [
        (Severity.S1, datetime(2026, 3, 6, 16, 15, tzinfo=UTC), datetime(2026, 3, 6, 18, tzinfo=UTC)),
        (Severity.S2, datetime(2026, 3, 6, 17, tzinfo=UTC), datetime(2026, 3, 9, 12, tzinfo=UTC)),
        (Severity.S3, datetime(2026, 3, 9, 12, tzinfo=UTC), datetime(2026, 3, 9, 16, tzinfo=UTC)),
        (Severity.S4, datetime(2026, 3, 9, 16, tzinfo=UTC), datetime(2026, 3, 13, 16, tzinfo=UTC)),
    ],
)
def test_only_the_gravest_cases_are_due_outside_business_hours(
    case_policy: CasePolicy, severity: Severity, acknowledge: datetime, fix: datetime
) -> None:
    due = case_policy.sla.due_times(severity, FRIDAY_4PM, OFFICE)
    assert (due.ack_due_at, due.fix_due_at) == (acknowledge, fix)


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_severity_without_deadlines_is_refused(tmp_path: Path) -> None:
    deadlines = "{acknowledge: {amount: 1, unit: hours}, fix: {amount: 2, unit: hours}}"
    path = _write(tmp_path / "sla.yaml", f"version: 1\nseverities:\n  S1: {deadlines}\n")
    with pytest.raises(ConfigurationError, match="none for S2, S3, S4"):
        read_sla(path)


def test_a_wrong_value_is_told_by_file_and_line(tmp_path: Path) -> None:
    text = "version: 1\nseverities:\n  S1:\n    acknowledge: {amount: -5, unit: hours}\n"
    with pytest.raises(ConfigurationError, match=r"sla\.yaml:\d"):
        read_sla(_write(tmp_path / "sla.yaml", text))

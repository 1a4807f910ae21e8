from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fulfillment_pipelines.domain.calendar import BusinessCalendar
from fulfillment_pipelines.domain.finding import Finding
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.exceptions.routing import Routing, read_routing

CALENDARS = {"default": BusinessCalendar("default"), "late": BusinessCalendar("late")}


def _routing(tmp_path: Path, text: str) -> Routing:
    path = tmp_path / "routing.yaml"
    path.write_text(f"version: 1\ncalendar: default\n{text}", encoding="utf-8")
    return read_routing(path, CALENDARS)


def test_a_team_works_by_its_own_calendar_and_the_others_by_the_default(tmp_path: Path) -> None:
    routing = _routing(tmp_path, "team_calendars: {site: late}\nassignments: []\n")
    assert (routing.calendar_of("site").name, routing.calendar_of("billing").name) == ("late", "default")


def test_the_first_assignment_whose_conditions_all_hold_counts(
    tmp_path: Path, make_finding: Callable[..., Finding]
) -> None:
    routing = _routing(
        tmp_path,
        "team_calendars: {}\nassignments:\n"
        "  - {assignee: grace, code: FIN-01, node: west}\n"
        "  - {assignee: ada, code: FIN-01}\n"
        "  - {assignee: edith, owner: billing}\n",
    )
    assert routing.assignee_of(make_finding(node="west")) == "grace"
    assert routing.assignee_of(make_finding(node="east")) == "ada"
    assert routing.assignee_of(make_finding(code="FIN-02")) == "edith"
    assert routing.assignee_of(make_finding(code="INV-01", owner="inventory")) is None


def test_a_calendar_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'moon' that does not exist"):
        _routing(tmp_path, "team_calendars: {site: moon}\nassignments: []\n")

"""Lags that are learned, graces that follow from them, and how good both are, on a few rows each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row
from fulfillment_pipelines.reconcile.rule_tests import EXAMPLE_NOW
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.sql_models import read_model, read_models

SqlRunner = Callable[..., Any]
POLICY = {"window_days": 90, "minimum_samples": 3, "margin": 1.5, "floor_ratio": 1.0, "ceiling_ratio": 2.0}
_DEPARTED = EXAMPLE_NOW - timedelta(hours=6)
_FEEDS = [
    {"system": "erp", "entity": "shipments", "contract": "shipment_lines", "role": "erp"},
    {"system": "wms_east", "entity": "shipments", "contract": "shipment_lines", "role": "wms", "node": "EAST"},
]


def _leg(number: int, minutes: float | None, *, days: int = 0) -> list[Row]:
    """A leg that left, and what the ERP knows of it; None where it was never confirmed."""
    left = _DEPARTED - timedelta(days=days)
    key = {"shipment_id": f"SH-{number}", "order_id": f"SO-{number}", "shipped_at": left}
    confirmed = None if minutes is None else left + timedelta(minutes=minutes)
    return [{**key, "role": "wms"}, {**key, "role": "erp", "confirmed_at": confirmed}]


def _lags(run_sql: SqlRunner, *legs: list[Row], policy: Row = POLICY) -> Mapping[str, Any]:
    tables = {"canon_shipment_lines": [row for leg in legs for row in leg], "rec_feeds": _FEEDS}
    rows = run_sql("30_reconcile/rec_lags.sql", {**tables, "ref_timing": [policy]})
    return {row["pair"]: row for row in rows}


def test_the_lags_of_what_did_follow_are_learned_with_what_the_rule_book_grants(run_sql: SqlRunner) -> None:
    legs = [_leg(number, minutes) for number, minutes in enumerate((10, 20, 30, 40, 50))]
    found = _lags(run_sql, *legs, _leg(9, None))["ship.confirm"]
    assert (found["node"], found["sample_count"], found["p50_seconds"], found["longest_seconds"]) == (
        "EAST",
        5,
        1800,
        3000,
    )
    assert (found["default_seconds"], found["late_count"]) == (1800, 2)
    assert 2880 <= found["p95_seconds"] <= found["p99_seconds"] <= 3000


def test_what_began_before_the_window_is_forgotten(run_sql: SqlRunner) -> None:
    assert _lags(run_sql, _leg(1, 10), _leg(2, 99, days=91))["ship.confirm"]["sample_count"] == 1


def test_what_carries_the_same_instant_shows_no_lag(run_sql: SqlRunner) -> None:
    assert _lags(run_sql, _leg(1, 0)) == {}


def _lag(p99_seconds: int, samples: int = 3, node: str = "EAST") -> Row:
    return {"pair": "ship.confirm", "node": node, "sample_count": samples, "p99_seconds": p99_seconds}


@pytest.mark.parametrize(
    ("lag", "minutes"),
    [
        (_lag(1600), 40),
        (_lag(60), 30),
        (_lag(90_000), 60),
        (_lag(1600, samples=2), 30),
        (_lag(1600, node="WEST"), 30),
    ],
    ids=["with its margin", "never below the floor", "never above the ceiling", "too few samples", "of another site"],
)
def test_a_learned_lag_takes_the_place_of_the_rules_own_grace_within_bounds(
    run_sql: SqlRunner, lag: Row, minutes: int
) -> None:
    """SHP-01 grants thirty minutes by itself."""
    difference = {"condition_since": _DEPARTED, "breaks_at": _DEPARTED + timedelta(minutes=30)}
    tables = {
        "rec_differences": [difference],
        "rec_feeds": _FEEDS,
        "previous_findings": [],
        "ops_open_quarantine": [],
        "rec_lags": [lag],
        "ref_timing": [POLICY],
    }
    (finding,) = run_sql("30_reconcile/rec_findings.sql", tables)
    assert finding["breaks_at"] == _DEPARTED + timedelta(minutes=minutes)


def test_without_a_policy_every_rule_keeps_its_own_grace(run_sql: SqlRunner) -> None:
    difference = {"condition_since": _DEPARTED, "breaks_at": _DEPARTED + timedelta(minutes=30)}
    tables = {"rec_differences": [difference], "rec_feeds": _FEEDS, "rec_lags": [_lag(9000)], "ref_timing": []}
    (finding,) = run_sql(
        "30_reconcile/rec_findings.sql", {**tables, "previous_findings": [], "ops_open_quarantine": []}
    )
    assert finding["breaks_at"] == _DEPARTED + timedelta(minutes=30)


def _case(number: int, waited: int, healed: int | None = None, **changes: Any) -> Row:
    since = _DEPARTED
    return {
        "case_id": f"EXC-{number}",
        "code": "SHP-01",
        "node": "EAST",
        "condition_since": since,
        "first_breaks_at": since + timedelta(minutes=30),
        "detected_at": since + timedelta(minutes=waited),
        "closed_at": None if healed is None else since + timedelta(minutes=healed),
        "state": "OPEN" if healed is None else "AUTO_CLEARED",
        "was_acted_on": False,
        **changes,
    }


def test_alarms_that_healed_by_themselves_are_false_and_breaks_that_waited_too_long_are_late(
    run_sql: SqlRunner,
) -> None:
    cases = [
        _case(1, waited=35, healed=50),
        _case(2, waited=45, healed=70),
        _case(3, waited=40, healed=90, state="VERIFIED", was_acted_on=True),
        _case(4, waited=100),
        _case(5, waited=200, healed=300, was_acted_on=True),
    ]
    (found,) = run_sql("40_marts/mart_timing_quality.sql", {"ops_cases": cases, "rec_lags": [_lag(3600)]})
    assert (found["alarm_count"], found["false_alarm_count"], found["late_detection_count"]) == (5, 2, 2)
    assert (found["median_wait_seconds"], found["median_healing_seconds"]) == (2700, 3600)


def test_a_code_without_a_lag_is_never_late(run_sql: SqlRunner) -> None:
    cases = [_case(1, waited=9000, code="FIN-04")]
    (found,) = run_sql("40_marts/mart_timing_quality.sql", {"ops_cases": cases, "rec_lags": [_lag(3600)]})
    assert (found["alarm_count"], found["late_detection_count"], found["healing_p99_seconds"]) == (1, 0, None)


def test_every_lag_that_a_rule_names_is_learned(sql_folder: Path) -> None:
    rules = read_rules(read_models(sql_folder / "30_reconcile" / "rules"))
    learned = set(re.findall(r"'([a-z.]+)' as pair", read_model(sql_folder / "30_reconcile" / "rec_lags.sql").body))
    named = {rule.lag for rule in rules if rule.lag}
    assert named
    assert named <= learned

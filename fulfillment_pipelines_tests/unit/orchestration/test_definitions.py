"""What Dagster is told before anything runs: every feed, table and rule has its asset, which says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from fulfillment_pipelines.orchestration.assets.specs import team
from fulfillment_pipelines.orchestration.catalogue import rule_asset


@pytest.fixture(scope="module")
def specs(declared: Any) -> Mapping[str, dg.AssetSpec]:
    graph = declared.definitions.resolve_asset_graph()
    return {
        key.to_user_string(): spec for definition in graph.assets_defs for key, spec in definition.specs_by_key.items()
    }


def test_every_declared_feed_has_an_asset_in_its_systems_group(
    declared: Any, specs: Mapping[str, dg.AssetSpec]
) -> None:
    assert len(declared.catalogue.feeds) == 26
    assert {feed.table: feed.system for feed in declared.catalogue.feeds} == {
        name: spec.group_name for name, spec in specs.items() if name.startswith("snap_")
    }


def test_every_applicable_rule_has_an_asset_owned_by_the_team_of_its_header(
    declared: Any, specs: Mapping[str, dg.AssetSpec]
) -> None:
    rules = {rule_asset(rule): rule for rule in declared.catalogue.rules}
    assert "rule_fin_01" in rules
    for name, rule in rules.items():
        assert list(specs[name].owners) == [team(rule.owner)]
        assert specs[name].group_name == "rules"
        assert rule.code in (specs[name].description or "")


def test_a_rule_whose_systems_are_not_declared_has_no_asset(specs: Mapping[str, dg.AssetSpec]) -> None:
    assert "rule_shp_04" not in specs  # asks how deliveries ended; the small distributor declares no carrier


def test_every_sql_model_of_the_lake_has_an_asset(declared: Any, specs: Mapping[str, dg.AssetSpec]) -> None:
    assert set(declared.catalogue.tables) <= set(specs)
    assert {"canon_order_lines", "rec_findings", "mart_line_verdicts", "ops_snapshots"} <= set(specs)


def test_no_asset_is_without_owner_group_kind_description_and_code_version(
    specs: Mapping[str, dg.AssetSpec],
) -> None:
    lacking = [
        name
        for name, spec in specs.items()
        if not (spec.owners and spec.group_name and spec.kinds and spec.description)
        or (spec.code_version is None and spec.group_name != "exceptions")
    ]
    assert lacking == []


def test_a_canonical_table_is_made_from_every_feed_that_keeps_its_contract(specs: Mapping[str, dg.AssetSpec]) -> None:
    upstream = {dep.asset_key.to_user_string() for dep in specs["canon_holds"].deps}
    assert upstream == {"snap_erp__holds", "snap_wms_east__holds", "snap_finance__holds"}


def test_the_findings_are_made_from_every_rule(declared: Any, specs: Mapping[str, dg.AssetSpec]) -> None:
    upstream = {dep.asset_key.to_user_string() for dep in specs["rec_findings"].deps}
    assert {rule_asset(rule) for rule in declared.catalogue.rules} <= upstream


def test_a_feed_says_what_its_columns_must_be(specs: Mapping[str, dg.AssetSpec]) -> None:
    schema = specs["snap_erp__orders"].metadata["dagster/column_schema"]
    columns = {column.name: column for column in schema.columns}
    assert columns["ordered_at"].type == "TIMESTAMPTZ"
    assert not columns["status"].constraints.nullable
    assert columns["status"].constraints.other == ["one of OPEN, CLOSED, CANCELLED"]


def test_a_feed_is_held_to_the_freshness_its_system_declares(specs: Mapping[str, dg.AssetSpec]) -> None:
    policy = specs["snap_erp__orders"].freshness_policy
    assert isinstance(policy, dg.FreshnessPolicy)
    assert policy == dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=1))


def test_every_invariant_is_a_blocking_check_and_every_feed_check_lets_the_loop_go_on(declared: Any) -> None:
    checks = {
        spec.name: spec.blocking
        for definition in declared.definitions.resolve_asset_graph().assets_defs
        for spec in definition.check_specs
    }
    invariants = {invariant.name for invariant in declared.catalogue.invariants}
    assert {name for name, blocking in checks.items() if blocking} == invariants
    assert {"received", "contract"} <= set(checks) - invariants


def test_the_lake_is_kept_up_every_hour_without_a_click(declared: Any) -> None:
    schedule = declared.definitions.resolve_schedule_def("maintain_lake_schedule")
    assert (schedule.job_name, schedule.cron_schedule) == ("maintain_lake", "17 * * * *")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_house_is_kept_every_night_without_a_click_and_no_other_job_does_it(declared: Any) -> None:
    schedule = declared.definitions.resolve_schedule_def("upkeep_schedule")
    assert (schedule.job_name, schedule.default_status) == ("upkeep", dg.DefaultScheduleStatus.RUNNING)
    parts = {"upkeep_landing", "upkeep_operations", "upkeep_ledger", "upkeep_lake", "upkeep_dagster"}
    graph = declared.definitions.resolve_asset_graph()
    assert {
        key.to_user_string() for key in graph.get_all_asset_keys() if graph.get(key).group_name == "upkeep"
    } == parts
    for job in ("full_reconcile", "micro_batch"):
        selected = declared.definitions.resolve_job_def(job).asset_layer.selected_asset_keys
        assert parts.isdisjoint(key.to_user_string() for key in selected)


def test_schedule_and_sensor_are_on_without_a_click(declared: Any) -> None:
    schedule = declared.definitions.resolve_schedule_def("full_reconcile_schedule")
    sensor = declared.definitions.resolve_sensor_def("source_changes")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert (schedule.job_name, sensor.job_name) == ("full_reconcile", "micro_batch")


@pytest.mark.parametrize(
    ("owner", "expected"), [("Customer Service", "team:customer_service"), ("EDI", "team:edi"), (" Site ", "team:site")]
)
def test_a_team_is_named_as_dagster_allows(owner: str, expected: str) -> None:
    assert team(owner) == expected

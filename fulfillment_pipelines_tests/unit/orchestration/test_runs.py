"""Runs of the jobs in this process, on a real lake and ledger: what they materialize, check and decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from fulfillment_pipelines.ledger.readings import CaseFilter, list_cases
from fulfillment_pipelines.orchestration.catalogue import MATCHES
from fulfillment_pipelines.warehouse import Connection


def _materialized(result: dg.ExecuteInProcessResult) -> dict[str, Mapping[str, Any]]:
    return {
        event.asset_key.to_user_string(): {name: entry.value for name, entry in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }


def _check(result: dg.ExecuteInProcessResult, asset: str, name: str) -> dg.AssetCheckEvaluation:
    return next(
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if (evaluation.asset_key.to_user_string(), evaluation.check_name) == (asset, name)
    )


def test_a_full_run_materializes_everything(full_run: Any) -> None:
    assert full_run.result.success
    catalogue = full_run.world.catalogue
    feeds = {feed.table for feed in catalogue.feeds}
    assert set(_materialized(full_run.result)) == feeds | {*catalogue.tables, "exception_cases", "corrections"}


def test_a_rule_shows_its_findings_and_the_case_is_open_in_the_ledger(full_run: Any) -> None:
    materialized = _materialized(full_run.result)
    assert materialized["rule_int_03"]["findings_differ"] == 1
    assert materialized["exception_cases"]["open_cases_INT-03"] == 1
    with full_run.world.platform() as platform, platform.ledger.reading() as work:
        assert [case.business_key for case in list_cases(work, CaseFilter(codes=frozenset({"INT-03"})))] == ["P-1"]


def test_a_feed_shows_its_counts_its_control_totals_and_a_sample(full_run: Any) -> None:
    feed = _materialized(full_run.result)["snap_portal__orders"]
    shown = {name: feed[name] for name in ("dagster/row_count", "landed_rows", "inserted_rows", "declared_rows")}
    assert shown == {"dagster/row_count": 1, "landed_rows": 2, "inserted_rows": 1, "declared_rows": 2}
    assert feed["quarantined_rows"] == 1
    assert "| P-1 |" in feed["sample"]


def test_a_table_shows_its_columns_and_where_they_come_from(full_run: Any) -> None:
    table = _materialized(full_run.result)["canon_orders"]
    assert {column.name for column in table["dagster/column_schema"].columns} >= {"order_id", "customer_id", "role"}
    sources = table["dagster/column_lineage"].deps_by_column["customer_id"]
    assert {(dep.asset_key.to_user_string(), dep.column_name) for dep in sources} == {
        ("snap_erp__orders", "customer_id"),
        ("snap_portal__orders", "customer_id"),
    }


def test_every_model_that_one_select_fills_has_column_lineage(full_run: Any) -> None:
    materialized = _materialized(full_run.result)
    catalogue = full_run.world.catalogue
    read = [name for name in catalogue.models if catalogue.upstream(name)]
    assert "rec_unexplained" in read
    told = {name: materialized[name].get("dagster/column_lineage", dg.TableColumnLineage({})) for name in read}
    lacking = [name for name in read if not any(told[name].deps_by_column.values())]
    assert lacking == [MATCHES]  # filled by a search between several selects


def test_a_row_that_breaks_its_contract_is_a_warning(full_run: Any) -> None:
    check = _check(full_run.result, "snap_portal__orders", "contract")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["quarantined_rows"].value == 1
    assert "| status:codes | warning | False | 1 |" in check.metadata["expectations"].value
    assert "| status:codes | 1 |" in check.metadata["quarantine"].value
    assert _check(full_run.result, "snap_portal__order_items", "contract").passed


def test_every_invariant_is_checked(full_run: Any) -> None:
    checked = {evaluation.check_name for evaluation in full_run.result.get_asset_check_evaluations()}
    assert {invariant.name for invariant in full_run.world.catalogue.invariants} <= checked


def test_a_system_that_is_down_is_accused_and_the_others_are_reconciled(world: Any) -> None:
    world.order(1)
    world.systems["finance"].switches.down = True
    result = world.run()
    assert result.success
    check = _check(result, "snap_finance__holds", "received")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "down" in (check.description or "")
    materialized = _materialized(result)
    assert "snap_finance__holds" not in materialized
    assert materialized["rule_int_03"]["findings_differ"] == 1


def test_an_invariant_can_be_looked_at_alone(full_run: Any) -> None:
    ran = full_run.world
    check = dg.AssetCheckKey(dg.AssetKey("rec_findings"), "findings_unique")
    everything = ran.definitions.resolve_implicit_global_asset_job_def()
    job = everything.get_subset(asset_selection=set(), asset_check_selection={check})
    result = job.execute_in_process(instance=ran.instance)
    (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed) == ("findings_unique", True)
    assert _materialized(result) == {}


def test_a_micro_batch_pulls_only_the_selected_feeds_and_keeps_the_same_case(world: Any) -> None:
    world.order(1)
    assert world.run().success
    world.order(2)
    portal = ["snap_portal__orders", "snap_portal__order_items"]
    result = world.run(assets=[*portal, *world.catalogue.tables, "exception_cases", "corrections"])
    assert result.success
    materialized = _materialized(result)
    assert [name for name in materialized if name.startswith("snap_")] == portal
    assert materialized["rec_findings"]["is_full"] is False
    assert materialized["rule_int_03"]["dagster/row_count"] == 2
    assert (materialized["exception_cases"]["opened"], materialized["exception_cases"]["open_cases"]) == (1, 2)


def test_nothing_is_decided_while_an_invariant_is_broken(world: Any) -> None:
    world.order(1)
    assert world.run(assets=[feed.table for feed in world.catalogue.feeds]).success
    with world.platform() as platform:
        platform.warehouse.write(_lose_a_row)
    result = world.run(assets=[*world.catalogue.tables, "exception_cases", "corrections"])
    assert not result.success
    check = _check(result, "ops_snapshots", "landing_conserved")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "exception_cases" not in _materialized(result)
    alone = world.run(assets=["exception_cases", "corrections"])
    (failure,) = alone.filter_events(lambda event: event.is_step_failure)
    assert "1 invariants do not hold" in str(failure.step_failure_data.error)


def _lose_a_row(transaction: Connection) -> None:
    transaction.execute("update ops_snapshots set inserted_rows = inserted_rows - 1 where entity = 'orders'")

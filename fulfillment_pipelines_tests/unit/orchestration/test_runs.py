"""Runs of the jobs in this process, on a real lake and ledger: what they materialize, check and decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from fulfillment_pipelines.ledger.readings import CaseFilter, list_cases
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


def test_a_full_run_materializes_everything_and_opens_the_case(world: Any) -> None:
    world.order(1)
    result = world.run("full_reconcile")
    assert result.success
    materialized = _materialized(result)
    feeds = {feed.table for feed in world.catalogue.feeds}
    assert set(materialized) == feeds | {*world.catalogue.tables, "exception_cases", "corrections"}
    assert materialized["rule_int_03"]["findings_differ"] == 1
    assert materialized["exception_cases"]["open_cases_INT-03"] == 1
    with world.platform() as platform, platform.ledger.reading() as work:
        assert [case.business_key for case in list_cases(work, CaseFilter(codes=frozenset({"INT-03"})))] == ["P-1"]


def test_a_materialization_shows_counts_schema_lineage_and_a_sample(world: Any) -> None:
    world.order(1)
    materialized = _materialized(world.run("full_reconcile"))
    feed = materialized["snap_portal__orders"]
    assert (feed["dagster/row_count"], feed["landed_rows"], feed["inserted_rows"], feed["declared_rows"]) == (
        1,
        1,
        1,
        1,
    )
    assert "| P-1 |" in feed["sample"]
    table = materialized["canon_orders"]
    assert {column.name for column in table["dagster/column_schema"].columns} >= {"order_id", "customer_id", "role"}
    sources = table["dagster/column_lineage"].deps_by_column["customer_id"]
    assert {(dep.asset_key.to_user_string(), dep.column_name) for dep in sources} == {
        ("snap_erp__orders", "customer_id"),
        ("snap_portal__orders", "customer_id"),
    }


def test_every_mart_column_that_is_read_from_a_table_has_lineage(world: Any) -> None:
    materialized = _materialized(world.run("full_reconcile"))
    for mart in world.catalogue.marts:
        lineage = materialized[mart.name]["dagster/column_lineage"].deps_by_column
        assert any(lineage.values()), mart.name


def test_a_row_that_breaks_its_contract_warns_and_the_loop_goes_on(world: Any) -> None:
    world.order(1)
    world.order(2)
    world.systems["portal"].rows["orders"][1]["state"] = "MISLAID"
    result = world.run("full_reconcile")
    assert result.success
    check = _check(result, "snap_portal__orders", "contract")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["quarantined_rows"].value == 1
    assert "status:codes" in check.metadata["expectations"].value
    assert "MISLAID" in check.metadata["quarantine"].value
    assert _check(result, "snap_portal__order_items", "contract").passed


def test_a_system_that_is_down_is_accused_and_the_others_are_reconciled(world: Any) -> None:
    world.order(1)
    world.systems["finance"].switches.down = True
    result = world.run("full_reconcile")
    assert result.success
    check = _check(result, "snap_finance__holds", "received")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "down" in (check.description or "")
    materialized = _materialized(result)
    assert "snap_finance__holds" not in materialized
    assert materialized["rule_int_03"]["findings_differ"] == 1


def test_a_micro_batch_touches_only_the_selected_feeds(world: Any) -> None:
    assert world.run("full_reconcile").success
    world.order(1)
    result = world.run(assets=["snap_portal__orders", "snap_portal__order_items", *world.catalogue.tables])
    assert result.success
    materialized = _materialized(result)
    assert [name for name in materialized if name.startswith("snap_")] == [
        "snap_portal__orders",
        "snap_portal__order_items",
    ]
    assert materialized["rec_findings"]["is_full"] is False
    assert materialized["rule_int_03"]["dagster/row_count"] == 1


def test_the_second_run_keeps_the_same_case(world: Any) -> None:
    world.order(1)
    assert world.run().success
    materialized = _materialized(world.run())
    assert (materialized["exception_cases"]["opened"], materialized["exception_cases"]["open_cases"]) == (0, 1)


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


def test_the_decisions_alone_are_refused_on_a_lake_with_a_broken_invariant(world: Any) -> None:
    world.order(1)
    assert world.run("full_reconcile").success
    with world.platform() as platform:
        platform.warehouse.write(_lose_a_row)
    result = world.run(assets=["exception_cases", "corrections"])
    assert not result.success
    (failure,) = result.filter_events(lambda event: event.is_step_failure)
    assert "1 invariants do not hold" in str(failure.step_failure_data.error)


def _lose_a_row(transaction: Connection) -> None:
    transaction.execute("update ops_snapshots set inserted_rows = inserted_rows - 1 where entity = 'orders'")

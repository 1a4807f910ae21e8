"""Bad input, one kind a test: what is bad is quarantined or refused by name, what is good goes on, nothing is lost.

Every turn stops at a broken invariant, so each test also holds that the landed rows are conserved.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import pytest

from fulfillment_pipelines.canonical.expectations import Validator
from fulfillment_pipelines.domain.snapshot import FeedState, Page, PageFormat, Scope, Snapshot
from fulfillment_pipelines.loop import stages

Small: TypeAlias = Any
"""The class of that name in `conftest.py`, which pytest's import mode keeps from being imported."""

OPEN_QUARANTINE = "select system, entity, source_key, failed_checks from ops_open_quarantine"


@pytest.fixture
def settled(small: Small) -> Small:
    """The small distributor after one turn in which everything agreed."""
    small.turn()
    assert small.findings() == set()
    small.later()
    return small


@pytest.fixture
def settled_on_disk(small_on_disk: Small) -> Small:
    """The same with a lake that another process can open."""
    small_on_disk.turn()
    small_on_disk.later()
    return small_on_disk


def test_a_row_that_breaks_its_contract_is_quarantined_and_the_rest_goes_on(settled: Small) -> None:
    settled.row("erp", "order_lines")["qty_ordered"] = "minus one"
    settled.row("erp", "order_lines", 1)["promised_at"] = None

    admission = settled.turn()["erp/order_lines"]

    assert (admission.quarantined_rows, admission.merged.updated_rows, admission.merged.unchanged_rows) == (1, 1, 1)
    assert admission.failures == {"ordered_qty:type": 1, "ordered_qty:required": 1}
    failed = "ordered_qty:type, ordered_qty:required"
    assert settled.rows(OPEN_QUARANTINE) == [("erp", "order_lines", "SO-1/1", failed)]
    assert ("SYS-02", "erp/order_lines", "DIFFER") in settled.findings()


def test_a_quarantined_row_keeps_what_was_sent_and_where_it_stood(settled: Small) -> None:
    settled.row("finance", "invoice_lines", 2)["status"] = "LOST"

    settled.turn()

    quarantined = settled.rows("select landed_row_no, order_id, record from ops_quarantine")
    assert [(number, order_id) for number, order_id, _ in quarantined] == [(3, "SO-3")]
    assert json.loads(quarantined[0][2])["status"] == "LOST"


def test_the_last_good_row_stays_current_while_its_successor_is_in_quarantine(settled: Small) -> None:
    settled.row("erp", "orders")["status"] = "PERHAPS"

    settled.turn()

    assert settled.rows("select status from snap_erp__orders where order_id = 'SO-1'") == [("OPEN",)]


def test_a_verdict_that_rests_on_a_quarantined_row_is_unknown(settled: Small) -> None:
    settled.row("erp", "order_lines")["qty_ordered"] = "minus one"

    settled.turn()

    verdicts = dict(settled.rows("select order_id, verdict from rec_line_verdicts"))
    assert verdicts == {"SO-1": "UNKNOWN", "SO-2": "AGREE", "SO-3": "AGREE"}


def test_a_repaired_row_leaves_quarantine_and_its_finding_goes(settled: Small) -> None:
    settled.row("erp", "order_lines")["qty_ordered"] = "minus one"
    settled.turn()
    settled.later()
    settled.row("erp", "order_lines")["qty_ordered"] = "1"

    settled.turn()

    assert settled.rows(OPEN_QUARANTINE) == []
    assert settled.rows("select count(*) from ops_quarantine") == [(1,)]
    assert settled.findings() == set()


def test_the_same_row_twice_is_one_row(settled: Small) -> None:
    settled.systems["erp"].rows["orders"].append(dict(settled.row("erp", "orders")))

    admission = settled.turn()["erp/orders"]

    assert (admission.landed_rows, admission.merged.unchanged_rows, admission.merged.superseded_rows) == (4, 3, 1)
    assert settled.findings() == set()


def test_two_rows_of_one_key_that_differ_are_both_quarantined(settled: Small) -> None:
    settled.systems["erp"].rows["orders"].append(settled.row("erp", "orders") | {"status": "CANCELLED"})

    admission = settled.turn()["erp/orders"]

    assert admission.failures == {"key:unique": 2}
    assert settled.rows("select status from snap_erp__orders where order_id = 'SO-1'") == [("OPEN",)]
    assert ("SYS-02", "erp/orders", "DIFFER") in settled.findings()


def test_a_unit_nobody_knows_is_quarantined_and_not_guessed(settled: Small) -> None:
    settled.row("wms_east", "shipments")["unit"] = "PALLET"

    admission = settled.turn()["wms_east/shipments"]

    assert admission.failures == {"uom:known": 1}
    assert settled.findings() == {("INT-05", "UOM/wms_east/PALLET", "DIFFER")}


def test_a_row_without_its_key_is_quarantined_and_nothing_is_taken_for_deleted(settled: Small) -> None:
    settled.row("erp", "orders")["order_no"] = None

    admission = settled.turn()["erp/orders"]

    assert (admission.quarantined_rows, admission.merged.deleted_rows) == (1, 0)
    assert settled.rows("select count(*) from snap_erp__orders") == [(3,)]


def test_a_deleted_row_leaves_with_its_snapshot(settled: Small) -> None:
    del settled.systems["wms_east"].rows["movements"][0]

    admission = settled.turn()["wms_east/movements"]

    assert admission.merged.deleted_rows == 1
    assert settled.rows("select count(*) from canon_stock_movements") == [(2,)]


def test_a_row_that_moves_to_another_order_changes_both(settled: Small) -> None:
    settled.row("finance", "invoice_lines")["order_no"] = "SO-2"
    settled.row("finance", "invoice_lines")["shipment_no"] = "SH-2"

    settled.turn()

    assert {key.split("/")[0] for _, key, _ in settled.findings()} >= {"SO-1", "SO-2"}


def test_an_empty_answer_is_an_answer(settled: Small) -> None:
    settled.systems["finance"].rows["holds"].clear()

    admission = settled.turn()["finance/holds"]

    assert (admission.landed_rows, admission.merged.deleted_rows) == (0, 3)


def test_a_system_that_is_down_costs_its_own_feeds_and_nobody_elses(settled: Small) -> None:
    settled.systems["wms_east"].switches.down = True

    attempts = settled.pull()

    assert {feed for feed, attempt in attempts.items() if attempt.state is FeedState.FAILED} == {
        f"wms_east/{entity}" for entity in settled.systems["wms_east"].declaration.entities
    }
    assert "wms_east" in attempts["wms_east/stock"].problem
    settled.admit()
    settled.reconcile()
    assert ("SYS-01", "wms_east/stock", "DIFFER") in settled.findings()
    assert set(settled.rows("select distinct verdict from rec_line_verdicts")) == {("UNKNOWN",)}


def test_a_system_that_comes_back_is_believed_again(settled: Small) -> None:
    settled.systems["wms_east"].switches.down = True
    settled.turn()
    settled.later()
    settled.systems["wms_east"].switches.down = False

    settled.turn()

    assert settled.findings() == set()


def test_a_page_that_fails_half_way_keeps_what_came_and_deletes_nothing(settled: Small) -> None:
    settled.systems["erp"].switches.fails_on_page = 2
    settled.row("erp", "orders")["customer_po"] = "P1-REVISED"

    attempts = settled.pull("erp")

    assert attempts["erp/orders"].state is FeedState.PARTIAL
    assert "Page 2 of erp/orders" in attempts["erp/orders"].problem
    admission = settled.admit()["erp/orders"]
    assert (admission.merged.updated_rows, admission.merged.deleted_rows) == (1, 0)
    settled.reconcile()
    assert ("SYS-01", "erp/orders", "DIFFER") in settled.findings()


def test_a_page_that_is_not_json_is_kept_and_quarantined_as_a_whole(settled: Small) -> None:
    page = Page("00001.json", b'{"rows": [{"order_no": "SO-9"', PageFormat.JSON)
    snapshot = Snapshot("erp", "orders", Scope(), settled.clock.now(), [page])
    landed = settled.platform.landing.land(
        snapshot, contract_version="1", pulled_at=settled.clock.now(), duration_seconds=0
    )

    admission = settled.admit()["erp/orders"]

    assert (admission.landed_rows, admission.quarantined_rows, admission.merged.deleted_rows) == (1, 1, 0)
    problem = settled.rows("select failed_checks from ops_open_quarantine")[0][0]
    assert "page:readable" in problem
    assert "erp.orders: page 00001.json cannot be read" in problem
    assert "Remedy: ask the owner of the system to send it again" in problem
    assert landed.page_paths[0].read_bytes() == page.content


def test_a_field_that_is_gone_is_refused_by_name(settled: Small) -> None:
    for row in settled.systems["finance"].rows["invoice_lines"]:
        del row["amount"]

    attempt = settled.pull("finance")["finance/invoice_lines"]

    assert attempt.state is FeedState.FAILED
    assert "finance/invoice_lines" in attempt.problem
    assert "amount" in attempt.problem
    assert "Remedy" in attempt.problem
    settled.admit()
    settled.reconcile()
    assert settled.rows("select count(*) from snap_finance__invoice_lines") == [(3,)]
    assert ("SYS-01", "finance/invoice_lines", "DIFFER") in settled.findings()


def test_a_clock_that_runs_backwards_supersedes_nothing(settled: Small) -> None:
    settled.later(-60)
    settled.row("erp", "orders")["customer_po"] = "OLD"
    del settled.systems["erp"].rows["orders"][2]

    admission = settled.turn("erp")["erp/orders"]

    assert (admission.merged.superseded_rows, admission.merged.deleted_rows) == (2, 0)
    assert settled.rows("select count(*) from snap_erp__orders where customer_po <> 'OLD'") == [(3,)]
    assert ("SYS-01", "erp/orders", "DIFFER") in settled.findings()


def test_a_late_whole_snapshot_does_not_delete_what_a_newer_one_brought(settled: Small) -> None:
    holds = settled.systems["erp"].source("holds")
    old = holds.pull(Scope())
    settled.later(10)
    settled.systems["erp"].rows["holds"].append(settled.row("erp", "holds") | {"hold_no": "H-9"})
    whole = holds.pull(Scope())
    newer = Snapshot("erp", "holds", Scope(since="2026"), whole.as_of, whole.pages)

    for snapshot in (newer, old):
        settled.platform.landing.land(snapshot, contract_version="1", pulled_at=settled.clock.now(), duration_seconds=0)
        settled.admit()

    assert settled.rows("select count(*) from snap_erp__holds where hold_id = 'H-9'") == [(1,)]
    settled.reconcile()


def test_admitting_again_changes_nothing(settled: Small) -> None:
    before = settled.rows("select system, entity, snapshot_id, inserted_rows from ops_snapshots order by all")

    assert settled.admit() == {}
    assert settled.rows("select system, entity, snapshot_id, inserted_rows from ops_snapshots order by all") == before


def test_two_processes_that_admit_the_same_snapshot_count_it_once(settled_on_disk: Small) -> None:
    settled_on_disk.row("erp", "orders")["customer_po"] = "P1-REVISED"
    settled_on_disk.pull("erp")
    feed = next(feed for feed in settled_on_disk.platform.feeds if (feed.system, feed.entity) == ("erp", "orders"))
    landed = list(settled_on_disk.platform.landing.landed("erp", "orders"))[-1]
    staged = settled_on_disk.platform.admitter.stage(feed, landed)
    with settled_on_disk.another_process() as other:
        stages.admit(other)

    assert settled_on_disk.platform.admitter.merge([staged]) == []
    counted = "select count(*), sum(updated_rows) from ops_snapshots where snapshot_id = $id"
    found = settled_on_disk.platform.warehouse.query(counted, {"id": landed.manifest.snapshot_id}).to_pylist()
    assert [tuple(row.values()) for row in found] == [(1, 1)]
    assert settled_on_disk.admit() == {}


def test_what_great_expectations_says_is_kept_with_the_snapshot_it_judged(settled: Small) -> None:
    settled.row("erp", "order_lines")["qty_ordered"] = "minus one"
    settled.pull("erp")

    with Validator(settled.platform.warehouse) as validator:
        admissions = stages.admit(settled.platform, validator=validator)

    by_entity = {admission.entity: admission for admission in admissions}
    failed = {outcome.check_id for outcome in by_entity["order_lines"].outcomes if not outcome.is_passed}
    assert failed == set(by_entity["order_lines"].failures) == {"ordered_qty:type", "ordered_qty:required"}
    assert all(outcome.is_passed for outcome in by_entity["orders"].outcomes)
    assert settled.rows(
        "select snapshot_id, check_id, severity, unexpected_rows from ops_expectations where not is_passed order by 2"
    ) == [
        (by_entity["order_lines"].snapshot_id, "ordered_qty:required", "warning", 1),
        (by_entity["order_lines"].snapshot_id, "ordered_qty:type", "warning", 1),
    ]


def test_expectations_leave_nothing_open_that_a_reopened_lake_would_miss(settled_on_disk: Small) -> None:
    settled_on_disk.row("erp", "orders")["customer_po"] = "P1-REVISED"
    settled_on_disk.pull("erp")
    with Validator(settled_on_disk.platform.warehouse) as validator:
        stages.admit(settled_on_disk.platform, validator=validator)

    with settled_on_disk.another_process() as other:
        found = other.warehouse.query("select customer_po from snap_erp__orders where order_id = 'SO-1'")

    assert found.column(0).to_pylist() == ["P1-REVISED"]

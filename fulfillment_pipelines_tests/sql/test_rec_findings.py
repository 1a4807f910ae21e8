"""The verdict on each difference: SHP-01 compares WMS and ERP shipments, INV-01 asks for two snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row
from fulfillment_pipelines.reconcile.rule_tests import EXAMPLE_NOW

SqlRunner = Callable[..., Any]


_BREAKS_AT = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
_BEFORE = {"code": "INV-01", "business_key": "VLV-1", "order_id": "", "line_no": None}
_STOCK = {**_BEFORE, "order_id": None, "scope_key": "VLV-1", "condition_since": None, "breaks_at": None}


def _feed(role: str, contract: str, **changes: Any) -> Row:
    system = changes.get("system", role)
    return {"system": system, "entity": contract, "contract": contract, "role": role, **changes}


def _shipment_feeds(**wms: Any) -> list[Row]:
    return [_feed("erp", "shipment_lines"), _feed("wms", "shipment_lines", node="EAST", **wms)]


def _stock_feeds(as_of: datetime = EXAMPLE_NOW) -> list[Row]:
    contracts = ("stock_levels", "stock_movements", "shipment_lines")
    return [
        *(_feed("wms", contract, node="EAST", as_of=as_of) for contract in contracts),
        *(_feed("erp", contract, as_of=as_of) for contract in ("stock_levels", "shipment_lines")),
    ]


@pytest.fixture
def find(run_sql: SqlRunner) -> SqlRunner:
    def run(
        differences: Sequence[Row],
        feeds: Sequence[Row],
        *,
        previous: Sequence[Row] = (),
        quarantine: Sequence[Row] = (),
        now: datetime = EXAMPLE_NOW,
    ) -> list[Mapping[str, Any]]:
        tables = {
            "rec_differences": differences,
            "rec_feeds": feeds,
            "previous_findings": previous,
            "ops_open_quarantine": quarantine,
        }
        return run_sql("30_reconcile/rec_findings.sql", tables, now=now)

    return run


def test_a_difference_whose_grace_was_over_when_the_slowest_input_spoke_is_a_break(find: SqlRunner) -> None:
    (finding,) = find([{}], _shipment_feeds(as_of=_BREAKS_AT))
    assert finding["verdict"] == "DIFFER"
    assert finding["watermark_at"] == _BREAKS_AT
    assert (finding["severity"], finding["owner"], finding["correction_class"]) == ("S1", "Site", "P")


def test_a_difference_that_says_its_severity_has_another_than_its_rule(find: SqlRunner) -> None:
    found = find([{"severity": "S2"}, {"business_key": "SH-2/SO-1/1"}], _shipment_feeds(as_of=_BREAKS_AT))
    assert {row["business_key"]: row["severity"] for row in found} == {"SH-1/SO-1/1": "S2", "SH-2/SO-1/1": "S1"}


def test_a_difference_is_timing_while_the_slowest_input_spoke_within_the_grace(find: SqlRunner) -> None:
    (finding,) = find([{}], _shipment_feeds(as_of=_BREAKS_AT - timedelta(seconds=1)))
    assert finding["verdict"] == "TIMING"


def test_the_fastest_input_does_not_decide(find: SqlRunner) -> None:
    feeds = [_feed("erp", "shipment_lines", as_of=datetime(2026, 3, 2, 10, tzinfo=UTC)), *_shipment_feeds()[1:]]
    (finding,) = find([{}], feeds)
    assert finding["verdict"] == "TIMING"
    assert finding["watermark_at"] == datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize("state", ["STALE", "PARTIAL", "FAILED"])
def test_nothing_is_known_while_an_input_cannot_be_trusted(find: SqlRunner, state: str) -> None:
    (finding,) = find([{}], _shipment_feeds(state=state))
    assert finding["verdict"] == "UNKNOWN"


def test_a_stale_feed_that_the_rule_does_not_compare_changes_nothing(find: SqlRunner) -> None:
    (finding,) = find([{}], [*_shipment_feeds(), _feed("finance", "invoice_lines", state="STALE")])
    assert finding["verdict"] == "DIFFER"


def test_a_stale_feed_of_another_site_changes_nothing(find: SqlRunner) -> None:
    other = _feed("wms", "shipment_lines", system="wms_west", node="WEST", state="STALE")
    (finding,) = find([{}], [*_shipment_feeds(), other])
    assert finding["verdict"] == "DIFFER"


def test_a_difference_without_a_site_needs_every_site(find: SqlRunner) -> None:
    other = _feed("wms", "shipment_lines", system="wms_west", node="WEST", state="STALE")
    (finding,) = find([{"node": ""}], [*_shipment_feeds(), other])
    assert finding["verdict"] == "UNKNOWN"


@pytest.mark.parametrize(("minutes_before", "verdict"), [(1, "TIMING"), (0, "DIFFER")])
def test_a_status_that_is_ahead_of_a_site_waits_for_what_its_slow_file_says(
    run_sql: SqlRunner, minutes_before: int, verdict: str
) -> None:
    shown = {"code": "SHP-05", "business_key": "portal/SO-1", "node": "", "line_no": None, "breaks_at": _BREAKS_AT}
    file_at = _BREAKS_AT - timedelta(minutes=minutes_before)
    tables = {
        "rec_differences": [shown],
        "ref_rule_feeds": [{"code": "SHP-05", "role": "wms", "contract": "shipment_lines"}],
        "rec_feeds": [
            _feed("wms", "shipment_lines", system="wms_east", node="EAST"),
            _feed("wms", "shipment_lines", system="wms_north", node="NORTH", as_of=file_at),
        ],
    }
    (finding,) = run_sql("30_reconcile/rec_findings.sql", tables, now=EXAMPLE_NOW)
    assert finding["verdict"] == verdict


def test_a_quarantined_row_of_the_order_makes_it_unknown(find: SqlRunner) -> None:
    quarantine = [{"system": "wms", "entity": "shipment_lines", "order_id": "SO-1"}]
    (finding,) = find([{}], _shipment_feeds(), quarantine=quarantine)
    assert finding["verdict"] == "UNKNOWN"


@pytest.mark.parametrize(
    "row",
    [
        {"system": "wms", "entity": "shipment_lines", "order_id": "SO-2"},
        {"system": "wms", "entity": "holds", "order_id": "SO-1"},
        {"system": "wms", "entity": "shipment_lines", "order_id": None},
        {"system": "wms", "entity": "shipment_lines", "order_id": None, "sku": "SO-1"},
    ],
    ids=["another order", "another entity", "an unreadable line", "an item named like the order"],
)
def test_a_quarantined_row_of_something_else_changes_nothing(find: SqlRunner, row: Row) -> None:
    (finding,) = find([{}], _shipment_feeds(), quarantine=[row])
    assert finding["verdict"] == "DIFFER"


def test_a_quarantined_row_of_the_item_makes_its_stock_unknown(find: SqlRunner) -> None:
    previous = [{**_BEFORE, "snapshots_seen": 2}]
    quarantine = [{"system": "wms", "entity": "stock_levels", "sku": "VLV-1"}]
    (finding,) = find([_STOCK], _stock_feeds(), previous=previous, quarantine=quarantine)
    assert finding["verdict"] == "UNKNOWN"


def test_several_quarantined_rows_leave_one_finding(find: SqlRunner) -> None:
    rows = [{"system": "wms", "entity": "shipment_lines", "order_id": "SO-1", "sku": sku} for sku in ("A", "B")]
    assert [finding["verdict"] for finding in find([{}], _shipment_feeds(), quarantine=rows)] == ["UNKNOWN"]


def test_a_rule_that_asks_for_two_snapshots_waits_for_the_second(find: SqlRunner) -> None:
    (finding,) = find([_STOCK], _stock_feeds())
    assert (finding["verdict"], finding["snapshots_seen"]) == ("TIMING", 1)


def test_the_second_snapshot_makes_it_a_break(find: SqlRunner) -> None:
    (finding,) = find([_STOCK], _stock_feeds(), previous=[_BEFORE])
    assert (finding["verdict"], finding["snapshots_seen"]) == ("DIFFER", 2)


def test_looking_again_at_the_same_snapshot_counts_once(find: SqlRunner) -> None:
    (finding,) = find([_STOCK], _stock_feeds(), previous=[{**_BEFORE, "watermark_at": EXAMPLE_NOW}])
    assert (finding["verdict"], finding["snapshots_seen"]) == ("TIMING", 1)


def test_the_same_item_at_another_site_was_not_seen_before(find: SqlRunner) -> None:
    (finding,) = find([_STOCK], _stock_feeds(), previous=[{**_BEFORE, "node": "WEST"}])
    assert finding["snapshots_seen"] == 1


def test_a_condition_without_a_moment_keeps_the_moment_it_was_first_seen(find: SqlRunner) -> None:
    since = datetime(2026, 3, 1, 7, tzinfo=UTC)
    (first,) = find([_STOCK], _stock_feeds())
    (second,) = find([_STOCK], _stock_feeds(), previous=[{**_BEFORE, "condition_since": since}])
    assert first["condition_since"] == EXAMPLE_NOW
    assert second["condition_since"] == since
    assert second["breaks_at"] == since


def test_a_rule_about_the_platform_itself_is_judged_now(find: SqlRunner) -> None:
    since = EXAMPLE_NOW - timedelta(minutes=1)
    row = {
        "code": "SYS-01",
        "business_key": "erp/orders",
        "order_id": None,
        "condition_since": since,
        "breaks_at": since,
    }
    (finding,) = find([row], [])
    assert (finding["verdict"], finding["watermark_at"]) == ("DIFFER", EXAMPLE_NOW)
    assert finding["correction_class"] == "J"


def test_what_a_rule_plans_for_the_future_is_not_a_difference_yet(find: SqlRunner) -> None:
    planned = {"code": "WHS-01", "business_key": "SO-1/1", "condition_since": EXAMPLE_NOW + timedelta(seconds=1)}
    assert find([planned], _shipment_feeds()) == []


def test_a_site_whose_clock_runs_ahead_hides_nothing(find: SqlRunner) -> None:
    ahead = {"condition_since": EXAMPLE_NOW + timedelta(seconds=1), "breaks_at": EXAMPLE_NOW + timedelta(minutes=30)}
    (finding,) = find([ahead], _shipment_feeds())
    assert finding["verdict"] == "TIMING"


def test_a_reason_to_judge_takes_the_correction_from_the_machine(find: SqlRunner) -> None:
    (finding,) = find([{"judgement_reason": "the leg is billed"}], _shipment_feeds())
    assert finding["correction_class"] == "J"


def test_a_difference_without_an_order_names_none(find: SqlRunner) -> None:
    (finding,) = find([_STOCK], _stock_feeds())
    assert finding["order_id"] == ""

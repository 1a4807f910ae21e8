"""One verdict per order line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row

SqlRunner = Callable[..., Any]


@pytest.fixture
def verdict(run_sql: SqlRunner) -> SqlRunner:
    def run(
        findings: Sequence[Row] = (), *, feeds: Sequence[Row] = (), quarantine: Sequence[Row] = ()
    ) -> tuple[str, str]:
        tables = {
            "rec_quantity_ledger": [{}],
            "rec_findings": findings,
            "rec_feeds": feeds,
            "ops_open_quarantine": quarantine,
        }
        (line,) = run_sql("30_reconcile/rec_line_verdicts.sql", tables)
        return line["verdict"], line["codes"]

    return run


def test_a_line_of_which_no_rule_speaks_agrees(verdict: SqlRunner) -> None:
    assert verdict() == ("AGREE", "")


def test_a_break_outranks_what_is_unknown_and_what_is_timing(verdict: SqlRunner) -> None:
    findings = [
        {"code": "SHP-01", "verdict": "TIMING"},
        {"code": "FIN-01", "verdict": "DIFFER"},
        {"code": "WHS-01", "verdict": "UNKNOWN"},
    ]
    assert verdict(findings) == ("DIFFER", "FIN-01, SHP-01, WHS-01")


def test_what_is_unknown_outranks_what_is_timing(verdict: SqlRunner) -> None:
    assert verdict([{"verdict": "TIMING"}, {"code": "FIN-01", "verdict": "UNKNOWN"}])[0] == "UNKNOWN"


def test_a_young_difference_is_timing(verdict: SqlRunner) -> None:
    assert verdict([{"verdict": "TIMING"}]) == ("TIMING", "SHP-01")


def test_a_finding_of_the_whole_order_counts_for_each_line(verdict: SqlRunner) -> None:
    assert verdict([{"code": "CRD-03", "line_no": None}]) == ("DIFFER", "CRD-03")


@pytest.mark.parametrize("other", [{"line_no": 2}, {"order_id": "SO-2"}, {"order_id": ""}])
def test_a_finding_of_something_else_does_not_count(verdict: SqlRunner, other: Row) -> None:
    assert verdict([other]) == ("AGREE", "")


@pytest.mark.parametrize("node", ["", "EAST"])
def test_a_line_is_unknown_while_a_feed_of_its_site_or_of_all_sites_is_stale(verdict: SqlRunner, node: str) -> None:
    assert verdict(feeds=[{"state": "STALE", "node": node}])[0] == "UNKNOWN"


@pytest.mark.parametrize("feed", [{"node": "WEST"}, {"contract": "stock_levels"}, {"state": "OK"}])
def test_a_stale_feed_of_another_site_or_of_stock_leaves_the_line_alone(verdict: SqlRunner, feed: Row) -> None:
    assert verdict(feeds=[{"state": "STALE", **feed}])[0] == "AGREE"


def test_a_break_stays_visible_while_another_feed_is_stale(verdict: SqlRunner) -> None:
    assert verdict([{}], feeds=[{"state": "STALE"}])[0] == "DIFFER"


def test_a_line_is_unknown_while_a_row_of_its_order_is_in_quarantine(verdict: SqlRunner) -> None:
    assert verdict(quarantine=[{"order_id": "SO-1"}, {"order_id": "SO-1"}])[0] == "UNKNOWN"
    assert verdict(quarantine=[{"order_id": "SO-2"}, {"order_id": None}])[0] == "AGREE"


def test_a_number_without_a_mapping_is_said_of_the_line_that_waits_for_it(run_sql: SqlRunner) -> None:
    tables = {
        "rec_quantity_ledger": [{"order_id": "P-1", "line_no": 1}, {"order_id": "P-1", "line_no": 2}],
        "rec_order_intake": [
            {"order_id": "P-1", "line_no": 1, "reference_key": "ITEM/C-1/X-9"},
            {"order_id": "P-1", "line_no": 2, "reference_key": ""},
        ],
        "rec_findings": [{"code": "INT-05", "business_key": "ITEM/C-1/X-9", "order_id": "", "line_no": None}],
    }
    lines = run_sql("30_reconcile/rec_line_verdicts.sql", tables)
    assert {line["line_no"]: (line["verdict"], line["codes"]) for line in lines} == {
        1: ("DIFFER", "INT-05"),
        2: ("AGREE", ""),
    }

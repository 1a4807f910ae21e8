"""Which break causes which: by the codes a rule follows, by a break that names another case, by an untrusted feed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row
from fulfillment_pipelines.reconcile.rules import read_rules
from fulfillment_pipelines.sql_models import read_models

SqlRunner = Callable[..., Any]
Parents = Mapping[tuple[str, str], tuple[str, str, str]]

_RULES = [
    {"code": code, "severity": "S2", "owner": "Site", "correction_class": "P", "confirm_snapshots": 1,
     "is_planned": False, "names_case": code == "SYS-03", "rule_version": "1"}
    for code in ("FIN-01", "FIN-02", "INV-01", "INV-02", "SHP-01", "SHP-02", "SYS-03")
]  # fmt: skip
_FOLLOWS = [
    {"code": "FIN-02", "parent_code": "SHP-02", "position": 0},
    {"code": "FIN-02", "parent_code": "SHP-01", "position": 1},
    {"code": "INV-02", "parent_code": "INV-01", "position": 0},
]
_CAUSE = {"code": "SHP-02", "business_key": "SO-1/1"}
_EFFECT = {"code": "FIN-02", "business_key": "SO-1/1/SH-1"}
_STOCK = {"order_id": None, "line_no": None, "scope_key": "VLV-1", "business_key": "VLV-1"}


@pytest.fixture
def parents(run_sql: SqlRunner) -> Callable[..., Parents]:
    """Return a function that gives each difference its parent; every rule compares the shipments of WMS and ERP."""

    def run(*differences: Row, feeds: Sequence[Row] = ()) -> Parents:
        tables = {
            "rec_differences": differences,
            "rec_feeds": feeds,
            "previous_findings": [],
            "ops_open_quarantine": [],
            "ref_rules": _RULES,
            "ref_rule_follows": _FOLLOWS,
        }
        return {
            (row["code"], row["business_key"]): (row["parent_code"], row["parent_business_key"], row["parent_node"])
            for row in run_sql("30_reconcile/rec_findings.sql", tables)
        }

    return run


def test_a_rule_follows_the_break_of_its_order_line(parents: Callable[..., Parents]) -> None:
    found = parents(_CAUSE, _EFFECT)
    assert found["FIN-02", "SO-1/1/SH-1"] == ("SHP-02", "SO-1/1", "EAST")
    assert found["SHP-02", "SO-1/1"] == ("", "", "")


@pytest.mark.parametrize(
    "other",
    [{"line_no": 2}, {"order_id": "SO-2", "scope_key": "SO-2"}, {"code": "FIN-01"}],
    ids=["another line", "another order", "a code it does not follow"],
)
def test_what_it_does_not_share_is_no_cause(parents: Callable[..., Parents], other: Row) -> None:
    assert parents({**_CAUSE, **other}, _EFFECT)["FIN-02", "SO-1/1/SH-1"] == ("", "", "")


def test_a_difference_that_is_not_yet_a_break_causes_nothing(parents: Callable[..., Parents]) -> None:
    later = datetime(2026, 3, 2, 18, tzinfo=UTC)
    assert parents({**_CAUSE, "breaks_at": later}, _EFFECT)["FIN-02", "SO-1/1/SH-1"] == ("", "", "")


def test_a_break_of_the_whole_order_is_a_cause_of_its_lines(parents: Callable[..., Parents]) -> None:
    found = parents({**_CAUSE, "business_key": "SO-1", "line_no": None}, _EFFECT)
    assert found["FIN-02", "SO-1/1/SH-1"] == ("SHP-02", "SO-1", "EAST")


def test_the_break_of_the_line_comes_before_that_of_the_order_and_the_code_named_first(
    parents: Callable[..., Parents],
) -> None:
    whole = {**_CAUSE, "business_key": "SO-1", "line_no": None}
    second = {**_CAUSE, "code": "SHP-01"}
    assert parents(whole, second, _EFFECT)["FIN-02", "SO-1/1/SH-1"] == ("SHP-01", "SO-1/1", "EAST")
    assert parents(second, _CAUSE, _EFFECT)["FIN-02", "SO-1/1/SH-1"] == ("SHP-02", "SO-1/1", "EAST")


def test_without_an_order_the_scope_and_the_node_are_shared(parents: Callable[..., Parents]) -> None:
    cause, effect = {**_STOCK, "code": "INV-01"}, {**_STOCK, "code": "INV-02"}
    assert parents(cause, effect)["INV-02", "VLV-1"] == ("INV-01", "VLV-1", "EAST")
    assert parents({**cause, "node": "WEST"}, effect)["INV-02", "VLV-1"] == ("", "", "")


def test_a_break_that_names_another_case_is_its_cause(parents: Callable[..., Parents]) -> None:
    unverified = {**_STOCK, "code": "SYS-03", "business_key": "FIN-02/SO-1/1/SH-1"}
    found = parents(unverified, _CAUSE, _EFFECT)
    assert found["FIN-02", "SO-1/1/SH-1"] == ("SYS-03", "FIN-02/SO-1/1/SH-1", "EAST")
    assert found["SHP-02", "SO-1/1"] == ("", "", "")


def test_a_comparison_that_cannot_be_made_names_the_feed_it_waits_for(parents: Callable[..., Parents]) -> None:
    feeds = [
        {"system": "erp", "entity": "shipments", "contract": "shipment_lines", "role": "erp"},
        {
            "system": "wms_east",
            "entity": "shipments",
            "contract": "shipment_lines",
            "role": "wms",
            "node": "EAST",
            "state": "STALE",
        },
    ]
    found = parents(_CAUSE, feeds=feeds)
    assert found["SHP-02", "SO-1/1"] == ("SYS-01", "wms_east/shipments", "EAST")


def test_every_code_that_a_rule_follows_is_that_of_a_rule(sql_folder: Path) -> None:
    rules = read_rules(read_models(sql_folder / "30_reconcile" / "rules"))
    followed = {code for rule in rules for code in rule.follows}
    assert followed <= {rule.code for rule in rules}

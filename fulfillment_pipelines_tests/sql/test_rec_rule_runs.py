"""How far a rule has seen at a site, and whether its silence proves a cure. SHP-01 compares WMS and ERP shipments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from fulfillment_pipelines.reconcile.example_lake import Row
from fulfillment_pipelines.reconcile.rule_tests import EXAMPLE_NOW

_EARLIER = datetime(2026, 3, 2, 11, tzinfo=UTC)
_ERP = {"system": "erp", "entity": "shipments", "contract": "shipment_lines", "role": "erp"}
_EAST = {"system": "wms_east", "entity": "shipments", "contract": "shipment_lines", "role": "wms", "node": "EAST"}
_WEST = {**_EAST, "system": "wms_west", "node": "WEST"}


@pytest.fixture
def seen(run_sql: Callable[..., Any]) -> Callable[..., dict[str, tuple[datetime, bool]]]:
    def run(feeds: Sequence[Row], code: str = "SHP-01") -> dict[str, tuple[datetime, bool]]:
        rows = run_sql("30_reconcile/rec_rule_runs.sql", {"rec_feeds": feeds})
        return {row["node"]: (row["watermark_at"], row["is_trustworthy"]) for row in rows if row["code"] == code}

    return run


def test_a_rule_has_seen_as_far_as_its_slowest_feed_at_each_site(seen: Callable[..., Any]) -> None:
    runs = seen([_ERP, {**_EAST, "as_of": _EARLIER}, _WEST])
    assert (runs["EAST"], runs["WEST"]) == ((_EARLIER, True), (EXAMPLE_NOW, True))
    assert runs[""] == (_EARLIER, True)


def test_a_stale_site_proves_nothing_there_and_leaves_the_others_alone(seen: Callable[..., Any]) -> None:
    runs = seen([_ERP, {**_EAST, "state": "STALE"}, _WEST])
    assert {node: is_trustworthy for node, (_, is_trustworthy) in runs.items() if node in {"EAST", "WEST", ""}} == {
        "EAST": False,
        "WEST": True,
        "": False,
    }


def test_a_stale_system_of_all_sites_proves_nothing_anywhere(seen: Callable[..., Any]) -> None:
    assert not any(is_trustworthy for _, is_trustworthy in seen([{**_ERP, "state": "FAILED"}, _EAST, _WEST]).values())


def test_a_stale_feed_that_the_rule_does_not_compare_changes_nothing(seen: Callable[..., Any]) -> None:
    other = {**_EAST, "entity": "holds", "contract": "holds", "state": "STALE"}
    assert seen([_ERP, _EAST, other])["EAST"] == (EXAMPLE_NOW, True)


def test_a_rule_about_the_platform_itself_has_seen_up_to_now(seen: Callable[..., Any]) -> None:
    assert seen([{**_ERP, "state": "FAILED"}], code="SYS-01")[""] == (EXAMPLE_NOW, True)

"""What a rule's header says of the feeds it compares: where the rule applies, and what its findings depend on."""

from __future__ import annotations

from pathlib import Path

import pytest

from fulfillment_pipelines.canonical.reference import FeedReference
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.reconcile.rules import Rule, read_rules, rule_from
from fulfillment_pipelines.sql_models import SqlModel, read_model

_HEADER = """-- rule: TST-01
-- name: EXAMPLE
-- title: An example
-- grain: order
-- scope: order
-- severity: S3
-- owner: Nobody
-- feeds: {feeds}
-- also: {also}
-- class: J
-- source: this test
select 1 as one
"""


def _declared(*feeds: str) -> tuple[FeedReference, ...]:
    pairs = [feed.split(".") for feed in feeds]
    return tuple(FeedReference(role, contract, contract, role, "", 3600) for role, contract in pairs)


def _named(rule: Rule, *feeds: str) -> list[str]:
    return [f"{need.role}.{need.contract}" for need in rule.compared(_declared(*feeds))]


def _model(folder: Path, feeds: str, also: str) -> SqlModel:
    path = folder / "tst_01.sql"
    path.write_text(_HEADER.format(feeds=feeds, also=also), encoding="utf-8")
    return read_model(path)


@pytest.fixture
def alternatives(tmp_path: Path) -> Rule:
    return rule_from(
        _model(tmp_path, "erp.orders, crm.order_statuses | erp.orders, channel.order_statuses", "wms.releases")
    )


def test_a_rule_applies_where_all_its_feeds_are_declared(tmp_path: Path) -> None:
    rule = rule_from(_model(tmp_path, "erp.orders, wms.releases", ""))
    assert rule.is_applicable(_declared("erp.orders", "wms.releases"))
    assert not rule.is_applicable(_declared("erp.orders"))


def test_a_rule_applies_without_what_it_also_compares(tmp_path: Path) -> None:
    rule = rule_from(_model(tmp_path, "erp.orders", "wms.releases"))
    assert rule.is_applicable(_declared("erp.orders"))
    assert _named(rule, "erp.orders", "wms.releases") == ["erp.orders", "wms.releases"]


def test_a_rule_of_two_comparisons_applies_where_one_is_declared(alternatives: Rule) -> None:
    assert alternatives.is_applicable(_declared("erp.orders", "crm.order_statuses"))
    assert alternatives.is_applicable(_declared("erp.orders", "channel.order_statuses"))
    assert not alternatives.is_applicable(_declared("crm.order_statuses", "channel.order_statuses"))


def test_a_comparison_that_does_not_apply_makes_nothing_unknown(alternatives: Rule) -> None:
    found = _named(alternatives, "erp.orders", "crm.order_statuses", "wms.releases")
    assert found == ["erp.orders", "crm.order_statuses", "wms.releases"]


def test_both_comparisons_count_where_both_apply(alternatives: Rule) -> None:
    found = _named(alternatives, "erp.orders", "crm.order_statuses", "channel.order_statuses")
    assert found == ["erp.orders", "crm.order_statuses", "channel.order_statuses", "wms.releases"]


def test_a_feed_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="also"):
        rule_from(_model(tmp_path, "erp.orders", "erp.gremlins"))


def test_rules_that_follow_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    models = []
    for code, follows in (("TST-01", "TST-02"), ("TST-02", "TST-01")):
        header = _HEADER.format(feeds="erp.orders", also="").replace("TST-01", code)
        path = tmp_path / f"{code.lower().replace('-', '_')}.sql"
        path.write_text(header.replace("-- class", f"-- follows: {follows}\n-- class"), encoding="utf-8")
        models.append(read_model(path))
    with pytest.raises(ConfigurationError, match="circle"):
        read_rules(models)

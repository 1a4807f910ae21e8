"""What Dagster shows of the shipped distributor: every feed, table of the lake, rule and mart, in its group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest
import yaml

from fulfillment_pipelines.orchestration.build import build_definitions
from fulfillment_pipelines.settings import Settings

_ROOT = Path(__file__).parents[2]
_DECLARED = _ROOT / "fulfillment_pipelines" / "systems" / "declared"
_SQL = _ROOT / "sql"


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dg.AssetSpec]:
    definitions = build_definitions(Settings(runtime_dir=tmp_path_factory.mktemp("runtime")))
    return {
        key.to_user_string(): spec
        for definition in definitions.resolve_asset_graph().assets_defs
        for key, spec in definition.specs_by_key.items()
    }


def _names(folder: str, pattern: str = "*.sql") -> set[str]:
    return {path.stem for path in (_SQL / folder).glob(pattern)}


def _upstream(spec: dg.AssetSpec) -> set[str]:
    return {dep.asset_key.to_user_string() for dep in spec.deps}


def test_every_feed_of_every_declared_system_stands_in_the_group_of_its_system(
    specs: Mapping[str, dg.AssetSpec],
) -> None:
    declared = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in _DECLARED.glob("*.yaml")]
    expected = {
        f"snap_{system['system']}__{entity}": system["system"]
        for system in declared
        for entity in system.get("entities", ())
    }
    assert {name: spec.group_name for name, spec in specs.items() if name.startswith("snap_")} == expected
    assert len(set(expected.values())) == 9


def test_every_table_of_the_lake_stands_in_the_group_of_its_folder(specs: Mapping[str, dg.AssetSpec]) -> None:
    found: dict[str, set[str]] = {}
    for name, spec in specs.items():
        found.setdefault(str(spec.group_name), set()).add(name)
    assert found["operations"] == _names("00_operations")
    assert found["canonical"] == _names("20_canonical")
    assert found["rules"] == {f"rule_{name}" for name in _names("30_reconcile/rules")}
    assert found["reconcile"] == _names("30_reconcile") | _names("30_reconcile/matching", "rec_*.sql")
    assert found["marts"] == _names("40_marts")
    assert found["exceptions"] == {"exception_cases", "corrections"}


def test_all_rules_are_shown_with_code_severity_and_team(specs: Mapping[str, dg.AssetSpec]) -> None:
    rules = {spec.tags["code"]: spec for spec in specs.values() if spec.group_name == "rules"}
    assert len(rules) == 35
    assert all(spec.owners and spec.tags["severity"] for spec in rules.values())


def test_nothing_that_is_reconciled_stands_without_what_it_is_made_from(specs: Mapping[str, dg.AssetSpec]) -> None:
    groups = {"reconcile", "marts"}  # a canonical table may belong to a contract that no system here keeps
    assert [name for name, spec in specs.items() if spec.group_name in groups and not _upstream(spec)] == []


def test_matches_are_made_from_documents_and_feed_what_is_billed(specs: Mapping[str, dg.AssetSpec]) -> None:
    assert {"canon_invoice_lines", "canon_shipment_lines", "canon_order_lines"} <= _upstream(
        specs["rec_document_matches"]
    )
    assert "rec_document_matches" in _upstream(specs["rec_billed_lines"])


def test_no_two_assets_make_the_same_table(specs: Mapping[str, dg.AssetSpec]) -> None:
    tables = Counter(
        spec.metadata["dagster/table_name"] for spec in specs.values() if "dagster/table_name" in spec.metadata
    )
    assert max(tables.values()) == 1

"""Every model of a full run reads the same on Spark as in DuckDB, over a small distributor; and the setting works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.canonical import models
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import EngineKind, Settings
from fulfillment_pipelines.sql_models import SqlModel, read_models
from fulfillment_pipelines.twin.volume.files import write_distributor
from fulfillment_pipelines.twin.volume.shape import Shape
from fulfillment_pipelines.warehouse import Connection, replace_rows
from fulfillment_pipelines_tests.spark.comparing import ComparingEngine

_ROOT = Path(__file__).parents[2]
_DECLARED = sorted((_ROOT / "fulfillment_pipelines" / "systems" / "declared").glob("*.yaml"))
_SHAPE = Shape(seed=11, line_count=400, fault_share=0.05)
_FOLDERS = ("20_canonical", "30_reconcile", "30_reconcile/rules", "40_marts", "checks")
_FINDINGS = "from rec_findings order by code, business_key, node"
_MARTS = "from mart_exception_summary order by all"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A distributor whose lake holds all feeds and no verdict yet."""
    folder = tmp_path_factory.mktemp("distributor")
    write_distributor(_SHAPE, _DECLARED, folder, seeds=_ROOT / "data" / "seeds")
    with _platform(folder) as built:
        built.prepare()
        stages.pull(built)
        stages.admit(built)
    return folder


@pytest.fixture(scope="module")
def platform(home: Path) -> Iterator[Platform]:
    with _platform(home) as built:
        yield built


def _platform(home: Path, **settings: Any) -> Platform:
    return build_platform(
        Settings(runtime_dir=home / "runtime", duckdb_threads=1, **settings), config=home / "distributor.yaml"
    )


def test_every_model_and_rule_of_a_full_run_reads_the_same_on_both(
    platform: Platform, comparing: ComparingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconciler = platform.reconciler

    def compare_and_replace(
        transaction: Connection, name: str, query: str, *, existing: frozenset[str] = frozenset()
    ) -> None:
        """Canonical tables are always made by DuckDB; their words are held to both engines all the same."""
        reconciler._selecting(SqlModel(name, {}, query, Path(f"{name}.sql")), {})
        replace_rows(transaction, name, query, existing=existing)

    monkeypatch.setattr(reconciler, "_engine", comparing)
    monkeypatch.setattr(models, "replace_rows", compare_and_replace)
    stages.reconcile(platform, full=True)

    assert comparing.differences == []
    declared = {rule.model.name for rule in reconciler.rules}
    written = {model.name for folder in _FOLDERS for model in read_models(_ROOT / "sql" / folder)}
    rules = {model.name for model in read_models(_ROOT / "sql" / "30_reconcile" / "rules")}
    assert set(comparing.rows) == written - (rules - declared)
    assert comparing.rows["rec_line_verdicts"] >= 0.9 * _SHAPE.line_count
    assert comparing.rows["rec_findings"] > 10


@pytest.mark.slow
def test_a_full_run_on_spark_leaves_the_lake_as_a_full_run_in_duckdb(home: Path, spark_url: str) -> None:
    left: dict[EngineKind, tuple[list[Mapping[str, Any]], ...]] = {}
    for engine in EngineKind:
        with _platform(home, engine=engine, spark_url=spark_url) as built:
            result = stages.reconcile(built, full=True)
            assert (result.violations, result.unexplained) == ((), 0)
            left[engine] = tuple(_without_past(built, query) for query in (_FINDINGS, _MARTS))
    assert left[EngineKind.SPARK] == left[EngineKind.DUCKDB]
    assert not list((home / "runtime").rglob("exchange/*"))


def _without_past(platform: Platform, query: str) -> list[Mapping[str, Any]]:
    """Return rows without the count of runs that have seen them, which the second run raises."""
    rows = platform.warehouse.query(query).to_pylist()
    return [{name: value for name, value in row.items() if name != "snapshots_seen"} for row in rows]

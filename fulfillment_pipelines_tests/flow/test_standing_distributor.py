"""A distributor of some thousand order lines that stands still: every labelled difference is found, and no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from fulfillment_pipelines.canonical.admission import Admitter
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.reconcile.runner import Reconciliation
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.twin.volume.files import LABELS_FILE, write_distributor
from fulfillment_pipelines.twin.volume.shape import Shape

_ROOT = Path(__file__).parents[2]
_DECLARED = sorted((_ROOT / "fulfillment_pipelines" / "systems" / "declared").glob("*.yaml"))
_READ_AT = int(datetime(2026, 3, 6, 16, tzinfo=UTC).timestamp())
_SHAPE = Shape(seed=7, line_count=3_000, read_at=_READ_AT, fault_share=0.02)
_STANDS_IN_TWO_SNAPSHOTS = "INV-01"  # a count may be taken while goods move, so one snapshot does not tell
_FOUND = "select code, business_key, node, verdict from rec_findings"
_NOT_IN_CORE = {"WHS-01", "SHP-05"}  # releases and shown statuses are not in the core landscape
Identity = tuple[str, str, str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("standing")
    write_distributor(_SHAPE, _DECLARED, folder, seeds=_ROOT / "data" / "seeds")
    return folder


@pytest.fixture(scope="module")
def platform(home: Path) -> Iterator[Platform]:
    settings = Settings(runtime_dir=home / "runtime", duckdb_threads=1)
    with build_platform(settings, config=home / "distributor.yaml") as built:
        built.prepare()
        yield built


@pytest.fixture(scope="module")
def reconciliation(platform: Platform) -> Reconciliation:
    stages.pull(platform)
    admissions = stages.admit(platform)
    assert sum(admission.quarantined_rows for admission in admissions) == 0
    return stages.reconcile(platform, full=True)


@pytest.fixture(scope="module")
def findings(platform: Platform, reconciliation: Reconciliation) -> list[dict[str, Any]]:
    del reconciliation
    rows: list[dict[str, Any]] = platform.warehouse.query(_FOUND).to_pylist()
    return rows


@pytest.fixture(scope="module")
def labels(home: Path) -> set[Identity]:
    return {_identity(row) for row in parquet.read_table(home / LABELS_FILE).to_pylist()}


def _identity(row: dict[str, Any]) -> Identity:
    return row["code"], row["business_key"], row["node"]


def test_every_promise_holds_and_nothing_is_unexplained(reconciliation: Reconciliation) -> None:
    assert reconciliation.violations == ()
    assert reconciliation.unexplained == 0
    assert sum(reconciliation.verdicts.values()) > 0.9 * _SHAPE.line_count


def test_what_differs_is_exactly_what_is_labelled(findings: list[dict[str, Any]], labels: set[Identity]) -> None:
    differs = [_identity(row) for row in findings if row["verdict"] == "DIFFER"]
    assert Counter(differs) == Counter({label for label in labels if label[0] != _STANDS_IN_TWO_SNAPSHOTS})
    assert len({code for code, _, _ in differs}) >= 10


def test_a_difference_in_stock_is_timing_until_it_stands_in_a_second_snapshot(
    findings: list[dict[str, Any]], labels: set[Identity]
) -> None:
    timing = {_identity(row) for row in findings if row["verdict"] == "TIMING" and row["code"] == "INV-01"}
    assert timing == {label for label in labels if label[0] == _STANDS_IN_TWO_SNAPSHOTS}
    assert timing


def test_core_landscape_read_where_it_lies_shows_what_it_can_show(tmp_path: Path) -> None:
    shape = replace(Shape.core(seed=7, line_count=2_000), fault_share=0.02)
    made = write_distributor(shape, _DECLARED, tmp_path, seeds=_ROOT / "data" / "seeds")
    with build_platform(Settings(runtime_dir=tmp_path / "runtime", duckdb_threads=1), config=made) as built:
        scanning = replace(built, admitter=Admitter(built.warehouse, scanned_from_rows=0))
        scanning.prepare()
        stages.pull(scanning)
        admissions = stages.admit(scanning)
        result = stages.reconcile(scanning, full=True)
        found = [_identity(row) for row in built.warehouse.query(_FOUND).to_pylist() if row["verdict"] == "DIFFER"]
    assert sum(admission.quarantined_rows for admission in admissions) == 0
    assert (result.violations, result.unexplained) == ((), 0)
    expected = {_identity(row) for row in parquet.read_table(tmp_path / LABELS_FILE).to_pylist()}
    assert set(found) == {label for label in expected if label[0] not in {_STANDS_IN_TWO_SNAPSHOTS, *_NOT_IN_CORE}}

"""The whole loop on shared stores finds what it finds on one machine's own files, row for row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.ledger.readings import list_cases
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.passes import run_pass
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import Settings, read_settings
from fulfillment_pipelines.systems.declaration import MemoryDeclaration, load_declaration
from fulfillment_pipelines.systems.memory import MemorySystem
from fulfillment_pipelines_tests.object_store_server import ObjectStore
from fulfillment_pipelines_tests.small_site import NOON, site_rows

SMALL = Path(__file__).parents[1] / "small_distributor"
SYSTEMS = ("erp", "portal", "wms_east", "finance")
LAKE_TABLES = (
    "rec_findings",
    "rec_quantity_ledger",
    "canon_order_lines",
    "canon_invoice_lines",
    "mart_exception_summary",
)


@dataclass
class World:
    """Systems that disagree here and there, and the platforms that look at them."""

    clock: FixedClock
    systems: dict[str, MemorySystem]

    @classmethod
    def disagreeing(cls) -> World:
        clock, systems = FixedClock(NOON), {}
        for name in SYSTEMS:
            declaration = load_declaration(SMALL / f"{name}.yaml")
            assert isinstance(declaration, MemoryDeclaration)
            systems[name] = MemorySystem(declaration, clock)
        for (name, entity), rows in site_rows(8).items():
            systems[name].rows[entity].extend(rows)
        world = cls(clock, systems)
        world.rows("finance", "invoice_lines").pop(0)
        world.rows("finance", "invoice_lines")[0]["unit_price"] = "12.5000"
        world.rows("wms_east", "shipments").pop(3)
        world.rows("erp", "orders")[4]["customer_po"] = "another"
        return world

    def rows(self, system: str, entity: str) -> list[dict[str, Any]]:
        return self.systems[system].rows[entity]

    @contextmanager
    def platform(self, settings: Settings) -> Iterator[Platform]:
        """A machine's platform; each has a folder of its own."""
        systems = list(self.systems.values())
        with build_platform(
            settings, config=SMALL / "distributor.yaml", clock=self.clock, ready_made=systems
        ) as platform:
            platform.prepare()
            yield platform


def _all_rows(platform: Platform, table: str) -> list[tuple[str, ...]]:
    rows = platform.warehouse.query(f"from {table}").to_pylist()
    return sorted(tuple(f"{name}={value}" for name, value in row.items()) for row in rows)


def _told(platform: Platform) -> dict[str, Any]:
    """Return what the lake and the ledger hold."""
    with platform.ledger.reading() as work:
        cases = sorted((case.code, case.business_key, case.state) for case in list_cases(work))
    return {table: _all_rows(platform, table) for table in LAKE_TABLES} | {"cases": cases}


def _first_pass(world: World, pulling: Settings, deciding: Settings) -> dict[str, Any]:
    """Run a full pass, pulled on one machine and gone on with on another."""
    with world.platform(pulling) as platform:
        stages.pull(platform)
    with world.platform(deciding) as platform:
        stages.admit(platform)
        stages.require_invariants(stages.reconcile(platform, full=True))
        stages.decide(platform)
        stages.dispatch(platform)
        return _told(platform)


def _second_pass(world: World, settings: Settings) -> dict[str, Any]:
    """Let something be cured and something new go wrong, and run a pass on what changed."""
    world.clock.at += timedelta(minutes=31)
    world.rows("finance", "invoice_lines")[0]["unit_price"] = "10.0000"
    world.rows("erp", "shipments")[5]["qty"] = "2"
    with world.platform(settings) as platform:
        run_pass(platform, full=False)
        return _told(platform)


@pytest.fixture
def machine(
    tmp_path: Path, catalog: str, postgres_database_url: str, bucket: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Return the settings of a machine that has only its stores in common with the others."""

    def settings(name: str) -> Settings:
        told = {
            "RUNTIME_DIR": str(tmp_path / name),
            "LAKE_CATALOG": catalog,
            "LAKE_DATA_URL": "s3://lake/files",
            "LANDING_URL": "s3://lake/landing",
            "LEDGER_URL": postgres_database_url,
            "OBJECT_STORE_ENDPOINT": bucket.endpoint,
            "OBJECT_STORE_PATH_STYLE": "true",
            "DUCKDB_THREADS": "1",
        }
        for variable, value in told.items():
            monkeypatch.setenv("FULFILLMENT_" + variable, value)
        return read_settings()

    return settings


def test_the_loop_on_shared_stores_finds_what_it_finds_on_its_own_files(machine: Any, tmp_path: Path) -> None:
    own = Settings(runtime_dir=tmp_path / "own", duckdb_threads=1)

    expected = _first_pass(World.disagreeing(), own, own)
    found = _first_pass(World.disagreeing(), machine("one"), machine("two"))

    assert found == expected
    assert len({code for code, _, _ in expected["cases"]}) >= 3


@pytest.mark.slow
def test_a_third_machine_goes_on_with_what_changed(machine: Any, tmp_path: Path) -> None:
    own, alone, shared = Settings(runtime_dir=tmp_path / "own"), World.disagreeing(), World.disagreeing()
    before = _first_pass(alone, own, own)
    _first_pass(shared, machine("one"), machine("two"))

    expected = _second_pass(alone, own)

    assert _second_pass(shared, machine("three")) == expected
    assert expected["cases"] != before["cases"]

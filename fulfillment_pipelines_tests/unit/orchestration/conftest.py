"""The small distributor in memory, as Dagster sees it: its definitions, and runs of them in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.orchestration.build import build_definitions
from fulfillment_pipelines.orchestration.catalogue import Catalogue
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.systems.declaration import MemoryDeclaration, load_declaration
from fulfillment_pipelines.systems.memory import MemoryRow, MemorySystem

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SMALL = Path(__file__).parents[2] / "small_distributor"
SYSTEMS = ("erp", "portal", "wms_east", "finance")
# What the portal's orders refer to: without it they are not lost, but impossible to enter.
MASTER_DATA: dict[str, list[MemoryRow]] = {
    "customers": [{"customer_no": "C-1", "name": "First Customer", "status": "ACTIVE", "payment_terms": "NET30"}],
    "customer_locations": [{"customer_no": "C-1", "ship_to_no": "C-1-A", "status": "ACTIVE"}],
    "items": [
        {"sku": "BRG-1001", "base_uom": "EA", "abc_class": "A", "temperature_class": "AMBIENT", "status": "ACTIVE"}
    ],
}


def _portal_order(number: int) -> dict[str, MemoryRow]:
    placed_at = (NOON - timedelta(hours=6)).isoformat()
    order: MemoryRow = {"id": f"P-{number}", "customer": "C-1", "po": f"PO-{number}", "state": "OPEN"}
    order |= {"ship_to": "C-1-A", "terms": "NET30", "priority": "STANDARD", "revision": 0, "requested_at": None}
    item: MemoryRow = {"order_id": f"P-{number}", "line": 1, "sku": "BRG-1001", "uom": "EA", "qty": "2"}
    return {
        "orders": order | {"currency": "USD", "placed_at": placed_at},
        "order_items": item | {"buyer_item": None, "qty_cancelled": "0", "price": "10.00", "currency": "USD"},
    }


@dataclass
class World:
    """The small distributor under Dagster.

    Attributes:
        definitions: All definitions.
        catalogue: What they were derived from.
        systems: Its systems, to be changed in place.
        clock: The time of its systems.
        instance: Dagster's records of this test.
    """

    definitions: dg.Definitions
    catalogue: Catalogue
    systems: dict[str, MemorySystem]
    clock: FixedClock
    instance: dg.DagsterInstance
    settings: Settings

    def order(self, number: int) -> None:
        """Let a customer order something in the portal, of which the ERP does not hear."""
        for entity, row in _portal_order(number).items():
            self.systems["portal"].rows[entity].append(row)

    def run(self, job: str = "micro_batch", assets: Sequence[str] = ()) -> dg.ExecuteInProcessResult:
        """Run a job in this process, whole or for some assets."""
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            asset_selection=[dg.AssetKey(name) for name in assets] or None,
        )

    def platform(self) -> Platform:
        """Return a platform on the same lake and ledger."""
        ready_made = list(self.systems.values())
        return build_platform(self.settings, config=SMALL / "distributor.yaml", clock=self.clock, ready_made=ready_made)

    def tick(self, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
        """Evaluate the sensor once."""
        sensor = self.definitions.resolve_sensor_def("source_changes")
        context = dg.build_sensor_context(instance=self.instance, cursor=cursor)
        outcome = sensor(context)
        assert isinstance(outcome, dg.SensorResult | dg.SkipReason)
        return outcome


def small_world(home: Path, instance: dg.DagsterInstance) -> World:
    """Return the small distributor, not yet pulled: its ERP knows a customer and an item, and nobody has ordered."""
    clock = FixedClock(NOON)
    systems = {}
    for name in SYSTEMS:
        declaration = load_declaration(SMALL / f"{name}.yaml")
        assert isinstance(declaration, MemoryDeclaration)
        systems[name] = MemorySystem(declaration, clock, MASTER_DATA if name == "erp" else None)
    settings = Settings(runtime_dir=home, duckdb_threads=1)
    config = SMALL / "distributor.yaml"
    ready_made = list(systems.values())
    definitions = build_definitions(settings, config=config, clock=clock, ready_made=ready_made)
    with build_platform(settings, config=config, clock=clock, ready_made=ready_made) as platform:
        catalogue = Catalogue.of(platform)
    return World(definitions, catalogue, systems, clock, instance, settings)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A small distributor of the test's own, to be run."""
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        yield small_world(tmp_path, instance)


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A small distributor that is only looked at."""
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        yield small_world(tmp_path_factory.mktemp("declared"), instance)


@dataclass(frozen=True)
class Ran:
    """A small distributor after its first full run, with what came of it."""

    world: World
    result: dg.ExecuteInProcessResult


@pytest.fixture(scope="module")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """A full run over two orders of the portal that the ERP does not know, one of them with a status nobody knows."""
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        ran = small_world(tmp_path_factory.mktemp("full"), instance)
        ran.order(1)
        ran.order(2)
        ran.systems["portal"].rows["orders"][1]["state"] = "MISLAID"
        yield Ran(ran, ran.run("full_reconcile"))

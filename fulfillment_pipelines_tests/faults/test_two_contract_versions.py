"""An old and a new ERP at once: each order lives in one of them, and what is wrong with it is put right there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.loop.passes import run_pass
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.systems.declaration import MemoryDeclaration, load_declaration
from fulfillment_pipelines.systems.memory import MemoryRow, MemorySystem

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SMALL = Path(__file__).parents[1] / "small_distributor"
MOVED: Final = "SO-3"
# What the new ERP calls the fields of the old one, by entity.
RENAMED: Final[Mapping[str, Mapping[str, str]]] = {
    "orders": {
        "order_no": "id", "channel": "source", "channel_order_no": "sourceRef", "customer_no": "account",
        "customer_po": "poNumber", "ship_to_no": "shipTo", "payment_terms": "terms", "priority": "prio",
        "revision_no": "rev", "status": "state", "currency": "currency", "ordered_at": "createdAt",
        "requested_at": "dueAt",
    },
    "order_lines": {
        "order_no": "order", "line_no": "line", "sku": "item", "uom": "unit", "qty_ordered": "quantity",
        "qty_cancelled": "cancelled", "qty_allocated": "allocated", "unit_price": "price", "currency": "currency",
        "site": "warehouse", "release_due_at": "releaseAt", "promised_at": "promisedAt",
    },
    "releases": {
        "release_no": "release", "order_no": "order", "line_no": "line", "site": "warehouse", "sku": "item",
        "uom": "unit", "qty": "quantity", "sent_at": "sentAt",
    },
    "shipments": {
        "shipment_no": "shipment", "order_no": "order", "line_no": "line", "site": "warehouse", "sku": "item",
        "uom": "unit", "qty": "quantity", "shipped_at": "shippedAt", "confirmed_at": "bookedAt",
    },
    "holds": {
        "hold_no": "hold", "order_no": "order", "type": "type", "status": "status", "placed_by": "placedBy",
        "placed_at": "placedAt", "resolved_at": "resolvedAt",
    },
}  # fmt: skip


@dataclass
class Migration:
    """A distributor with two ERPs."""

    platform: Platform
    clock: FixedClock
    systems: Mapping[str, MemorySystem]

    def run(self, minutes: float = 20) -> None:
        """Let time pass, and run the loop once."""
        self.clock.at += timedelta(minutes=minutes)
        run_pass(self.platform, full=True)

    def rows(self, statement: str) -> set[tuple[Any, ...]]:
        return {tuple(row.values()) for row in self.platform.warehouse.query(statement).to_pylist()}

    def shipments(self, system: str, order: str) -> list[MemoryRow]:
        field = "order_no" if system == "erp" else "order"
        return [row for row in self.systems[system].rows["shipments"] if row[field] == order]


def _moved(row: MemoryRow, entity: str) -> MemoryRow:
    moved = {RENAMED[entity][name]: value for name, value in row.items() if name in RENAMED[entity]}
    return moved | {"state": "open"} if entity == "orders" else moved


@pytest.fixture
def migration(
    tmp_path: Path, site_rows: Callable[[int], dict[tuple[str, str], list[MemoryRow]]]
) -> Iterator[Migration]:
    """Three orders that everybody agrees on; one of them has moved to the new ERP."""
    clock, systems = FixedClock(NOON), {}
    for name in ("erp", "erp_cloud", "portal", "wms_east", "finance"):
        declaration = load_declaration(SMALL / f"{name}.yaml")
        assert isinstance(declaration, MemoryDeclaration)
        systems[name] = MemorySystem(declaration, clock)
    for (name, entity), rows in site_rows(3).items():
        for row in rows:
            if name == "erp" and row.get("order_no") == MOVED:
                systems["erp_cloud"].rows[entity].append(_moved(row, entity))
            else:
                systems[name].rows[entity].append(row)
    scratch = Settings(runtime_dir=tmp_path, duckdb_threads=1).model_copy(update={"lake_catalog": "scratch:"})
    ready_made = list(systems.values())
    with build_platform(scratch, config=SMALL / "migration.yaml", clock=clock, ready_made=ready_made) as platform:
        platform.prepare()
        yield Migration(platform, clock, systems)


def test_correction_goes_to_the_erp_that_holds_the_order_and_the_next_pull_proves_it(migration: Migration) -> None:
    for system, order in (("erp", "SO-1"), ("erp_cloud", MOVED)):
        (forgotten,) = migration.shipments(system, order)
        migration.systems[system].rows["shipments"].remove(forgotten)
    # Stock is in neither ERP's way here: what an ERP may promise is another rule's matter.
    migration.systems["erp"].rows["stock"][0]["atp"] = "40"
    for _ in range(3):
        migration.run()
    assert migration.rows("select system, order_id from canon_orders where role = 'erp'") == {
        ("erp", "SO-1"),
        ("erp", "SO-2"),
        ("erp_cloud", MOVED),
    }
    assert migration.rows("select contract_version from ops_snapshots where system like 'erp%'") == {("1",), ("2",)}
    for system, order in (("erp", "SO-1"), ("erp_cloud", MOVED)):
        assert len(migration.shipments(system, order)) == 1, system
        assert migration.systems[system].effects == 1
    assert migration.rows("select code, business_key from rec_findings") == set()

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from fulfillment_pipelines.loop.operations import create_operations_tables
from fulfillment_pipelines.snapshots.drift import Difference, DriftKind
from fulfillment_pipelines.snapshots.landing import Manifest
from fulfillment_pipelines.snapshots.open_drift import SeenDrift, forget_drift, record_drift
from fulfillment_pipelines.warehouse import Warehouse, scratch

SQL = Path(__file__).parents[3] / "sql" / "00_operations"


@pytest.fixture
def lake() -> Iterator[Warehouse]:
    """A lake with empty operations tables."""
    warehouse = scratch()
    warehouse.write(partial(create_operations_tables, SQL))
    yield warehouse
    warehouse.close()


def seen(
    hour: int, fields: Sequence[str], *, entity: str = "orders", conclusive: bool = True, found: str = "text"
) -> SeenDrift:
    moment = datetime(2026, 3, 2, hour, tzinfo=UTC)
    manifest = Manifest(
        snapshot_id=f"snap-{hour}",
        system="erp",
        entity=entity,
        contract_version="1",
        as_of=moment,
        pulled_at=moment,
        duration_seconds=0,
        since=None,
        cursor=None,
        whole=conclusive,
        complete=True,
        problem="",
        declared_rows=None,
        declared_sums={},
        pages=(),
        content_bytes=0,
        content_sha256="",
    )
    told = [Difference(kind=DriftKind.RETYPED, field=field, agreed="number", found=found) for field in fields]
    return SeenDrift(manifest, tuple(told), is_conclusive=conclusive)


def record(lake: Warehouse, *drifts: SeenDrift) -> None:
    lake.write(lambda transaction: record_drift(transaction, drifts))


def open_now(lake: Warehouse) -> set[tuple[str, str, str, int]]:
    query = "select entity, field, found, hour(drifted_since) as since_hour from ops_open_drift"
    return {tuple(row.values()) for row in lake.query(query).to_pylist()}


def test_whole_snapshot_says_everything_and_what_lasts_keeps_its_beginning(lake: Warehouse) -> None:
    record(lake, seen(8, ["qty", "price"]))
    record(lake, seen(9, ["qty", "due"], found="date 31.12.2026"))
    assert open_now(lake) == {
        ("orders", "qty", "date 31.12.2026", 8),
        ("orders", "due", "date 31.12.2026", 9),
    }


def test_snapshot_of_some_rows_adds_to_what_is_known_and_ends_nothing(lake: Warehouse) -> None:
    record(lake, seen(8, ["qty"]))
    record(lake, seen(9, [], conclusive=False))
    record(lake, seen(10, ["due"], conclusive=False))
    assert open_now(lake) == {("orders", "qty", "text", 8), ("orders", "due", "text", 10)}
    record(lake, seen(11, []))
    assert open_now(lake) == set()


def test_each_feed_has_its_own_drift_and_what_is_accepted_is_forgotten(lake: Warehouse) -> None:
    record(lake, seen(8, ["qty"]), seen(8, ["qty"], entity="order_lines"))
    record(lake, seen(9, []))
    assert open_now(lake) == {("order_lines", "qty", "text", 8)}
    forget_drift(lake, [("erp", "order_lines")])
    assert open_now(lake) == set()

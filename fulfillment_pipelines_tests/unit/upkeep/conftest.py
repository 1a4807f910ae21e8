"""A lake with the platform's own tables, and a landing area whose snapshots it has admitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from fulfillment_pipelines.domain.snapshot import Page, PageFormat, Scope, Snapshot
from fulfillment_pipelines.loop.operations import create_operations_tables
from fulfillment_pipelines.snapshots.landing import LandingArea
from fulfillment_pipelines.upkeep.landed import LandedFiles
from fulfillment_pipelines.warehouse import Connection, Warehouse, scratch

SQL = Path(__file__).parents[3] / "sql" / "00_operations"
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Kept:
    """A lake and a landing area.

    Attributes:
        lake: The lake.
        area: The landing area.
        files: The same, as what is to be kept small.
    """

    lake: Warehouse
    area: LandingArea
    files: LandedFiles

    def land(self, days_ago: float, *, since: str | None = None, complete: bool = True) -> str:
        """Land a snapshot of the ERP's orders that the lake does not know, and return its identity."""
        page = Page("1.json", b"[]", PageFormat.JSON)
        as_of = NOON - timedelta(days=days_ago)
        snapshot = Snapshot("erp", "orders", Scope(since=since), as_of, [page], declared_rows=0, complete=complete)
        landed = self.area.land(snapshot, contract_version="1", pulled_at=as_of, duration_seconds=0.1)
        return landed.manifest.snapshot_id

    def admit(self, days_ago: float, *, whole: bool = True, quarantined_rows: int = 0) -> str:
        """Land a snapshot and let the lake know it."""
        snapshot_id = self.land(days_ago, since=None if whole else "7")
        self.record(snapshot_id, days_ago, whole=whole, quarantined_rows=quarantined_rows)
        return snapshot_id

    def record(self, snapshot_id: str, days_ago: float, *, whole: bool = True, quarantined_rows: int = 0) -> None:
        """Let the lake know a snapshot, landed or not, with an attempt, an expectation and its bad rows."""
        row = {"id": snapshot_id, "as_of": NOON - timedelta(days=days_ago)}
        bad = {"bad": quarantined_rows}

        def write(transaction: Connection) -> None:
            transaction.execute(
                """
                insert into ops_snapshots
                select
                    $id, 'erp', 'orders', 'orders', '1', $as_of, $as_of, 0, null, null, $whole, true, '', 1, 2, '',
                    null, $bad, $bad, 0, 0, 0, 0, $bad, 0
                """,
                row | bad | {"whole": whole},
            )
            transaction.execute(
                "insert into ops_pulls select 'erp', 'orders', $as_of, $id, 'OK', '', null",
                row,
            )
            transaction.execute(
                "insert into ops_expectations select $id, 'erp', 'orders', 'key:unique', 'warning', true, 0, 1, ''",
                {"id": snapshot_id},
            )
            transaction.execute(
                """
                insert into ops_quarantine
                select $id, 'erp', 'orders', $as_of, 1, 'SO-1', 'SO-1', null, null, null, 'uom:known', '{}'
                from range($bad)
                """,
                row | bad,
            )

        self.lake.write(write)

    def landed(self) -> list[str]:
        """Return what is in the landing area, the oldest first."""
        return self.area.identities("erp", "orders")

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        rows = self.lake.query("select count(*) as row_count from query_table($table)", {"table": table})
        number: int = rows.column("row_count")[0].as_py()
        return number


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """An empty lake and an empty landing area."""
    lake = scratch()
    lake.write(partial(create_operations_tables, SQL))
    area = LandingArea(tmp_path / "landing")
    yield Kept(lake, area, LandedFiles(tmp_path / "landing", lake, area))
    lake.close()


@pytest.fixture
def noon() -> datetime:
    """The present of these tests."""
    return NOON

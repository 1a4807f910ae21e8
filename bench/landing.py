"""What it costs to land a whole table as Arrow: from PostgreSQL and from a Parquet file, asked, written and recorded.

    python -m bench.landing --rows 1000000

Rows a CPU second are those of the process that lands them; a database server has its own. The table is written to
bench/results/landing.md.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pyarrow as pa
from pyarrow import parquet

from bench.machine import measured_on
from bench.sql_reads import LINES_TABLE
from fulfillment_pipelines.domain.clock import WallClock
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.snapshots.landing import LandingArea
from fulfillment_pipelines.snapshots.pulling import PullRequest, pull_all
from fulfillment_pipelines.systems.declaration import load_declaration
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.registry import Registry
from fulfillment_pipelines.twin.systems.postgres import PostgresServer

_RESULTS: Final = Path(__file__).parent / "results" / "landing.md"
_WANTED_ROWS: Final = 500_000
_TIMES: Final = 3
_FIELDS: Final = "[order_id, line_no, sku, shipped_qty, price_amount, shipped_at, status]"
_HEAD: Final = """
system: {system}
title: Warehouse
role: wms
contract_version: "1"
freshness_seconds: 3600
"""
_DATABASE: Final = """
transport: {kind: sql, url: {ref: WAREHOUSE_URL}, timeout_seconds: 600, read: arrow}
entities:
  lines: {contract: shipment_lines, table: lines, fields: %s, key: [order_id, line_no]}
"""
_FILES: Final = """
transport: {kind: files, directory: {ref: WAREHOUSE_FILES}}
entities:
  lines:
    contract: shipment_lines
    path: lines.parquet
    format: parquet
    as_of: {fixed: "2026-03-06T16:00:00Z"}
    fields: %s
    key: [order_id, line_no]
"""


@dataclass(frozen=True, slots=True)
class Landed:
    """What landing one system's table cost: the medians of several times."""

    system: str
    rows: int
    cpu_seconds: float
    wall_seconds: float
    page_bytes: int


def _land(registry: Registry, system: str, folder: Path) -> Landed:
    """Land the table several times, each into a landing area of its own."""
    taken: list[tuple[float, float]] = []
    for number in range(_TIMES):
        area = folder / f"{system}-{number}"
        wall, cpu = time.perf_counter(), time.process_time()
        request = PullRequest(registry.source(system, "lines"), Scope(), "1")
        (attempt,) = pull_all([request], LandingArea(area), WallClock())
        taken.append((time.process_time() - cpu, time.perf_counter() - wall))
        if attempt.landed is None:
            raise SystemExit(attempt.problem)
        manifest = attempt.landed.manifest
        shutil.rmtree(area)
    cpu, wall = sorted(taken)[_TIMES // 2]
    return Landed(system, manifest.declared_rows or 0, cpu, wall, manifest.content_bytes)


def _write_file(url: str, file: Path) -> None:
    """Write the database's table as the file that a system would drop."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("select * from lines order by order_id, line_no")
        names = [column.name for column in cursor.description or ()]
        writer: parquet.ParquetWriter | None = None
        while rows := cursor.fetchmany(100_000):
            table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
            writer = writer or parquet.ParquetWriter(file, table.schema, compression="zstd")
            writer.write_table(table.cast(writer.schema))
        if writer is not None:
            writer.close()


def _measured(row_count: int, folder: Path) -> list[Landed]:
    (folder / "database.yaml").write_text(_HEAD.format(system="database") + _DATABASE % _FIELDS, encoding="utf-8")
    (folder / "files.yaml").write_text(_HEAD.format(system="files") + _FILES % _FIELDS, encoding="utf-8")
    with PostgresServer(("warehouse",)) as server:
        url = server.url("warehouse")
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute(LINES_TABLE.replace("%s", str(row_count)))
            connection.execute("alter table lines add primary key (order_id, line_no)")
        _write_file(url.replace("+psycopg", ""), folder / "lines.parquet")
        references = References({"WAREHOUSE_URL": url, "WAREHOUSE_FILES": str(folder)})
        declared = [load_declaration(folder / f"{name}.yaml") for name in ("database", "files")]
        with Registry(declared, references, WallClock()) as registry:
            return [_land(registry, system, folder) for system in ("database", "files")]


def main() -> int:
    """Measure both and write the table; exits 1 when either is slower than wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    count = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        measured = _measured(count, Path(folder))
    titles = {"database": "PostgreSQL 18, `read: arrow`", "files": "Parquet file"}
    text = "\n".join(
        [
            "# Landing as Arrow",
            "",
            f"`python -m bench.landing --rows {count}`",
            "",
            f"Seven columns, median of {_TIMES}; {measured_on()}.",
            f"Wanted: {_WANTED_ROWS:,} rows a CPU second.",
            "",
            "| from | rows | CPU s | wall s | rows a CPU second | landed MB |",
            "|---|---|---|---|---|---|",
            *(
                f"| {titles[one.system]} | {one.rows:,} | {one.cpu_seconds:.2f} | {one.wall_seconds:.1f} | "
                f"{one.rows / one.cpu_seconds:,.0f} | {one.page_bytes / 1e6:.1f} |"
                for one in measured
            ),
            "",
            "A Parquet file is landed as it is: its bytes are hashed, written and recorded.",
            "",
        ]
    )
    _RESULTS.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0 if all(one.rows / one.cpu_seconds >= _WANTED_ROWS for one in measured) else 1


if __name__ == "__main__":
    sys.exit(main())

"""A table of PostgreSQL read whole, one row after the other and as Arrow batches: the same page, at what price.

    python -m bench.sql_reads --rows 1000000

The table is written to bench/results/sql_reads.md. CPU is that of the reading process; the server has its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import psycopg

from bench.machine import measured_on
from fulfillment_pipelines.domain.clock import WallClock
from fulfillment_pipelines.domain.snapshot import Scope
from fulfillment_pipelines.systems.declaration import load_declaration
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.registry import Registry
from fulfillment_pipelines.twin.systems.postgres import PostgresServer

_RESULTS: Final = Path(__file__).parent / "results" / "sql_reads.md"
_READS: Final = ("rows", "arrow")
_TIMES: Final = 3
_DECLARATION: Final = """
system: warehouse
title: Warehouse
role: wms
contract_version: "1"
freshness_seconds: 3600
transport: {{kind: sql, url: {{ref: WAREHOUSE_URL}}, timeout_seconds: 600, read: {read}}}
entities:
  lines:
    contract: shipment_lines
    table: lines
    fields: [order_id, line_no, sku, shipped_qty, price_amount, shipped_at, status]
    key: [order_id, line_no]
"""
LINES_TABLE: Final = """
create table lines as
select
    'SO-' || lpad((n / 4)::text, 9, '0') as order_id, (n % 4 + 1)::integer as line_no, 'SKU-' || n % 5000 as sku,
    (n % 90)::numeric(12, 3) as shipped_qty, (n % 977 * 1.25)::numeric(14, 2) as price_amount,
    timestamptz '2026-01-01' + n * interval '1 second' as shipped_at,
    case when n % 9 = 0 then null else 'SHIPPED' end as status
from generate_series(1, %s::bigint) as n
"""


def _measured(read: str, url: str, folder: Path) -> tuple[float, float, int, int]:
    """Return median wall and CPU seconds, rows, and the bytes of the page."""
    file = folder / f"{read}.yaml"
    file.write_text(_DECLARATION.format(read=read), encoding="utf-8")
    references = References({"WAREHOUSE_URL": url})
    taken: list[tuple[float, float]] = []
    with Registry([load_declaration(file)], references, WallClock()) as registry:
        for _ in range(_TIMES):
            wall, cpu = time.perf_counter(), time.process_time()
            snapshot = registry.source("warehouse", "lines").pull(Scope())
            taken.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu, wall = sorted(taken)[_TIMES // 2]
    return wall, cpu, snapshot.declared_rows or 0, sum(len(page.content) for page in snapshot.pages)


def main() -> None:
    """Measure both ways and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    count = parser.parse_args().rows
    with PostgresServer(("warehouse",)) as server, tempfile.TemporaryDirectory() as folder:
        url = server.url("warehouse")
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute(LINES_TABLE.replace("%s", str(count)))
            connection.execute("alter table lines add primary key (order_id, line_no)")
        lines = []
        for read in _READS:
            wall, cpu, rows, size = _measured(read, url, Path(folder))
            lines.append(
                f"| `read: {read}` | {rows:,} | {wall:.1f} | {cpu:.1f} | {rows / cpu:,.0f} | {size / 1e6:.1f} |"
            )
            sys.stdout.write(lines[-1] + "\n")
    text = "\n".join(
        [
            "# Whole tables of PostgreSQL",
            "",
            f"`python -m bench.sql_reads --rows {count}`",
            "",
            f"Seven columns, median of {_TIMES}; {measured_on()}.",
            "",
            "| | rows | wall s | CPU s | rows a CPU second | page MB |",
            "|---|---|---|---|---|---|",
            *lines,
            "",
            "A page is the Parquet that is landed; writing it is part of both.",
            "",
        ]
    )
    _RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

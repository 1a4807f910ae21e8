"""What a micro-batch costs: changed order lines against a standing distributor, and whether that follows its size.

    python -m bench.micro_batch --lines 100000 1000000 --changed 1000

Each size is written, loaded and reconciled once; then one process changes lines of the ERP, admits them, reconciles
what they reach and takes the findings in, several times over. One line in twenty orders another quantity than the
customer asked for, the others fall due at another moment. Recent lines are those of the last orders; scattered ones lie
anywhere. The table is written to bench/results/micro_batch.md, from bench/results/micro_batch.json, which keeps what
was measured last of each other size.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bench.kept import Row, keep, plot, told_machines, write_page
from fulfillment_pipelines.domain.snapshot import Page, PageFormat, Scope, Snapshot
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.distributor import LivePace

_NAME: Final = "micro_batch"
_KEPT_BY: Final = ("lines", "changed", "kind")
_BUDGET_CPU_SECONDS: Final = 1.5
_PARTS: Final = ("merge", "reconcile", "checks", "publish", "intake")
_RECENT: Final = """
    select *
    from read_parquet($lines)
    order by order_no desc, line_no
    limit $changed offset $passed_over
"""
_SCATTERED: Final = """
    select *
    from read_parquet($lines)
    order by hash(order_no || line_no || $passed_over)
    limit $changed
"""
_CHANGED: Final = """
    select * replace (
        case when row_number() over () % 20 = 0 then qty_ordered + $round else qty_ordered end as qty_ordered,
        release_due_at + to_minutes($round) as release_due_at
    )
    from chosen
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one micro-batch cost, in CPU seconds by part, and what it found."""

    cpu_seconds: Mapping[str, float]
    wall_seconds: float
    changed: int
    findings: int
    violations: Sequence[str]

    @property
    def total(self) -> float:
        """CPU seconds of all parts together."""
        return sum(self.cpu_seconds.values())


class _Meter:
    """Adds up the CPU seconds of this process, part by part."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._part, self._since = "", 0.0

    @contextmanager
    def measuring(self, part: str) -> Iterator[None]:
        """Count what is spent within the block for a part, unless `turn_to` names another."""
        self._part, self._since = part, time.process_time()
        yield
        self.turn_to("")

    def turn_to(self, part: str) -> None:
        """Count what is spent from now on for another part."""
        now = time.process_time()
        self.spent[self._part] = self.spent.get(self._part, 0.0) + now - self._since
        self._part, self._since = part, now


def run_batches(home: Path, changed: int, rounds: int) -> Mapping[str, list[Batch]]:
    """Run micro-batches of recent and of scattered lines on a loaded distributor; the first of each warms up."""
    pace = LivePace()
    own = {"duckdb_threads": pace.duckdb_threads, "working_copy": pace.working_copy}
    with build_platform(read_settings().model_copy(update=own), config=home / "distributor.yaml") as platform:
        platform.prepare()
        # What an earlier run has changed is changed once more: the same values again would be no change.
        earlier = len(platform.landing.identities("erp", "order_lines"))
        found: dict[str, list[Batch]] = {}
        for kind, statement in (("recent", _RECENT), ("scattered", _SCATTERED)):
            batches = []
            for number in range(rounds + 1):
                _land(platform, _changed_lines(home, statement, changed, number + 1, earlier))
                batches.append(_run(platform))
            found[kind] = batches[1:]
    return found


def _changed_lines(home: Path, statement: str, changed: int, number: int, earlier: int) -> pa.Table:
    with duckdb.connect() as connection:
        lines = str(home / "erp" / "order_lines.parquet")
        told = {"lines": lines, "changed": changed, "passed_over": number * changed}
        connection.register("chosen", connection.execute(statement, told).to_arrow_table())
        return connection.execute(_CHANGED, {"round": earlier + number}).to_arrow_table()


def _land(platform: Platform, lines: pa.Table) -> None:
    """Put changed lines where a pull of what has changed would have put them."""
    content = io.BytesIO()
    pq.write_table(lines, content)
    read_at = platform.clock.now() + timedelta(minutes=1)
    page = Page("order_lines", content.getvalue(), PageFormat.PARQUET)
    asked = Scope(since=read_at.isoformat())
    snapshot = Snapshot("erp", "order_lines", asked, read_at, [page])
    version = platform.registry.declaration("erp").contract_version
    platform.landing.land(snapshot, contract_version=version, pulled_at=read_at, duration_seconds=0.1)


def _run(platform: Platform) -> Batch:
    meter, began = _Meter(), time.monotonic()

    def progress(step: str) -> None:
        if step in _PARTS:
            meter.turn_to(step)

    with meter.measuring("merge"), platform.warehouse.turn():
        admissions = stages.admit(platform)
        meter.turn_to("reconcile")
        result = stages.reconcile(platform, full=False, progress=progress)
        meter.turn_to("publish")
    with meter.measuring("intake"):
        stages.decide(platform)
    return Batch(
        cpu_seconds={part: meter.spent.get(part, 0.0) for part in _PARTS},
        wall_seconds=time.monotonic() - began,
        changed=sum(admission.merged.updated_rows for admission in admissions),
        findings=result.findings,
        violations=[violation.check for violation in result.violations],
    )


def _measured(lines: int, arguments: argparse.Namespace) -> Mapping[str, list[Batch]]:
    """Make a distributor of so many lines and measure on it; the folder goes unless it was named."""
    folder = Path(arguments.home or tempfile.mkdtemp(prefix="fulfillment-bench-"))
    home = folder / str(lines)
    os.environ["FULFILLMENT_RUNTIME_DIR"] = str(home / "runtime")
    try:
        if not (home / "runtime").exists():
            for step in ("write", "load", "reconcile", "intake"):
                command = [sys.executable, "-m", "bench.full_reconcile", "--step", step, "--home", str(home)]
                command += ["--lines", str(lines)]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - a module beside this one
        return run_batches(home, arguments.changed, arguments.rounds)
    finally:
        if not arguments.home:
            shutil.rmtree(folder, ignore_errors=True)


def _rows(measured: Mapping[int, Mapping[str, list[Batch]]], changed: int) -> list[Row]:
    """Return the medians of each size and kind, as they are kept."""
    return [
        {
            "lines": lines,
            "changed": changed,
            "kind": kind,
            "rounds": len(batches),
            "cpu_seconds": {part: round(median(one.cpu_seconds[part] for one in batches), 3) for part in _PARTS},
            "all_cpu_seconds": round(median(one.total for one in batches), 3),
            "wall_seconds": round(median(one.wall_seconds for one in batches), 3),
            "rows": batches[-1].changed,
        }
        for lines, by_kind in measured.items()
        for kind, batches in by_kind.items()
    ]


def page(rows: Sequence[Row]) -> str:
    """Return the page of all that is kept."""
    asked = " ".join(f"{lines}" for lines in dict.fromkeys(row["lines"] for row in rows))
    return (
        "\n".join(
            [
                "# Micro-batch",
                "",
                f"`python -m bench.micro_batch --lines {asked}`",
                "",
                f"| order lines | changed | keys | {' | '.join(_PARTS)} | all CPU s | wall s | rows |",
                "|---" * (len(_PARTS) + 6) + "|",
                *(_row(row) for row in rows),
                "",
                f"Medians of several batches, CPU seconds by part; budget {_BUDGET_CPU_SECONDS} for all. *Publish* is",
                "what the lake is told of it. One process works as the live loop does. Measured, by order lines, on",
                "",
                told_machines(rows, "lines"),
            ]
        )
        + "\n"
    )


def _row(row: Row) -> str:
    parts = " | ".join(f"{row['cpu_seconds'].get(part, 0.0):.2f}" for part in _PARTS)
    head = f"| {row['lines']:,} | {row['changed']:,} | {row['kind']} | {parts} |"
    return f"{head} **{row['all_cpu_seconds']:.2f}** | {row['wall_seconds']:.2f} | {row['rows']:,} |"


def main() -> int:
    """Measure every size and write the table; exits 1 where an invariant does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[100_000, 1_000_000], help="order lines, one or more")
    parser.add_argument("--changed", type=int, default=1_000, help="changed lines in a batch")
    parser.add_argument("--rounds", type=int, default=3, help="batches that are counted, of each kind")
    parser.add_argument("--home", help="folder of the distributors; kept when given, and used again")
    arguments = parser.parse_args()
    measured = {}
    for lines in arguments.lines:
        measured[lines] = _measured(lines, arguments)
        # After each size, so that one that does not end takes no other with it.
        report = page(keep(_NAME, _rows({lines: measured[lines]}, arguments.changed), by=_KEPT_BY))
        write_page(_NAME, report)
        sys.stdout.write(report)
    plot(_NAME)
    broken = {
        check for kinds in measured.values() for of in kinds.values() for batch in of for check in batch.violations
    }
    sys.stdout.write(json.dumps(sorted(broken)) + "\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

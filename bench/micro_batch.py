"""What a micro-batch costs: changed order lines against a standing distributor, and whether that follows its size.

    python -m bench.micro_batch --lines 100000 1000000 --changed 1000

Each size is written, loaded and reconciled once; then one process changes lines of the ERP, admits them, reconciles
what they reach and takes the findings in, several times over. One line in twenty orders another quantity than the
customer asked for, the others fall due at another moment. Recent lines are those of the last orders; scattered ones lie
anywhere. The table is written to bench/results/micro_batch.md.
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

from bench.machine import machine
from fulfillment_pipelines.domain.snapshot import Page, PageFormat, Scope, Snapshot
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import read_settings

_RESULTS: Final = Path(__file__).parent / "results" / "micro_batch.md"
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
    with build_platform(read_settings(), config=home / "distributor.yaml") as platform:
        platform.prepare()
        found: dict[str, list[Batch]] = {}
        for kind, statement in (("recent", _RECENT), ("scattered", _SCATTERED)):
            batches = []
            for number in range(rounds + 1):
                _land(platform, _changed_lines(home, statement, changed, number + 1))
                batches.append(_run(platform))
            found[kind] = batches[1:]
    return found


def _changed_lines(home: Path, statement: str, changed: int, number: int) -> pa.Table:
    with duckdb.connect() as connection:
        lines = str(home / "erp" / "order_lines.parquet")
        told = {"lines": lines, "changed": changed, "passed_over": number * changed}
        connection.register("chosen", connection.execute(statement, told).to_arrow_table())
        return connection.execute(_CHANGED, {"round": number}).to_arrow_table()


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
    with meter.measuring("merge"):
        admissions = stages.admit(platform)

    def progress(step: str) -> None:
        if step in _PARTS:
            meter.turn_to(step)

    with meter.measuring("reconcile"):
        result = stages.reconcile(platform, full=False, progress=progress)
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


def _report(measured: Mapping[int, Mapping[str, list[Batch]]], arguments: argparse.Namespace) -> str:
    asked = f"--changed {arguments.changed} --rounds {arguments.rounds}"
    sizes = " ".join(str(lines) for lines in measured)
    rows = [_row(lines, kind, batches) for lines, by_kind in measured.items() for kind, batches in by_kind.items()]
    return (
        "\n".join(
            [
                "# Micro-batch",
                "",
                f"`python -m bench.micro_batch --lines {sizes} {asked}`",
                "",
                f"{arguments.changed:,} lines a batch; median of {arguments.rounds} batches each; {machine()}.",
                "",
                f"| order lines | keys | {' | '.join(_PARTS)} | all CPU s | wall s | rows |",
                "|---" * (len(_PARTS) + 5) + "|",
                *rows,
                "",
                f"CPU seconds by part; budget {_BUDGET_CPU_SECONDS} for all. *Publish* is the commit of the lake.",
            ]
        )
        + "\n"
    )


def _row(lines: int, kind: str, batches: Sequence[Batch]) -> str:
    parts = " | ".join(f"{median(batch.cpu_seconds[part] for batch in batches):.2f}" for part in _PARTS)
    total = median(batch.total for batch in batches)
    wall = median(batch.wall_seconds for batch in batches)
    return f"| {lines:,} | {kind} | {parts} | **{total:.2f}** | {wall:.2f} | {batches[-1].changed:,} |"


def main() -> int:
    """Measure every size and write the table; exits 1 where an invariant does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[100_000, 1_000_000], help="order lines, one or more")
    parser.add_argument("--changed", type=int, default=1_000, help="changed lines in a batch")
    parser.add_argument("--rounds", type=int, default=3, help="batches that are counted, of each kind")
    parser.add_argument("--home", help="folder of the distributors; kept when given, and used again")
    arguments = parser.parse_args()
    measured = {lines: _measured(lines, arguments) for lines in arguments.lines}
    report = _report(measured, arguments)
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_text(report, encoding="utf-8")
    sys.stdout.write(report)
    broken = {
        check for kinds in measured.values() for of in kinds.values() for batch in of for check in batch.violations
    }
    sys.stdout.write(json.dumps(sorted(broken)) + "\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a whole full loop costs: landing and admission, every rule and check, case intake, over a standing distributor.

    python -m bench.full_reconcile --lines 1000000 10000000 --memory-limit 4GB 1GB
    python -m bench.full_reconcile --lines 10000000 --memory-limit 3GB --once

Each step runs in a process of its own, so that its processor time and its peak memory are its own. `load` is the first
loop's: all rows are new; `reload` and `reconcile again` are a later one's, in which every system says the same again.
Writing the distributor is not counted. DuckDB has one thread unless told otherwise: rows are written in their order,
by one thread, so that a second one makes little faster and everything a tenth dearer. The table is written to
bench/results/full_reconcile.md; of a size and limit that is not measured again it keeps what was measured last, from
bench/results/full_reconcile.json.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench.kept import plot
from bench.machine import machine
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.distributor import load_distributor
from fulfillment_pipelines.twin.volume.files import write_distributor
from fulfillment_pipelines.twin.volume.shape import Shape

_RESULTS: Final = Path(__file__).parent / "results" / "full_reconcile.md"
_KEPT: Final = _RESULTS.with_suffix(".json")
_BUDGET_CPU_SECONDS: Final = 60
_BUDGET_BYTES: Final = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step cost in its own process, and what it said of its work."""

    lines: int
    memory_limit: str
    step: str
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    said: Mapping[str, object]
    measured_on: str


def write(home: Path, line_count: int, seed: int) -> Mapping[str, object]:
    """Write the distributor's files."""
    settings = read_settings()
    distributor = load_distributor(settings.config, settings.runtime_dir)
    shape = Shape.core(seed=seed, line_count=line_count)
    write_distributor(shape, distributor.systems, home, seeds=distributor.seeds)
    return {"order_lines": line_count}


def load(home: Path) -> Mapping[str, object]:
    """Pull every feed and admit it to the lake."""
    with _platform(home) as built:
        built.prepare()
        stages.pull(built)
        admissions = stages.admit(built)
    return {
        "rows": sum(admission.landed_rows for admission in admissions),
        "quarantined": sum(admission.quarantined_rows for admission in admissions),
    }


def reload(home: Path) -> Mapping[str, object]:
    """Let every system say the same an hour later, pull and admit it."""
    _speak_at(home, "17")
    try:
        return load(home)
    finally:
        _speak_at(home, "16")


def reconcile(home: Path) -> Mapping[str, object]:
    """Reconcile everything; check every invariant."""
    marks: list[tuple[str, float]] = []
    with _platform(home) as built:
        built.reference.load(built.warehouse, built.clock.now())
        result = stages.reconcile(built, full=True, progress=lambda step: marks.append((step, time.process_time())))
        ended = time.process_time()
    spent = [
        (name, end - begin) for (name, begin), end in zip(marks, [at for _, at in marks[1:]] + [ended], strict=True)
    ]
    return {
        "findings": result.findings,
        "unexplained": result.unexplained,
        "violations": [violation.check for violation in result.violations],
        "dearest": {name: round(seconds, 2) for name, seconds in sorted(spent, key=lambda one: -one[1])[:12]},
    }


def intake(home: Path) -> Mapping[str, object]:
    """Take the findings in as cases, and propose corrections."""
    with _platform(home) as built:
        decisions = stages.decide(built)
    proposed = decisions.proposed
    return {"opened": len(decisions.taken.opened), "approved": len(proposed.approved), "pending": len(proposed.pending)}


def _speak_at(home: Path, hour: str) -> None:
    for declaration in home.glob("*.yaml"):
        text = declaration.read_text(encoding="utf-8")
        declaration.write_text(re.sub(r"T1\d:00:00", f"T{hour}:00:00", text), encoding="utf-8")


_FIRST_LOOP: Final = ("load", "reconcile", "intake")
_STEPS: Final[Mapping[str, Callable[[Path], Mapping[str, object]]]] = {
    "load": load,
    "reconcile": reconcile,
    "intake": intake,
    "reload": reload,
    "reconcile again": reconcile,
}


def _platform(home: Path) -> Platform:
    return build_platform(read_settings(), config=home / "distributor.yaml")


def _run(step: str, lines: int, memory_limit: str, home: Path, arguments: argparse.Namespace) -> Cost:
    """Run one step as a process of its own and return what it cost."""
    command = [sys.executable, "-m", "bench.full_reconcile", "--step", step, "--home", str(home)]
    command += ["--lines", str(lines), "--seed", str(arguments.seed)]
    environment = {
        "FULFILLMENT_RUNTIME_DIR": str(home / "runtime"),
        "FULFILLMENT_DUCKDB_MEMORY_LIMIT": memory_limit,
        "FULFILLMENT_DUCKDB_THREADS": str(arguments.threads),
    }
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(  # noqa: S603 - this very module
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = json.loads(done.stdout.splitlines()[-1])
    return Cost(
        lines=lines,
        memory_limit=memory_limit,
        step=step,
        cpu_seconds=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        wall_seconds=time.monotonic() - began,
        peak_bytes=int(said.pop("peak_bytes")),
        said=said,
        measured_on=f"{machine()}, load {os.getloadavg()[0]:.1f}, DuckDB threads: {arguments.threads}",
    )


def _run_loops(lines: int, memory_limit: str, home: Path, arguments: argparse.Namespace) -> list[Cost]:
    """Write a distributor unless it is there, then run the loops over it, in a runtime folder that is new."""
    shutil.rmtree(home / "runtime", ignore_errors=True)
    costs = []
    steps = _FIRST_LOOP if arguments.once else tuple(_STEPS)
    for step in (*(() if (home / "distributor.yaml").exists() else ("write",)), *steps):
        costs.append(_run(step, lines, memory_limit, home, arguments))
        told = f"{lines:,} lines, {memory_limit}, {step}: {costs[-1].cpu_seconds:.1f} CPU s, "
        sys.stdout.write(f"{told}{costs[-1].wall_seconds:.0f} s, {costs[-1].peak_bytes / 1e6:,.0f} MB\n")
        sys.stdout.flush()
    return costs


def _step_in_this_process(arguments: argparse.Namespace) -> None:
    home = Path(arguments.home)
    is_writing = arguments.step == "write"
    said = write(home, arguments.lines[0], arguments.seed) if is_writing else _STEPS[arguments.step](home)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(json.dumps({**said, "peak_bytes": peak_bytes}) + "\n")


def _with_kept(costs: list[Cost]) -> list[Cost]:
    """Keep the costs, and return them with those of other sizes and limits that were kept before, in order."""
    measured = {(cost.lines, cost.memory_limit) for cost in costs}
    kept = [Cost(**row) for row in json.loads(_KEPT.read_text(encoding="utf-8"))] if _KEPT.exists() else []
    others = [cost for cost in kept if (cost.lines, cost.memory_limit) not in measured]
    together = sorted([*others, *costs], key=lambda cost: (cost.lines, cost.memory_limit))
    _KEPT.write_text(json.dumps([asdict(cost) for cost in together], indent=1) + "\n", encoding="utf-8")
    return together


def _report(costs: list[Cost]) -> str:
    sizes = dict.fromkeys((cost.lines, cost.memory_limit) for cost in costs)
    lines = [
        "# Full loop",
        "",
        *(f"    python -m bench.full_reconcile --lines {lines} --memory-limit {limit}" for lines, limit in sizes),
        "",
        "Core landscape: about 4.2 rows an order line, over seven systems. Budget of the first loop at 10 million",
        f"lines: {_BUDGET_CPU_SECONDS} CPU seconds and {_BUDGET_BYTES / 1024**3:.0f} GB.",
        "",
        "| order lines | limit of DuckDB | step | CPU s | wall s | peak MB | said |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {cost.lines:,} | {cost.memory_limit} | {cost.step} | {cost.cpu_seconds:.1f} | "
            f"{cost.wall_seconds:.1f} | {cost.peak_bytes / 1e6:,.0f} | {_told(cost)} |"
            for cost in costs
        ),
        "",
        *(_sum_of(costs, *size) for size in sizes),
        "",
        *(_dearest(cost) for cost in costs if "dearest" in cost.said),
    ]
    return "\n".join(lines) + "\n"


def _sum_of(costs: list[Cost], lines: int, memory_limit: str) -> str:
    own = {cost.step: cost for cost in costs if (cost.lines, cost.memory_limit) == (lines, memory_limit)}
    sums = [
        f"{loop} loop **{sum(own[step].cpu_seconds for step in steps):.1f}** CPU seconds"
        for loop, steps in (("first", _FIRST_LOOP), ("later", ("reload", "reconcile again")))
        if own.keys() >= set(steps)
    ]
    peak = max(cost.peak_bytes for cost in own.values())
    told = ", ".join([*sums, f"peak **{peak / 1e9:.2f} GB**"])
    return f"- {lines:,} lines, {memory_limit}: {told}; {own['load'].measured_on}."


def _told(cost: Cost) -> str:
    return ", ".join(f"{name} {value}" for name, value in cost.said.items() if name != "dearest")


def _dearest(cost: Cost) -> str:
    dearest = cost.said["dearest"]
    told = ", ".join(f"{name} {seconds}" for name, seconds in dearest.items()) if isinstance(dearest, dict) else ""
    return f"- {cost.lines:,} lines, {cost.memory_limit}, {cost.step}, dearest parts in CPU seconds: {told}."


def main() -> int:
    """Run both loops over every size under every limit, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000_000], help="order lines, one or more sizes")
    parser.add_argument("--memory-limit", nargs="+", default=["4GB"], help="limits of DuckDB, one or more")
    parser.add_argument("--threads", type=int, default=1, help="of DuckDB")
    parser.add_argument("--once", action="store_true", help="the first loop alone")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--home", help="folder to work in, kept when given; a distributor that is in it is used")
    parser.add_argument("--step", choices=["write", *_STEPS], help="run this step alone, in this process")
    arguments = parser.parse_args()
    if arguments.step:
        _step_in_this_process(arguments)
        return 0
    folder = Path(arguments.home or tempfile.mkdtemp(prefix="fulfillment-bench-"))
    try:
        costs = [
            cost
            for lines in arguments.lines
            for memory_limit in arguments.memory_limit
            for cost in _run_loops(lines, memory_limit, folder / str(lines), arguments)
        ]
    finally:
        if not arguments.home:
            shutil.rmtree(folder, ignore_errors=True)
    report = _report(_with_kept(costs))
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_text(report, encoding="utf-8")
    plot("full_reconcile")
    sys.stdout.write("\n" + report)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a full reconcile costs: every rule, the conservation checks and the case intake over a standing distributor.

    python -m bench.full_reconcile --lines 1000000

Each step runs in a process of its own, so that its processor time and its peak memory are its own. The table is written
to bench/results/full_reconcile.md. Writing and loading are shown and are not part of the sum.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.machine import machine
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.distributor import load_distributor
from fulfillment_pipelines.twin.volume.files import write_distributor
from fulfillment_pipelines.twin.volume.shape import Shape

_RESULTS: Final = Path(__file__).parent / "results" / "full_reconcile.md"
_BUDGET_CPU_SECONDS: Final = 60
_BUDGET_BYTES: Final = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step cost in its own process, and what it said of its work."""

    step: str
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    said: Mapping[str, object]


def write(home: Path, line_count: int, seed: int) -> Mapping[str, object]:
    """Write the distributor's files."""
    settings = read_settings()
    distributor = load_distributor(settings.config, settings.runtime_dir)
    shape = Shape(seed=seed, line_count=line_count)
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


_STEPS: Final[Mapping[str, Callable[[Path], Mapping[str, object]]]] = {
    "load": load,
    "reconcile": reconcile,
    "intake": intake,
}


def _platform(home: Path) -> Platform:
    return build_platform(read_settings(), config=home / "distributor.yaml")


def _run(step: str, arguments: argparse.Namespace, home: Path) -> Cost:
    """Run one step as a process of its own and return what it cost."""
    command = [sys.executable, "-m", "bench.full_reconcile", "--step", step, "--home", str(home)]
    command += ["--lines", str(arguments.lines), "--seed", str(arguments.seed)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(  # noqa: S603 - this very module
        command,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "FULFILLMENT_RUNTIME_DIR": str(home / "runtime")},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = json.loads(done.stdout.splitlines()[-1])
    return Cost(
        step=step,
        cpu_seconds=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        wall_seconds=time.monotonic() - began,
        peak_bytes=int(said.pop("peak_bytes")),
        said=said,
    )


def _step_in_this_process(arguments: argparse.Namespace) -> None:
    home = Path(arguments.home)
    is_writing = arguments.step == "write"
    said = write(home, arguments.lines, arguments.seed) if is_writing else _STEPS[arguments.step](home)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(json.dumps({**said, "peak_bytes": peak_bytes}) + "\n")


def _report(costs: list[Cost], arguments: argparse.Namespace) -> str:
    counted = [cost for cost in costs if cost.step in {"reconcile", "intake"}]
    spent, peak = sum(cost.cpu_seconds for cost in counted), max(cost.peak_bytes for cost in counted)
    lines = [
        "# Full reconcile",
        "",
        f"`python -m bench.full_reconcile --lines {arguments.lines} --seed {arguments.seed}`",
        "",
        f"{arguments.lines:,} order lines; {machine()}.",
        "",
        "| step | CPU s | wall s | peak MB | said |",
        "|---|---|---|---|---|",
        *(
            f"| {cost.step} | {cost.cpu_seconds:.1f} | {cost.wall_seconds:.1f} | {cost.peak_bytes / 1e6:,.0f} | "
            f"{_told(cost)} |"
            for cost in costs
        ),
        "",
        f"Reconcile and intake: **{spent:.1f} CPU seconds** (budget {_BUDGET_CPU_SECONDS}).",
        f"Peak: **{peak / 1e9:.2f} GB** (budget {_BUDGET_BYTES / 1e9:.1f}).",
        "",
        *(_dearest(cost) for cost in costs if "dearest" in cost.said),
    ]
    return "\n".join(lines) + "\n"


def _told(cost: Cost) -> str:
    return ", ".join(f"{name} {value}" for name, value in cost.said.items() if name != "dearest")


def _dearest(cost: Cost) -> str:
    dearest = cost.said["dearest"]
    told = ", ".join(f"{name} {seconds}" for name, seconds in dearest.items()) if isinstance(dearest, dict) else ""
    return f"Dearest parts of the reconcile, CPU seconds: {told}."


def main() -> int:
    """Run all steps and write the table; exits 1 when the budget is overrun."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000, help="order lines")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--home", help="folder to work in; kept when given")
    parser.add_argument("--step", choices=["write", *_STEPS], help="run this step alone, in this process")
    arguments = parser.parse_args()
    if arguments.step:
        _step_in_this_process(arguments)
        return 0
    home = Path(arguments.home or tempfile.mkdtemp(prefix="fulfillment-bench-"))
    try:
        costs = []
        for step in ("write", *_STEPS):
            costs.append(_run(step, arguments, home))
            sys.stdout.write(f"{step}: {costs[-1].cpu_seconds:.1f} CPU s  {_told(costs[-1])}\n")
            sys.stdout.flush()
    finally:
        if not arguments.home:
            shutil.rmtree(home, ignore_errors=True)
    report = _report(costs, arguments)
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_text(report, encoding="utf-8")
    sys.stdout.write("\n" + report)
    spent = sum(cost.cpu_seconds for cost in costs if cost.step in {"reconcile", "intake"})
    return 0 if spent <= _BUDGET_CPU_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())

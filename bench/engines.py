"""The same full reconcile in DuckDB and on a Spark Connect server: what each costs, and that both find the same.

    python -m bench.engines --lines 1000000

The server is Sail, in a process of its own, so that its processor time and memory are told beside those of the platform
that asks it. The table is written to bench/results/engines.md, from bench/results/engines.json. Writing and loading are
not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.kept import Row, compute, keep, told_machines, write_page
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.distributor import load_distributor
from fulfillment_pipelines.twin.volume.files import write_distributor
from fulfillment_pipelines.twin.volume.shape import Shape

_NAME: Final = "engines"
_KEPT_BY: Final = ("lines",)
_ENGINES: Final = ("duckdb", "spark")
_SERVER: Final = (
    "from pysail.spark import SparkConnectServer as Server; Server('127.0.0.1', {port}).start(background=False)"
)
_VERDICTS: Final = "select code, verdict, count(*) as findings from rec_findings group by all order by all"
_START_SECONDS: Final = 60


def load(home: Path, lines: int) -> None:
    """Write a distributor and let its feeds into the lake."""
    settings = read_settings()
    distributor = load_distributor(settings.config, settings.runtime_dir)
    write_distributor(Shape(seed=7, line_count=lines), distributor.systems, home, seeds=distributor.seeds)
    with _platform(home) as built:
        built.prepare()
        stages.pull(built)
        stages.admit(built)


def reconcile(home: Path) -> Mapping[str, Any]:
    """Reconcile everything on the engine of the environment; return what it cost this process, and what it found."""
    with _platform(home) as built:
        began, cpu_began = time.monotonic(), time.process_time()
        result = stages.reconcile(built, full=True)
        cost = {"wall_seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - cpu_began}
        found = built.warehouse.query(_VERDICTS).to_pylist()
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {**cost, "peak_bytes": peak_bytes, "found": found, "violations": len(result.violations)}


def _platform(home: Path) -> Platform:
    return build_platform(read_settings(), config=home / "distributor.yaml")


@contextmanager
def _sail() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a server in a process of its own; give its address once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", _SERVER.format(port=port)], stderr=subprocess.DEVNULL)  # noqa: S603 - own words
    try:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"sc://127.0.0.1:{port}", server
    finally:
        server.terminate()
        server.wait()


def _spent(server: subprocess.Popen[bytes]) -> tuple[float, int]:
    """Return the processor time and the peak memory of a process that still runs."""
    root = Path("/proc") / str(server.pid)
    ticks = root.joinpath("stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    peak = next(line for line in root.joinpath("status").read_text(encoding="ascii").splitlines() if "VmHWM" in line)
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), int(peak.split()[1]) * 1024


def _run(home: Path, engine: str, spark_url: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.engines", "--step", "reconcile", "--home", str(home)]
    environment = {
        **os.environ,
        "FULFILLMENT_RUNTIME_DIR": str(home / "runtime"),
        "FULFILLMENT_ENGINE": engine,
        "FULFILLMENT_SPARK_URL": spark_url,
    }
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603 - this very module
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def _cost(said: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: said[name] for name in ("cpu_seconds", "wall_seconds", "peak_bytes")}


def page(runs: Sequence[Row]) -> str:
    """Return the page of all that is kept."""
    asked = "\n".join(f"    python -m bench.engines --lines {run['lines']}" for run in runs)
    rows = [_row(run["lines"], name, cost) for run in runs for name, cost in run["costs"].items()]
    same = all(run["agree"] for run in runs)
    return "\n".join(
        [
            "# Engines",
            "",
            asked,
            "",
            f"A full reconcile; the findings are {'the same' if same else 'NOT THE SAME'} on both. By order lines, on",
            "",
            told_machines(runs, "lines"),
            "",
            "| order lines | process | CPU s | wall s | peak MB |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "On Spark the platform still makes the canonical tables and copies for Spark what the models read, both in",
            "DuckDB, and writes what comes back.",
            "",
        ]
    )


def _row(lines: int, name: str, cost: Mapping[str, Any]) -> str:
    wall = f"{cost['wall_seconds']:.1f}" if "wall_seconds" in cost else ""
    return f"| {lines:,} | {name} | {cost['cpu_seconds']:.1f} | {wall} | {cost['peak_bytes'] / 1e6:,.0f} |"


def main() -> None:
    """Measure both engines over one lake and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--step", choices=["load", "reconcile"])
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    if arguments.step == "reconcile":
        sys.stdout.write(json.dumps(reconcile(arguments.home)) + "\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["FULFILLMENT_RUNTIME_DIR"] = str(home / "runtime")
        load(home, arguments.lines)
        costs: dict[str, Mapping[str, Any]] = {}
        with _sail() as (url, server):
            found = {engine: _run(home, engine, url) for engine in _ENGINES}
            cpu_seconds, peak_bytes = _spent(server)
        costs["DuckDB alone"] = _cost(found["duckdb"])
        costs["the platform, asking Sail"] = _cost(found["spark"])
        costs["Sail"] = {"cpu_seconds": cpu_seconds, "peak_bytes": peak_bytes}
        agree = found["duckdb"]["found"] == found["spark"]["found"]
        told = page(keep(_NAME, [{"lines": arguments.lines, "agree": agree, "costs": costs}], by=_KEPT_BY))
    write_page(_NAME, told)
    compute()
    sys.stdout.write(told)


if __name__ == "__main__":
    main()

"""Two tables with known breaks, compared by us and by other people's tools, side by side in one run.

    python -m bench.peers --rows 1000000 10000000

Each tool runs in a process of its own, other people's in an environment of its own below data/runtime/bench-peers,
which is made when it is not there. The table is written to bench/results/peers.md, from bench/results/peers.json, which
keeps what was measured last of each other size and tool.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from bench.kept import Row, keep, told_machines, write_page
from bench.peers.tables import BINARY, EXACT, Score, score, write_tables

_ROOT: Final = Path(__file__).parents[2]
_NAME: Final = "peers"
_KEPT_BY: Final = ("rows", "tool")
_ENVIRONMENTS: Final = _ROOT / "data" / "runtime" / "bench-peers"
_SCRIPT: Final = Path(__file__).parent / "contenders.py"
_OURS: Final = "ours"
_FLOOR: Final = "DuckDB SQL by hand"
_BUDGET_CPU_SECONDS: Final = 6
_BUDGET_ROWS: Final = 10_000_000
_MOST_SECONDS: Final = 600
_MOST_BYTES: Final = 12 * 10**9
_TIMES: Final = 3
_LOOKS_EVERY_SECONDS: Final = 0.05
_PINNED: Final[Mapping[str, Sequence[str]]] = {
    "frames": ("polars==2.1.0", "pandas==3.1.1", "pyarrow==26.0.1"),
    "datacompy": ("datacompy==1.1.0", "polars==1.44.2", "pandas==3.0.6", "pyarrow==26.0.1"),
    "reladiff": ("reladiff==0.6.0", "duckdb==2.0.0"),
    # Its own choice of dbt-core wants to download a wheel from outside the package index while it is built.
    "data-diff": ("data-diff[duckdb]==0.11.2", "duckdb==2.0.0", "dbt-core==1.10.23", "setuptools<81"),
}
_ENVIRONMENT_OF: Final = {
    "polars": "frames",
    "pandas": "frames",
    "datacompy-polars": "datacompy",
    "datacompy-pandas": "datacompy",
    "reladiff": "reladiff",
    "data-diff": "data-diff",
}
_TOOLS: Final = (_OURS, _FLOOR, *_ENVIRONMENT_OF)
_COLUMNS: Final = (
    "rows",
    "tool",
    "CPU s",
    "found",
    "false",
    "missed",
    "CPU s to the correct answer",
    "false",
    "missed",
    "wall s",
    "peak MB",
)
_MEANING: Final = """\
A key and nine fields; {truth}. Measured, by rows, on

{machines}

Besides, 2 % of the amounts differ by 0.003, which within a tolerance of 0.005 is no break. *CPU s* is that of the whole
process, start and imports included, until it has written what it first reports; where that holds false breaks, *to the
correct answer* includes the step behind it that applies the tolerance to the rows which were reported (no tool was
asked to compare everything again). Ours is `fulfillment compare`; it and the statement by hand read Parquet with
decimals, the others Parquet with binary numbers, which they take better; reladiff and data-diff compare tables of a
DuckDB file, whose loading is not counted. Every tool may use both cores. Whoever needs more than {seconds} s, of wall
time and of CPU, or {gigabytes} GB is stopped. Median by CPU of {times} runs below ten million rows, one run there. CPU
seconds rise with whatever else the machine is doing (load: of the last five minutes); compare the rows of one run."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one tool needed and found.

    Attributes:
        rows: Of the left table.
        tool: Its name and versions.
        first_cpu_seconds: Until it had written its first answer.
        cpu_seconds: Until it had written the answer within the tolerance.
        wall_seconds: Of the whole process.
        peak_bytes: The most memory the process held.
        first: The first answer, judged; None where it was stopped.
        correct: The answer within the tolerance, judged.
        stopped: Why it was stopped; empty where it was not.
        place: Where it stands among the tools of its size.
    """

    rows: int
    tool: str
    first_cpu_seconds: float
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    first: Score | None = None
    correct: Score | None = None
    stopped: str = ""
    place: int = 0


def _interpreter(environments: Path, name: str) -> Path:
    """Return the interpreter of an environment; make the environment where it is not there."""
    interpreter = environments / name / "bin" / "python"
    if not interpreter.exists():
        making = [sys.executable, "-m", "uv"]
        subprocess.run([*making, "venv", "--quiet", str(environments / name)], check=True)  # noqa: S603 -- uv, own words
        installing = [*making, "pip", "install", "--quiet", "--python", str(interpreter), *_PINNED[name]]
        subprocess.run(installing, check=True)  # noqa: S603 -- uv, own words
    return interpreter


def _measured(command: Sequence[str], folder: Path) -> tuple[float, float, int, str, str]:
    """Run a process within its limits; return CPU and wall seconds, peak bytes, what it said and why it was stopped."""
    began, stopped, peak = time.monotonic(), "", 0
    with (folder / "said.txt").open("w+", encoding="utf-8") as said:
        process = subprocess.Popen(command, stdout=said, cwd=folder)  # noqa: S603 -- own commands
        while (done := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            if time.monotonic() - began > _MOST_SECONDS and _used_seconds(process.pid) > _MOST_SECONDS:
                stopped = f"after {_MOST_SECONDS} s"
            elif (peak := max(peak, _peak_bytes(process.pid))) > _MOST_BYTES:
                stopped = f"at {_MOST_BYTES / 1e9:g} GB"
            if stopped:
                process.kill()
            time.sleep(_LOOKS_EVERY_SECONDS)
        process.returncode = os.waitstatus_to_exitcode(done[1])
        said.seek(0)
        text = said.read()
    usage = done[2]
    if not stopped and process.returncode not in {0, 1}:
        stopped = f"by itself, exit {process.returncode}"
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, peak, text, stopped


def _used_seconds(pid: int) -> float:
    """Return a process's CPU time so far: on a busy machine, a clock on the wall would judge the other processes."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_bytes(pid: int) -> int:
    """Return the most memory a process has held; the kernel's own figure at its end would count the parent's too."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    kilobytes = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(kilobytes[0]) * 1024 if kilobytes else 0


def _run(tool: str, rows: int, tables: Path, environments: Path) -> Outcome:
    """Run one tool on the tables and judge what it found."""
    with tempfile.TemporaryDirectory(prefix="fulfillment-bench-", dir=tables) as temporary:
        folder = Path(temporary)
        command, name = _command(tool, tables, folder, environments)
        cpu, wall, peak, said, stopped = _measured(command, folder)
        if stopped:
            return Outcome(rows, name, cpu, cpu, wall, peak, stopped=stopped)
        correct = score(tables, folder / "breaks.csv")
        told = json.loads(said.splitlines()[-1]) if tool in _ENVIRONMENT_OF else {}
        first_cpu = told.get("first_cpu_seconds")
        first = correct if first_cpu is None else score(tables, folder / "first.csv")
        return Outcome(rows, name, first_cpu or cpu, cpu, wall, peak, first, correct)


def _command(tool: str, tables: Path, folder: Path, environments: Path) -> tuple[list[str], str]:
    """Return the command that runs a tool into a folder, and the tool's name with its version."""
    if tool == _OURS:
        program, files = Path(sys.executable).with_name("fulfillment"), tables / EXACT
        sides = [str(files / "left.parquet"), str(files / "right.parquet")]
        options = ["--key", "line_id", "--tolerance", "amount=0.005", "--out", str(folder / "breaks.csv"), "--json"]
        return [str(program), "compare", *sides, *options], "**ours**"
    if tool == _FLOOR:
        return [sys.executable, str(Path(__file__).with_name("floor.py")), str(tables / EXACT), str(folder)], tool
    environment = _ENVIRONMENT_OF[tool]
    interpreter = str(_interpreter(environments, environment))
    for side in ("left", "right"):
        (folder / f"{side}.parquet").symlink_to(tables / BINARY / f"{side}.parquet")
    if environment == tool:
        preparing = [interpreter, str(_SCRIPT), f"prepare:{tool}", str(folder)]
        subprocess.run(preparing, check=True)  # noqa: S603 -- own command
    versions = [pin.partition("[")[0] if "[" in pin else pin for pin in _PINNED[environment]]
    named = " ".join(_PINNED[environment][0].replace("[duckdb]", "").split("==")) if environment != "frames" else ""
    named = named or next(pin.replace("==", " ") for pin in versions if pin.startswith(tool))
    on = {"datacompy-polars": ", polars 1.44.2", "datacompy-pandas": ", pandas 3.0.6"}.get(tool, "")
    on = on or (", DuckDB 2.0.0" if environment == tool else "")
    return [interpreter, str(_SCRIPT), tool, str(folder)], named + on


def _outcomes(arguments: argparse.Namespace) -> Iterator[Outcome]:
    tools = arguments.tools or _TOOLS
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory(prefix="fulfillment-bench-", dir=arguments.home) as temporary:
            tables = Path(temporary)
            write_tables(tables, rows)
            for tool in (one for one in _TOOLS if one in tools):
                times = _TIMES if rows < _BUDGET_ROWS else 1
                runs = [_run(tool, rows, tables, arguments.environments) for _ in range(times)]
                middle = sorted(runs, key=lambda run: run.cpu_seconds)[len(runs) // 2]
                yield replace(middle, place=_TOOLS.index(tool))


def _row(outcome: Row) -> str:
    if outcome["stopped"] or outcome["first"] is None or outcome["correct"] is None:
        judged = [f"stopped {outcome['stopped']}", *[""] * 6]
    else:
        judged = [
            f"{outcome['first_cpu_seconds']:.1f}",
            *(f"{outcome['first'][f'{what}_breaks']:,}" for what in ("found", "false", "missed")),
            f"{outcome['cpu_seconds']:.1f}",
            *(f"{outcome['correct'][f'{what}_breaks']:,}" for what in ("false", "missed")),
        ]
    head = (f"{outcome['rows']:,}", outcome["tool"])
    ends = (f"{outcome['wall_seconds']:.1f}", f"{outcome['peak_bytes'] / 1e6:,.0f}")
    return f"| {' | '.join([*head, *judged, *ends])} |"


def page(outcomes: Sequence[Row]) -> str:
    """Return the page of all that is kept."""
    ordered = sorted(outcomes, key=lambda one: (one["rows"], one["place"]))
    sizes = " ".join(str(rows) for rows in dict.fromkeys(one["rows"] for one in ordered))
    known = {one["rows"]: one["correct"]["true_breaks"] for one in ordered if one["correct"] is not None}
    truth = "; ".join(f"{breaks:,} true breaks among {rows:,} rows" for rows, breaks in known.items())
    machines = told_machines(ordered, "rows")
    lines = [
        "# Two tables compared, side by side with other tools",
        "",
        f"`python -m bench.peers --rows {sizes}`",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        "|---" * len(_COLUMNS) + "|",
        *(_row(outcome) for outcome in ordered),
        "",
        _MEANING.format(
            truth=truth, machines=machines, seconds=_MOST_SECONDS, gigabytes=_MOST_BYTES // 10**9, times=_TIMES
        ),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run every tool on every size and write the table; exits 1 when ours is not exact, or over its budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, _BUDGET_ROWS], help="sizes")
    parser.add_argument("--tools", nargs="+", choices=_TOOLS, help="only these")
    parser.add_argument("--home", type=Path, help="folder for the tables, which are removed; gigabytes")
    parser.add_argument("--environments", type=Path, default=_ENVIRONMENTS, help="folder of the tools' environments")
    arguments = parser.parse_args()
    if shutil.which("uv", path=str(Path(sys.executable).parent)) is None:
        parser.error("the environments are made with uv, which is not installed: pip install -e '.[dev]'")
    outcomes = []
    for outcome in _outcomes(arguments):
        outcomes.append(outcome)
        row = asdict(outcome)
        sys.stdout.write(f"{_row(row)}\n")
        sys.stdout.flush()
        # After each tool, so that one that does not end takes no other with it.
        write_page(_NAME, page(keep(_NAME, [row], by=_KEPT_BY)))
    ours = [outcome for outcome in outcomes if outcome.tool == "**ours**"]
    exact = all(outcome.correct is not None and outcome.correct.is_exact for outcome in ours)
    in_budget = all(one.cpu_seconds <= _BUDGET_CPU_SECONDS for one in ours if one.rows == _BUDGET_ROWS)
    return 0 if exact and in_budget else 1


if __name__ == "__main__":
    sys.exit(main())

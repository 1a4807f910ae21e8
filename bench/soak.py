"""A simulated month in one long-lived process: does anything grow that should not?

    python -m bench.soak --days 30

A small simulated distributor lives on, served by a process of its own; the loop takes in what changed many times a
simulated day, and once a night it reconciles everything and keeps house. What the process and its stores have become is
measured at the end of each day. Periods are cut so that old things go within the month: landed files after a week,
history of the lake after two simulated days. What was measured is kept in bench/results/soak.json after each day, and
the page written from it to bench/results/soak.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Semaphore
from typing import Final

import psutil

from bench.kept import Row, keep_only, plot, write_page
from fulfillment_pipelines.commands.served_twin import serve_command
from fulfillment_pipelines.domain.clock import FixedClock
from fulfillment_pipelines.errors import RejectedError
from fulfillment_pipelines.ledger.readings import totals_by_code
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.live.asking import Asker
from fulfillment_pipelines.loop.live.rounds import Rounds
from fulfillment_pipelines.loop.passes import run_pass
from fulfillment_pipelines.loop.platform import Platform, build_platform, runtime_folder
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.twin.control.control_client import TwinClient
from fulfillment_pipelines.upkeep.effects import Stock
from fulfillment_pipelines.upkeep.lake import stock_of
from fulfillment_pipelines.upkeep.parts import PARTS, run_part

_ROOT: Final = Path(__file__).parents[1]
_NAME: Final = "soak"
_SYSTEMS: Final = ("erp", "portal", "wms_east", "wms_west", "wms_north", "finance")
_FAULTS: Final = ("FIN-01", "FIN-02")
_STAMPED: Final = {"ducklake_snapshot": "snapshot_time", "ducklake_files_scheduled_for_deletion": "schedule_start"}
_A_DAY_AGO: Final = """
    update "__ducklake_metadata_{lake}".{table}
    set {column} = cast(cast({column} as timestamptz) - interval 1 day as varchar)
"""
_DAY_SECONDS: Final = 86_400
_LANDED_DAYS: Final = 7
_HISTORY_DAYS: Final = 2
_SETTLED_AFTER_DAYS: Final = _LANDED_DAYS + 1
_READY_SECONDS: Final = 180.0
_MOST_ROWS: Final = 10_000
_MADE_BY: Final = """\
`python -m bench.soak --days {days} --passes {passes} --orders-a-day {orders_a_day}`, {measured_on}. Each day has
{passes} passes over what changed, a full run and the whole upkeep at night."""
_MEANING: Final = f"""\
Systems: {{systems}} of the simulated distributor, {{lines:,}} order lines at the end. Landed files are kept
{_LANDED_DAYS} days, the lake's history {_HISTORY_DAYS} days; a file that nobody needs any more is removed as
many days and one later. The world itself grows by its orders, so what is pulled whole at night does too. The ledger
keeps what was decided for years: it grows with the cases."""
_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Day:
    """What one simulated day cost, and what there was at its end.

    Attributes:
        day: From 1.
        order_lines: Order lines in the ERP so far.
        open_cases: Cases that are open.
        pass_cpu_seconds: Processor time of the median pass over what changed.
        pass_cpu_p95_seconds: Of the 95th of a hundred.
        full_cpu_seconds: Of the full run at night.
        upkeep_cpu_seconds: Of the upkeep after it.
        rss_bytes: Memory of the process.
        handles: Open files and sockets.
        lake: Files of the lake with its catalogue.
        landing: Landed files.
        ledger: Files of the ledger.
        copy: Files of the working copy.
    """

    day: int
    order_lines: int
    open_cases: int
    pass_cpu_seconds: float
    pass_cpu_p95_seconds: float
    full_cpu_seconds: float
    upkeep_cpu_seconds: float
    rss_bytes: int
    handles: int
    lake: Stock
    landing: Stock
    ledger: Stock
    copy: Stock


@dataclass
class Soak:
    """The loop over a served world, on the world's clock.

    Args:
        platform: The platform, prepared, whose machine clock is `clock`.
        twin: The world.
        clock: What stamps pulls: the world's time, so that their records grow old with it.
        passes: Passes a day over what changed.
    """

    platform: Platform
    twin: TwinClient
    clock: FixedClock
    passes: int

    def __post_init__(self) -> None:
        self._answered = Semaphore(0)
        self._asker = Asker(self.platform, most_rows=_MOST_ROWS, answered=self._answered.release)
        self._rounds = Rounds(self.platform)

    def live(self, day: int) -> Day:
        """Live through one day and its night, and measure."""
        for code in _FAULTS:
            with suppress(RejectedError):
                self.twin.inject(code)
        spent = [self._spent(self._pass) for _ in range(self.passes)]
        full = self._spent(partial(run_pass, self.platform, full=True))
        began = time.process_time()
        self._let_a_day_pass_in_the_lake()
        for part in PARTS:
            run_part(self.platform, part, dry_run=False)
        return self._measured(day, spent, full, time.process_time() - began)

    def _spent(self, work: Callable[[], object]) -> float:
        """Let a part of the day pass, do something, and return the processor time it took."""
        self.clock.at = datetime.fromisoformat(self.twin.advance(_DAY_SECONDS // (self.passes + 1)).now)
        began = time.process_time()
        work()
        return time.process_time() - began

    def _pass(self) -> None:
        """Do what the live loop does: ask everybody, admit and reconcile what is new, deliver."""
        systems = self.platform.registry.systems
        self._asker.ask(systems)
        for _ in systems:
            if not self._answered.acquire(timeout=_READY_SECONDS):
                raise SystemExit("a system does not answer")
        if self._rounds.take(self._asker.take()):
            stages.require_invariants(self._rounds.run().reconciliation)
        stages.dispatch(self.platform)

    def _let_a_day_pass_in_the_lake(self) -> None:
        """Set what the lake's catalogue has stamped back by a day, since its clock is that of this machine."""
        lake = self.platform.warehouse.lake_name
        with self.platform.warehouse.maintaining() as run:
            for table, column in _STAMPED.items():
                run(_A_DAY_AGO.format(lake=lake, table=table, column=column), {})

    def _measured(self, day: int, spent: Sequence[float], full: float, upkeep: float) -> Day:
        process, runtime = psutil.Process(), runtime_folder(self.platform.settings, self.platform.distributor)
        with self.platform.ledger.reading() as work:
            open_cases = sum(total.open_cases for total in totals_by_code(work))
        ledger = [path.stat().st_size for path in self.platform.ledger.files]
        return Day(
            day=day,
            order_lines=self.twin.state().erp_order_lines,
            open_cases=open_cases,
            pass_cpu_seconds=statistics.median(spent),
            pass_cpu_p95_seconds=statistics.quantiles(spent, n=20, method="inclusive")[-1],
            full_cpu_seconds=full,
            upkeep_cpu_seconds=upkeep,
            rss_bytes=process.memory_info().rss,
            handles=process.num_fds(),
            lake=stock_of(self.platform.warehouse.location),
            landing=Stock.of(runtime / "landing"),
            ledger=Stock(len(ledger), sum(ledger)),
            copy=_stock_of_copy(self.platform),
        )


def _stock_of_copy(platform: Platform) -> Stock:
    copy = platform.warehouse.location.working_copy
    own = [path.stat().st_size for path in copy.parent.glob(copy.name + "*")] if copy else []
    return Stock(len(own), sum(own))


def live(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    """Let a month pass in a folder, write the page after each day, and return the days."""
    settings = Settings(
        project_root=_ROOT,
        runtime_dir=folder,
        config=_distributor_file(folder),
        duckdb_memory_limit="1GB",
        duckdb_threads=1,
        working_copy=True,
    )
    days: list[Row] = []
    asked = {"passes": arguments.passes, "orders_a_day": arguments.orders_a_day}
    with (
        served_world(folder / "twin_systems", arguments) as twin,
        build_platform(settings) as built,
    ):
        clock = FixedClock(datetime.fromisoformat(twin.state().now))
        periods = {
            "landed_days": _LANDED_DAYS,
            "lake_history_days": _HISTORY_DAYS,
            "operations_days": _LANDED_DAYS + 1,
        }
        platform = _with_periods(replace(built, machine_clock=clock), **periods)
        platform.prepare()
        soak = Soak(platform, twin, clock, arguments.passes)
        for number in range(1, arguments.days + 1):
            days = keep_only(_NAME, [*days, {**_figures(soak.live(number)), **asked}])
            write_page(_NAME, page(days))
            sys.stdout.write(" ".join(_cells(days[-1])) + "\n")
            sys.stdout.flush()
    return days


@contextmanager
def served_world(home: Path, arguments: argparse.Namespace) -> Iterator[TwinClient]:
    """Serve a small world from a process of its own, so that its memory is not taken for the product's."""
    home.mkdir(parents=True)
    command = serve_command(home, seed=arguments.seed, parent=os.getpid(), faults=False)
    with (
        (home / "twin.log").open("wb") as log,
        subprocess.Popen(  # noqa: S603 - our own module
            [*command, "--orders-a-day", str(arguments.orders_a_day)], stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            deadline = time.monotonic() + _READY_SECONDS
            while not (home / "twin.env").exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit((home / "twin.log").read_text(encoding="utf-8"))
                time.sleep(0.1)
            client = TwinClient.of_home(home)
            yield client
            client.close()
        finally:
            process.terminate()


def _with_periods(platform: Platform, **periods: float) -> Platform:
    retention = platform.policies.retention
    shortened = retention.model_copy(update={"platform": retention.platform.model_copy(update=periods)})
    return replace(platform, policies=replace(platform.policies, retention=shortened))


def _distributor_file(folder: Path) -> Path:
    declared = _ROOT / "fulfillment_pipelines" / "systems" / "declared"
    path = folder / "distributor.yaml"
    systems = "".join(f"  - {declared / system}.yaml\n" for system in _SYSTEMS)
    path.write_text(
        "distributor: soak\ntitle: A small distributor for a month\nclock: reported\n"
        f"systems:\n{systems}references: [twin_systems/twin.env]\nseeds: {_ROOT / 'data' / 'seeds'}\n",
        encoding="utf-8",
    )
    return path


_SHOWN: Final[Mapping[str, str]] = {
    "pass_cpu_seconds": "CPU s of a pass, median",
    "pass_cpu_p95_seconds": "p95",
    "full_cpu_seconds": "full run, CPU s",
    "upkeep_cpu_seconds": "upkeep, CPU s",
    "rss_bytes": "memory, MB",
    "handles": "handles",
    "lake_bytes": "lake, MB",
    "lake_files": "lake, files",
    "landing_bytes": "landing, MB",
    "landing_files": "landing, files",
    "ledger_bytes": "ledger, MB",
    "copy_bytes": "working copy, MB",
}


def _figures(day: Day) -> dict[str, float]:
    """Return the numbers of a day, its stocks as files and bytes."""
    plain = asdict(day)
    stocks = {name: plain.pop(name) for name in ("lake", "landing", "ledger", "copy")}
    for name, stock in stocks.items():
        plain |= {f"{name}_bytes": stock["content_bytes"], f"{name}_files": stock["files"]}
    return {name: round(value, 3) for name, value in plain.items()}


def _cells(day: Row) -> list[str]:
    shown = [_shown(name, day[name]) for name in _SHOWN]
    return [str(day["day"]), f"{day['order_lines']:,}", str(day["open_cases"]), *shown]


def _shown(name: str, value: float) -> str:
    if name.endswith("_bytes"):
        return f"{value / _MEGABYTE:,.2f}"
    return f"{value:.2f}" if name.endswith("_seconds") else f"{value:,.0f}"


def slopes(days: Sequence[Row]) -> Mapping[str, tuple[float, float]]:
    """Return, by figure, its mean and how much it grows a day, once the first old things have gone."""
    settled = [day for day in days if day["day"] > _SETTLED_AFTER_DAYS]
    if len(settled) < 2:  # noqa: PLR2004 - a line has two points
        return {}
    numbers = [day["day"] for day in settled]
    found = {}
    for name in _SHOWN:
        scale = _MEGABYTE if name.endswith("_bytes") else 1
        values = [day[name] / scale for day in settled]
        found[name] = statistics.fmean(values), statistics.linear_regression(numbers, values).slope
    return found


def page(days: Sequence[Row]) -> str:
    """Return the page of a run."""
    last = days[-1]
    lines = [
        "# A simulated month in one process",
        "",
        _MADE_BY.format(**{**last, "days": last["day"]}),
        "",
        _MEANING.format(systems=", ".join(_SYSTEMS), lines=last["order_lines"]),
        "",
        "![Memory, disk, files and processor time, day by day](soak.svg)",
        "",
        f"## How much it grows, from day {_SETTLED_AFTER_DAYS + 1} on",
        "",
        "| figure | mean | a day more | of the mean |",
        "|---|---:|---:|---:|",
    ]
    for name, (mean, slope) in slopes(days).items():
        share = f"{slope / mean:+.2%}" if mean else ""
        lines.append(f"| {_SHOWN[name]} | {mean:,.2f} | {slope:+,.3f} | {share} |")
    columns = ("day", "order lines", "open cases", *_SHOWN.values())
    lines += ["", "## Day by day", "", "| " + " | ".join(columns) + " |", "|" + "---:|" * len(columns)]
    lines += ["| " + " | ".join(_cells(day)) + " |" for day in days]
    return "\n".join([*lines, ""])


def main() -> None:
    """Run the soak and write its page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--passes", type=int, default=4, help="a day, over what changed; at least two")
    parser.add_argument("--orders-a-day", type=int, default=4)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to run; a temporary folder unless given")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-", dir=arguments.folder) as folder:
        live(arguments, Path(folder))
    plot(_NAME)


if __name__ == "__main__":
    main()

"""From a change in a source system to the case, and from the case to its correction in the target, while all else runs.

    python -m bench.latency --seconds 600 --changes 50 --orders 10000

A PostgreSQL warehouse and an HTTP ERP and finance change so many times a second; once a second finance holds an order
that the warehouse then goes on to pick (CRD-02, cured by hold.apply to the warehouse). `fulfillment up` runs the live
loop, the receiver of webhooks and Dagster; an analyst queries the lake all the time. The time of a case is when
another process sees it in the ledger, the time of a correction when the warehouse's database has it. With `--write` all
times are kept in bench/results/latency.json, and the page written from it to bench/results/latency.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psutil

from bench.kept import Row, keep_only, plot, write_page
from bench.latency_world.cloud import Cloud
from bench.latency_world.warehouse_site import WarehouseSite
from bench.machine import measured_on
from fulfillment_pipelines.twin.systems.postgres import PostgresServer

_ROOT: Final = Path(__file__).parents[1]
_WORLD: Final = Path(__file__).parent / "latency_world"
_NAME: Final = "latency"
_SECRET: Final = "ring"  # noqa: S105 - of a bell on the loopback interface
_COLLECTIONS: Final = (
    *(
        f"erp/{name}"
        for name in (
            "orders",
            "order_lines",
            "releases",
            "shipments",
            "holds",
            "customers",
            "customer_locations",
            "items",
        )
    ),
    *(f"finance/{name}" for name in ("invoice_lines", "holds", "credit_accounts")),
)
_BELL: Final = "http://127.0.0.1:8787/hooks/changed"
_LOOK_SECONDS: Final = 0.05
_START_SECONDS: Final = 300
_SETTLE_SECONDS: Final = 90
_STAGES: Final = ("lake", "admit", "reconcile", "decide", "publish")
_ANALYST: Final = """
select orders.priority, lines.verdict, count(*) as line_count
from canon_orders as orders
inner join rec_line_verdicts as lines on orders.order_id = lines.order_id
group by orders.priority, lines.verdict
"""


@dataclass
class World:
    """The source systems, and when each fault was committed.

    Attributes:
        committed_at: When the second half of each fault was committed, by order.
        changes: Commits so far.
    """

    cloud: Cloud
    site: WarehouseSite
    orders: int
    began_at: datetime
    committed_at: dict[str, datetime] = field(default_factory=dict)
    changes: int = 0

    def fill(self) -> None:
        """Write orders that are released and being picked, the same in all systems."""
        put = {path: collection.put for path, collection in self.cloud.collections.items()}
        for number in range(100):
            customer = f"C-{number}"
            put["erp/customers"](
                customer, _row("customer_no name status payment_terms", customer, customer, "ACTIVE", "NET30")
            )
            place = _row("customer_no ship_to_no status", customer, f"{customer}-A", "ACTIVE")
            put["erp/customer_locations"](customer, place)
            account = _row("customer_no credit_limit open_receivable currency", customer, "99000000.00", "0.00", "USD")
            put["finance/credit_accounts"](customer, account)
            sku = f"SKU-{number}"
            item = _row("sku base_uom abc_class temperature_class status", sku, "EA", "A", "AMBIENT", "ACTIVE")
            put["erp/items"](sku, item)
        for number in range(self.orders):
            order = f"SO-{number}"
            put["erp/orders"](order, self._order(number, "STANDARD"))
            put["erp/order_lines"](order, self._line(number))
            names = "release_no order_no line_no site sku uom qty sent_at"
            sent_at = (self.began_at - timedelta(minutes=10)).isoformat()
            release = _row(names, f"R-{number}", order, 1, "EAST", f"SKU-{number % 100}", "EA", "10", sent_at)
            put["erp/releases"](order, release)
        sent_at = self.began_at - timedelta(minutes=10)
        self.site.create(
            [
                (
                    f"R-{n}",
                    f"SO-{n}",
                    1,
                    f"SKU-{n % 100}",
                    "EA",
                    10,
                    0,
                    "OPEN",
                    sent_at,
                    sent_at + timedelta(seconds=30),
                )
                for n in range(self.orders)
            ]
        )

    def change(self, number: int) -> None:
        """Commit one change that is no fault: two of three in the warehouse, the others in the ERP."""
        order = number % (self.orders // 2)
        if number % 3:
            self.site.pick(f"SO-{order}", 1 + number % 9)
        else:
            self.cloud.put("erp/orders", f"SO-{order}", self._order(order, "PRIORITY" if number % 2 else "STANDARD"))
        self.changes += 1

    def fault(self, number: int) -> None:
        """Let finance hold an order, and the warehouse go on with it."""
        order = self.orders // 2 + number
        placed_at = datetime.now(UTC)
        hold = _row(
            "hold_no order_no status placed_by placed_at resolved_at",
            f"H-{order}",
            f"SO-{order}",
            "CREATED",
            "credit",
            placed_at.isoformat(),
            None,
        )
        self.cloud.put("finance/holds", f"H-{order}", hold)
        self.site.close_pick(f"SO-{order}", datetime.now(UTC))
        self.committed_at[f"SO-{order}"] = datetime.now(UTC)
        self.changes += 2

    def _order(self, number: int, priority: str) -> dict[str, Any]:
        names = (
            "order_no channel channel_order_no customer_no customer_po ship_to_no payment_terms priority revision_no "
            "status currency ordered_at requested_at"
        )
        customer = f"C-{number % 100}"
        ordered_at = (self.began_at - timedelta(minutes=20)).isoformat()
        return _row(
            names, f"SO-{number}", "DESK", None, customer, f"PO-{number}", f"{customer}-A", "NET30", priority, 0,
            "OPEN", "USD", ordered_at, None,
        )  # fmt: skip

    def _line(self, number: int) -> dict[str, Any]:
        names = (
            "order_no line_no sku uom qty_ordered qty_cancelled qty_allocated unit_price currency site release_due_at "
            "promised_at substitute_sku"
        )
        due_at = (self.began_at - timedelta(minutes=15)).isoformat()
        return _row(
            names, f"SO-{number}", 1, f"SKU-{number % 100}", "EA", "10", "0", "10", "5.00", "USD", "EAST", due_at,
            None, None,
        )  # fmt: skip


def _row(names: str, *values: Any) -> dict[str, Any]:
    return dict(zip(names.split(), values, strict=True))


@dataclass
class Watched:
    """What was seen meanwhile.

    Attributes:
        seen_at: When each order's case was first seen in the ledger.
        query_seconds: How long the analyst's queries took.
        cpu_seconds: Processor time by part of the deployment.
    """

    seen_at: dict[str, datetime] = field(default_factory=dict)
    query_seconds: list[float] = field(default_factory=list)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)


def measure(arguments: argparse.Namespace, home: Path) -> tuple[World, Watched, Mapping[str, datetime]]:
    """Run the deployment, change the systems, and watch; return also when each correction came."""
    with (
        PostgresServer(("wms_east",)) as server,
        Cloud(_COLLECTIONS, _SECRET) as cloud,
        contextlib.closing(WarehouseSite(server.url("wms_east").replace("+psycopg", ""))) as site,
    ):
        world = World(cloud, site, arguments.orders, datetime.now(UTC))
        world.fill()
        environment = _environment(home, cloud.url, server.url("wms_east"))
        _command(environment, "run", "--config", str(_WORLD / "distributor.yaml"))
        cloud.ring_at(_BELL)
        with _deployment(environment, home) as process:
            watched = _watch(arguments, world, home, process)
        return world, watched, site.arrivals()


def _watch(arguments: argparse.Namespace, world: World, home: Path, process: subprocess.Popen[str]) -> Watched:
    watched, stop = Watched(), threading.Event()
    ledger = home / "latency" / "ledger.sqlite"
    threads = [
        threading.Thread(target=_see_cases, args=(ledger, watched, stop), daemon=True),
        threading.Thread(target=_analyse, args=(home, watched, stop), daemon=True),
    ]
    before = _cpu_seconds(process.pid)
    for thread in threads:
        thread.start()
    _drive(world, arguments, home, watched)
    after = _cpu_seconds(process.pid)
    watched.cpu_seconds = {name: after[name] - before.get(name, 0.0) for name in after}
    deadline = time.monotonic() + _SETTLE_SECONDS
    while len(watched.seen_at) < len(world.committed_at) and time.monotonic() < deadline:
        world.site.take_messages()
        time.sleep(_LOOK_SECONDS)
    time.sleep(2)
    stop.set()
    for thread in threads:
        thread.join(30)
    return watched


def _drive(world: World, arguments: argparse.Namespace, home: Path, watched: Watched) -> None:
    """Commit at an even pace; a commit that comes late is not made up for by a burst."""
    began, number, fault = time.monotonic(), 0, 0
    while (passed := time.monotonic() - began) < arguments.seconds:
        if fault <= passed:
            world.fault(fault)
            world.site.take_messages()
            fault += 1
            with contextlib.suppress(OSError, ValueError):
                watched.statuses.append(json.loads((home / "latency" / "live_status.json").read_text()))
        world.change(number)
        number += 1
        pause = began + number / (arguments.changes - 2) - time.monotonic()
        if pause > 0:
            time.sleep(pause)


def _see_cases(ledger: Path, watched: Watched, stop: threading.Event) -> None:
    """Look into the ledger as any other process may; the driver's ledger is opened by this library alone."""
    with contextlib.closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        while not stop.wait(_LOOK_SECONDS):
            now = datetime.now(UTC)
            found = connection.execute("select order_id from exception_case where code = 'CRD-02'").fetchall()
            for (order,) in found:
                watched.seen_at.setdefault(order, now)


def _analyse(home: Path, watched: Watched, stop: threading.Event) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from fulfillment_pipelines.loop.platform import open_lake\n"
        "from fulfillment_pipelines.settings import read_settings\n"
        "from fulfillment_pipelines.systems.distributor import load_distributor\n"
        "settings = read_settings()\n"
        "lake = open_lake(settings, load_distributor(settings.config, settings.runtime_dir), read_only=True)\n"
        "for statement in iter(sys.stdin.readline, ''):\n"
        "    began = time.monotonic()\n"
        "    lake.query(statement)\n"
        "    print(time.monotonic() - began, flush=True)\n"
    )
    environment = {**os.environ, **_settings(home)}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(  # noqa: S603 - our own code
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as analyst:
        assert analyst.stdin is not None  # noqa: S101 - tells the type checker
        assert analyst.stdout is not None  # noqa: S101 - as above
        while not stop.wait(1):
            analyst.stdin.write(" ".join(_ANALYST.split()) + "\n")
            analyst.stdin.flush()
            watched.query_seconds.append(float(analyst.stdout.readline()))
        analyst.stdin.close()


def _settings(home: Path) -> dict[str, str]:
    return {
        "FULFILLMENT_RUNTIME_DIR": str(home),
        "FULFILLMENT_CONFIG": str(_WORLD / "distributor.yaml"),
        "FULFILLMENT_DUCKDB_MEMORY_LIMIT": "1GB",
    }


def _environment(home: Path, cloud_url: str, database_url: str) -> dict[str, str]:
    own = {"CLOUD_URL": cloud_url, "WMS_EAST_DATABASE_URL": database_url, "HOOKS_SECRET": _SECRET}
    return {**os.environ, **_settings(home), **own}


def _command(environment: Mapping[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "fulfillment_pipelines.cli", *arguments]
    subprocess.run(command, env=dict(environment), check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own


@contextlib.contextmanager
def _deployment(environment: Mapping[str, str], home: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "fulfillment_pipelines.cli", "up", "--own-systems", "--port", "0"]
    with subprocess.Popen(command, env=dict(environment), stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            assert process.stdout is not None  # noqa: S101 - tells the type checker
            for line in process.stdout:
                if "Dagster: " in line:
                    break
            _until_running(home)
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(120)


def _until_running(home: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            if json.loads((home / "latency" / "live_status.json").read_text())["rounds"]:
                return
        time.sleep(_LOOK_SECONDS)
    raise SystemExit(f"the live loop did not run within {_START_SECONDS} s; logs in {home / 'dagster' / 'logs'}")


def _cpu_seconds(process_id: int) -> dict[str, float]:
    """Return processor time of every part of a deployment, by what it is."""
    seconds: dict[str, float] = {}
    for process in psutil.Process(process_id).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            words = " ".join(process.cmdline())
            name = next(
                (told for mark, told in _PARTS.items() if mark in words),
                "other processes of Dagster",
            )
            times = process.cpu_times()
            seconds[name] = seconds.get(name, 0.0) + times.user + times.system
    return seconds


_PARTS: Final = {
    "live run": "live loop",
    "systems listen": "receiver of webhooks",
    "dagster_webserver": "webserver of Dagster",
    "_daemon": "daemon of Dagster",
}


def _cpu_of_a_round(watched: Watched) -> float:
    """Return the median of the processor time of a round: what its wall time is where nobody else wants the core."""
    rounds = {status["rounds"]: status["last_round_cpu_seconds"] for status in watched.statuses if status["rounds"]}
    return statistics.median(rounds.values()) if rounds else 0.0


def _percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def _row_of(
    arguments: argparse.Namespace, world: World, watched: Watched, arrived: Mapping[str, datetime]
) -> dict[str, Any]:
    """Return what is kept of a run: every latency with the second at which it began, and what it cost."""
    rounds = [status["last_round_seconds"] for status in watched.statuses if status["last_round_seconds"]]
    stages = {stage: round(statistics.median(one.get(stage, 0) for one in rounds), 3) for stage in _STAGES if rounds}
    return {
        "seconds": arguments.seconds,
        "orders": arguments.orders,
        "commits": world.changes,
        "faults": len(world.committed_at),
        "to_case": _series(world, world.committed_at, watched.seen_at),
        "to_correction": _series(world, watched.seen_at, arrived),
        "query_seconds": _summary(watched.query_seconds),
        "round_seconds": {"processor time": round(_cpu_of_a_round(watched), 3), **stages},
        "cpu_seconds": {name: round(seconds, 1) for name, seconds in watched.cpu_seconds.items()},
    }


def page(runs: Sequence[Row]) -> str:
    """Return the page of the run that is kept."""
    (run,) = runs
    to_case, to_target = ([seconds for _, seconds in run[name]] for name in ("to_case", "to_correction"))
    lines = [
        "# From change to case, from case to correction",
        "",
        f"{run['measured_on']}.",
        "",
        f"    python -m bench.latency --seconds {run['seconds']} --orders {run['orders']} --write",
        "",
        f"{run['commits']:,} commits in {run['seconds']} s, {run['commits'] / run['seconds']:.0f} a second, and",
        f"{run['faults']:,} faults among them that open a case.",
        "",
        "Wall time is what others leave: where the load is above the number of cores, read the processor time of a",
        "round, which is its wall time on a core of its own; a case then takes one and a half rounds in the median.",
        "",
        "![Each latency at the second of its commit](latency.svg)",
        "",
        "| seconds | median | p95 | max | of |",
        "|---|---|---|---|---|",
        _line("commit to case visible", to_case, run["faults"]),
        _line("case visible to correction in the target", to_target, len(to_case)),
        _told("analyst's query meanwhile", run["query_seconds"], run["query_seconds"]["count"]),
        "",
        "| a round of the live loop | median |",
        "|---|---|",
        *(f"| {stage} | {seconds:.2f} |" for stage, seconds in run["round_seconds"].items()),
        "",
        "| part | CPU seconds | of one core |",
        "|---|---|---|",
        *(
            f"| {name} | {seconds:.0f} | {seconds / run['seconds']:.0%} |"
            for name, seconds in sorted(run["cpu_seconds"].items(), key=lambda item: -item[1])
        ),
        "",
    ]
    return "\n".join(lines)


def _series(world: World, begun: Mapping[str, datetime], ended: Mapping[str, datetime]) -> list[tuple[float, float]]:
    """Return, by commit, its second since the first one and how long the part took that it is about."""
    first = min(world.committed_at.values())
    return [
        (round((at - first).total_seconds(), 2), round(max(0.0, (ended[order] - begun[order]).total_seconds()), 3))
        for order, at in world.committed_at.items()
        if order in begun and order in ended
    ]


def _summary(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {"count": 0}
    found = {"median": statistics.median(values), "p95": _percentile(values, 95), "max": max(values)}
    return {"count": len(values), **{name: round(value, 3) for name, value in found.items()}}


def _line(what: str, values: Sequence[float], expected: int) -> str:
    return _told(what, _summary(values), expected)


def _told(what: str, summary: Mapping[str, float], expected: int) -> str:
    shown = " | ".join(f"{summary[name]:.2f}" if name in summary else "-" for name in ("median", "p95", "max"))
    return f"| {what} | {shown} | {summary['count']} of {expected} |"


def main() -> None:
    """Measure and write table and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--changes", type=int, default=50, help="a second")
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="keep everything in this folder")
    parser.add_argument("--write", action="store_true", help="keep the result and write its page")
    arguments = parser.parse_args()
    if arguments.orders < 2 * arguments.seconds + 2:
        parser.error(f"one order a second is held, of the second half: --orders {2 * arguments.seconds + 2} or more")
    home = arguments.keep or Path(tempfile.mkdtemp(prefix="latency-"))
    try:
        world, watched, arrived = measure(arguments, home)
    finally:
        if arguments.keep is None:
            shutil.rmtree(home, ignore_errors=True)
    run = _row_of(arguments, world, watched, arrived)
    if arguments.write:
        write_page(_NAME, page(keep_only(_NAME, [run])))
        plot(_NAME)
    sys.stdout.write(page([{**run, "measured_on": measured_on()}]))


if __name__ == "__main__":
    main()

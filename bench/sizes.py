"""How much room things take, and how many of them there are: what docs/scale.md computes with.

    python -m bench.sizes --lines 100000

A standing distributor is pulled, reconciled and taken in as cases; then files and rows are counted, by layer. The table
is written to bench/results/sizes.md, from bench/results/sizes.json. Nothing is timed here.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench.kept import Row, compute, keep_only, write_page
from fulfillment_pipelines.loop import stages
from fulfillment_pipelines.loop.platform import Platform, build_platform, runtime_folder
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.distributor import load_distributor
from fulfillment_pipelines.twin.volume.files import write_distributor
from fulfillment_pipelines.twin.volume.shape import Landscape, Shape
from fulfillment_pipelines.warehouse import Connection

_NAME: Final = "sizes"
_COMMITS: Final = 200
_TABLES: Final = """
    select split_part(table_name, '_', 1) as layer, count(*) as tables, sum(file_count) as files,
        sum(file_size_bytes) as content_bytes
    from ducklake_table_info('lake')
    group by all
    order by content_bytes desc
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What was counted.

    Attributes:
        landed_rows: Rows of all snapshots.
        landed_bytes: Of their files.
        lake: One row for each layer: its tables, files and bytes.
        catalog_bytes: Of the catalogue, after one full run.
        commit_bytes: By how much one more commit of one table makes it larger.
        ledger_bytes: Of the ledger, when it was empty and with the cases.
        cases: How many were opened.
    """

    landed_rows: int
    landed_bytes: int
    lake: Sequence[dict[str, Any]]
    catalog_bytes: int
    commit_bytes: int
    ledger_bytes: tuple[int, int]
    cases: int


def measure(home: Path, line_count: int, landscape: Landscape) -> Sizes:
    """Run the loop once over a standing distributor, and count."""
    settings = read_settings().model_copy(update={"runtime_dir": home / "runtime"})
    shipped = load_distributor(settings.config, settings.runtime_dir)
    shape = Shape(seed=7, line_count=line_count, landscape=landscape)
    write_distributor(shape, shipped.systems, home, seeds=shipped.seeds)
    with build_platform(settings, config=home / "distributor.yaml") as platform:
        folder = runtime_folder(settings, platform.distributor)
        platform.prepare()
        empty = _bytes_of(folder, "ledger.sqlite*")
        stages.pull(platform)
        admissions = stages.admit(platform)
        stages.reconcile(platform, full=True)
        decisions = stages.decide(platform)
        counted = platform.warehouse.query(_TABLES).to_pylist()
        lake = [{"layer": one.pop("layer"), **{name: int(count) for name, count in one.items()}} for one in counted]
        catalog = _bytes_of(folder, "lake_catalog.sqlite*")
        commit = _bytes_of_a_commit(platform, folder)
    return Sizes(
        landed_rows=sum(one.landed_rows for one in admissions),
        landed_bytes=_bytes_of(folder, "landing/**/*"),
        lake=lake,
        catalog_bytes=catalog,
        commit_bytes=commit,
        ledger_bytes=(empty, _bytes_of(folder, "ledger.sqlite*")),
        cases=len(decisions.taken.opened),
    )


def _bytes_of_a_commit(platform: Platform, folder: Path) -> int:
    """Return what a small commit leaves in the catalogue; SQLite's log is folded into its file at each closing."""

    def again(transaction: Connection) -> None:
        transaction.execute("insert into commits values (1)")

    platform.warehouse.write(lambda transaction: transaction.execute("create table commits (number integer)"))
    platform.warehouse.close()
    before = _bytes_of(folder, "lake_catalog.sqlite*")
    for _ in range(_COMMITS):
        platform.warehouse.write(again)
    platform.warehouse.close()
    return (_bytes_of(folder, "lake_catalog.sqlite*") - before) // _COMMITS


def _bytes_of(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file())


def page(rows: Sequence[Row]) -> str:
    """Return the page of the run that is kept."""
    (run,) = rows
    lines, (empty, filled) = run["lines"], run["ledger_bytes"]
    layers = [
        f"| {one['layer']}_* | {one['tables']} | {one['files']:,} | {one['content_bytes']:,} | "
        f"{one['content_bytes'] / lines:.0f} |"
        for one in run["lake"]
    ]
    tables, files, total = (sum(one[name] for one in run["lake"]) for name in ("tables", "files", "content_bytes"))
    return "\n".join(
        [
            "# How much room things take",
            "",
            f"`python -m bench.sizes --lines {lines} --landscape {run['landscape']}`",
            "",
            (
                f"{lines:,} order lines, {run['landed_rows']:,} landed rows ({run['landed_rows'] / lines:.1f} a line); "
                f"{run['measured_on']}."
            ),
            "",
            "| where | tables | files | bytes | bytes an order line |",
            "|---|---:|---:|---:|---:|",
            f"| landed files | | | {run['landed_bytes']:,} | {run['landed_bytes'] / lines:.0f} |",
            *layers,
            f"| the lake, all layers | {tables} | {files:,} | {total:,} | {total / lines:.0f} |",
            f"| catalogue, after one full run | | | {run['catalog_bytes']:,} | |",
            f"| catalogue, one more commit of one table | | 1 | {run['commit_bytes']:,} | |",
            f"| ledger, empty | | | {empty:,} | |",
            f"| ledger, {run['cases']:,} cases with their corrections and audit rows | | | {filled:,} | |",
            "",
            f"A case takes {(filled - empty) / max(1, run['cases']):,.0f} bytes of the ledger.",
            "",
        ]
    )


def main() -> int:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=100_000, help="order lines")
    parser.add_argument("--landscape", type=Landscape, choices=list(Landscape), default=Landscape.WHOLE)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="fulfillment-bench-"))
    try:
        sizes = measure(home, arguments.lines, arguments.landscape)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    run = {"lines": arguments.lines, "landscape": arguments.landscape.value, **asdict(sizes)}
    told = page(keep_only(_NAME, [run]))
    write_page(_NAME, told)
    compute()
    sys.stdout.write(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())

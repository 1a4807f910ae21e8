"""The tables of docs/scale.md: what was measured, and what follows from it on paper for a billion order lines a year.

    python -m bench.scale

It measures nothing: figures come from bench/results, what is assumed stands below. The page's prose refers to the
tables and repeats no figure that follows from a measurement.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.kept import Row, at_widest_limit, kept

PAGE: Final = Path(__file__).parents[1] / "docs" / "scale.md"
"""The page whose tables are written."""

_LINES_A_YEAR: Final = 1_000_000_000
_DAYS: Final = 365
_BUSIEST_SHARE: Final = 0.2
_TIMES_EACH_ROW_COMES: Final = 3
_CHANGES_A_LINE: Final = 5
_OPEN_DAYS: Final = 60
_LANDED_DAYS: Final = 30
_LINES_A_CASE: Final = 500
_AUDIT_ROWS_A_CASE: Final = 5
_JSON_BYTES: Final = 160
_REGION_CORES: Final = 16
_FILE_SECONDS: Final = 0.004
_FILE_TRIED: Final = "tried: 1.0 for 246 files, the test server's own part among it"
_WHOLE: Final = "reconcile a million order lines of 51 feeds, and take the cases in"
_DAY_SECONDS: Final = 86_400
_HOUR_SECONDS: Final = 3_600
_HUNDRED: Final = 100
_BLOCK: Final = "<!-- {name}: written by `python -m bench.scale` -->\n\n{table}\n\n<!-- end of {name} -->"


@dataclass(frozen=True, slots=True)
class Measured:
    """What is computed with.

    Attributes:
        load_seconds: CPU seconds to pull, check and merge a million rows.
        load_lines: Order lines at which that was measured.
        reconcile_seconds: CPU seconds to reconcile a million order lines of the whole landscape, and take the cases in.
        batch_seconds: CPU seconds of 1,000 changed lines, from merge to intake.
        batch_lines: Order lines at which that was measured.
        rows_a_line: Landed rows of an order line.
        parquet_bytes: Of a landed row.
        lake_bytes: Of an order line in the lake.
        case_bytes: Of a case in the ledger.
    """

    load_seconds: float
    load_lines: int
    reconcile_seconds: float
    batch_seconds: float
    batch_lines: int
    rows_a_line: float
    parquet_bytes: float
    lake_bytes: float
    case_bytes: float


def measured() -> Measured:
    """Return the figures of the newest measurements, each at the largest size."""
    loops = at_widest_limit(kept("full_reconcile"))
    load = max((row for row in loops if row["step"] == "load"), key=lambda row: row["lines"])
    intake = min((row for row in loops if row["step"] == "intake"), key=lambda row: row["lines"])
    whole = max(kept("engines"), key=lambda row: row["lines"])
    batch = max((row for row in kept("micro_batch") if row["kind"] == "recent"), key=lambda row: row["lines"])
    (sizes,) = kept("sizes")
    empty, filled = sizes["ledger_bytes"]
    return Measured(
        load_seconds=load["cpu_seconds"] / _rows_of(load, loops) * 1e6,
        load_lines=load["lines"],
        reconcile_seconds=_a_million(whole["costs"]["DuckDB alone"]["cpu_seconds"], whole)
        + _a_million(intake["cpu_seconds"], intake),
        batch_seconds=batch["all_cpu_seconds"] / batch["changed"] * 1_000,
        batch_lines=batch["lines"],
        rows_a_line=sizes["landed_rows"] / sizes["lines"],
        parquet_bytes=sizes["landed_bytes"] / sizes["landed_rows"],
        lake_bytes=sum(layer["content_bytes"] for layer in sizes["lake"]) / sizes["lines"],
        case_bytes=(filled - empty) / sizes["cases"],
    )


def processor(of: Measured) -> str:
    """Return the table of what costs processor time."""
    loaded, changed = (
        f"`full_reconcile`, {_number(of.load_lines)} order lines",
        f"`micro_batch`, {_number(of.batch_lines)}",
    )
    rows = (
        ("L", "pull, check and merge a million rows", of.load_seconds, f"measured: {loaded}"),
        ("R", _WHOLE, of.reconcile_seconds, "measured: `engines`, in DuckDB; intake from `full_reconcile`"),
        (
            "M",
            "merge, reconcile and decide on 1,000 changed lines",
            of.batch_seconds,
            f"measured: {changed} order lines",
        ),
        ("S", "one more file, in an object store instead of a folder", _FILE_SECONDS, _FILE_TRIED),
    )
    head = ["| | What | CPU seconds | Whence |", "|---|---|---:|---|"]
    return "\n".join(
        [*head, *(f"| {mark} | {what} | {_number(value)} | {whence} |" for mark, what, value, whence in rows)]
    )


def computed(of: Measured) -> str:
    """Return the table of what follows for a year."""
    lines = _LINES_A_YEAR / _DAYS
    landed_rows = lines * of.rows_a_line * _TIMES_EACH_ROW_COMES
    told = (
        ("order lines a day", _number(lines), "10⁹ / 365"),
        (
            "order lines a second, busiest hour",
            _number(lines * _BUSIEST_SHARE / _HOUR_SECONDS),
            "20 % of a day / 3,600",
        ),
        ("rows landed a day", _number(landed_rows), f"{of.rows_a_line:.1f} a line, {_TIMES_EACH_ROW_COMES} times"),
        *_room(of, lines, landed_rows),
        *_work(of, lines, landed_rows),
    )
    head = ["| | Computed | From |", "|---|---:|---|"]
    return "\n".join([*head, *(f"| {what} | {value} | {whence} |" for what, value, whence in told)])


def _room(of: Measured, lines: float, landed_rows: float) -> Sequence[tuple[str, str, str]]:
    landed = landed_rows * (_JSON_BYTES + of.parquet_bytes) / 2
    cases = lines / _LINES_A_CASE * _DAYS
    average = landed * 8 / 1e6 / _DAY_SECONDS
    halves = f"half JSON ({_JSON_BYTES} bytes a row), half Parquet ({of.parquet_bytes:.0f})"
    a_line = f"{of.lake_bytes:.0f} bytes a line"
    return (
        ("landed files a day", _bytes(landed), halves),
        (f"landed files, {_LANDED_DAYS} days kept", _bytes(landed * _LANDED_DAYS), ""),
        (f"open and recent lines ({_OPEN_DAYS} days)", _number(lines * _OPEN_DAYS), ""),
        (f"lake, {_OPEN_DAYS} days", _bytes(lines * _OPEN_DAYS * of.lake_bytes), a_line),
        ("lake, whole year", _bytes(_LINES_A_YEAR * of.lake_bytes), a_line),
        ("lake with 30 days of history", "about twice that", "assumed: each file is rewritten once in that time"),
        ("cases a day", _number(cases / _DAYS), f"one line in {_LINES_A_CASE}"),
        ("cases a year", _number(cases), ""),
        ("ledger a year", _bytes(cases * of.case_bytes), f"{of.case_bytes / 1e3:.1f} kB a case"),
        ("audit rows a year", _number(cases * _AUDIT_ROWS_A_CASE), "5 for a correction: `corrections`"),
        ("network, landed", f"{_number(average)} Mbit/s", "on average"),
        ("network, landed, busiest hour", f"{_number(average * 24 * _BUSIEST_SHARE)} Mbit/s", ""),
    )


def _work(of: Measured, lines: float, landed_rows: float) -> Sequence[tuple[str, str, str]]:
    load, full = landed_rows / 1e6 * of.load_seconds, lines * _OPEN_DAYS / 1e6 * of.reconcile_seconds
    batches = lines * _CHANGES_A_LINE / 1_000 * of.batch_seconds
    busiest = batches * _BUSIEST_SHARE / _HOUR_SECONDS
    hourly, six_hourly = (times * full + batches + load for times in (24, 4))
    average, sixteen = f"{_number(batches / _DAY_SECONDS)} cores", f"{_number(full / _REGION_CORES / 60)} minutes"
    return (
        ("loading a day", f"{_number(load)} CPU s", "a million rows at L"),
        ("micro-batches a day, each line changed five times", f"{_number(batches)} CPU s", "1,000 changed lines at M"),
        ("live loop, on average", average, ""),
        ("live loop, in the busiest hour", f"{_number(busiest)} cores", ""),
        ("one full run over the open lines", f"{_number(full)} CPU s", "a million lines at R"),
        ("the same, on one core", f"{_number(full / _HOUR_SECONDS)} hours", ""),
        ("the same, on sixteen cores", sixteen, "if it divides evenly"),
        (
            "a day with a full run every hour",
            f"{_number(hourly)} CPU s",
            f"{_number(hourly / _DAY_SECONDS)} cores on average",
        ),
        (
            "a day with a full run every six hours",
            f"{_number(six_hourly)} CPU s",
            f"{_number(six_hourly / _DAY_SECONDS)} cores on average",
        ),
    )


def written(text: str) -> str:
    """Return the page with its tables written anew."""
    of = measured()
    for name, table in (("processor", processor(of)), ("year", computed(of))):
        block = _BLOCK.format(name=name, table=table)
        begin, end = (re.escape(mark) for mark in (block.partition("\n")[0], block.rpartition("\n")[2]))
        text, count = re.subn(f"{begin}.*?{end}", lambda _, block=block: block, text, flags=re.DOTALL)
        if count != 1:
            raise SystemExit(f"{PAGE.name} has {count} places for the table {name!r}")
    return text


def _rows_of(load: Row, loops: Sequence[Row]) -> float:
    """Return how many rows were loaded; a size that does not say has as many a line as one that does."""
    if "rows" in load["said"]:
        return float(load["said"]["rows"])
    other = next(row for row in loops if "rows" in row["said"])
    return float(other["said"]["rows"]) / other["lines"] * load["lines"]


def _a_million(cpu_seconds: float, row: Row) -> float:
    return cpu_seconds / row["lines"] * 1e6


def _number(value: float) -> str:
    """Return two digits of a number, or three where it begins with a one, since more are not known."""
    for unit, name in ((1e9, " billion"), (1e6, " million")):
        if value >= unit:
            return f"{value / unit:.2g}{name}" if value < _HUNDRED * unit else f"{value / unit:,.0f}{name}"
    return f"{float(f'{value:.3g}' if f'{value:e}'[0] == '1' else f'{value:.2g}'):,g}"


def _bytes(value: float) -> str:
    for unit, name in ((1e12, "TB"), (1e9, "GB")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{value / 1e6:.3g} MB"


def main() -> None:
    """Write the tables into the page."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

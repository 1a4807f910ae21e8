"""What was measured, kept as JSON beside the page that shows it, so that runs at different sizes add up.

Each row says on what machine and under which load it was measured; a page is written from all rows and from nothing
else. What a row holds belongs to the bench that measures it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from bench.machine import measured_on

Row: TypeAlias = Mapping[str, Any]

RESULTS: Final = Path(__file__).parent / "results"
"""The folder of every page, of what is kept for it, and of the plots."""


def kept(name: str) -> list[dict[str, Any]]:
    """Return the rows that are kept of a bench; none where it was never run."""
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def keep(name: str, rows: Sequence[Row], *, by: Sequence[str]) -> list[dict[str, Any]]:
    """Keep rows beside those that were measured before, and return all in order.

    Args:
        name: Of the bench.
        rows: What was measured now.
        by: Fields by which a row is a newer measurement of the same thing, and by which rows are ordered.
    """
    measured = {_identity(row, by) for row in rows}
    others = [row for row in kept(name) if _identity(row, by) not in measured]
    return keep_only(name, sorted([*others, *_dated(rows)], key=lambda row: _identity(row, by)))


def keep_only(name: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Keep the rows of one run in the place of those of another, and return them."""
    own = _dated(rows)
    lines = ",\n".join(json.dumps(row) for row in own)
    (RESULTS / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return own


def at_widest_limit(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of each size that were measured under its largest memory limit."""
    widest: dict[int, float] = {}
    for row in rows:
        widest[row["lines"]] = max(widest.get(row["lines"], 0.0), _gigabytes(row))
    return [row for row in rows if _gigabytes(row) == widest[row["lines"]]]


def write_page(name: str, page: str) -> None:
    """Write the page of what is kept."""
    (RESULTS / f"{name}.md").write_text(page, encoding="utf-8")


def plot(name: str) -> None:
    """Draw the plot of what is kept, in a process of its own: what draws is no part of what is measured."""
    subprocess.run([sys.executable, "-m", "bench.plots", name], check=True)  # noqa: S603 - a module beside this one
    compute()


def compute() -> None:
    """Write the tables of docs/scale.md, which follow from what is kept."""
    subprocess.run([sys.executable, "-m", "bench.scale"], check=True)


def told_machines(rows: Sequence[Row], by: str) -> str:
    """Return on what the rows were measured, for each size of a field, in one sentence a machine."""
    sizes: dict[str, dict[str, None]] = {}
    for row in rows:
        sizes.setdefault(row["measured_on"], {})[f"{row[by]:,}"] = None
    return "\n".join(f"- {', '.join(own)}: {machine}." for machine, own in sizes.items())


def _dated(rows: Sequence[Row]) -> list[dict[str, Any]]:
    now = measured_on()
    return [{**row, "measured_on": row.get("measured_on", now)} for row in rows]


def _gigabytes(row: Row) -> float:
    return float(row["memory_limit"].removesuffix("GB"))


def _identity(row: Row, by: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[field] for field in by)

"""The plots of what is kept in bench/results: cost against size, latency over a run, a month in one process.

    python -m bench.plots [NAME ...]

Each plot is written beside the figures that it shows, and names their digest, so that a test can tell whether it is of
today's. The same figures give the same file. Colours are those that can be read on white as on black.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.kept import RESULTS, Row, at_widest_limit, kept

_GREY: Final = "#848d97"
_COLOURS: Final = ("#3a87e0", "#e07b39", "#2f9e62")
_TARGET: Final = "#d64550"
_STYLE: Final[Mapping[str, Any]] = {
    "svg.hashsalt": "bench",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _GREY,
    "axes.labelcolor": _GREY,
    "axes.edgecolor": _GREY,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": mpl.cycler(color=_COLOURS),
    "xtick.color": _GREY,
    "ytick.color": _GREY,
    "grid.color": _GREY,
    "grid.alpha": 0.25,
    "axes.grid": True,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
}
_WIDTH: Final = 7.6
_BATCH_SECONDS: Final = 1.5
_LOOP_SECONDS: Final = 60
_LOOP_GIGABYTES: Final = 4
_CASE_SECONDS: Final = {"median": 1.5, "p95": 3.0}
_CORRECTION_SECONDS: Final = 2.0
_FIRST_LOOP: Final = ("load", "reconcile", "intake")
_POINTS_OF_A_WINDOW: Final = 20
_CHANGED: Final = 1_000


def micro_batch(rows: Sequence[Row], figure: Figure) -> None:
    """Draw what a thousand changed lines cost, over the size of what they change."""
    figure.set_size_inches(_WIDTH, 2.7)
    axes = figure.subplots()
    for kind in ("recent", "scattered"):
        own = [row for row in rows if row["kind"] == kind and row["changed"] == _CHANGED]
        axes.plot([row["lines"] for row in own], [row["all_cpu_seconds"] for row in own], "o-", label=f"{kind} lines")
    _over_sizes(axes)
    axes.set(title="1,000 changed order lines: CPU seconds from merge to case", ylim=(0, None))
    _target(axes, _BATCH_SECONDS, f"target {_BATCH_SECONDS:g} s")
    axes.legend(loc="upper left")


def full_reconcile(rows: Sequence[Row], figure: Figure) -> None:
    """Draw what the first whole loop costs, over its size: processor time and memory."""
    figure.set_size_inches(_WIDTH, 2.9)
    seconds, memory = figure.subplots(1, 2)
    measured = at_widest_limit(rows)
    sizes = sorted({row["lines"] for row in measured})
    own = {size: {row["step"]: row for row in measured if row["lines"] == size} for size in sizes}
    whole = [sum(own[size][step]["cpu_seconds"] for step in _FIRST_LOOP) for size in sizes]
    seconds.plot(sizes, whole, "o-", label="whole loop")
    for step, name in (("load", "pull and admit"), ("reconcile", "reconcile")):
        seconds.plot(sizes, [own[size][step]["cpu_seconds"] for size in sizes], "o-", label=name, linewidth=1)
    _over_sizes(seconds)
    seconds.set(yscale="log", title="Whole loop: CPU seconds")
    seconds.yaxis.set_major_formatter(FuncFormatter(_plain))
    seconds.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    seconds.yaxis.set_minor_formatter(NullFormatter())
    _target(seconds, _LOOP_SECONDS, f"target at 10 million, {_LOOP_SECONDS} s")
    seconds.legend(loc="upper left")
    peaks = [max(own[size][step]["peak_bytes"] for step in _FIRST_LOOP) / 1e9 for size in sizes]
    memory.plot(sizes, peaks, "o-")
    _over_sizes(memory)
    memory.set(title="Whole loop: peak memory, GB", ylim=(0, None))
    _target(memory, _LOOP_GIGABYTES, f"target {_LOOP_GIGABYTES} GB", left=True)


def latency(rows: Sequence[Row], figure: Figure) -> None:
    """Draw the latencies of a run over its time: each one, and median and p95 of each part of the run."""
    figure.set_size_inches(_WIDTH, 4.2)
    (run,) = rows
    case, correction = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    for axes, points in ((case, run["to_case"]), (correction, run["to_correction"])):
        axes.plot(
            [at / 60 for at, _ in points], [took for _, took in points], ".", color=_GREY, alpha=0.45, markersize=3
        )
        windows = _windows(points, run["seconds"] * _POINTS_OF_A_WINDOW / len(points))
        middles = [middle / 60 for middle, _ in windows]
        axes.plot(middles, [median(own) for _, own in windows], label="median")
        axes.plot(middles, [_p95(own) for _, own in windows], label="p95")
    for number, (name, wanted) in enumerate(_CASE_SECONDS.items()):
        _target(case, wanted, f"target of the {name}, {wanted:g} s", colour=_COLOURS[number])
    _target(correction, _CORRECTION_SECONDS, f"target {_CORRECTION_SECONDS:g} s")
    a_second = run["commits"] / run["seconds"]
    case.set(title=f"Commit in a system to case: seconds, at {a_second:.0f} commits a second", ylim=(0, None))
    correction.set(title="Case to correction in the target: seconds", xlabel="minutes of the run", ylim=(0, None))
    case.legend(loc="lower right", ncols=2)


def soak(rows: Sequence[Row], figure: Figure) -> None:
    """Draw what a process and its stores become over simulated days."""
    figure.set_size_inches(_WIDTH, 5.2)
    days = [row["day"] for row in rows]
    panels: Mapping[str, tuple[float, Mapping[str, str]]] = {
        "Memory of the process, MB": (1e6, {"rss_bytes": ""}),
        "Pass over what changed, CPU seconds": (
            1,
            {"pass_cpu_seconds": "median", "pass_cpu_p95_seconds": "p95"},
        ),
        "Disk, MB": (1e6, {"lake_bytes": "lake", "landing_bytes": "landed", "ledger_bytes": "ledger"}),
        "Files": (1, {"lake_files": "lake", "landing_files": "landed"}),
    }
    for axes, (title, (unit, series)) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
        for name, label in series.items():
            axes.plot(days, [row[name] / unit for row in rows], label=label)
        axes.set(title=title, xlabel="simulated day", ylim=(0, None))
        axes.yaxis.set_major_formatter(FuncFormatter(_plain))
        if len(series) > 1:
            axes.set_ylim(top=axes.get_ylim()[1] * 1.2)
            axes.legend(loc="upper left", ncols=len(series))


PLOTS: Final[Mapping[str, Callable[[Sequence[Row], Figure], None]]] = {
    "micro_batch": micro_batch,
    "full_reconcile": full_reconcile,
    "latency": latency,
    "soak": soak,
}
"""What draws each plot, by the name of the figures and of the file."""


def digest_of(name: str) -> str:
    """Return what tells the figures of a bench from others."""
    return hashlib.sha256((RESULTS / f"{name}.json").read_bytes()).hexdigest()


def draw(name: str) -> None:
    """Draw one plot of what is kept now."""
    with mpl.rc_context(dict(_STYLE)):
        figure = Figure(layout="constrained")
        PLOTS[name](kept(name), figure)
        told = {"Date": None, "Description": f"{name}.json {digest_of(name)}"}
        figure.savefig(RESULTS / f"{name}.svg", format="svg", transparent=True, metadata=told)


def _over_sizes(axes: Axes) -> None:
    axes.set(xscale="log", xlabel="order lines")
    axes.xaxis.set_major_formatter(FuncFormatter(_size))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.08)


def _target(axes: Axes, at: float, told: str, *, colour: str = _TARGET, left: bool = False) -> None:
    """Draw a line that the figures are to stay below, and say so at one of its ends."""
    axes.axhline(at, color=colour, linestyle=(0, (4, 3)), linewidth=1.2)
    axes.set_ylim(top=max(axes.get_ylim()[1], at * 1.15))
    axes.annotate(
        told,
        (0.01 if left else 0.995, at),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="left" if left else "right",
        color=colour,
    )


def _windows(points: Sequence[tuple[float, float]], seconds: float) -> list[tuple[float, list[float]]]:
    """Return the middle of each window of time in which something began, with what began in it."""
    found: dict[int, list[float]] = {}
    for at, took in points:
        found.setdefault(int(at // seconds), []).append(took)
    return [((number + 0.5) * seconds, own) for number, own in sorted(found.items())]


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * 95 // 100)]


def _size(value: float, _: object) -> str:
    return f"{value / 1e6:g} million" if value >= 1e6 else f"{value:,.0f}"  # noqa: PLR2004 - the scale that is named


def _plain(value: float, _: object) -> str:
    return f"{value:,g}"


def main() -> None:
    """Draw the plots that are named, or every one whose figures are kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "names", nargs="*", choices=[*PLOTS, []], help="plots; all that there are figures of unless given"
    )
    for name in parser.parse_args().names or [name for name in PLOTS if kept(name)]:
        draw(name)


if __name__ == "__main__":
    main()

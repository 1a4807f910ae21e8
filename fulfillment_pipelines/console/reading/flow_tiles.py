"""The KPIs as tiles: every number of a tile leads to what it counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from fulfillment_pipelines.console.reading.flow_kpis import DayFigure, KpiFigure, words_of
from fulfillment_pipelines.console.reading.flow_scope import FlowScope
from fulfillment_pipelines.reconcile.kpis import Direction, KpiUnit, Standing

_WIDTH: Final = 120
_HEIGHT: Final = 28
_STANDING_WORDS: Final = {
    Standing.MET: "on target",
    Standing.MISSED: "off target",
    Standing.UNKNOWN: "unknown",
    Standing.UNTARGETED: "no target",
}
_WITHIN: Final = {
    "perfect_order_on_time": "perfect_order",
    "perfect_order_complete": "perfect_order",
    "perfect_order_undamaged": "perfect_order",
    "perfect_order_documents": "perfect_order",
    "invoice_timeliness_by_value": "invoice_timeliness",
}


@dataclass(frozen=True, slots=True)
class NumberLink:
    """A number in words, and where what it counts is listed."""

    words: str
    href: str


@dataclass(frozen=True, slots=True)
class Tile:
    """One KPI as it is shown.

    Attributes:
        name: By which `kpis.yaml` has it.
        title: What people call it.
        value: The figure in words.
        standing: To the target: of MET, MISSED, UNKNOWN, UNTARGETED.
        standing_words: The same for people.
        target: What is aimed at, in words; empty for nothing.
        caution: Why the standing is unknown; empty otherwise.
        coverage: How much of what is counted is known, in words.
        counted: Leads to everything that is counted.
        missed: Leads to what is not as it should be; None where the KPI counts no such thing.
        further: Leads to what is unknown, and to what is left out.
        beside: Further figures: name and words.
        tooltip: What the KPI says, who answers for it and who defines it so.
        parts: The KPIs that this one is made of, where it is.
        line: Points of the trend, for an SVG of 120 by 28; empty for fewer than two days.
        trend: The trend in words.
    """

    name: str
    title: str
    value: str
    standing: Standing
    standing_words: str
    target: str
    caution: str
    coverage: str
    counted: NumberLink | None
    missed: NumberLink | None
    further: tuple[NumberLink, ...]
    beside: tuple[tuple[str, str], ...]
    tooltip: str
    line: str
    trend: str
    parts: tuple[Tile, ...] = ()


def tiles_of(figures: Iterable[KpiFigure], scope: FlowScope) -> tuple[Tile, ...]:
    """Return the KPIs as tiles; what a KPI is made of, or is told otherwise, stands within its tile."""
    tiles = [_tile(figure, scope) for figure in figures]
    return tuple(
        replace(tile, parts=tuple(part for part in tiles if _WITHIN.get(part.name) == tile.name))
        for tile in tiles
        if tile.name not in _WITHIN
    )


def _tile(figure: KpiFigure, scope: FlowScope) -> Tile:
    definition = figure.definition
    target = "" if definition.target is None else words_of(definition.target, definition.unit)
    sign = "≥" if definition.direction is Direction.UP else "≤"
    return Tile(
        figure.name,
        f"{definition.name}, {figure.currency}" if figure.currency else definition.name,
        words_of(figure.figure, definition.unit),
        figure.standing,
        _STANDING_WORDS[figure.standing],
        f"{sign} {target}" if target else "",
        figure.caution,
        _coverage(figure),
        NumberLink(f"{figure.population_count:,} {figure.counted}", _link(figure, scope, "counted")),
        _missed(figure, scope),
        tuple(_further(figure, scope)),
        figure.beside,
        f"{definition.formula}. Answered for by {definition.owner}. "
        f"Definition {definition.version}: {definition.source}.",
        _line(figure.trend),
        _trend(figure),
    )


def _coverage(figure: KpiFigure) -> str:
    if figure.coverage is None:
        return f"0 {figure.counted}"
    return f"{figure.coverage * 100:.0f} % of"


def _missed(figure: KpiFigure, scope: FlowScope) -> NumberLink | None:
    if figure.missed_count is None:
        return None
    words = {"stalled_orders": "stall", "backlog_ageing": "past their promise"}.get(figure.name, "missed it")
    return NumberLink(f"{figure.missed_count:,} {words}", _link(figure, scope, "missed"))


def _further(figure: KpiFigure, scope: FlowScope) -> Iterable[NumberLink]:
    if figure.unknown_count:
        yield NumberLink(f"{figure.unknown_count:,} unknown", _link(figure, scope, "unknown"))
    left_out = sum(count for _, count in figure.exclusions)
    if left_out:
        words = ", ".join(f"{count:,} {words}" for words, count in figure.exclusions)
        yield NumberLink(f"left out: {words}", _link(figure, scope, "excluded"))


def _link(figure: KpiFigure, scope: FlowScope, result: str) -> str:
    """Return where the number is listed; what counts open lines has no KPI's list, but the one of open orders."""
    if figure.name == "stalled_orders":
        return scope.link("/flow/orders", result={"missed": "stalled", "counted": ""}.get(result, result))
    if figure.name == "backlog_ageing":
        bucket = "OVERDUE" if result == "missed" else "OPEN"
        lines = {"missed": "known_lines", "unknown": "unknown_lines"}.get(result, "")
        return scope.link("/flow/orders", bucket=bucket, result=lines)
    return scope.link(figure.lists, kpi=figure.name, result=result, currency=figure.currency)


def _line(trend: Sequence[DayFigure]) -> str:
    known = [day.figure for day in trend if day.figure is not None]
    if len(known) < 2:  # noqa: PLR2004 - a line has two ends
        return ""
    lowest, highest = min(known), max(known)
    step, height = Decimal(_WIDTH - 4) / (len(known) - 1), Decimal(_HEIGHT - 6)
    scale = (highest - lowest) or Decimal(1)
    return " ".join(
        f"{2 + step * number:.1f},{3 + height - (figure - lowest) / scale * height:.1f}"
        for number, figure in enumerate(known)
    )


def _trend(figure: KpiFigure) -> str:
    known = [day for day in figure.trend if day.figure is not None]
    if len(known) < 2:  # noqa: PLR2004 - a trend has two ends
        return ""
    unit = KpiUnit(figure.definition.unit)
    first, last = known[0], known[-1]
    return f"from {words_of(first.figure, unit)} on {first.day} to {words_of(last.figure, unit)} on {last.day}"

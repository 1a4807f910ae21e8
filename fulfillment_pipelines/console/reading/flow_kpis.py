"""The KPIs of a period: the figure, how much of what is counted it knows, how it stands to its target, its trend.

What is counted is the SQL of `sql/40_marts`; what a KPI means and aims at is `data/seeds/kpis.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.flow_answers import FlowAnswers
from fulfillment_pipelines.console.reading.flow_scope import FlowScope
from fulfillment_pipelines.console.reading.flow_trust import UntrustedFeed, read_untrusted_feeds, that_concern
from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.explanation.questions import Row
from fulfillment_pipelines.ledger.case_statistics import CaseSpan, SlaDay, sla_by_day, volume_by_code
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork
from fulfillment_pipelines.reconcile.kpis import Direction, KpiDefinition, KpiSeed, KpiUnit, Standing, read_kpis

_SHARE_PLACES: Final = Decimal("0.000001")
_HOUR_PLACES: Final = Decimal("0.01")
_CANCELLED: Final = "cancelled"
_EXCLUSIONS: Final[Mapping[str, tuple[str, str]]] = {
    "otif": (_CANCELLED, "without a promise"),
    "invoice_timeliness": ("returned before billing", "not due or not confirmed yet"),
    "invoice_timeliness_by_value": ("returned before billing", "not due or not confirmed yet"),
    "inventory_accuracy": ("", "known to one side only"),
    "backlog_ageing": ("", ""),
    "sla_adherence": ("silenced", "caused by another case"),
}
_COUNTED: Final[Mapping[str, str]] = {
    "invoice_timeliness": "legs",
    "invoice_timeliness_by_value": "legs",
    "inventory_accuracy": "records",
    "backlog_ageing": "lines",
    "sla_adherence": "cases",
    "exceptions_opened": "cases",
}
_LISTS: Final[Mapping[str, str]] = {
    "invoice_timeliness": "/flow/legs",
    "invoice_timeliness_by_value": "/flow/legs",
    "inventory_accuracy": "/flow/stock",
    "sla_adherence": "/flow/cases",
    "exceptions_opened": "/flow/cases",
}


@dataclass(frozen=True, slots=True)
class DayFigure:
    """A KPI on one day; the figure is None where nothing was known."""

    day: date
    figure: Decimal | None
    population_count: int


@dataclass(frozen=True, slots=True)
class KpiFigure:
    """One KPI of a period.

    Attributes:
        name: By which `kpis.yaml` has it.
        definition: What it says.
        figure: A share of 1, hours or a number, of what is known; None where nothing is.
        population_count: What is counted.
        unknown_count: Of it, what cannot be judged.
        met_count: Of it, what the share is of: what is as it should be, or what is not where down is better; None where
            the KPI is no share of a number.
        exclusions: What is left out, in words, and how many.
        watermark_at: The oldest moment that its inputs speak of.
        standing: To the target.
        caution: Why the standing is UNKNOWN; empty otherwise.
        currency: In which value is counted; empty where it is not.
        trend: By day, oldest first.
        beside: Further figures in words.
        counted: What is counted, in words.
        lists: The path of the lists behind it.
    """

    name: str
    definition: KpiDefinition
    figure: Decimal | None
    population_count: int
    unknown_count: int
    met_count: int | None
    exclusions: tuple[tuple[str, int], ...]
    watermark_at: datetime | None
    standing: Standing = Standing.UNKNOWN
    caution: str = ""
    currency: str = ""
    trend: tuple[DayFigure, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    counted: str = "orders"
    lists: str = "/flow/orders"

    @property
    def coverage(self) -> Decimal | None:
        """Share of what is counted that is known; None where nothing is counted."""
        if not self.population_count:
            return None
        return (Decimal(self.population_count - self.unknown_count) / self.population_count).quantize(_SHARE_PLACES)

    @property
    def known_count(self) -> int:
        """How many of what is counted are known."""
        return self.population_count - self.unknown_count

    @property
    def missed_count(self) -> int | None:
        """How many of what is known are not as they should be; None where the KPI is no share of a number."""
        if self.met_count is None or self.definition.direction is Direction.DOWN:
            return self.met_count
        return self.known_count - self.met_count

    @property
    def definition_version(self) -> int:
        """Of what is counted."""
        return self.definition.version


def read_kpi_figures(console: Console, scope: FlowScope, work: UnitOfWork) -> tuple[KpiFigure, ...]:
    """Return the KPIs of a scope; raises as `figures_of`."""
    return figures_of(FlowAnswers(console, scope), work)


def figures_of(answers: FlowAnswers, work: UnitOfWork) -> tuple[KpiFigure, ...]:
    """Return the KPIs that can be told, in the order of `kpis.yaml`; one that the lake does not have is absent.

    Raises:
        ConfigurationError: `kpis.yaml` is missing or wrong.
        RetryableError: Lake or ledger are busy.
    """
    scope = answers.scope
    seed = read_kpis(answers.console.platform.distributor.seeds)
    untrusted: tuple[UntrustedFeed, ...] = ()
    found: list[KpiFigure] = _of_ledger(seed, scope, work)
    try:
        untrusted = read_untrusted_feeds(answers)
        found += _shares(seed, answers.of("flow_shares"))
        found += _durations(seed, answers.of("flow_durations"))
        found += _stalls(seed, answers.of("flow_stages"))
    except BadDataError:  # a lake of an older version, or an empty one: what it does not hold is absent
        pass
    by_name = {figure.name: _judged(figure, seed, scope, untrusted) for figure in found}
    return tuple(by_name[name] for name in seed.kpis if name in by_name)


def words_of(figure: Decimal | None, unit: KpiUnit) -> str:
    """Write a figure in its unit: `96.2 %`, `2 d 4 h`, `38`."""
    if figure is None:
        return "\N{EN DASH}"
    if unit is KpiUnit.SHARE:
        return f"{figure * 100:.1f} %"
    if unit is KpiUnit.COUNT:
        return f"{figure:,.0f}"
    hours = int(figure.to_integral_value())
    return f"{hours // 24} d {hours % 24} h" if hours >= 24 else f"{hours} h"  # noqa: PLR2004 - hours of a day


def _judged(figure: KpiFigure, seed: KpiSeed, scope: FlowScope, untrusted: Sequence[UntrustedFeed]) -> KpiFigure:
    caution = _caution(figure, seed, scope, untrusted)
    if caution:
        return replace(figure, standing=Standing.UNKNOWN, caution=caution)
    standing = figure.definition.standing(figure.figure, coverage=figure.coverage)
    if standing is Standing.UNKNOWN:
        caution = f"{figure.unknown_count} of {figure.population_count} are unknown: they could decide it either way"
    return replace(figure, standing=standing, caution=caution)


def _caution(figure: KpiFigure, seed: KpiSeed, scope: FlowScope, untrusted: Sequence[UntrustedFeed]) -> str:
    """Return why a figure may not speak for the present; empty where it may."""
    if figure.name in _LISTS and _LISTS[figure.name] == "/flow/cases":
        return "" if figure.population_count else "there was none in the period"
    if not figure.population_count:
        return "there was none in the period"
    if feeds := that_concern(figure.name, untrusted, scope.site):
        return f"{feeds[0].words}" + (f", and {len(feeds) - 1} more" if len(feeds) > 1 else "")
    age = None if figure.watermark_at is None else scope.now - figure.watermark_at
    if age is None or age > timedelta(hours=seed.valid_hours):
        return f"counted more than {seed.valid_hours} hours ago; `fulfillment run --full` counts again"
    return ""


def _shares(seed: KpiSeed, rows: Iterable[Row]) -> list[KpiFigure]:
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row["kpi"], []).append(row)
    return [_share(name, seed.kpis[name], rows_of) for name, rows_of in grouped.items() if name in seed.kpis]


def _share(name: str, definition: KpiDefinition, rows: Sequence[Row]) -> KpiFigure:
    currency = _leading_currency(rows)
    own = [row for row in rows if row["currency"] == currency]
    known, met = _sum(own, "known"), _sum(own, "met")
    first, second = _EXCLUSIONS.get(name, (_CANCELLED, "without a promise"))
    return KpiFigure(
        name,
        definition,
        (met / known).quantize(_SHARE_PLACES) if known else None,
        int(_sum(own, "population_count")),
        int(_sum(own, "unknown_count")),
        None if currency else int(met),
        _named((first, int(_sum(own, "cancelled_count"))), (second, int(_sum(own, "other_count")))),
        _oldest(own),
        currency=currency,
        trend=tuple(
            DayFigure(
                row["day"],
                (row["met"] / row["known"]).quantize(_SHARE_PLACES) if row["known"] else None,
                row["population_count"],
            )
            for row in own
            if row["day"] is not None and row["population_count"]
        ),
        counted=_COUNTED.get(name, "orders"),
        lists=_LISTS.get(name, "/flow/orders"),
    )


def _leading_currency(rows: Sequence[Row]) -> str:
    """Return the currency in which most was counted: amounts of several do not add up."""
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row["currency"]] = sums.get(row["currency"], Decimal(0)) + Decimal(row["known"])
    return max(sorted(sums), key=lambda currency: sums[currency])


def _durations(seed: KpiSeed, rows: Iterable[Row]) -> list[KpiFigure]:
    listed = list(rows)
    found = []
    for name, measure in (("order_cycle_time", "DELIVERED"), ("open_order_age", "OPEN")):
        own = [row for row in listed if row["measure"] == measure]
        total = next((row for row in own if row["is_total"]), None)
        if name in seed.kpis and total is not None:
            days = [row for row in own if not row["is_total"] and row["day"] is not None]
            found.append(_duration(name, seed.kpis[name], total, days))
    return found


def _duration(name: str, definition: KpiDefinition, total: Row, days: Iterable[Row]) -> KpiFigure:
    said = (("p90", "p90_hours"), ("p95", "p95_hours"), ("mean", "mean_hours"), ("net p50", "net_p50_hours"))
    beside = ((words, _hours(total[column])) for words, column in said)
    return KpiFigure(
        name,
        definition,
        _hours(total["p50_hours"]),
        total["population_count"],
        total["unknown_count"],
        None,
        _named((_CANCELLED, total["cancelled_count"])),
        total["watermark_at"],
        trend=tuple(DayFigure(row["day"], _hours(row["p50_hours"]), row["population_count"]) for row in days),
        beside=tuple((words, words_of(hours, KpiUnit.DURATION)) for words, hours in beside if hours is not None),
    )


def _stalls(seed: KpiSeed, rows: Iterable[Row]) -> list[KpiFigure]:
    total = next((row for row in rows if row["is_total"]), None)
    if total is None or "stalled_orders" not in seed.kpis:
        return []
    known = total["order_count"] - total["unknown_count"]
    return [
        KpiFigure(
            "stalled_orders",
            seed.kpis["stalled_orders"],
            (Decimal(total["stalled_count"]) / known).quantize(_SHARE_PLACES) if known else None,
            total["order_count"],
            total["unknown_count"],
            total["stalled_count"],
            (),
            total["watermark_at"],
        )
    ]


def _of_ledger(seed: KpiSeed, scope: FlowScope, work: UnitOfWork) -> list[KpiFigure]:
    span = scope.case_span
    found = []
    if "sla_adherence" in seed.kpis:
        found.append(_adherence(seed.kpis["sla_adherence"], sla_by_day(work, span)))
    if "exceptions_opened" in seed.kpis:
        found.append(_volume(seed.kpis["exceptions_opened"], work, span))
    return found


def _adherence(definition: KpiDefinition, days: Sequence[SlaDay]) -> KpiFigure:
    due, met = sum(day.due_count for day in days), sum(day.met_count for day in days)
    waiting = sum(day.waiting_count for day in days)
    return KpiFigure(
        "sla_adherence",
        definition,
        (Decimal(met) / due).quantize(_SHARE_PLACES) if due else None,
        due,
        0,
        met,
        _named(
            ("silenced", sum(day.silenced_count for day in days)),
            ("caused by another case", sum(day.child_count for day in days)),
        ),
        None,
        trend=tuple(
            DayFigure(day.day, (Decimal(day.met_count) / day.due_count).quantize(_SHARE_PLACES), day.due_count)
            for day in days
            if day.due_count
        ),
        beside=(("wait for others", f"{waiting:,}"),) if waiting else (),
        counted="cases",
        lists="/flow/cases",
    )


def _volume(definition: KpiDefinition, work: UnitOfWork, span: CaseSpan) -> KpiFigure:
    codes = volume_by_code(work, span)
    found = sum(code.found_count for code in codes)
    sums: dict[str, int] = {
        "cured": sum(code.cured_count for code in codes),
        "by themselves": sum(code.self_healed_count for code in codes),
        "came back": sum(code.returned_count for code in codes),
    }
    return KpiFigure(
        "exceptions_opened",
        definition,
        Decimal(found),
        found,
        0,
        None,
        (),
        None,
        beside=tuple((words, f"{count:,}") for words, count in sums.items() if count),
        counted="cases",
        lists="/flow/cases",
    )


def _sum(rows: Iterable[Mapping[str, Any]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def _oldest(rows: Iterable[Row]) -> datetime | None:
    return min((row["watermark_at"] for row in rows if row["watermark_at"] is not None), default=None)


def _hours(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value)).quantize(_HOUR_PLACES)


def _named(*counts: tuple[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((words, count) for words, count in counts if words and count)

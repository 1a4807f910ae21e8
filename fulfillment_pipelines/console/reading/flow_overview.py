"""The business at a glance: what is open, the KPIs, the cases found, and the charts of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.flow_answers import FlowAnswers
from fulfillment_pipelines.console.reading.flow_kpis import DayFigure, KpiFigure, figures_of
from fulfillment_pipelines.console.reading.flow_scope import PERIODS, FlowScope
from fulfillment_pipelines.console.reading.flow_stages import AgeBucket, OpenBusiness, read_open_business
from fulfillment_pipelines.console.reading.flow_tiles import Tile, tiles_of
from fulfillment_pipelines.console.reading.flow_trust import UntrustedFeed, read_untrusted_feeds
from fulfillment_pipelines.errors import BadDataError, FulfillmentError
from fulfillment_pipelines.ledger.case_statistics import CaseGroup, volume_by_code
from fulfillment_pipelines.ledger.unit_of_work import UnitOfWork

CODE_COLUMNS: Final = ("Found", "Cured", "By itself", "Came back", "Open now", "Overdue")
"""What is counted of the cases of a code."""

_SHARE_LINES: Final = ("perfect_order", "otif", "invoice_timeliness", "sla_adherence")


@dataclass(frozen=True, slots=True)
class FoundCode:
    """Cases of one code: each number, and where its cases are listed, in the order of `CODE_COLUMNS`."""

    code: str
    numbers: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class TrendDay:
    """What KPIs said on one day, in the order of `FlowView.trend_names`; None where nothing was known."""

    day: date
    figures: tuple[Decimal | None, ...]


@dataclass(frozen=True, slots=True)
class FlowView:
    """The whole page.

    Attributes:
        scope: What is looked at.
        sites: Sites to choose from.
        owners: Teams to choose from.
        periods: Days to choose from.
        problem: Why the lake does not answer, with what to do; empty where it does.
        untrusted: Feeds that must not be believed now.
        business: What is open; None where the lake does not answer.
        tiles: The KPIs.
        code_columns: What is counted in `codes`.
        codes: Cases found and open, by code.
        trend_names: Of the KPIs in `trend`.
        trend: Shares by day.
        cycle_days: The middle of the cycle time by day of delivery, in hours.
        ageing_chart: Options of the chart of open lines by age.
        trend_chart: Options of the chart of shares.
        cycle_chart: Options of the chart of cycle times.
        counted_at: The oldest moment that what is open speaks of.
    """

    scope: FlowScope
    sites: tuple[str, ...]
    owners: tuple[str, ...]
    periods: tuple[int, ...]
    problem: str
    untrusted: tuple[UntrustedFeed, ...]
    business: OpenBusiness | None
    tiles: tuple[Tile, ...]
    code_columns: tuple[str, ...]
    codes: tuple[FoundCode, ...]
    trend_names: tuple[str, ...]
    trend: tuple[TrendDay, ...]
    cycle_days: tuple[DayFigure, ...]
    ageing_chart: Mapping[str, Any]
    trend_chart: Mapping[str, Any]
    cycle_chart: Mapping[str, Any]
    counted_at: datetime | None


def read_flow(console: Console, scope: FlowScope, work: UnitOfWork) -> FlowView:
    """Return the business at a glance; what the lake does not tell is said to be missing.

    Raises:
        ConfigurationError: `kpis.yaml` is missing or wrong.
        RetryableError: The ledger is busy.
    """
    answers = FlowAnswers(console, scope)
    problem, business, untrusted, choices = "", None, tuple[UntrustedFeed, ...](), list[Mapping[str, Any]]()
    try:
        untrusted = read_untrusted_feeds(answers)
        choices = answers.of("flow_choices")
        business = read_open_business(answers)
    except FulfillmentError as error:
        problem = _told(error)
    figures = figures_of(answers, work)
    names, trend = _trend(figures)
    cycle = next((figure.trend for figure in figures if figure.name == "order_cycle_time"), ())
    return FlowView(
        scope,
        tuple(row["name"] for row in choices if row["kind"] == "site"),
        tuple(row["name"] for row in choices if row["kind"] == "owner"),
        PERIODS,
        problem,
        untrusted,
        business,
        tiles_of(figures, scope),
        CODE_COLUMNS,
        _codes(scope, work),
        names,
        trend,
        cycle,
        _ageing_chart(business.ageing if business else ()),
        _trend_chart(names, trend),
        _cycle_chart(cycle),
        business.watermark_at if business else None,
    )


def _told(error: FulfillmentError) -> str:
    if isinstance(error, BadDataError):
        return (
            "The lake does not hold what this page shows, or not of this version. "
            "`fulfillment run` pulls the systems and makes it; `fulfillment run --demo` does so for the demonstration."
        )
    return f"{error.what} {error.remedy}".strip()


def _codes(scope: FlowScope, work: UnitOfWork) -> tuple[FoundCode, ...]:
    volumes = volume_by_code(work, scope.case_span)
    return tuple(
        FoundCode(
            volume.code,
            tuple(
                (
                    getattr(volume, f"{group}_count"),
                    scope.link("/flow/cases", kpi="exceptions_opened", code=volume.code, result=group),
                )
                for group in CaseGroup
            ),
        )
        for volume in volumes
    )


def _trend(figures: Sequence[KpiFigure]) -> tuple[tuple[str, ...], tuple[TrendDay, ...]]:
    shown = [figure for figure in figures if figure.name in _SHARE_LINES and figure.trend]
    by_day = {figure.name: {day.day: day.figure for day in figure.trend} for figure in shown}
    days = sorted({day for figures_of in by_day.values() for day in figures_of})
    rows = (TrendDay(day, tuple(by_day[figure.name].get(day) for figure in shown)) for day in days)
    return tuple(figure.definition.name for figure in shown), tuple(rows)


def _ageing_chart(buckets: Sequence[AgeBucket]) -> Mapping[str, Any]:
    return {
        "xAxis": {"type": "value", "minInterval": 1},
        "yAxis": {"type": "category", "inverse": True, "data": [bucket.title for bucket in buckets]},
        "series": [{"name": "open lines", "type": "bar", "data": [bucket.line_count for bucket in buckets]}],
    }


def _trend_chart(names: Sequence[str], days: Sequence[TrendDay]) -> Mapping[str, Any]:
    return {
        "legend": {},
        "xAxis": {"type": "category", "data": [f"{day.day:%b %d}" for day in days]},
        "yAxis": {"type": "value", "max": 100, "scale": True, "name": "%"},
        "series": [
            {
                "name": name,
                "type": "line",
                "symbolSize": 6,
                "data": [_percent(day.figures[number]) for day in days],
            }
            for number, name in enumerate(names)
        ],
    }


def _cycle_chart(days: Sequence[DayFigure]) -> Mapping[str, Any]:
    hours = [None if day.figure is None else float(day.figure) for day in days]
    return {
        "xAxis": {"type": "category", "data": [f"{day.day:%b %d}" for day in days]},
        "yAxis": {"type": "value", "name": "hours"},
        "series": [{"name": "half of the orders took at most", "type": "bar", "data": hours}],
    }


def _percent(share: Decimal | None) -> float | None:
    return None if share is None else round(float(share * 100), 2)

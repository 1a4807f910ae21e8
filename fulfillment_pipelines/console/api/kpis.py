"""KPIs: how the business does in a period, how much of what is counted is known, and how that stands to its target.

What each counts is in `sql/40_marts` and `data/seeds/kpis.yaml`; the Flow screen shows the same figures.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field, PlainSerializer, WithJsonSchema

from fulfillment_pipelines.console.access.guard import Actor, console_of
from fulfillment_pipelines.console.api.allowance import calls
from fulfillment_pipelines.console.api.answers import shown
from fulfillment_pipelines.console.api.shapes import AskedFor, Instant, Number, Share, Shown
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.reading.flow_kpis import KpiFigure, read_kpi_figures
from fulfillment_pipelines.console.reading.flow_scope import USUAL_DAYS, FlowScope
from fulfillment_pipelines.console.refusals import NotThereError
from fulfillment_pipelines.corrections.rights.access import Permission
from fulfillment_pipelines.reconcile.kpis import Direction, KpiUnit, Standing

router: Final = APIRouter(prefix="/kpis", tags=["kpis"])

Figure = Annotated[
    Decimal,
    PlainSerializer(lambda value: f"{value.normalize():f}", return_type=str),
    WithJsonSchema({"type": "string", "examples": ["0.9625", "52.5"]}, mode="serialization"),
]
OfKpi = Annotated[Number, Path(description="Name of the KPI in `kpis.yaml`.", examples=["perfect_order"])]


class KpiQuery(AskedFor):
    """What part of the business, and how far back."""

    node: Number | None = Field(default=None, description="Only this site.", examples=["WEST"])
    owner: Number | None = Field(default=None, description="Only this team, of what has one.", examples=["Billing"])
    days: int = Field(default=USUAL_DAYS, ge=1, le=366, description="How many days back, today among them.")


class KpiDay(Shown):
    """A KPI on one day."""

    day: date
    figure: Figure | None = Field(description="Null where nothing was known.")
    population_count: int = Field(examples=[14])


class Exclusion(Shown):
    """What a KPI leaves out."""

    what: str = Field(examples=["cancelled"])
    count: int = Field(examples=[3])


class Kpi(Shown):
    """One KPI of a period. It is of what is known; `coverage` says how much of what is counted that is."""

    name: str = Field(examples=["perfect_order"])
    title: str = Field(examples=["Perfect orders"])
    formula: str
    source: str = Field(description="Who defines it so.", examples=["SCOR RL.1.1"])
    definition_version: int = Field(examples=[1])
    owner: str = Field(examples=["Customer Service"])
    unit: KpiUnit = Field(description="share: a part of 1. duration: hours. count: a number.")
    direction: Direction = Field(description="Which way is better.")
    target: Figure | None
    figure: Figure | None = Field(description="Null where nothing is known.")
    standing: Standing = Field(description="UNKNOWN where it cannot be told; an UNKNOWN one is never MET.")
    caution: str = Field(description="Why it is UNKNOWN; empty otherwise.")
    currency: str = Field(description="In which value is counted; empty where it is not.")
    population_count: int = Field(description="How many are counted.", examples=[210])
    unknown_count: int = Field(description="How many of them cannot be judged.", examples=[12])
    coverage: Share | None = Field(description="Share of what is counted that is known; null where nothing is.")
    excluded: tuple[Exclusion, ...]
    watermark_at: Instant | None = Field(description="The oldest moment that its inputs speak of.")
    trend: tuple[KpiDay, ...] = Field(description="By day, oldest first.")


class KpiPage(Shown):
    """The KPIs that can be told. One that the lake does not have is absent, not zero."""

    items: tuple[Kpi, ...]
    since: date = Field(description="First day of the period.")


@router.get("", response_model=KpiPage)
def list_kpis(
    request: Request, actor: Annotated[Actor, calls(Permission.FLOW_VIEW)], query: Annotated[KpiQuery, Query()]
) -> Response:
    """How the business does, with coverage."""
    del actor
    console = console_of(request)
    scope = _scope(console, query)
    with console.reading() as work:
        figures = read_kpi_figures(console, scope, work)
    return shown(request, KpiPage(items=tuple(_kpi(figure) for figure in figures), since=scope.since))


@router.get("/{name}", response_model=Kpi)
def show_kpi(
    request: Request,
    actor: Annotated[Actor, calls(Permission.FLOW_VIEW)],
    name: OfKpi,
    query: Annotated[KpiQuery, Query()],
) -> Response:
    """One KPI."""
    del actor
    console = console_of(request)
    with console.reading() as work:
        figures = read_kpi_figures(console, _scope(console, query), work)
    wanted = next((figure for figure in figures if figure.name == name), None)
    if wanted is None:
        raise NotThereError(
            f"The KPI {name} cannot be told.",
            expected=f"one of {', '.join(figure.name for figure in figures)}",
            found="none that the lake has",
            remedy="correct the name, or let `fulfillment run --full` count it",
        )
    return shown(request, _kpi(wanted))


def _scope(console: Console, query: KpiQuery) -> FlowScope:
    return FlowScope(now=console.now(), site=query.node or "", owner=query.owner or "", days=query.days)


def _kpi(figure: KpiFigure) -> Kpi:
    definition = figure.definition
    return Kpi(
        name=figure.name,
        title=definition.name,
        formula=definition.formula,
        source=definition.source,
        definition_version=definition.version,
        owner=definition.owner,
        unit=definition.unit,
        direction=definition.direction,
        target=definition.target,
        figure=figure.figure,
        standing=figure.standing,
        caution=figure.caution,
        currency=figure.currency,
        population_count=figure.population_count,
        unknown_count=figure.unknown_count,
        coverage=figure.coverage,
        excluded=tuple(Exclusion(what=what, count=count) for what, count in figure.exclusions),
        watermark_at=figure.watermark_at,
        trend=tuple(KpiDay.model_validate(day) for day in figure.trend),
    )

"""The flow: where orders stand and stall now, the KPIs with what is known of them, and what is behind every number."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of
from fulfillment_pipelines.console.reading.flow_lists import (
    Asked,
    FlowList,
    read_cases,
    read_legs,
    read_orders,
    read_stock,
)
from fulfillment_pipelines.console.reading.flow_overview import read_flow
from fulfillment_pipelines.console.reading.flow_scope import PERIODS, USUAL_DAYS, FlowScope
from fulfillment_pipelines.corrections.rights.access import Permission

router: Final = APIRouter()

Viewer = Annotated[Actor, Depends(Needs(Permission.FLOW_VIEW))]
Name = Annotated[str, Query(max_length=128)]


def scope_of(request: Request, site: Name = "", owner: Name = "", days: int = USUAL_DAYS) -> FlowScope:
    """Return what the request looks at; an unknown period is the usual one."""
    known = days if days in PERIODS else USUAL_DAYS
    return FlowScope(console_of(request).now(), site=site, owner=owner, days=known)


Scope = Annotated[FlowScope, Depends(scope_of)]
Number = Annotated[Asked, Query()]


@router.get("/flow")
def show_flow(request: Request, actor: Viewer, scope: Scope) -> Response:
    """Show the business at a glance."""
    console = console_of(request)
    with console.reading() as work:
        view = read_flow(console, scope, work)
    return console.pages.show(request, "flow.html.j2", actor=actor, view=view)


@router.get("/flow/orders")
def show_orders(request: Request, actor: Viewer, scope: Scope, asked: Number) -> Response:
    """Show the orders behind a number."""
    return _shown(request, actor, read_orders(console_of(request), scope, asked))


@router.get("/flow/legs")
def show_legs(request: Request, actor: Viewer, scope: Scope, asked: Number) -> Response:
    """Show the shipment legs behind a number."""
    return _shown(request, actor, read_legs(console_of(request), scope, asked))


@router.get("/flow/stock")
def show_stock(request: Request, actor: Viewer, scope: Scope, asked: Number) -> Response:
    """Show the records of stock behind a number."""
    return _shown(request, actor, read_stock(console_of(request), scope, asked))


@router.get("/flow/cases")
def show_cases(request: Request, actor: Viewer, scope: Scope, asked: Number) -> Response:
    """Show the cases behind a number."""
    console = console_of(request)
    with console.reading() as work:
        view = read_cases(console, scope, asked, work)
    return _shown(request, actor, view)


def _shown(request: Request, actor: Actor, view: FlowList) -> Response:
    return console_of(request).pages.show(request, "flow_list.html.j2", actor=actor, view=view)

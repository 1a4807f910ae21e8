"""Orders: finding one by any number, and one order in all systems."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from fulfillment_pipelines.console.access.guard import Actor, Needs, console_of
from fulfillment_pipelines.console.reading.order_list import read_order_list
from fulfillment_pipelines.console.reading.order_page import read_order_page, read_order_story
from fulfillment_pipelines.corrections.rights.access import Permission

router: Final = APIRouter()

OrderViewer = Annotated[Actor, Depends(Needs(Permission.ORDER_VIEW))]


@router.get("/orders")
def show_orders(request: Request, actor: OrderViewer, find: Annotated[str, Query(max_length=128)] = "") -> Response:
    """Show orders in trouble, or those that a number, name or item stands for; lead to the only one there is."""
    console = console_of(request)
    view = read_order_list(console, find)
    if view.find and len(view.rows) == 1 and "/" not in view.rows[0].order_id:
        return RedirectResponse(f"/orders/{view.rows[0].order_id}", status_code=303)
    return console.pages.show(request, "orders.html.j2", actor=actor, view=view)


@router.get("/orders/{order_id}")
def show_order(request: Request, order_id: str, actor: OrderViewer) -> Response:
    """Show one order in all systems."""
    console = console_of(request)
    return console.pages.show(request, "order.html.j2", actor=actor, view=read_order_page(console, order_id))


@router.get("/orders/{order_id}/story")
def show_story(request: Request, order_id: str, actor: OrderViewer) -> Response:
    """Show what the verdicts on an order rest on and its whole life, alone or as a part of the order's page."""
    console = console_of(request)
    is_piece = request.headers.get("HX-Request") == "true"
    template = "order_told.html.j2" if is_piece else "order_story.html.j2"
    return console.pages.show(request, template, actor=actor, view=read_order_story(console, order_id))

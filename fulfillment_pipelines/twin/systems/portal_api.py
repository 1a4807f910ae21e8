"""The B2B portal from outside: REST with an API key, pages by offset, numbers as text."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fulfillment_pipelines.twin.office import Office
from fulfillment_pipelines.twin.systems.http_answers import application, require_key
from fulfillment_pipelines.twin.systems.pages import Feed, number, slice_of
from fulfillment_pipelines.twin.world.system_tables import portal_items, portal_orders
from fulfillment_pipelines.twin.world.timing import iso

_FEEDS = {
    "orders": Feed(
        portal_orders,
        {name: portal_orders.c[name] for name in ("id", "customer", "po", "state", "currency", "placed_at")},
        as_text=True,
    ),
    "order-items": Feed(
        portal_items,
        {
            name: portal_items.c[name]
            for name in ("order_id", "line", "sku", "uom", "qty", "qty_cancelled", "price", "currency")
        },
        as_text=True,
    ),
}


def portal_application(office: Office, api_key: str) -> Starlette:
    """Return the portal's REST interface."""

    def listing(name: str) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            require_key(request, "X-Api-Key", api_key)
            offset = number(request.query_params.get("offset"), 0)
            limit = number(request.query_params.get("limit"), 100)
            with office.books() as books:
                records, count = slice_of(books.portal, _FEEDS[name], offset, limit)
            return JSONResponse(
                {
                    "results": office.spoil("portal", name, records),
                    "count": count,
                    "offset": offset,
                    "limit": limit,
                    "generated_at": iso(office.shown_now("portal")),
                }
            )

        return answer

    return application([Route(f"/v2/{name}", listing(name), methods=["GET"]) for name in _FEEDS])

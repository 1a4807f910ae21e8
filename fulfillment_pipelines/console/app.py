"""Makes the web application of a console: its routes, its headers, and how errors are answered.

What a route does belongs to `pages` and `api`; who may, to `access`.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.staticfiles import StaticFiles

from fulfillment_pipelines.console.access.guard import Needs
from fulfillment_pipelines.console.composition import Console
from fulfillment_pipelines.console.pages import health, queue, sign_in
from fulfillment_pipelines.console.refusals import NotSignedInError, status_of
from fulfillment_pipelines.errors import ConfigurationError, FulfillmentError

PUBLIC_PATHS: Final = frozenset({"/sign-in", "/healthz"})
"""The only routes that need nobody to be signed in."""

_SCREENS: Final = (sign_in, health, queue)
_STATIC: Final = Path(__file__).parent / "static"
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def create_app(console: Console) -> FastAPI:
    """Return the application of a console.

    Raises:
        ConfigurationError: A route declares no permission and is not public.
    """
    app = FastAPI(title="fulfillment_pipelines", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.console = console
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    for screen in _SCREENS:
        app.include_router(screen.router)
    app.middleware("http")(_framed)
    app.add_exception_handler(FulfillmentError, _told)
    _require_permissions(app)
    return app


def needs_of(route: APIRoute) -> Needs | None:
    """Return what a route needs; None where it needs nobody to be signed in."""
    found = (one.call for one in _dependants(route.dependant))
    return next((call for call in found if isinstance(call, Needs)), None)


def _dependants(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for one in dependant.dependencies:
        yield from _dependants(one)


def _require_permissions(app: FastAPI) -> None:
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    open_ones = sorted({route.path for route in routes if needs_of(route) is None} - PUBLIC_PATHS)
    if open_ones:
        raise ConfigurationError(
            f"The route {open_ones[0]} declares no permission.",
            expected="Depends(Needs(Permission...)) on every route that is not public",
            found="a route that anybody could use",
            remedy="declare what it needs",
        )


async def _framed(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Give every request an identity, and every answer its headers."""
    request.state.request_id = uuid.uuid4().hex
    response = await call_next(request)
    response.headers["X-Request-ID"] = request.state.request_id
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if not request.url.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    if request.app.state.console.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


async def _told(request: Request, error: Exception) -> Response:
    """Answer an error of the product: to the sign-in where nobody is signed in, else with what it says."""
    if not isinstance(error, FulfillmentError):
        raise error
    is_piece = request.headers.get("HX-Request") == "true"
    if isinstance(error, NotSignedInError) and not is_piece:
        return RedirectResponse(f"/sign-in?next={request.url.path}", status_code=303)
    pages = request.app.state.console.pages
    status = status_of(error)
    response: Response = pages.show(
        request, "error_piece.html.j2" if is_piece else "error.html.j2", view=error, status=status
    )
    if is_piece:
        response.headers["HX-Retarget"] = "#messages"
        response.headers["HX-Reswap"] = "beforeend"
    return response

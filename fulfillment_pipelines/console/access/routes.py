"""Every route of an application and what it needs; one that needs nothing and is not public stops the start.

How FastAPI keeps routes differs from version to version, so what is of no known kind counts as a route that anybody
could use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from fulfillment_pipelines.console.access.guard import Needs
from fulfillment_pipelines.errors import ConfigurationError

PUBLIC_PATHS: Final = frozenset(
    {"/sign-in", "/sign-in/open-id", "/sign-in/open-id/done", "/healthz", "/api/v1/openapi.json"}
)
"""The only routes that need nobody to be signed in."""


@dataclass(frozen=True, slots=True)
class DeclaredRoute:
    """One route.

    Attributes:
        path: Its whole path, with its parameters in braces.
        methods: By which it is asked.
        needs: What it needs; None for nothing.
        route: As the framework knows it.
    """

    path: str
    methods: frozenset[str]
    needs: Needs | None
    route: BaseRoute


def declared_routes(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[DeclaredRoute]:
    """Return every route, also those of routers that were included and applications that were mounted."""
    for route in routes:
        path = prefix + getattr(route, "path", "")
        included = getattr(route, "original_router", None)
        if included is not None:
            context = getattr(route, "include_context", None)
            yield from declared_routes(included.routes, prefix + getattr(context, "prefix", ""))
        elif isinstance(route, Mount) and route.routes:
            yield from declared_routes(route.routes, path)
        elif not (isinstance(route, Mount) and isinstance(route.app, StaticFiles)):
            needs = _needs_of(route.dependant) if isinstance(route, APIRoute) else None
            yield DeclaredRoute(path, frozenset(getattr(route, "methods", None) or ()), needs, route)


def require_permissions(routes: Iterable[BaseRoute]) -> None:
    """Refuse to start with a route that anybody could use.

    Raises:
        ConfigurationError: A route declares no permission and is not public.
    """
    needless = {one.path for one in declared_routes(routes) if one.needs is None}
    if open_ones := sorted(needless - PUBLIC_PATHS):
        raise ConfigurationError(
            f"The route {open_ones[0] or '(without a path)'} declares no permission.",
            expected="Depends(Needs(Permission...)) on every route that is not public",
            found="a route that anybody could use",
            remedy="declare what it needs",
        )


def _needs_of(dependant: Dependant) -> Needs | None:
    found = (one.call for one in _dependants(dependant))
    return next((call for call in found if isinstance(call, Needs)), None)


def _dependants(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for one in dependant.dependencies:
        yield from _dependants(one)

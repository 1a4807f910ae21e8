"""Puts the API together: an application of its own, with its own answers to errors and its own description."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.routing import Mount

from fulfillment_pipelines.console.api import (
    approvals,
    availability,
    correction_commands,
    corrections,
    events,
    exception_commands,
    exceptions,
    kpis,
    orders,
)
from fulfillment_pipelines.console.api.allowance import Allowances
from fulfillment_pipelines.console.api.deprecation import require_notices
from fulfillment_pipelines.console.api.description import describe
from fulfillment_pipelines.console.api.gate import Gate
from fulfillment_pipelines.console.api.problems import tell_problems
from fulfillment_pipelines.console.composition import Console

PATH: Final = "/api/v1"
"""Where the API is found; another first number of its version is another path."""

_RESOURCES: Final = (
    orders,
    availability,
    exceptions,
    exception_commands,
    corrections,
    correction_commands,
    approvals,
    kpis,
    events,
)


def create_api(console: Console, *, allowances: Allowances | None = None) -> FastAPI:
    """Return the application of the API; who mounts it looks whether every route declares what it needs.

    Args:
        console: What it works with.
        allowances: How much everybody may ask for, where it is not what `access.yaml` says by this machine's clock.

    Raises:
        ConfigurationError: A route is called deprecated without notice.
    """
    api = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, generate_unique_id_function=_name_of)
    api.state.console = console
    api.state.allowances = allowances or Allowances(lambda: console.policies.access.seed.requests.per_minute)
    for resource in _RESOURCES:
        require_notices([route for route in resource.router.routes if isinstance(route, APIRoute)])
        api.include_router(resource.router)
    api.add_middleware(Gate)
    tell_problems(api)

    @cache
    def description() -> dict[str, Any]:
        return describe(api)

    def show_description(request: Request) -> JSONResponse:
        """Show the OpenAPI document, to anybody: it tells nothing that is not in the manual."""
        del request
        return JSONResponse(description())

    api.add_route("/openapi.json", show_description, methods=["GET"], include_in_schema=False)
    return api


class ApiMount(Mount):
    """Where the API is within the console: every path below it, also one with a line feed in it."""

    def __init__(self, console: Console) -> None:
        super().__init__(PATH, create_api(console), name="api")
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)


def _name_of(route: APIRoute) -> str:
    """Return by what programs made from the description call a route."""
    return route.name

"""The control interface of the twin: for its own commands and for tests, never for the product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fulfillment_pipelines.errors import BadDataError
from fulfillment_pipelines.twin.http_answers import application, parsed_body, require_key
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.operations import TwinOperations


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Advance(_Command):
    seconds: int | None = Field(default=None, ge=0)
    until: AwareDatetime | None = None


class _Inject(_Command):
    code: str
    count: int = Field(default=1, ge=1, le=1_000)


class _Repair(_Command):
    feed: str


class _Switch(_Command):
    down: bool | None = None
    latency_seconds: float | None = Field(default=None, ge=0)
    pages_fail: bool | None = None
    corrupt: bool | None = None
    answers_lost: bool | None = None
    clock_offset_seconds: int | None = None


def control_application(twin: TwinOperations, token: str) -> Starlette:
    """Return the control interface; every request carries the token in `X-Twin-Token`."""

    def route(path: str, method: str, command: Callable[[Request, bytes], Any]) -> Route:
        async def answer(request: Request) -> Response:
            require_key(request, "X-Twin-Token", token)
            result = await run_in_threadpool(command, request, await request.body())
            return JSONResponse(result)

        return Route(path, answer, methods=[method])

    def advance(_: Request, content: bytes) -> Any:
        wanted = parsed_body(content, _Advance)
        if wanted.seconds is not None and wanted.until is None:
            return asdict(twin.advance(wanted.seconds))
        if wanted.until is not None and wanted.seconds is None:
            return asdict(twin.advance_until(wanted.until))
        raise BadDataError("The advance is not clear.", expected="either seconds or until")

    def inject(_: Request, content: bytes) -> Any:
        wanted = parsed_body(content, _Inject)
        return _as_json(twin.inject(wanted.code, wanted.count))

    def repair(_: Request, content: bytes) -> Any:
        return {"repaired": twin.repair(parsed_body(content, _Repair).feed)}

    def switch(request: Request, content: bytes) -> Any:
        changes = parsed_body(content, _Switch).model_dump(exclude_unset=True)
        return asdict(twin.switch(request.path_params["system"], **changes))

    def expire(_: Request, __: bytes) -> Any:
        twin.expire_tokens()
        return {}

    return application(
        [
            route("/state", "GET", lambda _, __: asdict(twin.state())),
            route("/labels", "GET", lambda _, __: _as_json(twin.labels())),
            route("/advance", "POST", advance),
            route("/faults", "POST", inject),
            route("/repair", "POST", repair),
            route("/systems/{system}", "PATCH", switch),
            route("/tokens/expire", "POST", expire),
        ]
    )


def _as_json(labels: tuple[Label, ...]) -> list[dict[str, Any]]:
    return [label.as_json() for label in labels]

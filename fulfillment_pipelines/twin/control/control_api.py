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
from fulfillment_pipelines.twin.control.operations import TwinOperations
from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.systems.http_answers import application, parsed_body, require_key


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Advance(_Command):
    seconds: int | None = Field(default=None, ge=0)
    until: AwareDatetime | None = None


class _Inject(_Command):
    code: str
    count: int = Field(default=1, ge=1, le=1_000)


class _Settle(_Command):
    code: str
    business_key: str
    node: str = ""


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
    desk = _ControlDesk(twin)

    def route(path: str, method: str, command: Callable[[Request, bytes], Any]) -> Route:
        async def answer(request: Request) -> Response:
            require_key(request, "X-Twin-Token", token)
            result = await run_in_threadpool(command, request, await request.body())
            return JSONResponse(result)

        return Route(path, answer, methods=[method])

    return application(
        [
            route("/state", "GET", desk.state),
            route("/labels", "GET", desk.labels),
            route("/advance", "POST", desk.advance),
            route("/faults", "POST", desk.inject),
            route("/settle", "POST", desk.settle),
            route("/repair", "POST", desk.repair),
            route("/systems/{system}", "PATCH", desk.switch),
            route("/tokens/expire", "POST", desk.expire_tokens),
        ]
    )


class _ControlDesk:
    """Turns requests into operations and their results into JSON values."""

    def __init__(self, twin: TwinOperations) -> None:
        self._twin = twin

    def state(self, _: Request, __: bytes) -> Any:
        return asdict(self._twin.state())

    def labels(self, _: Request, __: bytes) -> Any:
        return _as_json(self._twin.labels())

    def advance(self, _: Request, content: bytes) -> Any:
        wanted = parsed_body(content, _Advance)
        if wanted.seconds is not None and wanted.until is None:
            return asdict(self._twin.advance(wanted.seconds))
        if wanted.until is not None and wanted.seconds is None:
            return asdict(self._twin.advance_until(wanted.until))
        raise BadDataError("The advance is not clear.", expected="either seconds or until")

    def inject(self, _: Request, content: bytes) -> Any:
        wanted = parsed_body(content, _Inject)
        return _as_json(self._twin.inject(wanted.code, wanted.count))

    def settle(self, _: Request, content: bytes) -> Any:
        wanted = parsed_body(content, _Settle)
        self._twin.settle(wanted.code, wanted.business_key, wanted.node)
        return {}

    def repair(self, _: Request, content: bytes) -> Any:
        return {"repaired": self._twin.repair(parsed_body(content, _Repair).feed)}

    def switch(self, request: Request, content: bytes) -> Any:
        changes = parsed_body(content, _Switch).model_dump(exclude_unset=True)
        return asdict(self._twin.switch(request.path_params["system"], **changes))

    def expire_tokens(self, _: Request, __: bytes) -> Any:
        self._twin.expire_tokens()
        return {}


def _as_json(labels: tuple[Label, ...]) -> list[dict[str, Any]]:
    return [label.as_json() for label in labels]

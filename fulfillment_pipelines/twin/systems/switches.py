"""What can be made to go wrong with a system as a whole: it is down, slow, breaks off, lies about the time.

The switches and their effect on HTTP belong here; the effect on the database server and on files belongs to the
distributor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fulfillment_pipelines.errors import RejectedError

SYSTEMS = ("erp", "portal", "wms_east", "wms_west", "wms_north", "finance", "tms", "crm", "edi")
"""Declared names of the twin's systems."""


@dataclass(frozen=True, slots=True)
class Switches:
    """What is wrong with one system.

    Attributes:
        down: HTTP systems answer 503, databases refuse connections, the legacy site neither drops nor picks up.
        latency_seconds: Real seconds an HTTP answer is delayed.
        pages_fail: Every page but the first fails with 500.
        corrupt: Answers are cut in the middle; files of the legacy site lack their trailer.
        answers_lost: A write has its effect but is answered with 504.
        clock_offset_seconds: The system says it is that much later than it is; negative for earlier.
    """

    down: bool = False
    latency_seconds: float = 0.0
    pages_fail: bool = False
    corrupt: bool = False
    answers_lost: bool = False
    clock_offset_seconds: int = 0


class SwitchBoard:
    """The switches of all systems; all off at first."""

    def __init__(self) -> None:
        self._switches = dict.fromkeys(SYSTEMS, Switches())

    def __getitem__(self, system: str) -> Switches:
        return self._switches[system]

    @property
    def offsets(self) -> Mapping[str, int]:
        """Seconds by which each system's clock is wrong."""
        return MappingProxyType({name: switches.clock_offset_seconds for name, switches in self._switches.items()})

    def set(self, system: str, **changes: Any) -> Switches:
        """Change switches of a system and return them.

        Raises:
            RejectedError: There is no such system or switch.
        """
        if system not in self._switches:
            raise RejectedError(f"The twin has no system '{system}'.", expected=f"one of {', '.join(SYSTEMS)}")
        try:
            self._switches[system] = replace(self._switches[system], **changes)
        except TypeError as error:
            raise RejectedError(
                "There is no such switch.",
                expected=", ".join(Switches.__dataclass_fields__),
                found=", ".join(changes),
            ) from error
        return self._switches[system]


class SwitchedApp:
    """An ASGI application whose answers obey the switches of its system."""

    def __init__(self, app: ASGIApp, board: SwitchBoard, system: str) -> None:
        self._app = app
        self._board = board
        self._system = system

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request as the switches of the system have it."""
        switches = self._board[self._system]
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if switches.latency_seconds:
            await asyncio.sleep(switches.latency_seconds)
        if switches.down:
            await JSONResponse({"error": "service unavailable"}, 503)(scope, receive, send)
        elif switches.pages_fail and _is_later_page(scope):
            await JSONResponse({"error": "internal error"}, 500)(scope, receive, send)
        elif switches.answers_lost and scope["method"] in {"POST", "PUT", "PATCH"} and "/oauth/" not in scope["path"]:
            await self._app(scope, receive, _discard)
            await JSONResponse({"error": "gateway timeout"}, 504)(scope, receive, send)
        elif switches.corrupt and scope["method"] == "GET":
            await self._app(scope, receive, _HalfAnswer(send))
        else:
            await self._app(scope, receive, send)


class _HalfAnswer:
    """Sends the first half of every part of an answer."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(name, value) for name, value in message["headers"] if name != b"content-length"]
            await self._send({**message, "headers": headers})
        else:
            body = message.get("body", b"")
            await self._send({**message, "body": body[: len(body) // 2]})


async def _discard(message: Message) -> None:
    """Swallow an answer: that is what the switch is for."""


def _is_later_page(scope: Scope) -> bool:
    query = QueryParams(scope["query_string"])
    return bool(query.get("cursor")) or query.get("offset", "0") != "0" or query.get("page", "1") not in {"0", "1"}

"""What every request of the API passes: a caller may name it, and its answer gets headers at last.

What every request of the console passes is the `access.doorway`: hosts, origins, sizes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS: Final = "api_headers"
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")


def add_headers(scope: Scope, headers: Mapping[str, str]) -> None:
    """Let the answer to a request carry these headers, whatever it will be."""
    scope.setdefault("state", {}).setdefault(_HEADERS, {}).update(headers)


class Gate:
    """Wraps the application of the API.

    Args:
        app: What it wraps.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        if _SANE_ID.fullmatch(given):
            scope.setdefault("state", {})["request_id"] = given

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(scope.get("state", {}).get(_HEADERS, {}))
            await send(message)

        await self._app(scope, receive, send_with_headers)

"""What every request passes before any route: its identity, the host it asks for, where it comes from, and its size.

Every answer leaves through it too, with the headers that tell a browser what it may do. Who makes a request is asked
by the `guard`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fulfillment_pipelines.console.access.address import Address
from fulfillment_pipelines.console.access.guard import SAFE_METHODS

HEADERS: Final[Mapping[str, str]] = {
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
    "X-Permitted-Cross-Domain-Policies": "none",
}
"""What every answer tells a browser: only what this console serves itself is run, and nobody frames it."""

LARGEST_BODY_BYTES: Final = 1024 * 1024
"""No form and no event is larger; the largest are policy files."""

_TOO_LARGE: Final = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
_YEAR_SECONDS: Final = 31_536_000
_HEALTH: Final = "/healthz"
_API: Final = "/api/"


class Doorway:
    """Refuses what no route should see, and gives every answer its headers.

    Args:
        app: What is behind it.
        address: Where browsers reach it.
        largest_body_bytes: Longer bodies are refused.
    """

    def __init__(self, app: ASGIApp, *, address: Address, largest_body_bytes: int = LARGEST_BODY_BYTES) -> None:
        self._app = app
        self._address = address
        self._largest = largest_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["request_id"] = uuid.uuid4().hex
        told = self._telling(scope, send)
        refusal = self._refusal(scope["method"], scope["path"], Headers(scope=scope))
        if refusal is None:
            await self._app(scope, self._counting(receive), told)
        else:
            await _answer(scope, *refusal)(scope, receive, told)

    def _refusal(self, method: str, path: str, headers: Headers) -> tuple[HTTPStatus, str] | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        length = headers.get("content-length", "0")
        if path != _HEALTH and not self._address.answers_to(host):
            return (
                HTTPStatus.MISDIRECTED_REQUEST,
                "This console is reached under another name: FULFILLMENT_CONSOLE_URL.",
            )
        if not length.isdecimal() or int(length) > self._largest:
            return _TOO_LARGE, f"The request is longer than {self._largest} bytes."
        if method in SAFE_METHODS:
            return None
        is_foreign = (
            headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}
            if origin is None
            else not self._address.is_own(origin, host)
        )
        return (HTTPStatus.FORBIDDEN, "The request comes from a page of another site.") if is_foreign else None

    def _counting(self, receive: Receive) -> Receive:
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._largest:
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The request is longer than {self._largest} bytes."
                )
            return message

        return counted

    def _telling(self, scope: Scope, send: Send) -> Send:
        path: str = scope["path"]

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = scope["state"]["request_id"]
                for name, value in self._headers_of(path).items():
                    headers.setdefault(name, value)
            await send(message)

        return told

    def _headers_of(self, path: str) -> Mapping[str, str]:
        kept = {"Cache-Control": "no-cache" if path.startswith("/static/") else "no-store"}
        tls = {"Strict-Transport-Security": f"max-age={_YEAR_SECONDS}"} if self._address.is_secure else {}
        return {**HEADERS, **kept, **tls}


def _answer(scope: Scope, status: HTTPStatus, words: str) -> Response:
    if not scope["path"].startswith(_API):
        return Response(f"{words}\n", status, media_type="text/plain")
    # With every field of the API's own problems (`api.problems`), so that a program reads one kind.
    problem = {"type": "about:blank", "title": status.phrase, "status": status, "detail": words}
    further = {"instance": scope["path"], "expected": "", "found": "", "remedy": "correct the request", "errors": []}
    text = json.dumps({**problem, **further, "request_id": scope["state"]["request_id"]})
    return Response(text, status, media_type="application/problem+json")

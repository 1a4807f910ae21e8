"""The target's interface: invoices that are booked, stock that is set, and a desk from which a test rules it.

Everything happens in one thread and no step waits between reading and writing the books, so that the order of effects
is the order of requests.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .books import Books
from .faults import CONDUCT, Conduct, Effect, Fault, Shown
from .plan import Plan

_DRIP_SECONDS = 0.05
_TRANSPORTS: MutableMapping[tuple[str, int], asyncio.Transport] = {}


class ResettableProtocol(H11Protocol):
    """HTTP whose connections can be reset in the middle of a request, which ASGI has no word for."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] -- as its base does
        """Remember the connection by its peer."""
        super().connection_made(transport)
        if self.client is not None:
            _TRANSPORTS[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        if self.client is not None:
            _TRANSPORTS.pop(self.client, None)


@dataclass(frozen=True)
class _Write:
    """What one request asks for."""

    name: str
    value: str
    key: str
    expected: str | None = None
    tag: str | None = None


class Application:
    """The ASGI application.

    Args:
        books: What it holds.
        takes_keys: Whether the same idempotency key has its effect once, and a value is compared before it is set.
            Without, a key is ignored and a value is only protected by `If-Match`.
    """

    def __init__(self, books: Books, *, takes_keys: bool) -> None:
        self._books = books
        self._takes_keys = takes_keys
        self._plan = Plan()
        self._parked: list[_Write] = []
        self._doomed: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or do not."""
        request = Request(scope, receive)
        body = json.loads(await request.body() or b"null")
        if request.url.path.startswith("/control/"):
            await self._rule(request.url.path.removeprefix("/control/"), body or {})(scope, receive, send)
            return
        is_read = request.method == "GET"
        fault = self._plan.next_for("read" if is_read else "write")
        conduct = Conduct() if fault is None else CONDUCT[fault]
        if is_read:
            answer = self._read(request)
            self._meddle(request, fault)
        else:
            answer = self._written(self._asked(request, body), conduct, fault)
        await self._show(replace(conduct, effect=Effect.NONE), answer, scope, receive, send)
        if conduct.effect is Effect.UNDONE:
            self._books.undo_invoice(json.loads(answer.body)["invoice_no"])
        elif conduct.effect is Effect.UNDONE_LATER:
            self._doomed.append(json.loads(answer.body)["invoice_no"])

    def _rule(self, order: str, told: dict[str, Any]) -> Response:
        match order:
            case "clear":
                self._books.clear()
                self._plan, self._parked, self._doomed = Plan(), [], []
            case "script":
                self._plan.follow(reads=told["reads"], writes=told["writes"])
            case "rate":
                self._plan.fail_at(told["rate"], told["seed"], told["faults"])
            case "stock":
                with self._books.change():
                    for name, atp in told.items():
                        self._books.set_stock(name, atp)
            case "night":
                for invoice_no in self._doomed:
                    self._books.undo_invoice(invoice_no)
                self._doomed = []
            case "tally":
                counts = {"calls": self._plan.calls, "injected": self._plan.injected}
                return JSONResponse({"objects": self._books.tally(), **counts})
            case _:
                return JSONResponse({"error": order}, 404)
        return JSONResponse({})

    def _read(self, request: Request) -> Response:
        name = _object_of(request.url.path, request.query_params)
        if request.url.path == "/invoices":
            return JSONResponse({"data": self._books.invoices(name)})
        held = self._books.stock(name)
        if held is None:
            return JSONResponse({"error": "unknown"}, 404)
        return JSONResponse({"atp": held[0]}, headers={"ETag": f'"{held[1]}"'})

    def _meddle(self, request: Request, fault: Fault | None) -> None:
        """Let somebody else write, after the caller has read and before he writes."""
        name = _object_of(request.url.path, request.query_params)
        with self._books.change():
            if fault is Fault.CHANGES_BETWEEN:
                self._books.set_stock(name, "1")
            elif fault is Fault.BOOKED_BETWEEN:
                self._books.book_invoice(name, "1", "somebody else", is_ours=False)

    def _asked(self, request: Request, body: dict[str, Any]) -> _Write:
        name = _object_of(request.url.path, body)
        key = request.headers.get("Idempotency-Key", "")
        if request.url.path == "/invoices":
            return _Write(name, body["qty"], key)
        return _Write(name, body["atp"], key, body.get("expected_atp"), request.headers.get("If-Match"))

    def _written(self, write: _Write, conduct: Conduct, fault: Fault | None) -> Response:
        if fault is Fault.FREES_PARKED:
            for parked in self._parked:
                self._apply(parked)
            self._parked = []
        match conduct.effect:
            case Effect.NONE:
                return JSONResponse({})
            case Effect.PARKED:
                self._parked.append(write)
                return JSONResponse({})
            case Effect.TWICE:
                with self._books.change():
                    self._books.book_invoice(write.name, write.value, write.key)
        return self._apply(write)

    def _apply(self, write: _Write) -> Response:
        known = self._books.answered(write.key) if self._takes_keys else None
        if known is not None:
            return JSONResponse(known[1], known[0], headers={"Idempotent-Replay": "true"})
        with self._books.change():
            status, body = self._book(write) if write.name.startswith("invoice") else self._set(write)
            if status < 400:  # a refusal does not use its key up
                self._books.remember(write.key, status, body)
        return JSONResponse(body, status)

    def _book(self, write: _Write) -> tuple[int, dict[str, Any]]:
        number = self._books.book_invoice(write.name, write.value, write.key)
        return 201, {"id": f"INV-{number}", "invoice_no": number}

    def _set(self, write: _Write) -> tuple[int, dict[str, Any]]:
        held = self._books.stock(write.name)
        if held is None:
            return 404, {"error": "unknown"}
        if self._takes_keys and write.expected is not None and write.expected != held[0]:
            return 409, {"error": f"atp is {held[0]}"}
        if write.tag is not None and write.tag != f'"{held[1]}"':
            return 412, {"error": f"version is {held[1]}"}
        self._books.set_stock(write.name, write.value)
        self._books.had_effect(write.name, write.key)
        return 200, {"id": write.name, "atp": write.value}

    async def _show(self, conduct: Conduct, answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
        match conduct.shown:
            case Shown.TRUTH:
                await answer(scope, receive, send)
            case Shown.STATUS:
                told = JSONResponse({"error": "as told"}, conduct.status, headers=dict(conduct.headers))
                await told(scope, receive, send)
            case Shown.HALF:
                half = bytes(answer.body)[: len(answer.body) // 2]
                await Response(half, answer.status_code, media_type="application/json")(scope, receive, send)
            case Shown.PAGE:
                await HTMLResponse("<html><body>We will be back soon.</body></html>")(scope, receive, send)
            case Shown.DRIP:
                await _drip(answer, receive, send)
            case Shown.SILENCE:
                await _until_gone(receive)
            case Shown.RESET:
                _reset(scope)


def _object_of(path: str, values: Any) -> str:
    """Return the business object that a request is about."""
    if path == "/invoices":
        return "invoice " + "/".join(str(values[field]) for field in ("shipment_no", "order_no", "line_no"))
    return "stock " + path.removeprefix("/stock/")


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _drip(answer: Response, receive: Receive, send: Send) -> None:
    gone = asyncio.ensure_future(_until_gone(receive))
    await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
    for byte in bytes(answer.body)[:-1]:
        await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
        await asyncio.wait([gone], timeout=_DRIP_SECONDS)
    await gone  # the last byte never comes


def _reset(scope: Scope) -> None:
    transport = _TRANSPORTS[tuple(scope["client"])]
    linger = struct.pack("ii", 1, 0)  # at once, and what is not yet sent is thrown away
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()

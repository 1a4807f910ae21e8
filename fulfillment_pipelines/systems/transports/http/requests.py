"""One HTTP request as it goes out: REST, JSON-RPC and GraphQL differ here, and nowhere else on the way.

Filling templates belongs in `filling.py`, sending in `session.py`, understanding what comes back in `answers.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fulfillment_pipelines.systems.declaration.http_requests import HttpForm, JsonRpcVersion, RequestForm

_SOLE_REQUEST_ID = 1  # each JSON-RPC request has its own HTTP exchange


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request.

    Attributes:
        path: Path below the base URL, or the absolute URL that the system linked.
        parameters: Query parameters; those in the path stay.
        method: HTTP method.
        content: JSON text; empty for none.
        form: How it is wrapped, which says how its answer is understood.
    """

    path: str
    parameters: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    content: str = ""
    form: RequestForm = RequestForm.REST

    @property
    def shown(self) -> str:
        """Method and path alone: address, parameters and content may carry what is not for logs."""
        path = self.path.partition("?")[0]
        return f"{self.method} {'/' + path.partition('://')[2].partition('/')[2] if '://' in path else path}"


def wrapped(declared: HttpForm, method: str, filled: Any) -> tuple[str, str]:
    """Return method and JSON text of a declared request whose template is filled."""
    match declared.form:
        case RequestForm.JSON_RPC:
            return "POST", json_text({"id": _SOLE_REQUEST_ID, "method": declared.call, "params": filled})
        case RequestForm.GRAPHQL:
            return "POST", json_text({"query": declared.query, "variables": filled})
        case RequestForm.REST:
            return method, "" if filled is None else json_text(filled)


def versioned(content: str, form: RequestForm, json_rpc: JsonRpcVersion) -> bytes | None:
    """Return the content as it is sent: a request of JSON-RPC 2.0 names its version, one of 1.0 may not."""
    if form is RequestForm.JSON_RPC and json_rpc == "2.0":
        content = '{"jsonrpc":"2.0",' + content.removeprefix("{")
    return content.encode() if content else None


def json_text(value: Any) -> str:
    """Return JSON as it is sent; decimals are numbers."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_json_number)


def _json_number(value: object) -> int | float:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} has no place in a request")

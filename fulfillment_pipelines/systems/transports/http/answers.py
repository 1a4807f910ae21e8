"""What an answer says beside its status: errors of JSON-RPC and GraphQL come with HTTP 200.

Which error of ours follows belongs to who asked: `session.py` for reads, `outcomes.py` for writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from fulfillment_pipelines.domain.correction import Scalar
from fulfillment_pipelines.systems.declaration.http import ErrorKind
from fulfillment_pipelines.systems.declaration.http_messages import RefusedWhen
from fulfillment_pipelines.systems.declaration.http_requests import RequestForm
from fulfillment_pipelines.systems.transports.http.json_text import read_json
from fulfillment_pipelines.systems.transports.http.paging import field_at
from fulfillment_pipelines.systems.transports.messages import same_value

_SHOWN_CHARACTERS = 300
_MAY_TELL = frozenset({httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY})
_JSON_RPC_SERVER_ERRORS = range(-32099, -31999)

_KNOWN_CODES: Final[Mapping[str, ErrorKind]] = {
    "-32700": ErrorKind.CONFIGURATION,
    "-32600": ErrorKind.CONFIGURATION,
    "-32601": ErrorKind.CONFIGURATION,
    "-32602": ErrorKind.REJECTED,
    "-32603": ErrorKind.UNKNOWN,
    "ConcurrencyException": ErrorKind.OUT_OF_DATE,
    "UNAUTHENTICATED": ErrorKind.CREDENTIALS,
    "FORBIDDEN": ErrorKind.CREDENTIALS,
    "BAD_USER_INPUT": ErrorKind.REJECTED,
    "GRAPHQL_PARSE_FAILED": ErrorKind.CONFIGURATION,
    "GRAPHQL_VALIDATION_FAILED": ErrorKind.CONFIGURATION,
    "THROTTLED": ErrorKind.BUSY,
    "RATE_LIMITED": ErrorKind.BUSY,
    "TOO_MANY_REQUESTS": ErrorKind.BUSY,
    "CONFLICT": ErrorKind.OUT_OF_DATE,
    "INTERNAL_SERVER_ERROR": ErrorKind.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """An error that an answer tells of in its body.

    Attributes:
        kind: What it means.
        code: The system's own code; empty where it gives none.
        message: What the system says.
        is_partial: Whether the answer holds data as well.
    """

    kind: ErrorKind
    code: str
    message: str
    is_partial: bool = False

    @property
    def shown(self) -> str:
        """Code and message, shortened; requests and credentials are not in them."""
        return f"{self.code} {self.message}".strip().replace("\n", " ")[:_SHOWN_CHARACTERS]


def problem_in(response: httpx.Response, form: RequestForm, codes: Mapping[str, ErrorKind]) -> Problem | None:
    """Return the error a JSON-RPC or GraphQL answer tells of; None for none, for REST, and for what is no JSON.

    Args:
        response: The answer.
        form: Of the request.
        codes: What the system's own codes mean.
    """
    if form is RequestForm.REST or not (response.is_success or response.status_code in _MAY_TELL):
        return None
    try:
        body = read_json(response.content)
    except ValueError:
        return None
    if not isinstance(body, Mapping):
        return None
    return _json_rpc_problem(body, codes) if form is RequestForm.JSON_RPC else _graphql_problem(body, codes)


def lacks_result(body: Any, form: RequestForm) -> bool:
    """Return whether an answer that tells of no error holds no result either."""
    if form is RequestForm.REST:
        return False
    name = "result" if form is RequestForm.JSON_RPC else "data"
    return not isinstance(body, Mapping) or name not in body


def typed_refusal(body: Any, declared: RefusedWhen | None, codes: Mapping[str, ErrorKind]) -> Problem | None:
    """Return the refusal that the declared field of an answer says of."""
    if declared is None:
        return None
    found = field_at(body, declared.field)
    if not (_is_among(found, declared.equals) if declared.equals else not _is_among(found, declared.is_not)):
        return None
    code = "" if declared.code is None else _text(field_at(body, declared.code))
    return Problem(_kind(codes, code), code, f"{declared.field} is {_text(found)}: {_text(body)}")


def _json_rpc_problem(body: Mapping[str, Any], codes: Mapping[str, ErrorKind]) -> Problem | None:
    error = body.get("error")
    if error is None:
        return None
    if isinstance(error, list):  # [type, [message, description]]
        code, message = _text(error[0] if error else ""), _text(error[1:] or "")
        return Problem(_kind(codes, code), code, message)
    if not isinstance(error, Mapping):
        return Problem(_kind(codes, ""), "", _text(error))
    told = [_text(name) for name in (field_at(error, "data.name"), error.get("code")) if name is not None]
    code = next((name for name in told if name in codes), told[-1] if told else "")
    return Problem(_kind(codes, code), code, _text(field_at(error, "data.message") or error.get("message")))


def _graphql_problem(body: Mapping[str, Any], codes: Mapping[str, ErrorKind]) -> Problem | None:
    errors = body.get("errors")
    if not errors:
        return None
    first = errors[0] if isinstance(errors, list) else errors
    code = _text(field_at(first, "extensions.code") or "")
    message = first.get("message") if isinstance(first, Mapping) else first
    data = body.get("data")
    is_partial = isinstance(data, Mapping) and any(value is not None for value in data.values())
    return Problem(_kind(codes, code), code, _text(message), is_partial)


def _kind(codes: Mapping[str, ErrorKind], code: str) -> ErrorKind:
    if code in codes:
        return codes[code]
    if code.startswith("-32") and code.removeprefix("-").isdecimal() and int(code) in _JSON_RPC_SERVER_ERRORS:
        return ErrorKind.UNKNOWN
    return _KNOWN_CODES.get(code, ErrorKind.REJECTED)


def _is_among(found: object, values: tuple[Scalar, ...]) -> bool:
    return any(same_value(value, found) for value in values)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

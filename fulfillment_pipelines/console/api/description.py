"""The OpenAPI document: what the framework makes of the routes, how one proves who one is, what answers may be."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from fulfillment_pipelines.console.access.guard import CSRF_HEADER, SAFE_METHODS
from fulfillment_pipelines.console.api.problems import MEDIA_TYPE, Problem

VERSION: Final = "1.0.0"
"""Of the description: the middle number grows with what is added; the first one would be another path."""

_ABOUT: Final = """
Reads what the systems say of orders, stock and exceptions, and does what people do to exceptions and corrections.

Amounts and quantities are text, so that no reader rounds them. Moments are in UTC. What cannot be known now is
`UNKNOWN`, and what the lake does not have is absent; neither is ever shown as zero or as agreement.
"""
_TAGS: Final = {
    "orders": "Where orders stand",
    "availability": "What may be promised",
    "exceptions": "Differences between systems, and what people do about them",
    "corrections": "What is written into systems, and who decides",
    "approvals": "What waits for a decision",
    "kpis": "How the business does, with coverage",
    "events": "What other systems tell us by themselves",
}
_REFUSALS: Final = {
    HTTPStatus.UNAUTHORIZED: "Nobody who is known makes the request.",
    HTTPStatus.FORBIDDEN: "The person or the token may not.",
    HTTPStatus.NOT_FOUND: "It does not exist.",
    HTTPStatus.CONFLICT: "It is not possible as things stand.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request is invalid; `errors` says where.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests; `Retry-After` says when to go on.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The lake or the ledger does not answer now; ask again.",
}
_REFUSALS_OF_CHANGES: Final = {
    HTTPStatus.BAD_REQUEST: "The body cannot be read.",
    HTTPStatus.PRECONDITION_FAILED: "It has changed since it was read (`If-Match`).",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
}
_SCHEMES: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token of the API, made under /account."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "fulfillment",
        "description": "The session of a browser (`__Host-fulfillment` by TLS); what changes something needs "
        f"{CSRF_HEADER} too.",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Signature",
        "description": "A keyed hash over `<seconds>.<body>`, as the source is declared to sign; its headers may have "
        "other names there.",
    },
}


def describe(api: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the API."""
    told = get_openapi(
        title="fulfillment_pipelines",
        version=VERSION,
        description=_ABOUT,
        routes=api.routes,
        tags=[{"name": name, "description": words} for name, words in _TAGS.items()],
        servers=[{"url": "/api/v1"}],
    )
    components = told.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    schemas = components.setdefault("schemas", {})
    _, definitions = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
    schemas.update(definitions["$defs"])
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for method, operation in _operations(told):
        operation.setdefault("security", [{"token": []}, {"session": []}])
        _tell_answers(method, operation)
        _tell_conditions(method, operation)
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _of_text(parameter["schema"])
    return told


def _operations(told: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in told["paths"].values():
        for method, operation in path.items():
            if isinstance(operation, dict) and "responses" in operation:
                yield method.upper(), operation


def _tell_answers(method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    refusals = _REFUSALS | ({} if method in SAFE_METHODS else _REFUSALS_OF_CHANGES)
    for status, words in refusals.items():
        schema = {"$ref": "#/components/schemas/Problem"}
        responses[str(status.value)] = {"description": words, "content": {MEDIA_TYPE: {"schema": schema}}}
    if method == "GET":
        responses["304"] = {"description": "Nothing has changed since (`If-None-Match`)."}
        headers = {"ETag": {"description": "Names what is shown.", "schema": {"type": "string"}}}
        responses["200"].setdefault("headers", {}).update(headers)


def _tell_conditions(method: str, operation: dict[str, Any]) -> None:
    """Tell of the headers by which a request depends on what its caller has seen."""
    if method == "GET":
        name, words = "If-None-Match", "The `ETag` that the caller has; 304 where it still stands."
    elif "event" in operation["operationId"]:
        return
    else:
        name, words = "If-Match", "The `ETag` that the caller has seen; 412 where it no longer stands."
    schema = {"type": "string"}
    told = {"name": name, "in": "header", "required": False, "description": words, "schema": schema}
    operation.setdefault("parameters", []).append(told)


def _of_text(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what can be said of a parameter: text has no null, and what is named twice is the same as named once."""
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    kept = {name: value for name, value in schema.items() if name not in {"anyOf", "uniqueItems"}}
    if len(choices) == 1:
        return {**kept, **choices[0]}
    return {**kept, "anyOf": choices} if choices else kept

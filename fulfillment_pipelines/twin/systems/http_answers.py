"""What the twin's HTTP systems have in common: keys, JSON bodies, and errors as status codes."""

from __future__ import annotations

import json
import secrets
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from fulfillment_pipelines.errors import BadDataError, FulfillmentError, PreconditionError, RejectedError
from fulfillment_pipelines.twin.systems.message_objects import UnknownObjectError

_Body = TypeVar("_Body", bound=BaseModel)


class UnauthenticatedError(RejectedError):
    """The request carries no valid key or token."""


def application(routes: list[BaseRoute]) -> Starlette:
    """Return an application that answers errors of the failure tree with their status codes."""
    return Starlette(routes=routes, exception_handlers={FulfillmentError: _answer_error})


def require_key(request: Request, header: str, key: str) -> None:
    """Refuse a request without the key.

    Raises:
        UnauthenticatedError: The header is missing or wrong.
    """
    if not secrets.compare_digest(request.headers.get(header, ""), key):
        raise UnauthenticatedError(f"The header {header} is missing or wrong.")


def parsed_body(content: bytes, model: type[_Body]) -> _Body:
    """Return a JSON body as a model.

    Raises:
        BadDataError: The body is not JSON or a field is missing or wrong.
    """
    try:
        return model.model_validate(json.loads(content or b"{}"))
    except ValidationError as error:
        fields = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise BadDataError("The body is not valid.", found=fields) from error
    except ValueError as error:
        raise BadDataError("The body is not JSON.", found=str(error)) from error


def _status_and_body(error: FulfillmentError) -> tuple[int, dict[str, Any]]:
    """Return the status code and body for an error."""
    status = 422
    if isinstance(error, UnauthenticatedError):
        status = 401
    elif isinstance(error, UnknownObjectError):
        status = 404
    elif isinstance(error, PreconditionError):
        status = 409
    return status, {"error": error.what, "expected": error.expected, "found": error.found}


def _answer_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, FulfillmentError):  # Starlette hands over what was registered, and nothing else
        raise error
    status, body = _status_and_body(error)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None  # noqa: PLR2004 -- HTTP's own number
    return JSONResponse(body, status, headers=headers)

"""How errors are told: problem details (RFC 9457) for everything that is refused or goes wrong, whoever says so."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.exceptions import HTTPException

from fulfillment_pipelines.console.api.shapes import Shown
from fulfillment_pipelines.console.refusals import (
    ForbiddenError,
    NotSignedInError,
    NotThereError,
    TooManyRequestsError,
    headers_of,
    status_of,
)
from fulfillment_pipelines.errors import BadDataError, FulfillmentError, LegalMoveError, RejectedError, RetryableError

MEDIA_TYPE: Final = "application/problem+json"

_LOG: Final = logging.getLogger(__name__)
_LONGEST_FOUND: Final = 200
_URN: Final = "urn:fulfillment:problem:"
_RETRY_AFTER_SECONDS: Final = 5


class StaleError(RejectedError):
    """What the request was made for has changed since it was read."""


class UnusableError(BadDataError):
    """The request names something that cannot be used so."""


_KINDS: Final[tuple[tuple[type[FulfillmentError], str, str], ...]] = (
    (NotSignedInError, "not-signed-in", "Nobody is signed in"),
    (ForbiddenError, "forbidden", "Not permitted"),
    (NotThereError, "not-there", "Not there"),
    (TooManyRequestsError, "too-many-requests", "Too many requests"),
    (StaleError, "changed-since", "Changed since it was read"),
    (LegalMoveError, "illegal-move", "Not possible as it stands"),
    (RejectedError, "rejected", "Refused"),
    (BadDataError, "invalid-request", "Invalid request"),
    (RetryableError, "unavailable", "Not available now"),
)
_OF_FRAMEWORK: Final[Mapping[int, tuple[str, str, str]]] = {
    404: ("not-there", "a path of /api/v1/openapi.json", "correct the path"),
    405: ("method-not-allowed", "a method that `Allow` names", "use one of them"),
    413: ("too-large", "a smaller body", "send less at once"),
}


class FieldProblem(Shown):
    """What is wrong with one part of a request.

    Attributes:
        where: Where in the request, for example `body.reason`.
        problem: What is wrong there.
    """

    where: str = Field(examples=["body.reason"])
    problem: str = Field(examples=["String should have at least 1 character"])


class Problem(Shown):
    """Why a request was refused, or what went wrong (RFC 9457).

    Attributes:
        type: What kind of problem it is; programs go by it.
        title: The kind in words; the same for every problem of the kind.
        status: Status of the answer.
        detail: What happened.
        instance: Path of the request.
        request_id: Identity of the request, as in the audit log.
        expected: What should have been there; empty where nothing more can be said.
        found: What was there instead.
        remedy: What to do now.
        errors: Every part of the request that is wrong, where the request itself is invalid.
    """

    type: str = Field(examples=["urn:fulfillment:problem:illegal-move"])
    title: str = Field(examples=["Not possible as it stands"])
    status: int = Field(examples=[409])
    detail: str = Field(examples=["Case EXC-0123456789abcdef is ben's already."])
    instance: str = Field(examples=["/api/v1/exceptions/EXC-0123456789abcdef/take"])
    request_id: str = Field(examples=["4b6f6a2c8d8e4c0f9d2f6f7c7a1b0e11"])
    expected: str = Field(examples=["a case that nobody has"])
    found: str = Field(examples=["IN_PROGRESS with ben"])
    remedy: str = Field(examples=["talk to them, or assign it with a reason"])
    errors: tuple[FieldProblem, ...] = ()


def tell_problems(api: FastAPI) -> None:
    """Let an application answer every error as a problem."""
    api.add_exception_handler(FulfillmentError, _told)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _of_framework)
    api.add_exception_handler(Exception, _unforeseen)


def answer_of(request: Request, error: FulfillmentError) -> JSONResponse:
    """Return the answer that tells an error of the product."""
    kind, title = next(
        ((kind, title) for cls, kind, title in _KINDS if isinstance(error, cls)), ("failed", "It went wrong")
    )
    status = HTTPStatus.PRECONDITION_FAILED if isinstance(error, StaleError) else status_of(error)
    headers = headers_of(error)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", str(_RETRY_AFTER_SECONDS))
    return _answer(
        request,
        status,
        kind=kind,
        title=title,
        detail=error.what,
        expected=error.expected,
        found=error.found,
        remedy=error.remedy,
        headers=headers,
    )


def _answer(
    request: Request,
    status: HTTPStatus,
    *,
    kind: str,
    title: str,
    detail: str,
    expected: str = "",
    found: str = "",
    remedy: str = "",
    errors: tuple[FieldProblem, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(
        type=_URN + kind,
        title=title,
        status=status,
        detail=detail,
        instance=request.url.path,
        request_id=getattr(request.state, "request_id", ""),
        expected=expected,
        found=found,
        remedy=remedy,
        errors=errors,
    )
    return JSONResponse(problem.model_dump(mode="json"), status, headers, MEDIA_TYPE)


async def _told(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, FulfillmentError):
        raise error
    return answer_of(request, error)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = tuple(
        FieldProblem(where=".".join(str(part) for part in one["loc"]), problem=one["msg"]) for one in error.errors()
    )
    first = error.errors()[0]
    return _answer(
        request,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        kind="invalid-request",
        title="Invalid request",
        detail=f"{errors[0].where}: {errors[0].problem}",
        expected="what /api/v1/openapi.json says of this request",
        found="nothing" if first["type"] == "missing" else repr(first.get("input"))[:_LONGEST_FOUND],
        remedy="correct the parts that `errors` names",
        errors=errors,
    )


async def _of_framework(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    kind, expected, remedy = _OF_FRAMEWORK.get(error.status_code, ("invalid-request", "", "correct the request"))
    return _answer(
        request,
        status,
        kind=kind,
        title=status.phrase,
        detail=str(error.detail),
        expected=expected,
        found=f"{request.method} {request.url.path}",
        remedy=remedy,
        headers=error.headers,
    )


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("Request %s failed.", getattr(request.state, "request_id", ""), exc_info=error)
    return _answer(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        kind="failed",
        title="It went wrong",
        detail="The request failed for a reason that was not foreseen.",
        expected="an answer",
        found="an error of the product",
        remedy="report it with the request id",
    )

"""What a request is refused for, and the HTTP status that each error of the product stands for."""

from __future__ import annotations

import math
from http import HTTPStatus

from fulfillment_pipelines.errors import (
    BadDataError,
    FulfillmentError,
    InvariantError,
    LegalMoveError,
    RejectedError,
    RetryableError,
)


class NotSignedInError(RejectedError):
    """Nobody known makes the request."""


class TokenRefusedError(NotSignedInError):
    """The request brings a token of the API that is none, or counts no more."""


class ForbiddenError(RejectedError):
    """The person who makes the request may not."""


class PasswordFirstError(ForbiddenError):
    """The password was given out and must be replaced before anything else is done."""


class NotThereError(BadDataError):
    """What the request asks for does not exist."""


class TooManyRequestsError(RejectedError):
    """The person or token has made more requests than are allowed; `retry_after_seconds` says when to go on."""


_STATUSES: tuple[tuple[type[FulfillmentError], HTTPStatus], ...] = (
    (NotSignedInError, HTTPStatus.UNAUTHORIZED),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (NotThereError, HTTPStatus.NOT_FOUND),
    (TooManyRequestsError, HTTPStatus.TOO_MANY_REQUESTS),
    (LegalMoveError, HTTPStatus.CONFLICT),
    (InvariantError, HTTPStatus.CONFLICT),
    (RejectedError, HTTPStatus.CONFLICT),
    (BadDataError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (RetryableError, HTTPStatus.SERVICE_UNAVAILABLE),
)


def status_of(error: FulfillmentError) -> HTTPStatus:
    """Return the status of an answer that tells this error."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def headers_of(error: FulfillmentError) -> dict[str, str]:
    """Return the headers that belong to an answer that tells this error."""
    headers = {}
    if isinstance(error, TokenRefusedError):
        headers["WWW-Authenticate"] = 'Bearer realm="fulfillment", error="invalid_token"'
    elif isinstance(error, NotSignedInError):
        headers["WWW-Authenticate"] = 'Bearer realm="fulfillment"'
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_seconds))
    return headers

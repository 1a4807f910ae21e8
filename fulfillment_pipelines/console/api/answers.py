"""How answers are given: with an `ETag`, 304 where nothing has changed, and 412 where something has."""

from __future__ import annotations

import hashlib
import re
from http import HTTPStatus
from typing import Final

from fastapi import Request, Response
from pydantic import BaseModel

from fulfillment_pipelines.console.api.problems import StaleError

_TAG: Final = re.compile(r'(?:W/)?"[^"]*"')
_WIDTH: Final = 32


def shown(request: Request, content: BaseModel, *, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return the answer that shows something; 304 where the caller has it already."""
    body, tag = _written(content)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if request.method == "GET" and _names(request.headers.get("If-None-Match", ""), tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, status, headers, "application/json")


def require_unchanged(request: Request, content: BaseModel) -> None:
    """Do nothing where the caller has seen what stands now, or has not said what was seen.

    Args:
        request: With `If-Match`, where the caller minds.
        content: What a GET would show now; read in the transaction that will change it.

    Raises:
        StaleError: It has changed since.
    """
    wanted = request.headers.get("If-Match", "")
    if wanted and not _names(wanted, _written(content)[1], is_strong=True):
        raise StaleError(
            "It has changed since you read it, and nothing was done.",
            expected="the ETag of what stands now",
            found=wanted[:200],
            remedy="read it again, and decide on what stands there",
        )


def _written(content: BaseModel) -> tuple[bytes, str]:
    body = content.model_dump_json().encode()
    return body, f'"{hashlib.sha256(body).hexdigest()[:_WIDTH]}"'


def _names(header: str, tag: str, *, is_strong: bool = False) -> bool:
    tags = _TAG.findall(header)
    given = tags if is_strong else [one.removeprefix("W/") for one in tags]
    return header.strip() == "*" or tag in given

"""Writes under an idempotency key: the same key is answered as it was the first time, and has its effect once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Table, insert, select
from starlette.responses import JSONResponse, Response

from fulfillment_pipelines.errors import BadDataError

Write = Callable[[], tuple[int, dict[str, Any]]]
"""Has the effect and returns status code and body."""


def answered_once(connection: Connection, answers: Table, key: str | None, write: Write) -> Response:
    """Return the answer to a write, or the one given before under the same key.

    Args:
        connection: The system's books.
        answers: Its table of answers: idempotency_key, status_code, body.
        key: The request's idempotency key.
        write: The write; a refusal leaves by its error, has no effect and does not use the key up.

    Raises:
        BadDataError: The request has no key.
    """
    if not key:
        raise BadDataError("A write needs the header Idempotency-Key.")
    known = connection.execute(select(answers).where(answers.c.idempotency_key == key)).one_or_none()
    if known is not None:
        return JSONResponse(known.body, known.status_code, headers={"Idempotent-Replay": "true"})
    status, body = write()
    connection.execute(insert(answers).values(idempotency_key=key, status_code=status, body=body))
    return JSONResponse(body, status)

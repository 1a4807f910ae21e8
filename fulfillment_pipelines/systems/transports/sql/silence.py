"""A PostgreSQL server that keeps its connection and says nothing more: it is given up in time.

The server's own `statement_timeout` ends a slow statement; nothing in libpq ends the wait for a server that is stuck.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Engine, event

_Result = TypeVar("_Result")

_NOTHING = 0
_MARGIN_SECONDS = 0.5
_DRIVER = "psycopg"


class SilentServerError(psycopg.OperationalError):
    """The server keeps the connection and does not answer."""


class ImpatientConnection(psycopg.Connection[Any]):
    """A connection that waits for each answer no longer than it is told.

    Attributes:
        patience_seconds: How long nothing may come; each answer to a statement or to a fetch counts by itself.
    """

    patience_seconds = 60.0

    def wait(self, gen: Generator[Any, Any, _Result], *arguments: Any, **named: Any) -> _Result:
        """Wait for an operation on the connection.

        Raises:
            SilentServerError: Nothing came in time. The connection is closed, since nobody knows what it is amidst of.
        """
        try:
            return super().wait(_within(gen, self.patience_seconds), *arguments, **named)
        except SilentServerError:
            self.pgconn.finish()
            raise


def gives_up_silence(engine: Engine) -> None:
    """Let an engine's connections wait as long for an answer as for a connection, and a moment more.

    The moment lets the server tell first that a statement took too long.
    """

    @event.listens_for(engine, "do_connect")
    def _connect(dialect: Any, _record: Any, arguments: Any, named: dict[str, Any]) -> Any:
        if dialect.driver != _DRIVER:
            return None
        connection = ImpatientConnection.connect(*arguments, **named)
        connection.patience_seconds = named["connect_timeout"] + _MARGIN_SECONDS
        return connection


def _within(gen: Generator[Any, Any, _Result], patience_seconds: float) -> Generator[Any, Any, _Result]:
    """Pass on what the socket is ready for; after a silence that is too long, end the operation."""
    heard_at = time.monotonic()
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready != _NOTHING:
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > patience_seconds:
                raise SilentServerError("the server keeps the connection and does not answer")
            wanted = gen.send(ready)
    except StopIteration as ended:
        result: _Result = ended.value
        return result

"""One connection to a NATS server for callers that are not asynchronous, with its errors translated.

What is fetched and published belongs to `nats.py`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from fulfillment_pipelines.errors import ConfigurationError, SystemDownError

_Result = TypeVar("_Result")
_JOIN_SECONDS = 5
_WAIT_SECONDS = 0.05  # before the second try of an address, after which it counts as away


class Broker:
    """A connection, opened on first use, on an event loop of its own.

    Args:
        system: Declared name of the system, for errors.
        url: Returns the address, which may hold a password.
        timeout_seconds: Longest wait for an answer.
    """

    def __init__(self, system: str, url: Callable[[], str], timeout_seconds: float) -> None:
        self._system = system
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: Any = None

    def call(self, ask: Callable[[Any], Awaitable[_Result]], *, seconds: float | None = None) -> _Result:
        """Return what is asked of the connected client.

        Args:
            ask: Given the client, returns what to wait for.
            seconds: Longest wait; the declared one unless given.

        Raises:
            SystemDownError: The server cannot be reached, or did not answer in time.
            ConfigurationError: It refuses us, or the client is not installed.
            nats.js.errors.Error: The stream refuses.
        """
        AuthorizationError, Error, StreamError = _errors(self._system)  # noqa: N806 - they are classes

        async def asked() -> _Result:
            return await ask(await self._connected())

        with self._lock:
            try:
                return self._run(asked(), seconds or self._timeout_seconds * 2)
            except StreamError:
                raise  # what the stream says is understood by whoever asked it
            except AuthorizationError as error:
                raise self._refusal() from error
            except (Error, OSError, TimeoutError) as error:
                if "authorization" in str(error).lower():
                    raise self._refusal() from error
                raise SystemDownError(
                    f"{self._system}: the message broker did not serve the request.",
                    expected=f"an answer within {self._timeout_seconds:g} seconds",
                    found=type(error).__name__,
                    remedy="see whether the broker runs and is reachable; it is tried again",
                ) from error

    def close(self) -> None:
        """Close the connection and end its loop; a later use opens another."""
        with self._lock:
            if self._loop is None or self._thread is None:
                return
            try:
                if self._client is not None:
                    self._run(self._client.close(), self._timeout_seconds)
            finally:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join(_JOIN_SECONDS)
                self._loop.close()
                self._loop = self._thread = self._client = None

    async def _connected(self) -> Any:
        if self._client is None or not self._client.is_connected:
            import nats  # noqa: PLC0415 - an extra that few deployments need

            self._client = await nats.connect(
                self._url(),
                connect_timeout=self._timeout_seconds,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=_WAIT_SECONDS,
                error_cb=_nothing,
            )
        return self._client

    def _run(self, coroutine: Coroutine[Any, Any, _Result], seconds: float) -> _Result:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name=f"nats-{self._system}", daemon=True)
            self._thread.start()
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise

    def _refusal(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self._system}: the message broker refuses our credentials.",
            expected="a user who may read the stream and publish the declared subjects",
            remedy="correct the reference under `transport.url`, or have the access granted",
        )


def _errors(system: str) -> tuple[type[Exception], type[Exception], type[Exception]]:
    try:
        from nats import errors  # noqa: PLC0415 - an extra that few deployments need
        from nats.js import errors as of_streams  # noqa: PLC0415 - see above
    except ImportError as error:
        raise ConfigurationError(
            f"{system}: `transport.kind: nats` needs a client that is not installed.",
            expected="the package nats-py",
            remedy="pip install 'fulfillment-pipelines[nats]'",
        ) from error
    return errors.AuthorizationError, errors.Error, of_streams.Error


async def _nothing(_: Exception) -> None:
    """Errors reach us through what we wait for; the client would only log them."""

"""Serves several ASGI applications on free loopback ports from one background thread."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Mapping

import uvicorn
from starlette.types import ASGIApp

from fulfillment_pipelines.errors import SystemDownError

_START_TIMEOUT_SECONDS = 20.0
_STOP_TIMEOUT_SECONDS = 10.0


class HttpServers:
    """Running servers, one for each application; closing them ends the thread.

    Args:
        apps: Applications by name.

    Raises:
        SystemDownError: The servers did not start in time.
    """

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._sockets = {name: _listening() for name in apps}
        self._servers = {
            name: uvicorn.Server(
                uvicorn.Config(app, lifespan="off", ws="none", log_config=None, access_log=False, timeout_keep_alive=60)
            )
            for name, app in apps.items()
        }
        self._thread = threading.Thread(target=self._run, name="twin-http", daemon=True)
        self._thread.start()
        self._await_start()

    def url(self, name: str) -> str:
        """Return the base URL of an application."""
        return f"http://127.0.0.1:{self._sockets[name].getsockname()[1]}"

    def close(self) -> None:
        """Stop all servers; safe to call twice."""
        for server in self._servers.values():
            server.should_exit = True
            server.force_exit = True  # open keep-alive connections must not hold the shutdown up
        self._thread.join(_STOP_TIMEOUT_SECONDS)
        for listening in self._sockets.values():
            listening.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        await asyncio.gather(*(server.serve(sockets=[self._sockets[name]]) for name, server in self._servers.items()))

    def _await_start(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while not all(server.started for server in self._servers.values()):
            if time.monotonic() > deadline or not self._thread.is_alive():
                self.close()
                raise SystemDownError("The twin's HTTP systems did not start.", remedy="see the log of uvicorn")
            time.sleep(0.005)


def _listening() -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    return listening

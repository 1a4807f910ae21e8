"""Serve the target on a free loopback port until standard input ends: `python -m hostile_target BOOKS VARIANT`."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from pathlib import Path

import uvicorn

from .application import Application, ResettableProtocol
from .books import Books


async def _serve(books: Path, variant: str) -> None:
    application = Application(Books(books), takes_keys=variant == "keyed")
    logging.getLogger("uvicorn.error").disabled = True  # a connection that is reset is no news here
    config = uvicorn.Config(
        application, http=ResettableProtocol, ws="none", lifespan="off", log_config=None, timeout_keep_alive=60
    )
    server = uvicorn.Server(config)
    # asyncio sends without delay only where a socket names its protocol.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    serving = asyncio.ensure_future(server.serve(sockets=[listening]))
    sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.should_exit = server.force_exit = True
    await serving


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), sys.argv[2]))

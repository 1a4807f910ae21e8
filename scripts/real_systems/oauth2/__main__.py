"""Starts an issuer of OAuth2 tokens with one client, and runs until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import signal
from pathlib import Path

from scripts.real_systems.oauth2.server import Client, started


def main() -> None:
    """Start it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("data/runtime/oauth2"), help="folder for its log")
    parser.add_argument("--client", default="distributor", help="name of the client; its secret is made and shown")
    parser.add_argument("--lifetime-seconds", type=int, default=3600, help="how long its tokens are good")
    told = parser.parse_args()
    client = Client(secrets.token_urlsafe(), told.lifetime_seconds)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # by default it would leave the server running
    with contextlib.suppress(KeyboardInterrupt), started(told.home.resolve(), {told.client: client}) as server:
        print(f"tokens are issued at {server.url}/token")  # noqa: T201 -- a command speaks to its user
        print(f"client {told.client}, secret {client.secret}; stop with Ctrl-C", flush=True)  # noqa: T201 -- as above
        signal.pause()


if __name__ == "__main__":
    main()

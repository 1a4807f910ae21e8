"""Starts WireMock, and runs until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import signal
from pathlib import Path

from scripts.real_systems.wiremock.server import started


def main() -> None:
    """Start it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("data/runtime/wiremock"), help="folder for its log")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # by default it would leave the server running
    with contextlib.suppress(KeyboardInterrupt), started(parser.parse_args().home.resolve()) as server:
        print(f"WireMock answers at {server.url}")  # noqa: T201 -- a command speaks to its user
        print(f"stubs are posted to {server.url}/__admin/mappings; stop with Ctrl-C", flush=True)  # noqa: T201 -- as above
        signal.pause()


if __name__ == "__main__":
    main()

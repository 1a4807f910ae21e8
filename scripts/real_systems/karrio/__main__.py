"""Starts Karrio, writes the references that data/samples/karrio needs, and runs until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import signal
from pathlib import Path

from scripts.real_systems.karrio.distributor import whole_running


def main() -> None:
    """Start it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("data/runtime/karrio"), help="folder for its database")
    home = parser.parse_args().home.resolve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # by default it would leave the server running
    with contextlib.suppress(KeyboardInterrupt), whole_running(home) as running:
        print(f"Karrio answers at {running.server.url}")  # noqa: T201 -- a command speaks to its user
        print(f"references are in {running.references}; stop with Ctrl-C", flush=True)  # noqa: T201 -- as above
        signal.pause()


if __name__ == "__main__":
    main()

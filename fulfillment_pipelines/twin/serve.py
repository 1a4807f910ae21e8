"""Serves a twin until it is interrupted: `python -m fulfillment_pipelines.twin.serve --home DIR --seed N`.

The command line belongs here; what is served belongs to `twin`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from fulfillment_pipelines.errors import FulfillmentError
from fulfillment_pipelines.twin.twin import Twin
from fulfillment_pipelines.twin.world.demand import Volume

_TICK_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a twin and return the exit code.

    Stops in order on SIGINT and SIGTERM, and when the process that started it has ended (`--parent`).
    """
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with Twin.start(
            options.home, options.seed, faults=not options.no_faults, volume=Volume(orders_a_day=options.orders_a_day)
        ) as twin:
            sys.stdout.write(f"The twin is served. Addresses: {twin.home / 'twin.env'}\n")
            sys.stdout.flush()
            _run(twin, stop, options.speed, options.parent)
    except FulfillmentError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _run(twin: Twin, stop: threading.Event, speed: float, parent: int | None) -> None:
    owed_seconds, last = 0.0, time.monotonic()
    while not stop.wait(_TICK_SECONDS):
        if parent is not None and os.getppid() != parent:
            return
        owed_seconds += (time.monotonic() - last) * speed
        last = time.monotonic()
        if owed_seconds >= 1:
            twin.advance(int(owed_seconds))
            owed_seconds -= int(owed_seconds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin", description="Serve a simulated distributor until interrupted.")
    parser.add_argument("--home", type=Path, required=True, help="directory for twin.env and the files of WMS North")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same world and labels")
    parser.add_argument("--speed", type=float, default=0.0, help="simulated seconds a real second; 0 on command only")
    parser.add_argument("--orders-a-day", type=int, default=Volume().orders_a_day, help="volume of the distributor")
    parser.add_argument("--no-faults", action="store_true", help="let nothing go wrong in the history")
    parser.add_argument("--parent", type=int, help="stop when the process of this number is no longer the parent")
    return parser


if __name__ == "__main__":
    sys.exit(main())

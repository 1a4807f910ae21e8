"""Starts both Trytons, writes the references that data/samples/tryton needs, and runs until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from scripts.real_systems.installed import ended_in_order
from scripts.real_systems.tryton.distributor import both_running


def main() -> None:
    """Start them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("data/runtime/tryton"), help="folder for their databases")
    home = parser.parse_args().home.resolve()
    with ended_in_order(), both_running(home) as running:
        print(f"Tryton 8.2 answers at {running.erp.url}")  # noqa: T201 -- a command speaks to its user
        print(f"Tryton 6.0 answers at {running.wms.url}, its database is {running.wms.database_file}")  # noqa: T201 -- as above
        print(f"references are in {running.references}; stop with Ctrl-C")  # noqa: T201 -- as above
        signal.pause()


if __name__ == "__main__":
    main()

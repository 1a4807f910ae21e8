"""Every page and plot written anew from what is kept, where nothing is to be measured again.

    python -m bench.pages

What the pages of the other benches show is kept nowhere else than in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from bench import console_load, console_queue, engines, latency, micro_batch, plots, scale, sizes, soak
from bench.kept import Row, kept, write_page
from bench.peers import __main__ as peers

PAGES: Final[Mapping[str, Callable[[Sequence[Row]], str]]] = {
    "console_load": console_load.page,
    "console_queue": console_queue.page,
    "engines": engines.page,
    "latency": latency.page,
    "micro_batch": micro_batch.page,
    "peers": peers.page,
    "sizes": sizes.page,
    "soak": soak.page,
}
"""What writes each page, by the name of its figures."""


def main() -> None:
    """Write the pages of what is kept, then the plots, and what docs/scale.md computes with both."""
    for name, page in PAGES.items():
        if rows := kept(name):
            write_page(name, page(rows))
    for name in plots.PLOTS:
        if kept(name):
            plots.draw(name)
    scale.main()


if __name__ == "__main__":
    main()

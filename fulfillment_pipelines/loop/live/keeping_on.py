"""Threads that go on whatever happens: what one turn raises is told, and after a pause the next turn begins.

What a turn does belongs to whoever starts the thread. The loop's own thread is not one of these.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Final

from fulfillment_pipelines.errors import FulfillmentError

_PAUSE_SECONDS: Final = 1.0


def keep_on(
    turn: Callable[[], None],
    *,
    stop: Event,
    trouble: Callable[[str], None],
    who: str,
    pause_seconds: float = _PAUSE_SECONDS,
) -> None:
    """Take turns until told to stop.

    Args:
        turn: One turn; it waits by itself where there is nothing to do.
        stop: Set when no further turn is to begin.
        trouble: Told what a turn raised, in words.
        who: Whose turns they are, for those words.
        pause_seconds: How long to wait after a turn that failed.
    """
    while not stop.is_set():
        try:
            turn()
        except FulfillmentError as error:
            trouble(f"{who}: {error}")
            stop.wait(pause_seconds)
        except Exception as error:  # noqa: BLE001 - a thread that ended would be missed by nobody
            trouble(f"{who}: {error!r}")
            stop.wait(pause_seconds)

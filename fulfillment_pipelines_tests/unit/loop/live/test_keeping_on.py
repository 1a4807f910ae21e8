"""A thread of the loop goes on whatever one turn of it raises."""

from __future__ import annotations

import threading

from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.loop.live.keeping_on import keep_on


def test_what_a_turn_raises_is_told_and_the_next_turn_begins() -> None:
    stop, told, turns = threading.Event(), list[str](), list[int]()
    failures = [RetryableError("The ledger is busy."), KeyError("lost")]

    def turn() -> None:
        turns.append(1)
        if failures:
            raise failures.pop(0)
        stop.set()

    keep_on(turn, stop=stop, trouble=told.append, who="deliver-erp", pause_seconds=0)
    assert len(turns) == 3
    assert told == ["deliver-erp: The ledger is busy.", "deliver-erp: KeyError('lost')"]

"""Who counts interchanges: the port, and a count that lives in memory.

A count that outlives the process is kept by the ledger; this module only says what is asked of it.
"""

from __future__ import annotations

import threading
from typing import Protocol

from fulfillment_pipelines.domain.clock import Clock
from fulfillment_pipelines.domain.edi import ControlNumber


class ControlNumbers(Protocol):
    """Gives every interchange between two parties the next number, and a repeated one the number it had."""

    def number_for(self, sender: str, receiver: str, idempotency_key: str) -> ControlNumber:
        """Return the number of a key, the next one of the pair where it has none yet.

        Raises:
            RetryableError: The count cannot be reached now.
        """
        ...

    def number_of(self, sender: str, receiver: str, idempotency_key: str) -> ControlNumber | None:
        """Return the number of a key, None where nothing was ever sent under it.

        Raises:
            RetryableError: The count cannot be reached now.
        """
        ...


class MemoryControlNumbers:
    """A count for tests and dry runs: it ends with the process.

    Args:
        clock: Tells when a number was given.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._given: dict[tuple[str, str], dict[str, ControlNumber]] = {}
        self._lock = threading.Lock()

    def number_for(self, sender: str, receiver: str, idempotency_key: str) -> ControlNumber:
        """Return the number of a key, the next one of the pair where it has none yet."""
        with self._lock:
            of_pair = self._given.setdefault((sender, receiver), {})
            if idempotency_key not in of_pair:
                of_pair[idempotency_key] = ControlNumber(len(of_pair) + 1, self._clock.now())
            return of_pair[idempotency_key]

    def number_of(self, sender: str, receiver: str, idempotency_key: str) -> ControlNumber | None:
        """Return the number of a key, None where nothing was ever sent under it."""
        return self._given.get((sender, receiver), {}).get(idempotency_key)

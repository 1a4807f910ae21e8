"""Counts what goes wrong, by who did it, so that nobody may try for ever; kept in this process alone."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Final

_MOST_KEYS: Final = 10_000
_NETWORK_BITS: Final = 64


class Failures:
    """Failures of the last while, by key.

    Args:
        window_seconds: How long a failure counts.
        monotonic: Seconds that only ever grow.
    """

    def __init__(self, window_seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._window = window_seconds
        self._monotonic = monotonic
        self._guard = threading.Lock()
        self._noted: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, key: str) -> None:
        """Count one more; who failed longest ago is forgotten where there are too many to remember."""
        with self._guard:
            self._noted.setdefault(key, deque()).append(self._monotonic())
            self._noted.move_to_end(key)
            while len(self._noted) > _MOST_KEYS:
                self._noted.popitem(last=False)

    def wait_seconds(self, key: str, most: int) -> float:
        """Return how long to wait until one more may be tried; 0 where there are fewer than `most`."""
        with self._guard:
            noted, oldest = self._noted.get(key), self._monotonic() - self._window
            while noted and noted[0] <= oldest:
                noted.popleft()
            if not noted:
                self._noted.pop(key, None)
                return 0
            return noted[-most] - oldest if len(noted) >= most else 0


def network_of(address: str) -> str:
    """Return what one visitor has of the internet: an address, or with IPv6 the network that it may choose from."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> _NETWORK_BITS << _NETWORK_BITS))
    return address

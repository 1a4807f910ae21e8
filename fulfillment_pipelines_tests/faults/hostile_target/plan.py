"""Which fault comes next: as a script says, call by call, else by a seeded rate."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence

from .faults import OF_A_CALL, Fault


class Plan:
    """The faults to come.

    Attributes:
        injected: How often each fault was carried out.
        calls: How many calls of each verb there were, faulty or not.
    """

    def __init__(self) -> None:
        self.injected: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._scripts: dict[str, list[Fault | None]] = {"read": [], "write": []}
        self._rate = 0.0
        self._chosen: Sequence[Fault] = OF_A_CALL
        self._random = random.Random(0)

    def follow(self, *, reads: Iterable[str | None], writes: Iterable[str | None]) -> None:
        """Let the next calls go as told; None is a call that goes well. Afterwards the rate holds."""
        self._scripts = {
            verb: [None if name is None else Fault(name) for name in names]
            for verb, names in (("read", reads), ("write", writes))
        }

    def fail_at(self, rate: float, seed: int, faults: Iterable[str]) -> None:
        """Let this share of all calls go wrong, each in one of the ways, drawn from a seed."""
        self._rate, self._random = rate, random.Random(seed)
        self._chosen = tuple(Fault(name) for name in faults) or OF_A_CALL

    def next_for(self, verb: str) -> Fault | None:
        """Return how the next call of a verb goes wrong; None when it goes well."""
        self.calls[verb] += 1
        script = self._scripts[verb]
        fault = script.pop(0) if script else self._drawn(verb)
        if fault is not None:
            self.injected[fault] += 1
        return fault

    def _drawn(self, verb: str) -> Fault | None:
        if self._random.random() >= self._rate:
            return None
        # There is nothing about which a look could be in conflict.
        return self._random.choice([fault for fault in self._chosen if verb == "write" or fault is not Fault.CONFLICT])

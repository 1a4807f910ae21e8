"""How large a standing distributor is and when it is looked at. Plain values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from fulfillment_pipelines.twin.world.timing import DAY_SECONDS

_LINES_AN_ITEM = 200
_LINES_A_CUSTOMER = 2_000
_FEWEST_ITEMS = 120
_MOST_ITEMS = 50_000
_FEWEST_CUSTOMERS = 40
_LINES_A_CHUNK = 250_000

READ_AT: Final = int(datetime(2026, 3, 6, 16, tzinfo=UTC).timestamp())
"""Epoch second at which a standing distributor is read, unless another is said: a Friday afternoon."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Size, seed and moment of a standing distributor.

    Attributes:
        seed: The same seed gives the same distributor.
        line_count: Order lines in the ERP and the channels, all together.
        read_at: Epoch second at which every system is read.
        day_count: Days over which the orders are spread, back from `read_at`.
        fault_share: Share of the lines that carry a fault, over all codes.
    """

    seed: int
    line_count: int
    read_at: int = READ_AT
    day_count: int = 60
    fault_share: float = 0.002

    @property
    def begins_at(self) -> int:
        """Epoch second of the earliest order."""
        return self.read_at - self.day_count * DAY_SECONDS

    @property
    def item_count(self) -> int:
        """Items sold."""
        return int(np.clip(self.line_count // _LINES_AN_ITEM, _FEWEST_ITEMS, _MOST_ITEMS))

    @property
    def customer_count(self) -> int:
        """Customers that order."""
        return max(_FEWEST_CUSTOMERS, self.line_count // _LINES_A_CUSTOMER)

    def chunks(self) -> list[int]:
        """Return the line counts of the pieces it is dealt out in, so that memory does not follow its size."""
        whole, rest = divmod(self.line_count, _LINES_A_CHUNK)
        return [_LINES_A_CHUNK] * whole + ([rest] if rest else [])

    def randomness(self, piece: int) -> np.random.Generator:
        """Return the randomness of one piece; no piece depends on another."""
        return np.random.default_rng([self.seed, piece])

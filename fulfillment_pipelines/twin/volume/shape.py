"""How large a standing distributor is and when it is looked at. Plain values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
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


class Landscape(StrEnum):
    """Which feeds a standing distributor has.

    WHOLE is every feed of the living one, about 15 rows an order line. CORE is what quantities and money cannot be
    reconciled without: orders, their lines and shipments, stock and invoices.
    """

    WHOLE = "whole"
    CORE = "core"


@dataclass(frozen=True, slots=True)
class Shape:
    """Size, seed and moment of a standing distributor.

    Attributes:
        seed: The same seed gives the same distributor.
        line_count: Order lines in the ERP and the channels, all together.
        read_at: Epoch second at which every system is read.
        day_count: Days over which the orders are spread, back from `read_at`.
        fault_share: Share of the lines that carry a fault, over all codes.
        landscape: Which feeds there are.
        ahead_share: Share of the orders that are placed for a later date, so that only order and channel know them.
        most_order_lines: Lines of the largest orders; one to so many are equally frequent.
        split_share: Share of the lines that leave in two shipments.
    """

    seed: int
    line_count: int
    read_at: int = READ_AT
    day_count: int = 60
    fault_share: float = 0.002
    landscape: Landscape = Landscape.WHOLE
    ahead_share: float = 0.0
    most_order_lines: int = 4
    split_share: float = 0.15

    @classmethod
    def core(cls, *, seed: int, line_count: int) -> Shape:
        """Return the shape of a distributor with about four rows an order line, over all its systems."""
        return cls(
            seed=seed,
            line_count=line_count,
            landscape=Landscape.CORE,
            ahead_share=0.4,
            most_order_lines=9,
            split_share=0.05,
        )

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

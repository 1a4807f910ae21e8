"""What systems do with corrections although they must not: take one in without effect, or undo it later.

The switches belong here; which fault turns one on belongs to `faults_platform`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from fulfillment_pipelines.twin.world.books import Books
from fulfillment_pipelines.twin.world.stock_flow import PositionChange, change_erp_positions
from fulfillment_pipelines.twin.world.system_tables import inventory, order_lines

_UNDONE_AFTER_SECONDS = 3_600  # long enough for a pass of the loop to see the cure first


@dataclass(frozen=True, slots=True)
class BlackHole:
    """Messages that a system acknowledges and forgets: those whose body has all of these values.

    Attributes:
        system: Declared name of the system.
        fields: Values by field, as text.
    """

    system: str
    fields: Mapping[str, str]


class WriteBacks:
    """The black holes and the undoing jobs that are at work; none at first."""

    def __init__(self) -> None:
        self._holes: list[BlackHole] = []
        self._kept: dict[tuple[str, str], int] = {}  # reservations beyond order lines that a position may have
        self._seen_at: dict[tuple[str, str], int] = {}

    def swallow(self, hole: BlackHole) -> None:
        """Let a system forget messages from now on."""
        self._holes.append(hole)

    def swallows(self, system: str, content: bytes) -> bool:
        """Return whether a system forgets the message with this JSON body."""
        holes = [hole for hole in self._holes if hole.system == system]
        if not holes:
            return False
        try:
            body = json.loads(content)
        except ValueError:
            return False
        return isinstance(body, dict) and any(
            all(str(body.get(name)) == value for name, value in hole.fields.items()) for hole in holes
        )

    def keep_availability(self, books: Books, site: str, sku: str) -> None:
        """Let a job of the ERP set what it promises at a position back to what its order lines leave, from now on."""
        self._kept[site, sku] = _beyond_lines(books, site, sku)

    def run_jobs(self, books: Books, at: int) -> None:
        """Undo the changes of availability that have stood for a while."""
        for (site, sku), kept in self._kept.items():
            changed = _beyond_lines(books, site, sku) - kept
            if not changed:
                self._seen_at.pop((site, sku), None)
            elif at - self._seen_at.setdefault((site, sku), at) >= _UNDONE_AFTER_SECONDS:
                change_erp_positions(books.erp, [PositionChange(site, sku, promised=-changed)], at)
                del self._seen_at[site, sku]


def _beyond_lines(books: Books, site: str, sku: str) -> int:
    """Return what the ERP keeps back at a position beyond the allocations of its order lines."""
    allocated: int = books.erp.execute(
        select(inventory.c.allocated).where(inventory.c.site == site, inventory.c.sku == sku)
    ).scalar_one()
    of_lines = books.erp.execute(
        select(func.coalesce(func.sum(order_lines.c.qty_allocated), 0)).where(
            order_lines.c.site == site, order_lines.c.sku == sku
        )
    ).scalar_one()
    return allocated - int(of_lines)

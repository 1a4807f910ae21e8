"""What the interfaces of the systems may do with the running distributor: read its books and write at its moment.

A protocol only; `distributor.Distributor` is the one that runs.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from fulfillment_pipelines.twin.world.books import Books


class Office(Protocol):
    """The distributor as its interfaces see it."""

    @property
    def now(self) -> int:
        """The moment the distributor has reached, in epoch seconds."""
        ...

    def books(self) -> AbstractContextManager[Books]:
        """Open the books alone: no step runs and no other request is served meanwhile."""
        ...

    def shown_now(self, system: str) -> int:
        """Return what a system believes the time to be, in epoch seconds."""
        ...

    def spoil(self, system: str, entity: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return records as the system sends them, with its present defects in them."""
        ...

    def swallows(self, system: str, content: bytes) -> bool:
        """Return whether a system acknowledges a message with this body and forgets it."""
        ...

"""What can be done with a twin, whether it runs in this process or in another: one protocol for both."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from fulfillment_pipelines.twin.labels import Label
from fulfillment_pipelines.twin.state import TwinState
from fulfillment_pipelines.twin.systems.switches import Switches


class TwinOperations(Protocol):
    """A twin that can be run forward, disturbed and asked for the truth."""

    def state(self) -> TwinState:
        """Return how far the distributor is."""
        ...

    def advance(self, seconds: int) -> TwinState:
        """Let simulated seconds pass."""
        ...

    def advance_until(self, until: datetime) -> TwinState:
        """Let time pass up to an aware moment."""
        ...

    def inject(self, code: str, count: int = 1) -> tuple[Label, ...]:
        """Inject faults now and return their labels."""
        ...

    def labels(self) -> tuple[Label, ...]:
        """Return what is truly wrong, in the order of injection."""
        ...

    def settle(self, code: str, business_key: str, node: str) -> None:
        """Let a person at the distributor settle a labelled difference by hand."""
        ...

    def repair(self, feed: str) -> int:
        """Let a source repair the broken rows of a feed such as `wms_west/shipments`; return how many."""
        ...

    def switch(self, system: str, **changes: Any) -> Switches:
        """Change the switches of a system, for example `down=True`."""
        ...

    def outage(self, system: str, *, on: bool) -> None:
        """Take a system down or bring it back."""
        ...

    def expire_tokens(self) -> None:
        """Make every token of the ERP invalid."""
        ...
